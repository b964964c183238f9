package scenario_test

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// otherPolicy sends what goes to the second resolver by the other WAN first.
func otherPolicy(n *lab.Network) string {
	return fmt.Sprintf(`
config member 'b_first'
	option interface '%s'
	option metric '1'

config member 'a_second'
	option interface '%s'
	option metric '2'

config policy 'other'
	list member 'b_first'
	list member 'a_second'

config rule 'to_other'
	list dest_ip '%s'
	option policy 'other'

config rule 'to_other6'
	list dest_ip '%s'
	option policy 'other'
`, n.WANs[1].Name, n.WANs[0].Name, lab.Internet4b, lab.Internet6b)
}

// TestS5OnlyTheDeadLine cuts the first WAN and looks at everything that does not
// use it: no packet lost, no tracked connection touched.
func TestS5OnlyTheDeadLine(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	n.Router.NFT(portForward)
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe, otherPolicy(n)))

	moving, still, talks := map[string]*lab.Flow{}, map[string]*lab.Flow{}, map[string]*talk{}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		other := like(to, lab.Internet4b, lab.Internet6b)
		beside := like(to, lab.Neighbour4, lab.Neighbour6)
		moving["client by A to "+to.String()] = n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{})
		still["client by B to "+other.String()] = n.Client.UDPFlow(lab.Echo(other), lab.FlowOptions{})
		still["LAN to LAN "+beside.String()] = n.Client.UDPFlow(lab.Echo(beside), lab.FlowOptions{})
		forward := netip.AddrPortFrom(local(b, to), 8080)
		bound := lab.FlowOptions{Local: netip.AddrPortFrom(to, 0)}
		still["port forward by B "+forward.String()] = n.Internet.UDPFlow(forward, bound)
		talks["TCP by B to "+other.String()] = dial(t, n.Client, lab.Echo(other))
		talks["TCP LAN to LAN "+beside.String()] = dial(t, n.Client, lab.Echo(beside))
	}
	for _, f := range moving {
		arrived(t, f, a, time.Time{}, patience)
	}
	for _, f := range still {
		f.WaitAnswer(t, time.Time{}, patience)
	}
	begin := time.Now()
	before := entries(t, n.Router)
	maps.DeleteFunc(before, func(tuple, _ string) bool {
		return strings.Contains(tuple, "dst="+lab.Internet4.String()+" ") || strings.Contains(tuple, "dst="+lab.Internet6.String()+" ")
	})
	if len(before) != len(still)+len(talks) {
		t.Errorf("%d tracked connections beside those by A, want %d: %v", len(before), len(still)+len(talks), before)
	}

	cut := a.BlackHole()
	for name, f := range moving {
		family := "ipv4"
		if strings.Contains(name, ":") {
			family = "ipv6"
		}
		verdict := when(r.turned(a, family, "down", cut, patience).Time)
		p := arrived(t, f, b, cut, patience)
		if d := p.Received.Sub(verdict); d > time.Second {
			t.Errorf("%s: moved %v after the verdict, want 1 s", name, d)
		}
	}
	time.Sleep(300 * time.Millisecond)
	for name, k := range talks {
		if err := k.says(2 * time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	after := entries(t, n.Router)
	for tuple, id := range before {
		if after[tuple] != id {
			t.Errorf("connection %s had id %s, has %q", tuple, id, after[tuple])
		}
	}
	for name, f := range still {
		if lost := f.Stop().Between(begin, time.Now()).Lost(); lost != 0 {
			t.Errorf("%s lost %d packets", name, lost)
		}
	}
	r.noSpoofing()
}

// TestS7OnlyOne has nothing but the WAN that dies: nothing is evicted, no route
// goes, nothing is refused, and what was there goes on when it is back.
func TestS7OnlyOne(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 1)
	n.Internet.Echo()
	a := n.WANs[0]
	r := start(t, n, n.UCI(fastProbe))
	flows := []*lab.Flow{
		n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
		n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
	}
	talks := []*talk{dial(t, n.Client, lab.Echo(lab.Internet4)), dial(t, n.Client, lab.Echo(lab.Internet6))}
	for _, f := range flows {
		arrived(t, f, a, time.Time{}, patience)
	}
	was, routes := entries(t, n.Router), r.routing()
	evictions := strings.Count(r.Log(), "evict ")

	cut := a.BlackHole()
	for _, family := range []string{"ipv4", "ipv6"} {
		r.turned(a, family, "down", cut, patience)
	}
	time.Sleep(400 * time.Millisecond)
	d := r.status()
	if s := d.Interfaces[a.Name]; s.State != "down" || !s.IPv4.Carries || !s.IPv6.Carries {
		t.Errorf("the only WAN is %s, carries %v and %v; want down and carrying", s.State, s.IPv4.Carries, s.IPv6.Carries)
	}
	if p := d.Policies["default"]; p.IPv4.State != "best_effort" || p.IPv6.State != "best_effort" {
		t.Errorf("the policy is %s and %s, want best_effort", p.IPv4.State, p.IPv6.State)
	}
	if strings.Count(r.Log(), "evict ") != evictions {
		t.Error("connections were evicted")
	}
	if diff := cmp.Diff(was, entries(t, n.Router)); diff != "" {
		t.Errorf("tracked connections:\n%s", diff)
	}
	if diff := cmp.Diff(routes, r.routing()); diff != "" {
		t.Errorf("routes or rules:\n%s", diff)
	}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		tally := n.Client.ConnectN(lab.Echo(to), 5, lab.ConnectOptions{Timeout: 300 * time.Millisecond})
		if tally.Refused != 0 || tally.Lost != 5 {
			t.Errorf("new connections to %s: %+v, want 5 lost and none refused", to, tally)
		}
	}
	healed := a.Heal()
	for _, f := range flows {
		f.WaitAnswer(t, healed, patience)
		if s := f.Stop().Sources(); len(s) != 1 {
			t.Errorf("a flow changed its source: %v", s)
		}
	}
	for _, k := range talks {
		if err := k.says(patience); err != nil {
			t.Errorf("TCP connection from before: %v", err)
		}
	}
}

// routing is all that the kernel holds of ours in routes and rules.
func (r *router) routing() string {
	out := r.Router.IP("rule show") + r.Router.IP("-6 rule show")
	for _, family := range []string{"-4", "-6"} {
		out += r.Router.IP("%s route show table all proto 77", family)
	}
	return out
}

// TestS7Mixed has one policy with nothing but the WAN that dies and one with
// another WAN beside it. The flows of the first stay, all of the second move.
func TestS7Mixed(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe), fmt.Sprintf(`
config policy 'only'
	list interface '%s'

config rule 'to_only'
	list dest_ip '%s'
	option policy 'only'

config rule 'to_only6'
	list dest_ip '%s'
	option policy 'only'
`, a.Name, lab.Internet4b, lab.Internet6b))
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		alone := like(to, lab.Internet4b, lab.Internet6b)
		stays := n.Client.UDPFlow(lab.Echo(alone), lab.FlowOptions{})
		moves := n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{})
		arrived(t, stays, a, time.Time{}, patience)
		arrived(t, moves, a, time.Time{}, patience)
		stayTCP, moveTCP := dial(t, n.Client, lab.Echo(alone)), dial(t, n.Client, lab.Echo(to))
		was := entries(t, n.Router, "dst="+alone.String())
		if len(was) != 2 {
			t.Fatalf("tracked connections by policy only: %v, want 2", was)
		}
		cut := a.BlackHole()
		arrived(t, moves, b, cut, patience)
		if err := moveTCP.says(2 * time.Second); err == nil || isTimeout(err) {
			t.Errorf("a TCP connection by the dead WAN: %v, want it ended at once", err)
		}
		time.Sleep(300 * time.Millisecond)
		if diff := cmp.Diff(was, entries(t, n.Router, "dst="+alone.String())); diff != "" {
			t.Errorf("connections of the policy without another WAN:\n%s", diff)
		}
		a.Heal()
		r.uses("default", a)
		if err := stayTCP.says(patience); err != nil {
			t.Errorf("TCP connection of the policy without another WAN: %v", err)
		}
		if s := stays.Stop().Sources(); len(s) != 1 {
			t.Errorf("its flow changed its source: %v", s)
		}
	})
}

// TestP4AddressChange gives a WAN another address while its line works all the
// time: what is translated to the old one can never be answered again and
// goes; nothing else does.
func TestP4AddressChange(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a := n.WANs[0]
	n.Router.Sysctl("net.ipv4.conf.all.promote_secondaries", "1")
	// Not fastProbe: on a busy machine the change alone takes it the 0.6 s to a verdict.
	r := start(t, n, n.UCI(otherPolicy(n)))
	for _, c := range []struct {
		family   string
		to       netip.Addr
		old, new string
		bits     int
	}{
		{"ipv4", lab.Internet4, a.Addr4.String(), "198.18.0.3", 24},
		{"ipv6", lab.Internet6, a.Addr6.String(), "2001:db8:1::3", 64},
	} {
		t.Run(c.family, func(t *testing.T) {
			other := like(c.to, lab.Internet4b, lab.Internet6b)
			moves := n.Client.UDPFlow(lab.Echo(c.to), lab.FlowOptions{})
			stays := n.Client.UDPFlow(lab.Echo(other), lab.FlowOptions{})
			arrived(t, moves, a, time.Time{}, patience)
			arrived(t, stays, n.WANs[1], time.Time{}, patience)
			was := entries(t, n.Router, "dst="+other.String())
			began := time.Now()
			n.Router.AddAddr(a.Device, fmt.Sprintf("%s/%d", c.new, c.bits))
			n.Router.DelAddr(a.Device, fmt.Sprintf("%s/%d", c.old, c.bits))
			changed := time.Now()
			want := netip.MustParseAddr(c.new)
			if !lab.Wait(2*time.Second, func() bool { return moves.Report().Between(changed, time.Now()).Sources()[want] > 0 }) {
				t.Fatalf("the flow by the old address did not get the new one: %v", moves.Report().Between(changed, time.Now()).Sources())
			}
			for _, p := range moves.Report().Between(changed, time.Now()).Packets {
				if p.Source.Addr() == want {
					t.Logf("first packet by the new address %v after the change", p.Sent.Sub(changed).Round(time.Millisecond))
					break
				}
			}
			if left := entries(t, n.Router, "dst="+c.old); len(left) != 0 {
				t.Errorf("connections of the old address left: %v", left)
			}
			if diff := cmp.Diff(was, entries(t, n.Router, "dst="+other.String())); diff != "" {
				t.Errorf("connections by the other WAN:\n%s", diff)
			}
			if lost := stays.Stop().Between(began, time.Now()).Lost(); lost != 0 {
				t.Errorf("the flow by the other WAN lost %d packets", lost)
			}
			for _, tr := range r.history(a) {
				if when(tr.Time).After(began) && tr.To != "up" {
					t.Errorf("%s became %s: %s", a.Name, tr.To, tr.Reason)
				}
			}
			newFlowsFrom(t, n, c.to, want)
		})
	}
}

func newFlowsFrom(t *testing.T, n *lab.Network, to, source netip.Addr) {
	t.Helper()
	tally := n.Client.ConnectN(lab.Echo(to), 10, lab.ConnectOptions{})
	if tally.OK != 10 || tally.Sources[source] != 10 {
		t.Errorf("new connections to %s: %+v, want 10 from %s", to, tally, source)
	}
}

// TestP4Vanish takes the device of a WAN away with its addresses and routes.
func TestP4Vanish(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe, otherPolicy(n)))
	moves, stays := map[netip.Addr]*lab.Flow{}, map[netip.Addr]*lab.Flow{}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		other := like(to, lab.Internet4b, lab.Internet6b)
		moves[to] = n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{})
		stays[other] = n.Client.UDPFlow(lab.Echo(other), lab.FlowOptions{})
		arrived(t, moves[to], a, time.Time{}, patience)
		arrived(t, stays[other], b, time.Time{}, patience)
	}
	was := entries(t, n.Router, "dport=7", "sport=7")
	maps.DeleteFunc(was, func(tuple, _ string) bool {
		return !strings.Contains(tuple, lab.Internet4b.String()) && !strings.Contains(tuple, lab.Internet6b.String())
	})
	began := time.Now()
	n.Router.IP("link del %s", a.Device)
	gone := time.Now()
	for to, f := range moves {
		p := arrived(t, f, b, began, 2*time.Second)
		t.Logf("to %s: first packet by the other WAN %v after the device went", to, p.Received.Sub(gone).Round(time.Millisecond))
		if d := p.Received.Sub(gone); d > time.Second {
			t.Errorf("to %s: %v, want 1 s", to, d)
		}
	}
	now := entries(t, n.Router)
	for tuple, id := range was {
		if now[tuple] != id {
			t.Errorf("connection %s had id %s, has %q", tuple, id, now[tuple])
		}
	}
	for to, f := range stays {
		if lost := f.Stop().Between(began, time.Now()).Lost(); lost != 0 {
			t.Errorf("the flow to %s by the other WAN lost %d packets", to, lost)
		}
	}
	r.await(patience, "the WAN without a device is shown", func(d status.Document) bool {
		s := d.Interfaces[a.Name]
		return s.Index == 0 && (s.State == "waiting" || s.State == "down")
	})
}

// TestP4BackWithAnother takes the only WAN's addresses away for a while. It
// comes back with others, or with the same.
func TestP4BackWithAnother(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	for name, c := range map[string]struct {
		new4, new6 string
	}{
		"another": {"198.18.0.3", "2001:db8:1::3"},
		"same":    {"198.18.0.2", "2001:db8:1::2"},
	} {
		t.Run(name, func(t *testing.T) {
			n := lab.T1(t, 1)
			n.Internet.Echo()
			a := n.WANs[0]
			r := start(t, n, n.UCI(fastProbe))
			flows := map[netip.Addr]*lab.Flow{}
			for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
				flows[to] = n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{})
				arrived(t, flows[to], a, time.Time{}, patience)
			}
			n.Router.IP("address flush dev %s scope global", a.Device)
			r.await(patience, "the WAN has no address", func(d status.Document) bool {
				s := d.Interfaces[a.Name]
				return s.State == "waiting" || s.State == "down"
			})
			time.Sleep(300 * time.Millisecond)
			n.Router.AddAddr(a.Device, c.new4+"/24")
			n.Router.AddAddr(a.Device, c.new6+"/64")
			n.Router.IP("route replace default via %s dev %s metric 10", a.Gateway4, a.Device)
			n.Router.IP("-6 route replace default via %s dev %s metric 10", a.Gateway6, a.Device)
			back := time.Now()
			for to, f := range flows {
				want := like(to, netip.MustParseAddr(c.new4), netip.MustParseAddr(c.new6))
				if !lab.Wait(patience, func() bool { return f.Report().Between(back, time.Now()).Sources()[want] > 0 }) {
					t.Errorf("the flow to %s does not come from %s: %v", to, want, f.Report().Between(back, time.Now()).Sources())
				}
			}
			r.noSpoofing()
		})
	}
}
