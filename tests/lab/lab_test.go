package lab

import (
	"net/netip"
	"testing"
	"time"
)

// each runs a test for both families, towards the internet.
func each(t *testing.T, f func(t *testing.T, to netip.Addr)) {
	t.Run("ipv4", func(t *testing.T) { f(t, Internet4) })
	t.Run("ipv6", func(t *testing.T) { f(t, Internet6) })
}

func TestT1Reaches(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T1(t, 2)
	checkReaches(t, n)
}

func TestT3Reaches(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	checkReaches(t, T3(t))
}

func TestT4Reaches(t *testing.T) {
	t.Parallel()
	Need(t, Nft, Tun)
	checkReaches(t, T4(t))
}

func TestAliasReaches(t *testing.T) {
	t.Parallel()
	Need(t, Nft, Bridge)
	n := Build(t, Options{WANs: []Kind{Alias, Alias}})
	// Both share a device: only a route for the source can tell them apart.
	for i, w := range n.WANs {
		n.Router.IP("route add default via %s dev wan table %d", w.Gateway4, 100+i)
		n.Router.IP("-6 route add default via %s dev wan table %d", w.Gateway6, 100+i)
		n.Router.IP("rule add from %s lookup %d", w.Addr4, 100+i)
		n.Router.IP("-6 rule add from %s lookup %d", w.Addr6, 100+i)
	}
	checkReaches(t, n)
}

func TestVLANReaches(t *testing.T) {
	t.Parallel()
	Need(t, Nft, Bridge, VLAN)
	checkReaches(t, Build(t, Options{WANs: []Kind{TaggedVLAN, TaggedVLAN}}))
}

// checkReaches asks every WAN for the internet from its own address, bound to
// its device, and compares what the far end saw.
func checkReaches(t *testing.T, n *Network) {
	n.Internet.Echo()
	each(t, func(t *testing.T, to netip.Addr) {
		for _, w := range n.WANs {
			local := w.Addr4
			if to.Is6() {
				local = w.Addr6
			}
			f := n.Router.UDPFlow(Echo(to), FlowOptions{Interval: 5 * time.Millisecond, Local: netip.AddrPortFrom(local, 0), Device: w.Device})
			p := f.WaitAnswer(t, time.Time{}, 2*time.Second)
			if n.ByAddr(p.Source.Addr()) != w {
				t.Errorf("%s: the internet saw %s, want an address of this WAN", w.Name, p.Source)
			}
			f.Stop()
		}
	})
	for _, w := range n.WANs {
		if s := w.Spoofed(); s != 0 {
			t.Errorf("%s dropped %d spoofed packets of honest flows", w.Name, s)
		}
	}
}

func TestIngressFilter(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T1(t, 2)
	n.Internet.Echo()
	f := n.Client.UDPFlow(Echo(Internet4), FlowOptions{Interval: 5 * time.Millisecond})
	g := n.Client.UDPFlow(Echo(Internet6), FlowOptions{Interval: 5 * time.Millisecond})
	time.Sleep(100 * time.Millisecond)
	sent, lost := 0, 0
	for _, r := range []Report{f.Stop(), g.Stop()} {
		sent, lost = sent+len(r.Packets), lost+r.Lost()
	}
	if sent < 10 || lost != sent {
		t.Errorf("of %d packets from private sources %d were lost, want all", sent, lost)
	}
	if s := n.WANs[0].Spoofed(); s != sent {
		t.Errorf("the ISP counted %d spoofed packets, want %d", s, sent)
	}
}

// translate is what a router without our daemon does.
func translate(n *Network) {
	n.Router.NFT("table inet nat { chain c { type nat hook postrouting priority 100; oifname != \"lan*\" masquerade\n}\n}\n")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T1(t, 1)
	translate(n)
	n.Internet.Echo()
	w := n.WANs[0]
	each(t, func(t *testing.T, to netip.Addr) {
		gateway := w.Gateway4
		if to.Is6() {
			gateway = w.Gateway6.WithZone(w.Device)
		}
		flows := map[string]*Flow{
			"udp":     n.Client.UDPFlow(Echo(to), FlowOptions{Interval: 5 * time.Millisecond}),
			"ping":    n.Client.PingFlow(to, FlowOptions{Interval: 5 * time.Millisecond}),
			"gateway": n.Router.PingFlow(gateway, FlowOptions{Interval: 5 * time.Millisecond}),
		}
		settle := func(since time.Time) {
			for _, f := range flows {
				f.WaitAnswer(t, since, 10*time.Second)
			}
		}
		settle(time.Time{})
		for _, c := range []struct {
			name     string
			begin    func() time.Time
			gateway  bool // whether it answers
			internet bool
		}{
			{"black hole", w.BlackHole, false, false},
			{"no internet", w.CutInternet, true, false},
			{"silence", w.Silence, false, false},
			{"no ping", func() time.Time { return w.Fault(Fault{NoPing: true}) }, false, true},
		} {
			from := c.begin()
			until := from
			if !Wait(10*time.Second, func() bool {
				until = time.Now()
				for _, f := range flows {
					if len(f.Report().Between(from, until).Packets) < 4 {
						return false
					}
				}
				return true
			}) {
				t.Fatalf("%s: fewer than 4 packets of a flow in 10 s", c.name)
			}
			time.Sleep(40 * time.Millisecond) // answers that are under way still arrive
			settle(w.Heal())
			for name, f := range flows {
				want := c.internet
				if name == "gateway" {
					want = c.gateway
				}
				r := f.Report().Between(from, until)
				if answered := len(r.Packets) - r.Lost(); (answered > 0) != want {
					t.Errorf("%s: %s: %d of %d packets answered, want answers: %v", c.name, name, answered, len(r.Packets), want)
				}
			}
		}
	})
}

func TestLoss(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T1(t, 1)
	translate(n)
	n.Internet.Echo()
	n.WANs[0].Fault(Fault{Loss: 0.3})
	f := n.Client.UDPFlow(Echo(Internet4), FlowOptions{Interval: time.Millisecond})
	time.Sleep(time.Second)
	r := f.Stop()
	// Both ways: 1 - 0.7² = 51 %.
	if share := float64(r.Lost()) / float64(len(r.Packets)); share < 0.4 || share > 0.62 {
		t.Errorf("lost %d of %d, want about 51 %%", r.Lost(), len(r.Packets))
	}
}

func TestCarrier(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T2(t, 1)
	n.Internet.Echo()
	w := n.WANs[0]
	f := n.Client.UDPFlow(Echo(Internet6), FlowOptions{Interval: 5 * time.Millisecond, Local: netip.AddrPortFrom(w.LAN6, 0)})
	f.WaitAnswer(t, time.Time{}, 2*time.Second)
	w.CarrierDown()
	if out := n.Router.IP("-o link show dev %s", w.Device); !contains(out, "NO-CARRIER") {
		t.Errorf("the router still has a carrier: %s", out)
	}
	up := w.CarrierUp()
	f.WaitAnswer(t, up, 3*time.Second)
}
