package facts

import (
	"cmp"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// onDevice returns the usable addresses of a family on a device. The kernel gives each sit device one like ::192.0.2.1, made of its IPv4 address (RFC 4291
// 2.5.5.1, deprecated), and nobody answers that.
func onDevice(all []rtnl.Addr, f kstate.Family, index int) []rtnl.Addr {
	var list []rtnl.Addr
	for _, a := range all {
		if a.Index == index && a.Family() == f && a.Usable() && !compatible(a.Prefix.Addr()) {
			list = append(list, a)
		}
	}
	return list
}

// compatible says whether it is an IPv4-compatible IPv6 address.
func compatible(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && [12]byte(b[:12]) == [12]byte{}
}

// share returns those of a device's addresses that belong to one of the WANs on it.
func share(w Want, f kstate.Family, wants []Want, addrs []rtnl.Addr) []rtnl.Addr {
	if claim := claimed(w, f, wants, addrs); claim != nil {
		return claim
	}
	taken := map[netip.Addr]bool{}
	for _, o := range wants {
		if o.Name == w.Name || o.Device != w.Device || !o.uses(f) {
			continue
		}
		for _, a := range claimed(o, f, wants, addrs) {
			taken[a.Prefix.Addr()] = true
		}
	}
	return order.Without(addrs, func(a rtnl.Addr) bool { return taken[a.Prefix.Addr()] })
}

// claimed returns the addresses that a WAN claims by its list or its gateway; nil where it has neither for the family, and takes what is
// left.
func claimed(w Want, f kstate.Family, wants []Want, addrs []rtnl.Addr) []rtnl.Addr {
	if listed(w, f) {
		return keep(addrs, func(a rtnl.Addr) bool { return rank(a, w.Addrs) < len(w.Addrs) })
	}
	gw := w.gateway(f)
	if !gw.IsValid() || !shared(w, wants) {
		return nil
	}
	holding := keep(addrs, func(a rtnl.Addr) bool { return connected(a).Contains(gw) })
	if len(holding) == 0 && gw.IsLinkLocalUnicast() {
		return nil // fe80::1 tells nothing
	}
	return holding
}

func listed(w Want, f kstate.Family) bool {
	return order.Any(len(w.Addrs), func(i int) bool { return kstate.FamilyOf(w.Addrs[i].Addr()) == f })
}

// keep returns the addresses that pass, an empty list rather than nil.
func keep(addrs []rtnl.Addr, pass func(rtnl.Addr) bool) []rtnl.Addr {
	list := []rtnl.Addr{}
	for _, a := range addrs {
		if pass(a) {
			list = append(list, a)
		}
	}
	return list
}

// rank returns the place of an address in a configured list, the list's length where it is not in it.
func rank(a rtnl.Addr, list []netip.Prefix) int {
	i := order.First(len(list), func(i int) bool { return list[i].Addr().Unmap() == a.Prefix.Addr() })
	if i < 0 {
		return len(list)
	}
	return i
}

// prefer sorts addresses, the preferred source first: in the configured order; then what is not deprecated, not a unique local address
// (RFC 4193: no way into the internet), not temporary (it changes every day, and what is bound to it breaks), in the gateway's prefix,
// not secondary; then in the kernel's order.
func prefer(addrs []rtnl.Addr, list []netip.Prefix, gw netip.Addr) []rtnl.Addr {
	last := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	sorted := slices.Clone(addrs)
	order.By(sorted, func(i, j int) int {
		a, b := sorted[i], sorted[j]
		return cmp.Or(
			cmp.Compare(rank(a, list), rank(b, list)),
			last(a.Deprecated())-last(b.Deprecated()),
			last(uniqueLocal(a))-last(uniqueLocal(b)),
			last(a.Temporary())-last(b.Temporary()),
			last(!connected(a).Contains(gw))-last(!connected(b).Contains(gw)),
			last(a.Secondary())-last(b.Secondary()),
		)
	})
	return sorted
}

func uniqueLocal(a rtnl.Addr) bool { return a.Family() == kstate.IPv6 && a.Prefix.Addr().IsPrivate() }

// connected returns the prefix of the connected route that an address brings along: around the far end where it has one.
func connected(a rtnl.Addr) netip.Prefix {
	if a.Peer.IsValid() {
		return netip.PrefixFrom(a.Peer, a.Prefix.Bits()).Masked()
	}
	return a.Prefix.Masked()
}

// ownPrefix returns the address with the length of its connected prefix; alone where it lies outside of that.
func ownPrefix(a rtnl.Addr) netip.Prefix {
	if !connected(a).Contains(a.Prefix.Addr()) {
		return netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen())
	}
	return a.Prefix
}
