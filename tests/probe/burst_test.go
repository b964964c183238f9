package probe_test

import (
	"net"
	"testing"
	"time"

	goping "github.com/go-ping/ping"

	"multiwan/src/core/kstate"
	"multiwan/src/probe"
	"multiwan/tests/lab"
)

// secondOpinion sends a burst by go-ping, which can bind to an address only.
func secondOpinion(b probe.Burst) (probe.BurstResult, error) {
	p := goping.New(b.Target.String())
	p.SetIPAddr(&net.IPAddr{IP: b.Target.AsSlice()})
	p.SetPrivileged(true)
	p.SetLogger(goping.NoopLogger{})
	p.Source, p.Count, p.Interval, p.Timeout = b.Path.Source.String(), b.Count, b.Interval, b.Timeout
	err := p.Run()
	s := p.Statistics()
	return probe.BurstResult{Sent: s.PacketsSent, Received: s.PacketsRecv, Loss: s.PacketLoss, Min: s.MinRtt, Avg: s.AvgRtt, Max: s.MaxRtt, StdDev: s.StdDevRtt}, err
}

// A burst on request leaves by the WAN's device and finds what go-ping finds.
func TestBurst(t *testing.T) {
	n := lab.T1(t, 2)
	route(n)
	w := n.WANs[1]
	n.Router.IP("rule add pref 6200 iif lo from %s table %d", w.Addr4, 19712+w.Index) // for go-ping
	n.Router.IP("-6 rule add pref 6200 iif lo from %s table %d", w.Addr6, 19712+w.Index)
	families(t, func(t *testing.T, f kstate.Family) {
		p := start(t, n.Router)
		a, _ := targets(f)
		burst := func(by string, b probe.Burst) event {
			b.Path, b.Interval, b.Timeout = path(t, w, f, n.Router), 50*time.Millisecond, 3*time.Second
			m := p.mark()
			p.order(order{Do: by, Burst: b})
			return p.wait(m, patience, "burst", func(e event) bool { return e.Burst != nil })
		}
		ours, second := burst("burst", probe.Burst{Target: a, Count: 5}), burst("second", probe.Burst{Target: a, Count: 5})
		for by, e := range map[string]event{"our prober": ours, "go-ping": second} {
			if e.Err != "" || e.Burst.Sent != 5 || e.Burst.Received != 5 || e.Burst.Loss != 0 || e.Burst.Min <= 0 || e.Burst.Max < e.Burst.Avg {
				t.Errorf("%s: %+v %s", by, *e.Burst, e.Err)
			}
		}
		// The least is what the network takes, whatever else the machine does.
		if d := (ours.Burst.Min - second.Burst.Min).Abs(); d > 5*time.Millisecond {
			t.Errorf("the least round trip is %v, %v by go-ping", ours.Burst.Min, second.Burst.Min)
		}
		gone := a.Prev() // nobody has it
		if e := burst("burst", probe.Burst{Target: gone, Count: 3}); e.Err != "" || e.Burst.Sent != 3 || e.Burst.Received != 0 || e.Burst.Loss != 100 {
			t.Errorf("nobody there: %+v %s", *e.Burst, e.Err)
		}
		if n.WANs[0].Spoofed() != 0 {
			t.Error("the burst left by the other WAN")
		}
	})
}
