package steering_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/core/plan/cases"
	"multiwan/src/kernel/nft"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

// TestS34EveryPlanLoads loads the plan of every golden case into this kernel through our own netlink code, reads it back and finds
// nothing to change: what no golden text can prove.
func TestS34EveryPlanLoads(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft, lab.Resilient)
	for _, name := range cases.Names() {
		t.Run(name, func(t *testing.T) {
			cfg, facts, err := cases.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			h := lab.New(t).Host("router")
			makeDevices(h, facts)
			h.Do(func() { loadAndRead(t, plan.Compute(cfg, facts).Want) })
		})
	}
}

// makeDevices gives the host the devices and addresses that the facts speak of.
func makeDevices(h *lab.Host, f plan.Facts) {
	made := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(f.WANs)) {
		w := f.WANs[name]
		if w.Index == 0 {
			continue
		}
		if !made[w.Device] {
			made[w.Device] = true
			h.IP("link add %s type veth peer name %s", w.Device, fmt.Sprintf("x%d", len(made)))
			h.Up(w.Device, "")
			h.Up(fmt.Sprintf("x%d", len(made)), "")
		}
		for _, s := range []plan.Side{w.IPv4, w.IPv6} {
			for _, a := range s.Addrs {
				h.AddAddr(w.Device, a.String())
			}
		}
	}
}

// loadAndRead applies a state from nothing and compares it with what the kernel then says.
func loadAndRead(t *testing.T, want kstate.State) {
	ctx := context.Background()
	rt, err := rtnl.Dial()
	if err != nil {
		t.Error(err)
		return
	}
	defer rt.Close()
	nf, err := nft.Dial()
	if err != nil {
		t.Error(err)
		return
	}
	defer nf.Close()
	for _, n := range want.Nexthops {
		if err := rt.ReplaceNexthop(n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	for _, r := range want.Routes {
		if err := rt.ReplaceRoute(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, r := range want.Rules {
		if err := rt.AddRule(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	if _, err := nf.Apply(ctx, want.Tables, nft.Observed{}, nil); err != nil {
		t.Error(err)
	}
	have, err := rt.Observe(ctx, rtnl.Scope{All: true})
	if err != nil {
		t.Error(err)
	}
	want.Sysctls = nil
	for _, op := range diff.Ops(want, have, false) {
		if s := op.String(); s != "" && op.Kind != diff.Netfilter {
			t.Errorf("not a fixpoint: %s", s)
		}
	}
	seen, err := nf.Observe(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	changes, err := nft.Diff(want.Tables, seen)
	if err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string(nil), changes); d != "" {
		t.Errorf("not a fixpoint: %s", d)
	}
}
