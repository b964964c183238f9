package main

import (
	"flag"
	"fmt"
	"os"

	"multiwan/tests/lab"
)

func main() {
	svg := flag.String("svg", "build/demo.svg", "file to draw the flows into; empty: none")
	fast := flag.Bool("fast", false, "probe every 0.1 s instead of every second")
	flag.Parse()
	err := lab.Run("demo", func(tb lab.TB) {
		s := newShow(tb, *fast)
		s.run()
		if *svg != "" {
			if err := s.draw(*svg); err != nil {
				tb.Errorf("draw: %v", err)
				return
			}
			fmt.Printf("\nThe flows are drawn in %s\n", *svg)
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
