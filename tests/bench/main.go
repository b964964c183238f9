package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"multiwan/tests/lab"
)

// topic is a group of figures: a table.
type topic struct {
	name, title string
	measure     func(lab.TB, *table)
}

func topics() []topic {
	return []topic{
		{"failover", "From a fault to the first packet by the other WAN", measureFailover},
		{"detection", "Detection in simulated lines: worst case over all phases and seeds", measureDetection},
		{"switch", "From the verdict to the kernel's last acknowledgement, 10,000 tracked connections", measureSwitch},
		{"pass", "Passes, start, load", measurePasses},
		{"probe", "What the daemon costs", measureCost},
		{"sites", "Joined sites, in the virtual machine", measureJoined},
		{"size", "Size of the program", measureSizes},
		{"go", "Go benchmarks, median of five", measureBenchmarks},
	}
}

// quick asks for a fraction of the samples: to see that the program works.
var quick = flag.Bool("quick", false, "few samples, and no stand-in that takes minutes")

func main() {
	only := flag.String("only", "", "comma-separated topics; empty: all")
	flag.Parse()
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Printf("%s\n", machine())
	failed := false
	for _, t := range topics() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), t.name) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(os.Stderr, "bench: %s …\n", t.name)
		tab := &table{}
		err := lab.Run(t.name, func(tb lab.TB) { t.measure(tb, tab) })
		fmt.Printf("\n## %s\n\n%s", t.title, tab)
		fmt.Fprintf(os.Stderr, "bench: %s took %.0f s; load %s\n", t.name, time.Since(began).Seconds(), load())
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", t.name, err)
		}
		failed = failed || err != nil || tab.missed()
	}
	if failed {
		fmt.Fprintln(os.Stderr, "bench: something failed or missed its bound: see above")
		os.Exit(1)
	}
}

// prepare builds the program, so that no measurement pays for it.
func prepare() error {
	return lab.Run("build", func(tb lab.TB) { lab.Need(tb, lab.Netns, lab.Nft); lab.Binary(tb) })
}

// samples is how many are taken, or few with -quick.
func samples(n int) int {
	if *quick {
		return min(n, 2)
	}
	return n
}
