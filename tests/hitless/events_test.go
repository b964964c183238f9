package hitless

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// event is something that happens while one line is a black hole.
type event struct {
	name string
	do   func(*testing.T, *pair, *lab.WAN)
}

// events of the short test; each comes in a hole of each line in turn.
var events = []event{
	{"nothing else", func(*testing.T, *pair, *lab.WAN) {}},
	{"keys of packets renewed", func(t *testing.T, p *pair, _ *lab.WAN) { rekey(t, p.A, "--child") }},
	{"keys of IKE renewed", func(t *testing.T, p *pair, _ *lab.WAN) { rekey(t, p.B, "--ike") }},
	{"daemon killed and started", func(t *testing.T, p *pair, _ *lab.WAN) {
		for _, s := range p.both() {
			s.Daemon.Kill()
			s.Daemon.Start()
		}
		time.Sleep(500 * ms)
	}},
	{"another part reloaded", func(t *testing.T, p *pair, _ *lab.WAN) {
		for _, s := range p.both() {
			reload(s, p.config(s)+"\nconfig rule 'other'\n\toption dest_ip '203.0.113.0/24'\n\toption policy 'other'\n\nconfig policy 'other'\n\tlist interface 'wan0'\n")
		}
		time.Sleep(500 * ms)
	}},
}

// rekey renews keys and waits until they are, so it must happen in the hole.
func rekey(t *testing.T, s *lab.Site, what string) {
	t.Helper()
	done := map[string]string{"--child": "} established with SPIs", "--ike": "] rekeyed between"}[what]
	count := func() int { return strings.Count(s.Charon.Log(), done) }
	was := count()
	out, err := s.Charon.Swanctl("--rekey", what, "multiwan-sa")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !lab.Wait(time.Second, func() bool { return count() > was }) {
		t.Errorf("%s: %s: nothing is renewed", s.Name, what)
	}
}

// TestHitless is one network with a fast and a slow line: whatever happens while one of them is a black hole, no packet is lost, comes twice or
// is in clear, from before the start until after the end. The tests below are of the same in more ways, and longer.
func TestHitless(t *testing.T) {
	p := sites(t, options{})
	t.Run("events", func(t *testing.T) {
		p.delays(10*ms, 40*ms)
		f := p.traffic(t, 5*ms)
		for i, e := range events {
			w := p.A.WANs[i%2]
			hole(w, 600*ms, func() { e.do(t, p, w) })
			time.Sleep(300 * ms)
		}
		f.whole()
	})
	for _, d := range [][2]time.Duration{{40 * ms, 10 * ms}, {10 * ms, 10 * ms}} {
		t.Run(fmt.Sprintf("%v and %v", d[0], d[1]), func(t *testing.T) {
			p.delays(d[0], d[1])
			f := p.traffic(t, 5*ms)
			p.holes(400 * ms)
			f.whole()
		})
	}
	t.Run("seen", p.pathsSeen)
	t.Run("dense", func(t *testing.T) {
		p.delays(10*ms, 40*ms)
		for _, from := range p.both() {
			p.dense(t, from, 300*ms)
		}
	})
	t.Run("bad line", func(t *testing.T) {
		p.shape(lab.Quality{Delay: 10 * ms, Loss: 0.3}, lab.Quality{Delay: 40 * ms})
		f := p.traffic(t, 5*ms)
		time.Sleep(time.Second)
		f.whole()
	})
	t.Run("addresses", func(t *testing.T) {
		p.delays(10*ms, 40*ms)
		p.addressesChange(t, 10*ms, time.Second)
	})
	t.Run("TCP", func(t *testing.T) { p.bulk(t, delays[1], 5e6, 1) })
	t.Run("fragments", func(t *testing.T) { p.fragments(t, 10*ms, 400*ms) })
	t.Run("GRO", func(t *testing.T) {
		p.delays(10*ms, 40*ms)
		p.gro()
		f := p.traffic(t, 10*ms)
		p.holes(400 * ms)
		f.whole()
	})
	p.noClear(t)
	t.Run("end", p.end)
}

// end takes the SA and then everything away, while hosts send.
func (p *pair) end(t *testing.T) {
	f := p.traffic(t, 20*ms)
	p.A.Charon.Swanctl("--terminate", "--ike", "multiwan-sa", "--timeout", "1")
	time.Sleep(200 * ms)
	p.Reaches(10 * time.Second)
	for _, s := range p.both() {
		s.Daemon.Stop()
		if _, err := s.Daemon.CLI("stop", "--vici", s.Charon.Socket()); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		time.Sleep(200 * ms)
		for _, family := range []string{"ip", "ip6", "inet"} {
			if out, err := s.Router.Exec("", "nft", "list", "ruleset", family); err != nil || strings.Contains(out, "dup to") {
				t.Errorf("%s: left behind: %v\n%s", s.Name, err, out)
			}
		}
	}
	f.stop()
	p.noClear(t)
}

// TestAddressChanges gives each line of A another address, as a lease's renewal does, and its own again: the provider knows one at a time. The
// address of the first is that of the SA.
func TestAddressChanges(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	for _, d := range delays {
		p.delays(d[0], d[1])
		p.addressesChange(t, 5*ms, 2*time.Second)
	}
	p.noClear(t)
}

func (p *pair) addressesChange(t *testing.T, interval, long time.Duration) {
	for _, w := range p.A.WANs {
		other := netip.AddrFrom4([4]byte{198, 18, byte(w.Index), 77})
		f := p.traffic(t, interval)
		time.Sleep(300 * ms)
		p.renumber(w, w.Addr4, other)
		end := time.Now().Add(long)
		if w != p.A.WANs[0] && !lab.Wait(time.Second, func() bool { // copies have the new address
			rules, err := p.A.Router.Exec("", "nft", "list", "table", "ip", "multiwan")
			return err == nil && strings.Contains(rules, "ip saddr set "+other.String())
		}) {
			t.Errorf("no copy leaves from the new address of %s within a second", w.Name)
		}
		time.Sleep(time.Until(end))
		p.renumber(w, other, w.Addr4)
		time.Sleep(long)
		f.whole()
	}
}

// renumber changes the address of a line of A, at both ends of it.
func (p *pair) renumber(w *lab.WAN, from, to netip.Addr) {
	p.A.Router.DelAddr(w.Device, from.String()+"/24")
	w.ISP.TryIP("route del blackhole %s/32", to)
	w.ISP.IP("route add blackhole %s/32", from)
	p.A.Router.AddAddr(w.Device, to.String()+"/24")
	p.A.Router.IP("route replace default via %s dev %s metric %d", w.Gateway4, w.Device, 10*(w.Index+1))
}

// TestVanishes pulls the plug of each line of A.
func TestVanishes(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.delays(10*ms, 40*ms)
	for _, w := range p.A.WANs {
		t.Run(w.Name, func(t *testing.T) {
			f := p.traffic(t, 5*ms)
			time.Sleep(300 * ms)
			w.CarrierDown()
			time.Sleep(time.Second)
			w.CarrierUp()
			time.Sleep(time.Second)
			f.whole()
		})
	}
	p.noClear(t)
}
