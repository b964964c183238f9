package scenario_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// noWay are rules for traffic that has but one WAN: pinned to it, or by a policy
// that rather refuses.
const noWay = `
config policy 'solo'
	list interface 'wan1'
	option last_resort 'unreachable'

config policy 'silent'
	list interface 'wan1'
	option last_resort 'blackhole'

config policy 'as_ever'
	list interface 'wan1'
	option last_resort 'main'

config rule 'to_solo'
	list dest_ip '8.8.8.8'
	list dest_ip '2001:4860:4860::8888'
	option policy 'solo'

config rule 'pinned'
	list dest_ip '9.9.9.9'
	list dest_ip '2620:fe::fe'
	option policy 'wan1'

config rule 'to_silent'
	list dest_ip '1.1.1.1'
	list dest_ip '2606:4700:4700::1111'
	option dest_port '7001'
	option policy 'silent'

config rule 'to_main'
	list dest_ip '1.1.1.1'
	list dest_ip '2606:4700:4700::1111'
	option dest_port '7002'
	option policy 'as_ever'
`

// ports of the internet host that the rules of this package tell apart.
func serve(n *lab.Network, ports ...uint16) {
	n.Internet.Echo()
	for _, p := range ports {
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), p))
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), p))
	}
}

// isRefusal says whether an error is a message of the router that says no: for
// IPv4 host unreachable or prohibited, for IPv6 no route or prohibited.
func isRefusal(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EACCES)
}

// refuses says whether a frame is an ICMP message that a packet to an address (or
// any) could not be delivered; the packet begins behind the eight bytes of ICMP.
func refuses(f lab.Frame, to netip.Addr) bool {
	var inner []byte
	switch {
	case f.Proto == 1 && f.ICMPType == 3 && len(f.Payload) >= 48:
		inner = f.Payload[44:48]
	case f.Proto == 58 && f.ICMPType == 1 && len(f.Payload) >= 88:
		inner = f.Payload[72:88]
	default:
		return false
	}
	dst, _ := netip.AddrFromSlice(inner)
	return !f.Out && (!to.IsValid() || dst == to)
}

// TestS22DeadWithoutAlternative answers a client that has no other way than a
// dead WAN within a second of the verdict, its old connections too.
func TestS22DeadWithoutAlternative(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	serve(n, 7001, 7002)
	r := start(t, n, n.UCI(fastProbe, noWay))
	targets := map[string]netip.Addr{"solo": lab.Internet4b, "solo6": lab.Internet6b, "pinned": lab.Internet4c, "pinned6": lab.Internet6c}
	flows := map[string]*lab.Flow{}
	for name, to := range targets {
		flows[name] = n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{Interval: 20 * time.Millisecond})
		if p := flows[name].WaitAnswer(t, time.Time{}, 2*time.Second); n.ByAddr(p.Source.Addr()) != n.WANs[1] {
			t.Fatalf("%s: seen as %s before the fault, want wan1", name, p.Source)
		}
	}
	refusals := n.Client.Capture("eth0", func(f lab.Frame) bool { return refuses(f, netip.Addr{}) })
	n.WANs[1].BlackHole()
	r.down(n.WANs[1])
	verdict := verdictOf(t, r, "wan1", "down")
	r.steadyExcept(n.WANs[1])
	// The kernel limits refusals to one a second and host, after a burst of six:
	// a host of its own asks, since the flows use up the client's.
	for name, to := range targets {
		answers := n.Neighbour.Capture("eth0", func(f lab.Frame) bool { return refuses(f, to) })
		begin := time.Now()
		_, err := exchange(n.Neighbour, shot{network: "tcp", to: lab.Echo(to), wait: 4 * time.Second})
		if got := answers.Stop(); !isRefusal(err) || len(got) == 0 || got[0].At.Sub(begin) > time.Second {
			t.Errorf("%s: a new connection ended with %v after %v and was refused by %d messages; want one within 1 s", name, err, time.Since(begin), len(got))
		}
	}
	time.Sleep(200 * time.Millisecond)
	first := map[bool]time.Time{}
	for _, f := range refusals.Stop() {
		if at, seen := first[f.Src.Is4()]; !seen || f.At.Before(at) {
			first[f.Src.Is4()] = f.At
		}
	}
	for is4, family := range map[bool]string{true: "ipv4", false: "ipv6"} {
		if at, ok := first[is4]; !ok || at.Sub(verdict) > time.Second {
			t.Errorf("%s: first refusal for the running flows %v after the verdict, want 1 s", family, at.Sub(verdict))
		}
	}
	for name, f := range flows {
		if got := f.Report().FirstAfter(verdict.Add(time.Second)); !got.Lost() {
			t.Errorf("%s: a packet of the pinned flow was answered from %s with its WAN down", name, got.Source)
		}
	}
	r.noSpoofing()
}

// verdictOf is when the last transition to a state of a WAN was.
func verdictOf(t *testing.T, r *router, wan, to string) time.Time {
	t.Helper()
	var history []status.Transition
	r.ask(&history, "history", "--json")
	for i := len(history) - 1; i >= 0; i-- {
		if h := history[i]; h.Interface == wan && h.To == to {
			return time.UnixMilli(int64(h.Time * 1000))
		}
	}
	t.Fatalf("no transition of %s to %s in %+v", wan, to, history)
	return time.Time{}
}

// TestS22LastResorts are the other two: blackhole answers nothing, main goes by
// the main table, which still prefers the WAN that lives.
func TestS22LastResorts(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	serve(n, 7001, 7002)
	r := start(t, n, n.UCI(fastProbe, noWay))
	check := func(dead bool) {
		t.Helper()
		for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
			seen, err := exchange(n.Client, shot{network: "udp", to: netip.AddrPortFrom(to, 7001), wait: 600 * time.Millisecond})
			if dead && !isTimeout(err) || !dead && n.ByAddr(seen.Addr()) != n.WANs[1] {
				t.Errorf("blackhole, dead %v: seen as %s, %v", dead, seen, err)
			}
			want := n.WANs[1]
			if dead {
				want = n.WANs[0]
			}
			if seen, err := exchange(n.Client, shot{network: "udp", to: netip.AddrPortFrom(to, 7002)}); err != nil || n.ByAddr(seen.Addr()) != want {
				t.Errorf("main, dead %v: seen as %s, %v; want %s", dead, seen, err, want.Name)
			}
		}
	}
	check(false)
	n.WANs[1].BlackHole()
	r.down(n.WANs[1])
	d := r.steadyExcept(n.WANs[1])
	for policy, want := range map[string]string{"solo": "unreachable", "silent": "blackhole", "as_ever": "main", "default": "up"} {
		if got := d.Policies[policy].State; got != want {
			t.Errorf("policy %s is %s, want %s", policy, got, want)
		}
	}
	check(true)
	n.WANs[1].Heal()
	r.up(n.WANs[1])
	r.steady()
	check(false)
	r.noSpoofing()
}

// TestS22Bound lets a socket of the router that is bound to the dead WAN hear no
// other WAN: it keeps its way, whatever the state.
func TestS22Bound(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe))
	w := n.WANs[1]
	w.CutInternet()
	r.down(w)
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		other := n.Router.Capture(n.WANs[0].Device, func(f lab.Frame) bool { return f.Out && f.Src == local(w, to) })
		if _, err := exchange(n.Router, shot{network: "udp", local: netip.AddrPortFrom(local(w, to), 0), to: lab.Echo(to), wait: 300 * time.Millisecond}); err == nil {
			t.Errorf("bound to %s, which is cut: an answer came", local(w, to))
		}
		if frames := other.Stop(); len(frames) > 0 {
			t.Errorf("bound to %s: %+v left by wan0", local(w, to), frames[0])
		}
	}
	w.Heal()
	r.up(w)
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		if got := seenFrom(t, n.Router, netip.AddrPortFrom(local(w, to), 0), to); got.Addr() != local(w, to) {
			t.Errorf("bound to %s: seen as %s", local(w, to), got)
		}
	}
}

// TestS22RouterPinned holds what the router itself sends, and a rule gives to a
// WAN that is down, off every other WAN: IPv4 is refused, IPv6 is lost.
func TestS22RouterPinned(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, "config policy 'solo'\n\tlist interface 'wan1'\n\toption last_resort 'unreachable'\n",
		"config rule 'pinned'\n\toption origin 'router'\n\tlist dest_ip '9.9.9.9'\n\tlist dest_ip '2620:fe::fe'\n\toption policy 'wan1'\n",
		"config rule 'to_solo'\n\toption origin 'router'\n\tlist dest_ip '8.8.8.8'\n\tlist dest_ip '2001:4860:4860::8888'\n\toption policy 'solo'\n"))
	targets := []netip.Addr{lab.Internet4b, lab.Internet6b, lab.Internet4c, lab.Internet6c}
	for _, to := range targets {
		if got := seenFrom(t, n.Router, netip.AddrPort{}, to); n.ByAddr(got.Addr()) != n.WANs[1] {
			t.Errorf("to %s: seen as %s before the fault", to, got)
		}
	}
	n.WANs[1].CutInternet()
	r.down(n.WANs[1])
	r.steadyExcept(n.WANs[1])
	for _, to := range targets {
		other := n.Router.Capture("wan0", func(f lab.Frame) bool { return f.Out && f.Dst == to && f.Proto == 17 })
		_, err := exchange(n.Router, shot{network: "udp", to: lab.Echo(to), wait: 300 * time.Millisecond})
		if err == nil || to.Is4() && !isRefusal(err) {
			t.Errorf("to %s: %v, want a refusal", to, err)
		}
		if frames := other.Stop(); len(frames) > 0 {
			t.Errorf("to %s: %d packets of wan1's left by wan0, from %s", to, len(frames), frames[0].Src)
		}
		var e status.Explanation
		r.ask(&e, "explain", "--json", "router", to.String(), "udp", "7")
		if !e.Agrees {
			t.Errorf("explain: %s", asJSON(t, e))
		}
	}
	r.noSpoofing()
}
