package sites

import (
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestRekey renews the keys of packets and of IKE from both ends: no frame is lost.
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

// know has the hosts know each other's hardware address for good: one that asks for it in a hole asks again a second later only, whatever
// happens to what joins them.
func know(n *lab.Sites) {
	for _, s := range []*lab.Site{n.A, n.B} {
		words := strings.Fields(s.Host.IP("-br link show dev eth0"))
		s.Far.Host.IP("neighbour replace %s lladdr %s dev eth0 nud permanent", s.Host4, words[2])
	}
}

// TestPathReturns makes the line of either end a black hole: 1 s after it is back frames pass again, and none was in clear.
func TestPathReturns(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	start(n, cable{})
	n.Reaches(20 * time.Second)
	know(n)
	for _, hole := range []struct {
		of   *lab.Site
		time time.Duration
	}{{n.B, 3 * time.Second}, {n.A, 10 * time.Second}, {n.B, 10 * time.Second}, {n.B, 20 * time.Second}} {
		time.Sleep(3 * time.Second)
		hole.of.WANs[0].BlackHole()
		time.Sleep(hole.time)
		flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
		back := hole.of.WANs[0].Heal()
		p := flow.WaitAnswer(t, back.Add(-time.Second), 30*time.Second)
		flow.Stop()
		t.Logf("%v of black hole at %s: frames pass %v after the return", hole.time, hole.of.Name, p.Received.Sub(back))
		if d := p.Received.Sub(back); d > time.Second {
			t.Errorf("%v of black hole at %s: frames pass %v after the return", hole.time, hole.of.Name, d)
		}
	}
	noClear(t, wire)
}
