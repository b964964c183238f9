package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/plan"
	"multiwan/src/reconcile"
)

// TestRemovedFarEndsAreForgotten: the verdict on a far end goes with its section, and stays while it only cannot be asked.
func TestRemovedFarEndsAreForgotten(t *testing.T) {
	d, _ := bare(t, twoWANs)
	var kept []string
	forget := d.lines.forget
	d.lines.forget = func(keep map[string]bool) {
		kept = nil
		for _, name := range slices.Sorted(maps.Keys(keep)) {
			if keep[name] {
				kept = append(kept, name)
			}
		}
		forget(keep)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	c := &config.Config{
		Pseudowires: []config.Pseudowire{{Name: "a", Enabled: true}, {Name: "b", Enabled: true}, {Name: "off"}},
		Bonds: []config.Bond{{Name: "ha", Enabled: true, Members: []config.BondMember{{Name: "a", Pseudowire: true}, {Name: "off", Pseudowire: true},
			{Name: "tap0", Probes: []string{"fast"}}, {Name: "tap1"}}}},
	}
	for _, want := range [][]string{{"a", "b", "tap0"}, {"a", "tap0"}} {
		d.lines.follow(ctx, &reconcile.Snapshot{Config: c, Plan: &plan.Plan{}}, &running)
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		c.Pseudowires = slices.Delete(slices.Clone(c.Pseudowires), 1, 2)
	}
}
