package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFigureHoldsItsBound(t *testing.T) {
	for _, c := range []struct {
		name          string
		got           []float64
		worst, holds  bool
		median, least float64
	}{
		{"odd", []float64{9, 1, 30}, false, true, 9, 1},
		{"even", []float64{12, 8, 9, 11}, false, true, 10, 8},
		{"median over it", []float64{11, 12, 1}, false, false, 11, 1},
		{"worst over it", []float64{1, 2, 10.5}, true, false, 2, 1},
		{"worst at it", []float64{1, 2, 10}, true, true, 2, 1},
		{"no samples", nil, false, false, math.NaN(), math.NaN()},
	} {
		tab := &table{}
		f := tab.add("x", "ms", c.got...).within(10)
		f.worst = c.worst
		if f.holds() != c.holds || tab.missed() == c.holds {
			t.Errorf("%s: holds %v, missed %v", c.name, f.holds(), tab.missed())
		}
		if same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }; !same(f.median(), c.median) || !same(f.min(), c.least) {
			t.Errorf("%s: median %v, least %v", c.name, f.median(), f.min())
		}
	}
}

func TestTable(t *testing.T) {
	tab := &table{}
	tab.addTimes("pass", time.Millisecond, 1500*time.Microsecond, 250*time.Millisecond).within(2)
	tab.add("free", "")
	want := "| pass | ms | 1.50 | 126 | 250 | 2 | 2 |  | **missed** |\n| free |  |  |  |  | 0 |  |  |  |\n"
	if got := tab.String(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s want\n%s", got, want)
	}
}

// TestReadings reads what `go test` prints.
func TestReadings(t *testing.T) {
	m := worstCase.FindStringSubmatch("=== RUN   TestBlackHoleIsFoundInTime/1s/2/20ms,_5%_loss\n    detect_test.go:57: worst case 2.104s\n")
	if m == nil || m[1] != "1s" || m[2] != "20ms,_5%_loss" || m[3] != "2.104s" {
		t.Errorf("detection: %q", m)
	}
	b := measured.FindStringSubmatch("BenchmarkNoopPass/wans=8-2         \t     298\t   1187329 ns/op\t  446625 B/op\n")
	if b == nil || b[1] != "NoopPass/wans=8" || b[2] != "1187329" {
		t.Errorf("benchmark: %q", b)
	}
}

func TestReadFigure(t *testing.T) {
	var tab table
	for _, line := range []string{"=== RUN   TestX", "figure|a thing|ms|1.5 2|<= 1.7|guest", "PASS", "--- PASS: x figure|b||3|>= 3|"} {
		if err := readFigure(&tab, line); err != nil {
			t.Fatal(err)
		}
	}
	if len(tab.rows) == 2 && (tab.rows[0].holds() || !tab.rows[1].holds()) {
		t.Errorf("1.75 is at most 1.7, or 3 not at least 3\n%s", &tab)
	}
	if len(tab.rows) != 2 || tab.rows[0].median() != 1.75 || tab.rows[0].unit != "ms" || tab.rows[0].note != "guest" || tab.rows[1].what != "b" {
		t.Errorf("%d rows\n%s", len(tab.rows), &tab)
	}
	for _, bad := range []string{"figure|c|ms|x||", "figure|c|ms|1|3|", "figure|c|ms|1|<= x|"} {
		if err := readFigure(&tab, bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
