package sites

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestRekey renews the keys of packets and of IKE from both ends: no frame is lost. Then the path is a black hole for 10 s.
func TestRekey(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	n.B.Host.Echo()
	wire := n.Wire(lab.Frame.L2TP)
	start(n, cable{})
	n.Reaches(20 * time.Second)
	time.Sleep(300 * time.Millisecond)
	flow := n.A.Host.UDPFlow(lab.Echo(n.B.Host4), lab.FlowOptions{Interval: 5 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, time.Second)
	for range 2 {
		for _, s := range []*lab.Site{n.A, n.B} {
			for _, what := range []string{"--child", "--ike"} {
				if out, err := s.Charon.Swanctl("--rekey", what, "multiwan-sa_pw"); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				time.Sleep(500 * time.Millisecond)
			}
		}
	}
	r := flow.Stop()
	if r.Lost() > 0 {
		gap, from := r.LongestGap()
		t.Errorf("%d of %d frames lost by rekeying, longest gap %v %v after the start", r.Lost(), len(r.Packets), gap, from.Sub(r.Packets[0].Sent))
	}
	noClear(t, wire)
}

// TestPathReturns makes the path a black hole for 10 s: 1 s after it is back frames pass again, and none was in clear.
func TestPathReturns(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	start(n, cable{})
	n.Reaches(20 * time.Second)
	for _, hole := range []time.Duration{3 * time.Second, 10 * time.Second, 25 * time.Second} {
		time.Sleep(3 * time.Second)
		n.B.WANs[0].BlackHole()
		time.Sleep(hole)
		flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
		back := n.B.WANs[0].Heal()
		p := flow.WaitAnswer(t, back.Add(-time.Second), 30*time.Second)
		flow.Stop()
		t.Logf("black hole of %v: frames pass %v after the return", hole, p.Received.Sub(back))
		if d := p.Received.Sub(back); d > time.Second {
			t.Errorf("black hole of %v: frames pass %v after the return of the path", hole, d)
		}
	}
	noClear(t, wire)
}
