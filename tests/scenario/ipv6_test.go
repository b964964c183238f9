package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// uplink is T2 with the default policy on one WAN and a kind of translation.
func uplink(n *lab.Network, w *lab.WAN, snat6 string) string {
	var b strings.Builder
	for _, o := range n.WANs {
		fmt.Fprintf(&b, "%s\toption snat6 '%s'\n\n", o.UCI(), snat6)
	}
	fmt.Fprintf(&b, "config policy 'default'\n\tlist interface '%s'\n", w.Name)
	return b.String() + fastProbe
}

// use puts uplink in force.
func (r *router) use(w *lab.WAN, snat6 string) {
	r.t.Helper()
	r.Write(uplink(r.Network, w, snat6))
	r.Reload()
	r.await(patience, "default policy on "+w.Name, func(d status.Document) bool {
		p := d.Policies["default"]
		return p.IPv6 != nil && len(p.IPv6.Active) == 1 && p.IPv6.Active[0].Interface == w.Name
	})
	r.steady()
}

// TestS37SwitchUplink switches the IPv6 policy among three uplinks and looks at
// what is on the wire of each: sources of the chosen one alone, and nothing on
// the others.
func TestS37SwitchUplink(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T2(t, 3)
	n.Internet.Echo()
	r := start(t, n, uplink(n, n.WANs[0], "none"))
	for _, snat6 := range []string{"none", "prefix", "masquerade"} {
		for _, chosen := range n.WANs {
			r.use(chosen, snat6)
			for _, owner := range n.WANs {
				// Untranslated, only the owner of a source carries it.
				want := chosen
				if snat6 == "none" {
					want = owner
				}
				checkUplink(t, r, snat6, owner, want)
			}
		}
	}
	r.noSpoofing()
}

// checkUplink sends from the client's address of one WAN's prefix and expects
// the packets on another WAN, or the same.
func checkUplink(t *testing.T, r *router, snat6 string, owner, want *lab.WAN) {
	t.Helper()
	captures := make([]*lab.Capture, len(r.WANs))
	for i, w := range r.WANs {
		captures[i] = r.Router.Capture(w.Device, func(f lab.Frame) bool { return f.Out && f.Dst == lab.Internet6 && f.DstPort == lab.EchoPort })
	}
	seen, err := exchange(r.Client, shot{network: "udp", local: netip.AddrPortFrom(owner.LAN6, 0), to: lab.Echo(lab.Internet6)})
	what := fmt.Sprintf("snat6 %s, source of %s, uplink %s", snat6, owner.Name, want.Name)
	if err != nil || r.ByAddr(seen.Addr()) != want {
		t.Errorf("%s: seen as %s, %v", what, seen, err)
	}
	switch a := seen.Addr(); {
	case owner == want && snat6 != "masquerade" && a != owner.LAN6,
		owner == want && snat6 == "masquerade" && a != owner.LAN6:
		t.Errorf("%s: seen as %s, want %s, which needs no translation", what, a, owner.LAN6)
	case owner != want && snat6 == "masquerade" && a != want.Addr6:
		t.Errorf("%s: seen as %s, want %s", what, a, want.Addr6)
	case owner != want && snat6 == "prefix" && (!want.Prefix6.Contains(a) || a.As16()[15] != owner.LAN6.As16()[15]):
		t.Errorf("%s: seen as %s, want the host's number in %s", what, a, want.Prefix6)
	}
	for i, w := range r.WANs {
		frames := captures[i].Stop()
		if w != want && len(frames) > 0 {
			t.Errorf("%s: %s → %s leaked by %s", what, frames[0].Src, frames[0].Dst, w.Name)
		}
		for _, f := range frames {
			if w == want && r.ByAddr(f.Src) != want {
				t.Errorf("%s: source %s on the wire", what, f.Src)
			}
		}
	}
	if e := r.explain(owner.LAN6, lab.Internet6, "udp", lab.EchoPort); oneWay(e) != want.Name || !e.Agrees {
		t.Errorf("%s: explain says %s", what, asJSON(t, e))
	}
}

// TestS37UniqueLocal translates a host with a unique local address alone by each
// kind that does.
func TestS37UniqueLocal(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T2(t, 2)
	n.Internet.Echo()
	r := start(t, n, uplink(n, n.WANs[1], "prefix"))
	if got := seenFrom(t, n.Client, netip.AddrPortFrom(lab.Client6, 0), lab.Internet6); !n.WANs[1].Prefix6.Contains(got.Addr()) {
		t.Errorf("snat6 prefix: %s seen as %s, want an address of %s", lab.Client6, got, n.WANs[1].Prefix6)
	}
	r.use(n.WANs[0], "masquerade")
	if got := seenFrom(t, n.Client, netip.AddrPortFrom(lab.Client6, 0), lab.Internet6); got.Addr() != n.WANs[0].Addr6 {
		t.Errorf("snat6 masquerade: %s seen as %s, want %s", lab.Client6, got, n.WANs[0].Addr6)
	}
	r.noSpoofing()
}

// renumber gives a WAN another address of its prefix, without any link event.
func renumber(n *lab.Network, w *lab.WAN, is4 bool) netip.Addr {
	old, bits := w.Addr6, 64
	if is4 {
		old, bits = w.Addr4, 24
	}
	fresh := old
	for range 7 {
		fresh = fresh.Next()
	}
	n.Router.Sysctl("net.ipv4.conf."+w.Device+".promote_secondaries", "1")
	n.Router.AddAddr(w.Device, netip.PrefixFrom(fresh, bits).String())
	n.Router.DelAddr(w.Device, netip.PrefixFrom(old, bits).String())
	if is4 { // the kernel takes the route with the connected prefix of the first address
		n.Router.TryIP("route add default via %s dev %s metric %d", w.Gateway4, w.Device, 10*(w.Index+1))
		w.Addr4, w.Public4 = fresh, fresh
	} else {
		w.Addr6 = fresh
	}
	return fresh
}

// TestS9Renumber changes the address of a WAN in use: its probes go on with the
// new one, its flows leave the old one, and those of the other WAN lose nothing.
func TestS9Renumber(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	for _, family := range []string{"ipv6", "ipv4"} {
		t.Run(family, func(t *testing.T) {
			n := lab.T1(t, 2)
			n.Internet.Echo()
			r := start(t, n, n.UCI(fastProbe, perWAN))
			is4 := family == "ipv4"
			w, old := n.WANs[0], local(n.WANs[0], byRule[0][is4])
			moving := n.Client.UDPFlow(lab.Echo(byRule[0][is4]), lab.FlowOptions{Interval: 20 * time.Millisecond})
			control := n.Client.UDPFlow(lab.Echo(byRule[1][is4]), lab.FlowOptions{Interval: 20 * time.Millisecond})
			moving.WaitAnswer(t, time.Time{}, 2*time.Second)
			control.WaitAnswer(t, time.Time{}, 2*time.Second)
			transitions := r.status().Counters.Transitions

			fresh := renumber(n, w, is4)
			at := time.Now()
			probes := n.Router.Capture(w.Device, func(f lab.Frame) bool {
				return f.Src == fresh && (f.Proto == 1 || f.Proto == 58) && f.Dst == byRule[0][is4]
			})
			// A packet may still go by the old translation before the daemon hears of the change. A neighbour solicitation for the new
			// address that is lost costs 1 s.
			if !lab.Wait(2*time.Second, func() bool { return moving.Report().Between(at, time.Now()).Sources()[fresh] > 0 }) {
				t.Errorf("no answer within 2 s of the change as %s: %v", fresh, moving.Report().Between(at, time.Now()).Sources())
			}
			if !lab.Wait(2*time.Second, func() bool { return probes.Count() > 0 }) {
				t.Errorf("no probe from %s", fresh)
			} else if took := probes.Frames()[0].At.Sub(at); took > time.Second {
				t.Errorf("the first probe from %s left after %v, want the next interval", fresh, took)
			}
			if left := n.Router.Conntrack(family, "proto=udp", "reply.dst="+old.String()); len(left) > 0 {
				t.Errorf("connections of the old address remain: %+v", left)
			}
			d := r.steady()
			side := d.Interfaces[w.Name].IPv6
			if is4 {
				side = d.Interfaces[w.Name].IPv4
			}
			if !strings.HasPrefix(side.Address, fresh.String()+"/") {
				t.Errorf("the status shows %s, want %s", side.Address, fresh)
			}
			if d.Counters.Transitions != transitions {
				var history []status.Transition
				r.ask(&history, "history", "--json")
				for _, h := range history {
					if h.To == "down" {
						t.Errorf("the change made a verdict: %+v", h)
					}
				}
			}
			if lost := control.Stop().Lost(); lost != 0 {
				t.Errorf("the flow of the other WAN lost %d packets", lost)
			}
			r.noSpoofing()
		})
	}
}
