package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// figure is one row: samples of one quantity, and what is promised of it.
type figure struct {
	what string
	unit string
	got  []float64
	// bound is what the figure must hold and goal what it should; NaN: nothing is promised.
	bound, goal float64
	// least says that the bound is the least that the figure may be, not the most.
	least bool
	// worst says that the worst sample has to hold the bound, not the median.
	worst bool
	note  string
}

// table collects figures.
type table struct{ rows []*figure }

// add makes a row out of samples.
func (t *table) add(what, unit string, got ...float64) *figure {
	f := &figure{what: what, unit: unit, got: got, bound: math.NaN(), goal: math.NaN()}
	t.rows = append(t.rows, f)
	return f
}

// addTimes makes a row of durations in a unit of time.
func (t *table) addTimes(what string, unit time.Duration, got ...time.Duration) *figure {
	names := map[time.Duration]string{time.Second: "s", time.Millisecond: "ms", time.Microsecond: "µs"}
	f := t.add(what, names[unit])
	for _, d := range got {
		f.got = append(f.got, float64(d)/float64(unit))
	}
	return f
}

func (f *figure) within(bound float64) *figure     { f.bound = bound; return f }
func (f *figure) atLeast(bound float64) *figure    { f.bound, f.least = bound, true; return f }
func (f *figure) atWorst() *figure                 { f.worst = true; return f }
func (f *figure) hoping(goal float64) *figure      { f.goal = goal; return f }
func (f *figure) noted(s string, a ...any) *figure { f.note = fmt.Sprintf(s, a...); return f }

// median of the samples; NaN of none.
func (f *figure) median() float64 {
	s := slices.Sorted(slices.Values(f.got))
	switch n := len(s); {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}

func (f *figure) max() float64 {
	if len(f.got) == 0 {
		return math.NaN()
	}
	return slices.Max(f.got)
}

func (f *figure) min() float64 {
	if len(f.got) == 0 {
		return math.NaN()
	}
	return slices.Min(f.got)
}

// holds says whether the bound is held; a figure without samples holds none.
func (f *figure) holds() bool {
	v := f.median()
	switch {
	case math.IsNaN(f.bound):
		return true
	case f.least:
		return v >= f.bound
	case f.worst:
		v = f.max()
	}
	return v <= f.bound
}

// promised is the bound in words.
func (f *figure) promised() string {
	if f.least && !math.IsNaN(f.bound) {
		return "at least " + short(f.bound)
	}
	return short(f.bound)
}

func (t *table) missed() bool {
	return slices.ContainsFunc(t.rows, func(f *figure) bool { return !f.holds() })
}

// String is the table in Markdown.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| what | unit | least | median | worst | samples | bound | goal | |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range t.rows {
		notes := []string{}
		if !f.holds() {
			notes = append(notes, "**missed**")
		}
		if f.note != "" {
			notes = append(notes, f.note)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %s | %s | %s |\n", f.what, f.unit, short(f.min()), short(f.median()), short(f.max()), len(f.got),
			f.promised(), short(f.goal), strings.Join(notes, "; "))
	}
	return b.String()
}

// short writes a number with three digits that say something, nothing for NaN.
func short(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return ""
	case v == math.Trunc(v) || a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
