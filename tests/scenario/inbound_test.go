package scenario_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// local is the WAN's own address of the family of another address.
func local(w *lab.WAN, like netip.Addr) netip.Addr {
	if like.Is4() {
		return w.Addr4
	}
	return w.Addr6
}

// checkInbound connects from the internet to a port of the router's address on
// every WAN, by TCP and UDP in both families, and looks on which device answers
// leave.
func checkInbound(t *testing.T, r *router, port uint16, what string) {
	t.Helper()
	for _, from := range []netip.Addr{lab.Internet4, lab.Internet6} {
		for _, w := range r.WANs {
			if local(w, from).IsValid() {
				checkInboundTo(t, r, w, from, netip.AddrPortFrom(local(w, from), port), what)
			}
		}
	}
	r.noSpoofing()
}

// checkInboundTo is one address of it: every answer leaves by the WAN that the
// request came in by, and by no other.
func checkInboundTo(t *testing.T, r *router, w *lab.WAN, from netip.Addr, to netip.AddrPort, what string) {
	t.Helper()
	var captures []*lab.Capture
	for _, o := range r.WANs {
		captures = append(captures, r.Router.Capture(o.Device, func(f lab.Frame) bool {
			return f.Out && f.Dst == from && (f.Proto == 6 || f.Proto == 17) && f.SrcPort == to.Port()
		}))
	}
	seen, err := exchange(r.Internet, shot{network: "tcp", local: netip.AddrPortFrom(from, 0), to: to})
	if err != nil || seen.Addr() != from {
		t.Errorf("%s: tcp to %s by %s: seen as %s, %v", what, to, w.Name, seen, err)
	}
	seen, err = exchange(r.Internet, shot{network: "udp", local: netip.AddrPortFrom(from, 0), to: to})
	if err != nil || seen.Addr() != from {
		t.Errorf("%s: udp to %s by %s: seen as %s, %v", what, to, w.Name, seen, err)
	}
	for i, o := range r.WANs {
		frames := captures[i].Stop()
		if o.Device != w.Device && len(frames) > 0 {
			t.Errorf("%s: an answer for %s left by %s: %+v", what, to, o.Name, frames[0])
		}
		if o == w && len(frames) < 3 { // SYN+ACK, the greeting, the datagram
			t.Errorf("%s: %d answers for %s left by %s, want 3 and more", what, len(frames), to, o.Name)
		}
	}
}

// TestS21InboundToRouter asks servers of the router by each WAN.
func TestS21InboundToRouter(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Router.Echo() // UDP with IP_PKTINFO
	for _, w := range n.WANs {
		n.Router.ServeUDP(netip.AddrPortFrom(w.Addr4, 5000))
		n.Router.ServeUDP(netip.AddrPortFrom(w.Addr6, 5000))
	}
	r := start(t, n, n.UCI(fastProbe))
	checkInbound(t, r, lab.EchoPort, "router")

	for _, from := range []netip.Addr{lab.Internet4, lab.Internet6} {
		for _, w := range n.WANs {
			to := netip.AddrPortFrom(local(w, from), 5000)
			if seen, err := exchange(n.Internet, shot{network: "udp", local: netip.AddrPortFrom(from, 0), to: to}); err != nil || seen.Addr() != from {
				t.Errorf("bound socket at %s: seen as %s, %v", to, seen, err)
			}
		}
	}
	r.noSpoofing()
}

// TestS21UDPBoundToAny shows the limit that no routing table can lift, and that
// explain tells of it: the answer has the address of the default WAN.
func TestS21UDPBoundToAny(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Router.PlainUDP(6000)
	r := start(t, n, n.UCI(fastProbe))
	w := n.WANs[1]
	out := n.Router.Capture(n.WANs[0].Device, func(f lab.Frame) bool { return f.Out && f.Proto == 17 && f.SrcPort == 6000 })
	_, err := exchange(n.Internet, shot{network: "udp", local: netip.AddrPortFrom(lab.Internet4, 0), to: netip.AddrPortFrom(w.Addr4, 6000), wait: 300 * time.Millisecond})
	frames := out.Stop()
	if err == nil || len(frames) == 0 || frames[0].Src != n.WANs[0].Addr4 {
		t.Errorf("the answer of a socket bound to any address: %v, by the default: %+v; want it from %s", err, frames, n.WANs[0].Addr4)
	}
	var e status.Explanation
	r.ask(&e, "explain", "--json", "router", lab.Internet4.String(), "udp", "6000")
	if notes := strings.Join(e.Notes, "\n"); !strings.Contains(notes, "bound to no address answers from the default's address") {
		t.Errorf("explain does not tell of it: %q", notes)
	}
	r.noSpoofing()
}

// portForward is what a firewall does for a server behind it.
const portForward = `table inet user {
	chain c {
		type nat hook prerouting priority -100;
		iifname "wan*" meta l4proto { tcp, udp } th dport 8080 dnat ip to 192.168.2.10:7
		iifname "wan*" meta l4proto { tcp, udp } th dport 8080 dnat ip6 to [fd00:2::10]:7
	}
}
`

// TestS21PortForward asks a server behind the router by each WAN.
func TestS21PortForward(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Neighbour.Echo()
	n.Router.NFT(portForward)
	r := start(t, n, n.UCI(fastProbe))
	checkInbound(t, r, 8080, "port forward")
	for i, w := range n.WANs {
		list := n.Router.Conntrack("ipv4", "dst="+w.Addr4.String(), "reply.src="+lab.Neighbour4.String())
		if want := uint32(0x41000000 + i<<24); len(list) < 2 || list[0].Mark() != want {
			t.Errorf("%s: connections %+v, want two with mark %#x", w.Name, list, want)
		}
	}
}

// TestS21DelegatedHost asks a host by its address of each WAN's prefix.
func TestS21DelegatedHost(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T2(t, 2)
	n.Client.Echo()
	r := start(t, n, n.UCI(fastProbe))
	for _, w := range n.WANs {
		checkInboundTo(t, r, w, lab.Internet6, netip.AddrPortFrom(w.LAN6, lab.EchoPort), "delegated")
	}
	r.noSpoofing()
}
