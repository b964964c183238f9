package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"multiwan/tests/lab"
)

// measureJoined runs tests/bench/joined in the virtual machine, whose kernel has L2TP, ESP and bridges, and reads the figures that it prints:
// "figure|what|unit|samples|bound|note"; the bound is "", "<= N" or ">= N".
func measureJoined(tb lab.TB, t *table) {
	c := exec.Command("go", "run", "./tests/vm", "run", "-timeout", "30m", "./tests/bench/joined")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		tb.Errorf("tests/bench/joined: %v\n%s", err, out)
	}
	for _, line := range strings.Split(string(out), "\n") {
		if err := readFigure(t, line); err != nil {
			tb.Errorf("%q: %v", line, err)
		}
	}
	if len(t.rows) == 0 {
		tb.Errorf("no figures in\n%s", out)
	}
}

// readFigure adds the figure that a line holds, if it holds one.
func readFigure(t *table, line string) error {
	// The testing package may have left something before it.
	_, line, ok := strings.Cut(strings.TrimSpace(line), "figure|")
	f := strings.Split(line, "|")
	if !ok || len(f) != 5 {
		return nil
	}
	row := t.add(f[0], f[1]).noted("%s", f[4])
	if sign, number, _ := strings.Cut(f[3], " "); sign != "" {
		bound, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil:
			return err
		case sign == "<=":
			row.within(bound)
		case sign == ">=":
			row.atLeast(bound)
		default:
			return fmt.Errorf("bound %q begins with neither <= nor >=", f[3])
		}
	}
	for _, word := range strings.Fields(f[2]) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return err
		}
		row.got = append(row.got, v)
	}
	return nil
}
