package sites

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestRekey renews the keys of packets and of IKE from both ends: no frame is lost.
func TestRekey(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n, wire := protected(t)
	n.B.Host.Echo()
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
	n, wire := protected(t)
	know(n)
	type hole struct {
		of   *lab.Site
		time time.Duration
	}
	holes := []hole{{n.B, 3 * time.Second}, {n.A, 10 * time.Second}, {n.B, 20 * time.Second}}
	if lab.Thorough() {
		holes = append(holes, hole{n.B, 10 * time.Second})
	}
	for _, hole := range holes {
		time.Sleep(3 * time.Second)
		hole.of.WANs[0].BlackHole()
		time.Sleep(hole.time)
		returns(t, n, hole.of.WANs[0].Heal, fmt.Sprintf("%v of black hole at %s", hole.time, hole.of.Name))
	}
	noClear(t, wire)
}

// returns ends a black hole and wants frames to pass within a second.
func returns(t *testing.T, n *lab.Sites, heal func() time.Time, what string) {
	t.Helper()
	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	back := heal()
	p := flow.WaitAnswer(t, back.Add(-time.Second), 60*time.Second)
	flow.Stop()
	d := p.Received.Sub(back)
	t.Logf("%s: frames pass %v after the return", what, d)
	if d > time.Second {
		t.Errorf("%s: frames pass %v after the return", what, d)
	}
}

// spis names the IKE_SAs of a site that are established.
func spis(t *testing.T, s *lab.Site) []string {
	t.Helper()
	out, err := s.Charon.Swanctl("--list-sas")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`ESTABLISHED, IKEv2, ([0-9a-f]+)_i`).FindAllString(out, -1)
}

// TestWayReturns takes the SA away while the way between the sites is, though both lines work: neither end's own line tells when it is back.
func TestWayReturns(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n, wire := protected(t)
	know(n)
	holes := []time.Duration{30 * time.Second}
	if lab.Thorough() {
		holes = append(holes, 90*time.Second, 4*time.Minute)
	}
	for _, hole := range holes {
		time.Sleep(5 * time.Second)
		a, b := n.A.WANs[0].Addr4, n.B.WANs[0].Addr4
		n.Internet.NFT(fmt.Sprintf("table ip way { chain f { type filter hook forward priority 0; ip saddr { %[1]s, %[2]s } ip daddr { %[1]s, %[2]s } drop; }; }", a, b))
		lose(n)
		time.Sleep(hole)
		returns(t, n, func() time.Time {
			n.Internet.NFT("delete table ip way")
			return time.Now()
		}, fmt.Sprintf("%v without a way, both ends' SA terminated", hole))
	}
	noClear(t, wire)
}

// lose ends the SA at both ends, which fails for want of an answer.
func lose(n *lab.Sites) {
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--force", "--timeout", "1")
	}
}

// TestPathReturnsAnew takes the SA away while the line of either end is a black hole, so long that tries to set it up anew fail: 1 s after the
// line is back there is a new one and frames pass.
func TestPathReturnsAnew(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n, wire := protected(t)
	know(n)
	both := func() { lose(n) }
	restart := func(s *lab.Site) func() {
		return func() {
			s.Charon.Kill()
			s.Router.IP("xfrm state flush") // what a killed charon leaves would serve on
			s.Charon.Start()
		}
	}
	type hole struct {
		of   *lab.Site
		time time.Duration
		name string
		lose func()
	}
	holes := []hole{{n.B, 20 * time.Second, "both ends' SA terminated", both}, {n.A, 20 * time.Second, "A's charon killed and started", restart(n.A)}}
	if lab.Thorough() {
		holes = append(holes, hole{n.A, 20 * time.Second, "both ends' SA terminated", both}, hole{n.B, 20 * time.Second, "B's charon killed and started", restart(n.B)},
			hole{n.B, 60 * time.Second, "both ends' SA terminated", both}, hole{n.B, 45 * time.Second, "both ends' SA terminated", both})
	}
	for _, hole := range holes {
		time.Sleep(5 * time.Second)
		was := append(spis(t, n.A), spis(t, n.B)...)
		hole.of.WANs[0].BlackHole()
		time.Sleep(time.Second)
		hole.lose()
		time.Sleep(hole.time - time.Second)
		returns(t, n, hole.of.WANs[0].Heal, fmt.Sprintf("%v of black hole at %s, %s", hole.time, hole.of.Name, hole.name))
		if out, err := n.B.Charon.Swanctl("--list-sas"); err == nil && strings.Contains(out, "_i* ") {
			t.Log("B has called")
		}
		for _, s := range []*lab.Site{n.A, n.B} {
			fresh := slices.DeleteFunc(spis(t, s), func(spi string) bool { return slices.Contains(was, spi) })
			if len(fresh) == 0 {
				t.Errorf("%s has the IKE_SAs %q and had %q", s.Name, spis(t, s), was)
			}
			if !lab.Wait(30*time.Second, func() bool { return len(spis(t, s)) == 1 }) {
				t.Errorf("%s has the IKE_SAs %q half a minute later", s.Name, spis(t, s))
			}
		}
	}
	noClear(t, wire)
}
