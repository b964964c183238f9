package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// perWAN are rules that send a destination by each of two WANs, whatever the
// default is.
const perWAN = `
config rule 'by0'
	list dest_ip '1.1.1.1'
	list dest_ip '2606:4700:4700::1111'
	option policy 'wan0'

config rule 'by1'
	list dest_ip '8.8.8.8'
	list dest_ip '2001:4860:4860::8888'
	option policy 'wan1'
`

// byRule are the destinations of perWAN, by WAN and family.
var byRule = [2]map[bool]netip.Addr{
	{true: lab.Internet4, false: lab.Internet6}, {true: lab.Internet4b, false: lab.Internet6b},
}

// seenFrom is the source that the far end saw of a datagram, or the test fails.
func seenFrom(t *testing.T, h *lab.Host, src netip.AddrPort, to netip.Addr) netip.AddrPort {
	t.Helper()
	seen, err := exchange(h, shot{network: "udp", local: src, to: lab.Echo(to)})
	if err != nil {
		t.Errorf("%s: udp from %s to %s: %v", h.Name, src, to, err)
	}
	return seen
}

// TestS20SNATPerWAN translates a private client to the address of the WAN that
// its connection leaves by.
func TestS20SNATPerWAN(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	for i, w := range n.WANs {
		for is4, to := range byRule[i] {
			want := w.Addr6
			if is4 {
				want = w.Addr4
			}
			if got := seenFrom(t, n.Client, netip.AddrPort{}, to); got.Addr() != want {
				t.Errorf("to %s: seen as %s, want %s", to, got, want)
			}
			src := lab.Client6
			if is4 {
				src = lab.Client4
			}
			if e := r.explain(src, to, "udp", lab.EchoPort); oneWay(e) != w.Name || e.Ways[0].SNAT != "masquerade" || !e.Agrees {
				t.Errorf("explain: %s", asJSON(t, e))
			}
		}
	}
	r.noSpoofing()
}

// outside gives the neighbour a public address of a WAN's prefix, which the
// provider routes to us: a server that no translation may touch.
func outside(n *lab.Network, w *lab.WAN) (v4, v6 netip.Addr) {
	v4 = w.Addr4.Next().Next().Next() // 198.18.1.5
	v6 = w.Addr6.Next().Next().Next()
	n.Neighbour.AddAddr("eth0", v4.String()+"/32")
	n.Neighbour.AddAddr("eth0", v6.String()+"/128")
	n.Router.IP("route add %s dev lan2", v4)
	n.Router.IP("-6 route add %s dev lan2", v6)
	w.ISP.IP("route add %s via %s", v4, w.Addr4)
	w.ISP.IP("-6 route add %s via %s", v6, w.Addr6)
	return v4, v6
}

// TestS20HostInWANPrefix lets a host that has an address of the backup WAN's
// prefix leave by that WAN with its own address, although the default policy
// uses another one, and answers from outside reach it.
func TestS20HostInWANPrefix(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	v4, v6 := outside(n, n.WANs[1])
	r := start(t, n, strings.ReplaceAll(n.UCI(fastProbe), "snat6 'masquerade'", "snat6 'none'"))
	for src, to := range map[netip.Addr]netip.Addr{v4: lab.Internet4, v6: lab.Internet6} {
		if got := seenFrom(t, n.Neighbour, netip.AddrPortFrom(src, 40000), to); got != netip.AddrPortFrom(src, 40000) {
			t.Errorf("host in the prefix of wan1: seen as %s, want %s port 40000", got, src)
		}
		e := r.explain(src, to, "udp", lab.EchoPort, "--sport", "40000")
		if oneWay(e) != "wan1" || e.Ways[0].SNAT != "none" || !e.Agrees {
			t.Errorf("explain: %s", asJSON(t, e))
		}
		checkInboundTo(t, r, n.WANs[1], to, netip.AddrPortFrom(src, lab.EchoPort), "host in the prefix")
	}
	if got := seenFrom(t, n.Neighbour, netip.AddrPortFrom(lab.Neighbour4, 40001), lab.Internet4); got.Addr() != n.WANs[0].Addr4 {
		t.Errorf("its private address: seen as %s, want %s", got, n.WANs[0].Addr4)
	}
	r.noSpoofing()
}

// TestS20SNATKinds is masquerade, a fixed address and none, each on a WAN.
func TestS20SNATKinds(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 3), NoIPv6: true})
	n.Internet.Echo()
	fixed := netip.MustParseAddr("198.18.0.9")
	n.Router.AddAddr("wan0", fixed.String()+"/24")
	var sections strings.Builder
	for i, snat := range []string{fixed.String(), "masquerade", "none"} {
		fmt.Fprintf(&sections, "%s\toption metric '%d'\n\toption snat '%s'\n\n", n.WANs[i].UCI(), i+1, snat)
	}
	r := start(t, n, sections.String(), fastProbe, perWAN, "config rule 'by2'\n\tlist dest_ip '9.9.9.9'\n\toption policy 'wan2'\n")
	for to, want := range map[netip.Addr]netip.Addr{lab.Internet4: fixed, lab.Internet4b: n.WANs[1].Addr4} {
		if got := seenFrom(t, n.Client, netip.AddrPort{}, to); got.Addr() != want {
			t.Errorf("to %s: seen as %s, want %s", to, got, want)
		}
	}
	r.noSpoofing()
	raw := n.Router.Capture("wan2", func(f lab.Frame) bool { return f.Out && f.Dst == lab.Internet4c })
	if _, err := exchange(n.Client, shot{network: "udp", to: lab.Echo(lab.Internet4c), wait: 300 * time.Millisecond}); err == nil {
		t.Error("a private source got an answer without translation")
	}
	frames := raw.Stop()
	if len(frames) == 0 || frames[0].Src != lab.Client4 {
		t.Errorf("snat none: %+v left, want the client's own address", frames)
	}
	if n.WANs[2].Spoofed() == 0 {
		t.Error("the provider did not see what snat none let out")
	}
}

// TestS20FixedPorts keeps the ports of the router's own IKE and L2TP, although a
// client took the same one to the same peer before, and moves the client's.
func TestS20FixedPorts(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		w, client := n.WANs[0], lab.Client4
		if to.Is6() {
			client = lab.Client6
		}
		for _, port := range []uint16{500, 1701, 4500} {
			behind := seenFrom(t, n.Client, netip.AddrPortFrom(client, port), to)
			if behind.Addr() != local(w, to) || behind.Port() < 32768 || behind.Port() > 60999 {
				t.Errorf("client's port %d: seen as %s, want %s and a port of 32768 - 60999", port, behind, local(w, to))
			}
			own := seenFrom(t, n.Router, netip.AddrPortFrom(local(w, to), port), to)
			if own != netip.AddrPortFrom(local(w, to), port) {
				t.Errorf("router's port %d: seen as %s, want it kept", port, own)
			}
			if again := seenFrom(t, n.Client, netip.AddrPortFrom(client, port), to); again != behind {
				t.Errorf("client's port %d moved from %s to %s", port, behind, again)
			}
		}
		// Any other port of the client keeps its number where it is free.
		if got := seenFrom(t, n.Client, netip.AddrPortFrom(client, 12345), to); got.Port() != 12345 {
			t.Errorf("client's port 12345: seen as %s", got)
		}
	})
	r.noSpoofing()
}

// firewall is the masquerade of a firewall at the usual priority.
const firewall = `table inet firewall { chain c {
	type nat hook postrouting priority 100;
	oifname "wan*" meta nfproto ipv4 masquerade fully-random
}
}
`

// TestS20FixedPortsUnderFirewall keeps them also where a firewall behind us
// masquerades everything with random ports, since our binding comes first.
func TestS20FixedPortsUnderFirewall(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.NFT(firewall)
	r := start(t, n, n.UCI(fastProbe, perWAN))
	w := n.WANs[0]
	for _, port := range []uint16{500, 1701, 4500} {
		own := seenFrom(t, n.Router, netip.AddrPortFrom(w.Addr4, port), lab.Internet4)
		if own != netip.AddrPortFrom(w.Addr4, port) {
			t.Errorf("router's port %d: seen as %s, want it kept", port, own)
		}
	}
	for i, w := range n.WANs {
		if got := seenFrom(t, n.Client, netip.AddrPort{}, byRule[i][true]); got.Addr() != w.Addr4 {
			t.Errorf("client by %s: seen as %s", w.Name, got)
		}
	}
	r.noSpoofing()
}

// TestS20FixedPortTaken starts where a firewall alone has given a client's port
// to the outside before: the router's own program gets it nevertheless.
func TestS20FixedPortTaken(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.NFT(strings.ReplaceAll(firewall, " fully-random", ""))
	w := n.WANs[0]
	taken := netip.AddrPortFrom(w.Addr4, 4500)
	if got := seenFrom(t, n.Client, netip.AddrPortFrom(lab.Client4, 4500), lab.Internet4); got != taken {
		t.Fatalf("client behind the firewall: seen as %s, want %s", got, taken)
	}
	r := start(t, n, n.UCI(fastProbe))
	if got := seenFrom(t, n.Router, taken, lab.Internet4); got != taken {
		t.Errorf("router's port 4500: seen as %s, want it kept", got)
	}
	if got := seenFrom(t, n.Client, netip.AddrPortFrom(lab.Client4, 4500), lab.Internet4); got.Addr() != w.Addr4 || got.Port() < 32768 {
		t.Errorf("client's port 4500: seen as %s, want it moved", got)
	}
	r.noSpoofing()
}
