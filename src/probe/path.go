package probe

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
)

// Path is the way of one WAN in one family. The zero value is a WAN without
// link or address.
type Path struct {
	WAN     string
	Family  kstate.Family
	Device  string
	Index   int // of the device
	Source  netip.Addr
	Gateway netip.Addr // invalid on point-to-point lines
	Mark    uint32     // the probe mark of the WAN; 0 sets none

	// Layer2 says that the device is a link without addresses of its own, which may be a port of a bridge or a member of a bond: Source
	// is not needed, arping sends frames by this very device and hears answers before the bridge or bond takes them. Loopback
	// does so in any case.
	Layer2 bool

	// Resolvers answer for the names of targets; without any those of
	// /etc/resolv.conf are asked. Both by this WAN.
	Resolvers []netip.Addr
}

// usable tells whether anything can be sent by this path.
func (p Path) usable() bool { return p.Device != "" && (p.Layer2 || p.Source.IsValid()) }

// same tells whether sockets of one path serve the other too.
func (p Path) same(o Path) bool {
	return p.WAN == o.WAN && p.Family == o.Family && p.Device == o.Device && p.Index == o.Index &&
		p.Source == o.Source && p.Gateway == o.Gateway && p.Mark == o.Mark && p.Layer2 == o.Layer2
}

func (p Path) equal(o Path) bool { return p.same(o) && slices.Equal(p.Resolvers, o.Resolvers) }

func (p Path) String() string {
	if p.Layer2 {
		return fmt.Sprintf("%s dev %s", p.WAN, p.Device)
	}
	return fmt.Sprintf("%s %s dev %s from %s", p.WAN, p.Family, p.Device, p.Source)
}
