package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
)

// TestArrivals: what counters grow by, over ten seconds, also where they begin anew or go.
func TestArrivals(t *testing.T) {
	a, was := newArrivals(nil), map[string]uint64{}
	step := func(values map[string]uint64, names ...string) map[string]status.Arrivals {
		a.note(names, func(n string) uint64 { return values[n] }, was)
		return a.now()
	}
	step(map[string]uint64{"a": 100, "b": 5}, "a", "b")
	got := step(map[string]uint64{"a": 110, "b": 5}, "a", "b")
	want := map[string]status.Arrivals{"a": {Lately: 10, Last: 10}, "b": {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for i := range uint64(20) {
		got = step(map[string]uint64{"a": 111 + i, "b": 5}, "a", "b")
	}
	if want["a"] = (status.Arrivals{Lately: 10, Last: 1}); cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
	step(map[string]uint64{"a": 3}, "a") // the table was made anew
	if got = step(map[string]uint64{"a": 10}, "a"); got["a"].Last != 7 || len(got) != 1 {
		t.Errorf("after a new table: %v", got)
	}
}
