package main

import (
	"flag"
	"fmt"
	"os"

	"multiwan/tests/lab"
)

func main() {
	svg := flag.String("svg", "build/demo.svg", "file to draw the flows of part one into; empty: none")
	sites := flag.String("sites", "build/demo-sites.svg", "file to draw the flows of part two into; empty: none")
	part := flag.Int("part", 0, "which part to show; 0: all")
	fast := flag.Bool("fast", false, "part one: probe every 0.1 s instead of every second")
	flag.Parse()
	var err error
	if *part == 0 || *part == 1 {
		fmt.Print("Part one: a router with two providers\n\n")
		err = lab.Run("demo", func(tb lab.TB) {
			s := newShow(tb, *fast)
			s.run()
			drawn(tb, *svg, s.drawing())
		})
	}
	if err == nil && (*part == 0 || *part == 2) {
		fmt.Print("\nPart two: two sites with two providers each, one layer 2, encrypted\n\n")
		err = partTwo(*sites)
	}
	if err == nil && (*part == 0 || *part == 3) {
		fmt.Print("\nPart three: two sites, each packet by both providers of one of them, nothing lost\n\n")
		err = partThree()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// drawn saves a drawing, unless no file is wanted, and says where.
func drawn(tb lab.TB, file, drawing string) {
	if file == "" {
		return
	}
	if err := save(file, drawing); err != nil {
		tb.Errorf("draw: %v", err)
		return
	}
	fmt.Printf("\nThe flows are drawn in %s\n", file)
}
