package rtnl

import (
	"errors"
	"sync"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

// TestPartial changes nexthop objects all the time while a list of them is read that takes several datagrams.
func TestPartial(t *testing.T) {
	lab.Need(t, lab.MultipathNexthop)
	h, c := router(t)
	nexthop := func(id uint32) kstate.Nexthop {
		return kstate.Nexthop{ID: id, Family: kstate.IPv4, Gateway: ip("192.0.2.254"), Device: "eth0"}
	}
	for i := range uint32(5000) {
		if err := c.ReplaceNexthop(nexthop(77001 + i)); err != nil {
			t.Fatal(err)
		}
	}
	writer := dial(t, h)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
			}
			if err := errors.Join(writer.DelNexthop(nexthop(70000)), writer.ReplaceNexthop(nexthop(70000))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	partial := false
	for start := time.Now(); !partial && time.Since(start) < 5*time.Second; {
		st, err := c.Observe(ctx, rtnl.Scope{})
		partial = errors.Is(err, rtnl.ErrPartial)
		if err != nil && !partial {
			t.Errorf("%v", err)
			break
		}
		if partial && len(st.Nexthops) == 0 {
			t.Error("a partial observation is empty")
		}
	}
	close(quit)
	done.Wait()
	if !partial {
		t.Error("no dump was reported as interrupted")
	}
	if st := observe(t, c, rtnl.Scope{}); len(st.Nexthops) != 5001 {
		t.Errorf("%d nexthops once it is quiet, want 5001", len(st.Nexthops))
	}
}
