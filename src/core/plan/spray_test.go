package plan_test

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestSpread follows the round-trip times of two members: a queue that fills for a moment changes nothing, and nothing flaps.
func TestSpread(t *testing.T) {
	c, f := readCase(t, "spray")
	var s plan.Spread
	now := time.Unix(1e9, 0)
	for i, step := range []struct {
		fast, slow, lasts time.Duration // ms, ms, s
		changes           int
		apart             time.Duration
	}{
		{10, 12, 5, 0, 0},
		{10, 40, 2, 0, 0},  // for a moment
		{10, 12, 2, 0, 0},  //
		{10, 40, 5, 1, 30}, //
		{10, 14, 20, 0, 30},
		{10, 0, 20, 0, 30}, // one is down
		{10, 12, 8, 0, 30},
		{10, 15, 1, 0, 30},
		{10, 12, 12, 1, 0},
	} {
		changes := 0
		for range step.lasts {
			now = now.Add(time.Second)
			rtt := map[string]time.Duration{"pw_fast": step.fast * time.Millisecond, "pw_slow": step.slow * time.Millisecond}
			f.Apart = s.Apart()
			if s.Judge(c.Policies, plan.Compute(c, f), func(wan string, _ kstate.Family) time.Duration { return rtt[wan] }, now) {
				changes++
			}
		}
		if got := s.Apart()["both"][kstate.IPv4]; changes != step.changes || got != step.apart*time.Millisecond {
			t.Errorf("step %d: %d changes, apart by %v", i, changes, got)
		}
	}
}

func TestExplainSpray(t *testing.T) {
	c, f := readCase(t, "spray")
	q := plan.Flow{Src: netip.MustParseAddr("192.168.1.10"), Dst: netip.MustParseAddr("10.20.0.1"), Proto: 6}
	if a := plan.Explain(c, f, q); len(a.Ways) != 2 || len(a.Notes) != 1 || a.Notes[0] != "each packet is dealt out by itself" {
		t.Errorf("%+v", a)
	}
	q.Src = netip.MustParseAddr("198.51.100.99") // no provider sees it inside
	if a := plan.Explain(c, f, q); len(a.Ways) != 2 {
		t.Errorf("a host with an address of a wan: %+v", a)
	}
	c, f = readCase(t, "spray_apart")
	if a := plan.Explain(c, f, q); len(a.Ways) != 2 || len(a.Notes) != 0 {
		t.Errorf("apart: %+v", a)
	}
}
