package facts

import (
	"context"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/rtnl"
)

// Want is a WAN as it is configured.
type Want struct {
	Name, Device string
	// Families that the WAN is used for; empty means both.
	Families []kstate.Family
	// Gateway4 and Gateway6, where invalid, are taken from main's default routes by the device.
	Gateway4, Gateway6 netip.Addr
	// Addrs are the addresses of the device that belong to this WAN, the preferred source first; prefix lengths are the kernel's
	// business and do not count. Where a family has none here, see Network.
	Addrs []netip.Prefix
	// Prefixes are routed to this WAN as a whole: delegated IPv6 prefixes, routed IPv4 nets. DNS are its resolvers.
	Prefixes []netip.Prefix
	DNS      []netip.Addr
}

func (w Want) gateway(f kstate.Family) netip.Addr {
	if f == kstate.IPv4 {
		return w.Gateway4.Unmap()
	}
	return w.Gateway6
}

func (w Want) uses(f kstate.Family) bool {
	return len(w.Families) == 0 || slices.Contains(w.Families, f)
}

// Kernel is what a Source reads; rtnl.Conn is one.
type Kernel interface {
	Links(context.Context) ([]rtnl.Link, error)
	Addrs(context.Context) ([]rtnl.Addr, error)
	DefaultGateways(ctx context.Context, f kstate.Family, index int) ([]rtnl.Gateway, error)
}

// Source reads the facts. It keeps the gateways that it learnt; it is not for concurrent use.
type Source struct {
	kernel Kernel
	learnt map[place]lesson
}

// New returns a Source that reads from the kernel.
func New(k Kernel) *Source { return &Source{kernel: k, learnt: map[place]lesson{}} }

// Network returns what is known of the WANs. Of the addresses of a device, those of global scope that passed duplicate address
// detection count. To which of several WANs on one device an address belongs is told, a family at a time, by the WAN's list of
// addresses; where it has none, by its configured gateway, which lies in the address's connected prefix; what no other WAN claims so
// belongs to the WANs that have neither.
//
// A gateway that was learnt from a default route is remembered while one of the WAN's addresses stays: probes go on when the route was
// deleted, or went with the carrier. An error means that the kernel could not be read; nothing is known then.
func (s *Source) Network(ctx context.Context, wants []Want) (plan.Network, error) {
	links, err := s.kernel.Links(ctx)
	if err != nil {
		return plan.Network{}, err
	}
	all, err := s.kernel.Addrs(ctx)
	if err != nil {
		return plan.Network{}, err
	}
	n := plan.Network{WANs: make(map[string]plan.WAN, len(wants))}
	for _, w := range wants {
		wan := plan.WAN{Device: w.Device}
		i := order.First(len(links), func(i int) bool { return links[i].Name == w.Device })
		if i < 0 {
			s.forget(w.Name)
			n.WANs[w.Name] = wan
			continue
		}
		l := links[i]
		wan.Index, wan.Up, wan.Carrier, wan.PointToPoint, wan.MTU = l.Index, l.Up, l.Carrier, l.PointToPoint, l.MTU
		if wan.IPv4, err = s.side(ctx, w, kstate.IPv4, l, wants, all); err != nil {
			return plan.Network{}, err
		}
		if wan.IPv6, err = s.side(ctx, w, kstate.IPv6, l, wants, all); err != nil {
			return plan.Network{}, err
		}
		n.WANs[w.Name] = wan
	}
	s.keepOnly(wants)
	return n, nil
}

// side returns one family of a WAN whose device is there.
func (s *Source) side(ctx context.Context, w Want, f kstate.Family, l rtnl.Link, wants []Want, all []rtnl.Addr) (plan.Side, error) {
	var side plan.Side
	if !w.uses(f) {
		return side, nil
	}
	for _, p := range w.Prefixes {
		if kstate.FamilyOf(p.Addr()) == f {
			side.Prefixes = append(side.Prefixes, p.Masked())
		}
	}
	for _, a := range w.DNS {
		if kstate.FamilyOf(a) == f {
			side.DNS = append(side.DNS, a)
		}
	}
	mine := share(w, f, wants, onDevice(all, f, l.Index))
	gw := w.gateway(f)
	if !gw.IsValid() {
		var err error
		if gw, err = s.learn(ctx, w, f, l, mine, shared(w, wants)); err != nil {
			return side, err
		}
	}
	side.Gateway = gw
	for _, a := range prefer(mine, w.Addrs, gw) {
		side.Addrs = append(side.Addrs, ownPrefix(a))
	}
	return side, nil
}

// shared says whether another WAN is on the same device.
func shared(w Want, wants []Want) bool {
	return order.Any(len(wants), func(i int) bool { return wants[i].Name != w.Name && wants[i].Device == w.Device })
}
