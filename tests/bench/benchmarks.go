package main

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"multiwan/tests/lab"
)

// measured is a line of `go test -bench`: name, processors, times.
var measured = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// benchmarks are the packages with Go benchmarks that say something by themselves.
func benchmarks() map[string]string {
	return map[string]string{
		"./src/core/config": "configuration", "./src/core/health": "health", "./src/reconcile": "loop, kernel in memory",
		"./src/core/overlay": "joined sites: plan and comparison by number of pseudowires",
		"./tests/rtnl":       "routing, this kernel", "./tests/nft": "nftables, this kernel", "./tests/conntrack": "connection table, this kernel",
	}
}

// measureBenchmarks runs the Go benchmarks, each five times.
func measureBenchmarks(tb lab.TB, t *table) {
	for _, pkg := range []string{"./src/core/config", "./src/core/health", "./src/core/overlay", "./src/reconcile", "./tests/rtnl", "./tests/nft", "./tests/conntrack"} {
		out, err := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchtime", "200ms", "-count", strconv.Itoa(samples(5)), pkg).CombinedOutput()
		if err != nil {
			tb.Errorf("%s: %v\n%s", pkg, err, out)
			continue
		}
		rows := make(map[string]*figure)
		for _, m := range measured.FindAllStringSubmatch(string(out), -1) {
			ns, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				tb.Fatalf("%v", err)
			}
			name := strings.ReplaceAll(m[1], "_", " ")
			if rows[name] == nil {
				rows[name] = t.add(benchmarks()[pkg]+": "+name, "µs")
			}
			rows[name].got = append(rows[name].got, ns/float64(time.Microsecond))
		}
		if len(rows) == 0 {
			tb.Errorf("%s: no benchmark in\n%s", pkg, out)
		}
	}
}
