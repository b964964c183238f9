package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/overlay"
)

// TestArrivals: what counters grow by, over ten seconds, also where they begin anew or go.
func TestArrivals(t *testing.T) {
	a, was := newArrivals(nil), map[string]uint64{}
	step := func(values map[string]uint64, names ...string) map[string]overlay.Arrivals {
		a.note(names, func(n string) uint64 { return values[n] }, was)
		return a.now()
	}
	step(map[string]uint64{"a": 100, "b": 5}, "a", "b")
	got := step(map[string]uint64{"a": 110, "b": 5}, "a", "b")
	want := map[string]overlay.Arrivals{"a": {10}, "b": {0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for i := range uint64(2 * overlay.Readings) {
		got = step(map[string]uint64{"a": 111 + i, "b": 5}, "a", "b")
	}
	if a := got["a"]; len(a) != overlay.Readings || a.Last(overlay.Readings) != overlay.Readings || a.Last(4) != 4 {
		t.Errorf("one by one: %v", a)
	}
	step(map[string]uint64{"a": 3}, "a") // the table was made anew
	if got = step(map[string]uint64{"a": 10}, "a"); got["a"].Last(1) != 7 || len(got) != 1 {
		t.Errorf("after a new table: %v", got)
	}
}
