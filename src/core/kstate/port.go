package kstate

import (
	"fmt"
	"net/netip"
	"strings"
)

// Port is a device's place in a bridge or bond. Port is comparable, but Equal is what compares a wanted one with an observed one.
type Port struct {
	Device, Master string
	// The rest is of bridges only.

	// PVID makes the port an access port: untagged frames belong to that VLAN, and no other VLAN passes. It needs a VLAN-aware bridge.
	// Wanted 0 leaves the port's VLANs to whoever manages the bridge; observed 0 is a port without PVID or a bridge that does not filter.
	PVID int
	// Tagged is only observed: the port carries VLANs besides PVID, or the PVID with its tag.
	Tagged bool
	// Isolated keeps frames from going to other isolated ports.
	Isolated bool
	// Cost is the path cost of STP, 1 - 65535; wanted 0: as it is.
	Cost int
	// BPDUGuard switches the port off when a bridge speaks STP behind it; RootBlock keeps that from becoming root.
	BPDUGuard, RootBlock bool
}

// Key identifies the port: a device has one master.
func (p Port) Key() string { return "port " + p.Device }

// Equal says whether the kernel's port o is what p wants.
func (p Port) Equal(o Port) bool {
	if p.PVID == 0 {
		o.PVID, o.Tagged = 0, false
	}
	if p.Cost == 0 {
		o.Cost = 0
	}
	p.Tagged = false
	return p == o
}

// String returns the port as arguments of `ip link set`, followed by those of `bridge vlan add` where there is a VLAN, for example
// "link set dev l2 master br0 type bridge_slave isolated on vlan add dev l2 vid 111 pvid untagged".
func (p Port) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "link set dev %s master %s", p.Device, p.Master)
	var slave string
	for _, f := range []struct {
		name string
		on   bool
	}{{"isolated", p.Isolated}, {"guard", p.BPDUGuard}, {"root_block", p.RootBlock}} {
		if f.on {
			slave += " " + f.name + " on"
		}
	}
	if p.Cost != 0 {
		slave += fmt.Sprintf(" cost %d", p.Cost)
	}
	if slave != "" {
		b.WriteString(" type bridge_slave" + slave)
	}
	if p.PVID != 0 {
		fmt.Fprintf(&b, " vlan add dev %s vid %d pvid untagged", p.Device, p.PVID)
	}
	return b.String()
}

// Address is an address of ours on a device: of a link of ours, or on lo for pseudowires that move between WANs. Address is comparable.
type Address struct {
	Device string
	Prefix netip.Prefix // the address itself, with the length of its connected prefix
}

// Key identifies the address: all of it.
func (a Address) Key() string { return a.String() }

// Family returns the family of the address.
func (a Address) Family() Family { return FamilyOf(a.Prefix.Addr()) }

// String returns the address as arguments of `ip`, without the verb "add" behind "address".
func (a Address) String() string {
	s := "address " + a.Prefix.String() + " dev " + a.Device
	if a.Family() == IPv6 {
		s += " nodad"
	}
	return s
}

// Mirror sends every frame that comes in by one device out by another (tc-mirred(8), redirect). It is how LACP passes pseudowires: a bond takes
// a veth, which has a speed, and its other end is mirrored to the pseudowire and back. Mirror is comparable.
type Mirror struct{ From, To string }

// Key identifies the mirror: a device has one of ours.
func (m Mirror) Key() string { return "mirror " + m.From }

// MirrorPriority is the priority and the handle of the filter of every Mirror, which tells it from those of others. It is low: the
// filters of others come after it, but a redirected frame does not reach them.
const MirrorPriority = 77

// String returns the mirror as arguments of `tc`, without the verb "add" behind "filter".
func (m Mirror) String() string {
	return fmt.Sprintf("filter dev %s ingress protocol all pref %d handle %#x matchall action mirred egress redirect dev %s",
		m.From, MirrorPriority, MirrorPriority, m.To)
}
