package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Addresses of the internet host that tests and probes aim at.
var (
	Internet4  = netip.MustParseAddr("1.1.1.1")
	Internet4b = netip.MustParseAddr("8.8.8.8")
	Internet4c = netip.MustParseAddr("9.9.9.9")
	Internet6  = netip.MustParseAddr("2606:4700:4700::1111")
	Internet6b = netip.MustParseAddr("2001:4860:4860::8888")
	Internet6c = netip.MustParseAddr("2620:fe::fe")
)

// Addresses of the LAN hosts.
var (
	Client4    = netip.MustParseAddr("192.168.1.10")
	Client6    = netip.MustParseAddr("fd00:1::10")
	Neighbour4 = netip.MustParseAddr("192.168.2.10")
	Neighbour6 = netip.MustParseAddr("fd00:2::10")
)

// Kind is how a WAN is attached to the router.
type Kind int

const (
	Ethernet     Kind = iota // a NIC of its own, wan0, wan1, …
	Tunnel                   // point-to-point without ARP (T4), ppp0, ppp1, …
	Alias                    // a second address on the one NIC "wan", both gateways behind it
	TaggedVLAN               // a VLAN sub-interface of the one NIC "wan": wan.10, wan.11, …
	SameSubnet               // a NIC of its own, but 192.168.8.2/24 and gateway .1, as every LTE modem has (T3); the ISP translates addresses
	RelayedEther             // as Ethernet, over a Line: see WAN.Line
)

// Options of a network of one router.
type Options struct {
	WANs []Kind
	// Delegated gives every WAN an IPv6 /56 of its own for the LAN, of which the
	// client has an address (T2).
	Delegated bool
	// NoIPv6 leaves IPv6 out.
	NoIPv6 bool
}

// Network is the common test network:
//
//	client    --lan--  router --wan0-- isp0 -- internet
//	neighbour --lan2--        --wan1-- isp1 --
//
// The router forwards and has a default route for each WAN, the first with the
// lowest metric, as ifupdown or netifd would make them; nothing else is set up
// on it. Each ISP drops and counts packets from sources that are not its own.
type Network struct {
	*Lab
	Client    *Host // 192.168.1.10, fd00:1::10, behind the router's "lan"
	Neighbour *Host // 192.168.2.10, fd00:2::10, behind the router's "lan2"
	Router    *Host
	Internet  *Host // has Internet4 … Internet6c
	WANs      []*WAN

	options Options
	first   int   // index of the first WAN: two routers of one internet have providers of their own
	shared  *Host // the switch behind the one NIC of alias and VLAN WANs
}

// T1 is the network with n WANs on NICs of their own, IPv4 and IPv6; the LAN
// has private addresses only.
func T1(tb TB, n int) *Network {
	tb.Helper()
	return Build(tb, Options{WANs: make([]Kind, n)})
}

// T2 is T1 with an IPv6 prefix delegated by each ISP.
func T2(tb TB, n int) *Network {
	tb.Helper()
	return Build(tb, Options{WANs: make([]Kind, n), Delegated: true})
}

// T3 has two WANs with the same subnet and the same gateway address.
func T3(tb TB) *Network {
	tb.Helper()
	return Build(tb, Options{WANs: []Kind{SameSubnet, SameSubnet}})
}

// T4 has one WAN on a NIC and one that is point-to-point without ARP.
func T4(tb TB) *Network {
	tb.Helper()
	return Build(tb, Options{WANs: []Kind{Ethernet, Tunnel}})
}

// Build makes a network of one router.
func Build(tb TB, o Options) *Network {
	tb.Helper()
	l := New(tb)
	l.batch = true
	n := &Network{Lab: l, options: o}
	n.Router = l.Host("router")
	n.Client, n.Neighbour, n.Internet = l.Host("client"), l.Host("neighbour"), l.Host("internet")
	n.lan(n.Client, "lan", "192.168.1", "fd00:1:")
	n.lan(n.Neighbour, "lan2", "192.168.2", "fd00:2:")
	for _, a := range []netip.Addr{Internet4, Internet4b, Internet4c, Internet6, Internet6b, Internet6c} {
		if a.Is4() || !o.NoIPv6 {
			n.Internet.AddAddr("lo", netip.PrefixFrom(a, a.BitLen()).String())
		}
	}
	for i, kind := range o.WANs {
		n.WANs = append(n.WANs, n.addWAN(i, kind))
	}
	n.settleAll()
	return n
}

func (n *Network) lan(h *Host, dev, net4, net6 string) {
	router, host := net4+".1/24", net4+".10/24"
	if !n.options.NoIPv6 {
		router, host = router+","+net6+":1/64", host+","+net6+":10/64"
	}
	n.Link(n.Router, dev, router, h, "eth0", host)
	h.IP("route add default via %s.1", net4)
	if !n.options.NoIPv6 {
		h.IP("-6 route add default via %s:1", net6)
	}
}

// UCI is a configuration for the daemon with every WAN, in order of metric,
// followed by more text.
func (n *Network) UCI(more ...string) string {
	var b strings.Builder
	for i, w := range n.WANs {
		fmt.Fprintf(&b, "%s\toption metric '%d'\n\n", w.UCI(), i+1)
	}
	b.WriteString(strings.Join(more, "\n"))
	return b.String()
}

// ByAddr is the WAN that owns an address, or nil.
func (n *Network) ByAddr(a netip.Addr) *WAN {
	for _, w := range n.WANs {
		if w.Owns(a) {
			return w
		}
	}
	return nil
}
