package facts

import (
	"context"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// place is where a gateway was learnt: a family of a WAN.
type place struct {
	wan    string
	family kstate.Family
}

// lesson is a learnt gateway with the device and addresses that the WAN had then.
type lesson struct {
	gateway netip.Addr
	index   int
	addrs   []netip.Addr
}

// learn returns the gateway of main's default routes by the device, or else the one that was learnt before.
func (s *Source) learn(ctx context.Context, w Want, f kstate.Family, l rtnl.Link, mine []rtnl.Addr, shared bool) (netip.Addr, error) {
	at := place{w.Name, f}
	if len(mine) == 0 {
		delete(s.learnt, at)
		return netip.Addr{}, nil
	}
	routes, err := s.kernel.DefaultGateways(ctx, f, l.Index)
	if err != nil {
		return netip.Addr{}, err
	}
	var addrs []netip.Addr
	for _, a := range mine {
		addrs = append(addrs, a.Prefix.Addr())
	}
	gw := choose(routes, mine, addrs, shared)
	if old, ok := s.learnt[at]; ok && !gw.IsValid() && old.index == l.Index &&
		order.Any(len(old.addrs), func(i int) bool { return slices.Contains(addrs, old.addrs[i]) }) {
		gw = old.gateway
	}
	if !gw.IsValid() {
		delete(s.learnt, at)
		return gw, nil
	}
	s.learnt[at] = lesson{gw, l.Index, addrs}
	return gw, nil
}

// choose returns the gateway of the lowest metric. Where several WANs are on the device, it must go with one of this WAN's addresses: by
// the connected prefix, by the route's source, or as a link-local one, which tells nothing, if there is no better.
func choose(routes []rtnl.Gateway, mine []rtnl.Addr, addrs []netip.Addr, shared bool) netip.Addr {
	var fallback netip.Addr
	for _, r := range routes {
		fits := slices.Contains(addrs, r.Src) || order.Any(len(mine), func(i int) bool { return connected(mine[i]).Contains(r.Addr) })
		switch {
		case !r.Addr.IsValid():
		case !shared, fits:
			return r.Addr
		case r.Addr.IsLinkLocalUnicast() && !r.Src.IsValid() && !fallback.IsValid():
			fallback = r.Addr
		}
	}
	return fallback
}

// forget drops what was learnt of a WAN.
func (s *Source) forget(wan string) {
	for _, f := range kstate.Families {
		delete(s.learnt, place{wan, f})
	}
}

// keepOnly drops what was learnt of WANs that are configured no more.
func (s *Source) keepOnly(wants []Want) {
	for at := range s.learnt {
		if !order.Any(len(wants), func(i int) bool { return wants[i].Name == at.wan }) {
			delete(s.learnt, at)
		}
	}
}
