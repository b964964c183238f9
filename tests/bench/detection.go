package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"multiwan/tests/lab"
)

// worstCase is what the simulations of health print for every line and probe.
var worstCase = regexp.MustCompile(`=== (?:RUN|NAME)\s+TestBlackHoleIsFoundInTime/([^/\s]+)/\d+/(\S+)\n\s+\S+ worst case (\S+)`)

// measureDetection has the simulations cut each line at 200 phases of the interval; one, two and three targets.
func measureDetection(tb lab.TB, t *table) {
	out, err := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestBlackHoleIsFoundInTime$", "./src/core/health").CombinedOutput()
	if err != nil {
		tb.Errorf("%v\n%s", err, out)
	}
	bounds := map[string]float64{"1s": 3, "100ms": 0.6}
	rows := make(map[string]*figure)
	for _, m := range worstCase.FindAllStringSubmatch(string(out), -1) {
		took, err := time.ParseDuration(m[3])
		if err != nil {
			tb.Fatalf("%v", err)
		}
		name := "interval " + m[1] + ", line of " + strings.ReplaceAll(m[2], "_", " ")
		if rows[name] == nil {
			rows[name] = t.addTimes(name, time.Second).within(bounds[m[1]]).atWorst()
		}
		rows[name].got = append(rows[name].got, took.Seconds())
	}
	slices.SortFunc(t.rows, func(a, b *figure) int { return strings.Compare(a.what, b.what) })
	if len(rows) == 0 {
		tb.Errorf("the simulations printed no worst case:\n%s", out)
	}
}
