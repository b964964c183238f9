package scenario_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// checkWays uses every WAN of a network as perWAN tells, fails each over to the
// other and looks at what the far end sees. The WANs are two.
func checkWays(t *testing.T, r *router) {
	t.Helper()
	r.checkRules()
	for i, w := range r.WANs {
		other := r.WANs[1-i]
		w.CutInternet()
		r.await(patience, w.Name+" down and the default policy on "+other.Name, func(d status.Document) bool {
			p := d.Policies["default"]
			// Its probes are its own: with this WAN cut the other stays up.
			return d.Interfaces[w.Name].State == "down" && d.Interfaces[other.Name].State == "up" && only(p.IPv4, other) && only(p.IPv6, other)
		})
		for src, to := range map[netip.Addr]netip.Addr{lab.Client4: lab.Internet4c, lab.Client6: lab.Internet6c} {
			if got := seenFrom(t, r.Client, netip.AddrPortFrom(src, 0), to); r.ByAddr(got.Addr()) != other {
				t.Errorf("with %s cut: seen as %s, want %s", w.Name, got, other.Name)
			}
			if e := r.explain(src, to, "udp", lab.EchoPort); oneWay(e) != other.Name || !e.Agrees {
				t.Errorf("with %s cut explain says: %s", w.Name, asJSON(t, e))
			}
		}
		w.Heal()
		r.up(w)
	}
	r.steady()
	r.checkRules()
	r.noSpoofing()
}

// only says whether a policy uses one WAN in a family; a family that is not
// there does not count.
func only(p *status.PolicyFamily, w *lab.WAN) bool {
	return p == nil || len(p.Active) == 1 && p.Active[0].Interface == w.Name
}

// checkRules sends the client's connections by the rules of perWAN.
func (r *router) checkRules() {
	r.t.Helper()
	for i, w := range r.WANs {
		for _, to := range byRule[i] {
			if got := seenFrom(r.t, r.Client, netip.AddrPort{}, to); r.ByAddr(got.Addr()) != w {
				r.t.Errorf("rule to %s: seen as %s", w.Name, got)
			}
		}
	}
}

// TestOneNICAlias has two WANs behind one card, told apart by address: outbound,
// inbound, probes and failover.
func TestOneNICAlias(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.Bridge)
	n := lab.Build(t, lab.Options{WANs: []lab.Kind{lab.Alias, lab.Alias}})
	n.Internet.Echo()
	n.Neighbour.Echo()
	n.Router.Echo()
	n.Router.NFT(portForward)
	r := start(t, n, n.UCI(fastProbe, perWAN))
	checkWays(t, r)
	for _, from := range []netip.Addr{lab.Internet4, lab.Internet6} {
		for _, w := range n.WANs {
			for _, port := range []uint16{lab.EchoPort, 8080} {
				checkInboundTo(t, r, w, from, netip.AddrPortFrom(local(w, from), port), "alias")
			}
		}
	}
	for _, w := range n.WANs {
		for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
			if got := seenFrom(t, n.Router, netip.AddrPortFrom(local(w, to), 0), to); got.Addr() != local(w, to) {
				t.Errorf("bound to %s: seen as %s", local(w, to), got)
			}
		}
	}
	r.noSpoofing()
}

// TestT3SameSubnet has two modems with the same subnet, the same gateway and the
// same address of ours.
func TestT3SameSubnet(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T3(t)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	checkWays(t, r)
	if w := strings.Join(r.status().Warnings, "\n"); !strings.Contains(w, "have the same address 192.168.8.2") {
		t.Errorf("the status does not tell of the address that both have: %s", w)
	}
}

// TestT4PointToPoint has a WAN without ARP, neighbours or a gateway.
func TestT4PointToPoint(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.Tun)
	n := lab.T4(t)
	n.Internet.Echo()
	n.Neighbour.Echo()
	n.Router.Echo()
	n.Router.NFT(strings.ReplaceAll(portForward, `"wan*"`, `{ "wan0", "ppp1" }`))
	r := start(t, n, n.UCI(fastProbe, perWAN))
	checkWays(t, r)
	checkInbound(t, r, lab.EchoPort, "router")
	checkInbound(t, r, 8080, "port forward")
}

// TestVLANWANs has two WANs on tagged sub-interfaces of one card.
func TestVLANWANs(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.Bridge, lab.VLAN)
	n := lab.Build(t, lab.Options{WANs: []lab.Kind{lab.TaggedVLAN, lab.TaggedVLAN}})
	n.Internet.Echo()
	n.Router.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	checkWays(t, r)
	checkInbound(t, r, lab.EchoPort, "router")
}

// TestPrivateTrafficUnmarked leaves connections between LANs, and into a VPN that
// has half of the internet in main, alone; probes do not go into the VPN.
func TestPrivateTrafficUnmarked(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	vpn := n.Host("vpn")
	n.Link(n.Router, "vpn0", "10.9.0.1/24,fd00:9::1/64", vpn, "vpn0", "10.9.0.2/24,fd00:9::2/64")
	for _, a := range []netip.Addr{lab.Internet4, lab.Internet6} {
		vpn.AddAddr("lo", netip.PrefixFrom(a, a.BitLen()).String())
	}
	vpn.IP("route add default via 10.9.0.1")
	vpn.IP("-6 route add default via fd00:9::1")
	vpn.Echo()
	n.Router.IP("route add 0.0.0.0/1 via 10.9.0.2")
	n.Router.IP("route add 128.0.0.0/1 via 10.9.0.2")
	n.Router.IP("-6 route add 2000::/3 via fd00:9::2")
	r := start(t, n, n.UCI(fastProbe))

	for _, c := range []struct {
		what     string
		src, dst netip.Addr
	}{
		{"lan to lan", lab.Client4, lab.Neighbour4}, {"lan to lan", lab.Client6, lab.Neighbour6},
		{"into the vpn", lab.Client4, lab.Internet4}, {"into the vpn", lab.Client6, lab.Internet6},
	} {
		got := seenFrom(t, n.Client, netip.AddrPortFrom(c.src, 45000), c.dst)
		if got != netip.AddrPortFrom(c.src, 45000) {
			t.Errorf("%s: %s seen as %s", c.what, c.src, got)
		}
		family := map[bool]string{true: "ipv4", false: "ipv6"}[c.src.Is4()]
		list := n.Router.Conntrack(family, "src="+c.src.String(), "dst="+c.dst.String(), "sport=45000")
		if len(list) != 1 || list[0].Mark() != 0 {
			t.Errorf("%s: connections %+v, want one without mark", c.what, list)
		}
	}
	// A bound socket of the router is not swallowed either.
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		for _, w := range n.WANs {
			if got := seenFrom(t, n.Router, netip.AddrPortFrom(local(w, to), 0), to); got.Addr() != local(w, to) {
				t.Errorf("bound to %s: seen as %s", local(w, to), got)
			}
		}
	}
	if frames := vpnProbes(vpn); frames != 0 {
		t.Errorf("%d pings of ours went into the vpn", frames)
	}
	if d := r.status(); !allUp(d, nil) {
		t.Errorf("the probes do not pass by the vpn:\n%s", brief(d))
	}
	r.noSpoofing()
}

// vpnProbes counts pings that come into the VPN within a second: five rounds.
func vpnProbes(vpn *lab.Host) int {
	c := vpn.Capture("vpn0", func(f lab.Frame) bool { return !f.Out && (f.Proto == 1 || f.Proto == 58 && f.ICMPType == 128) })
	time.Sleep(time.Second)
	return len(c.Stop())
}
