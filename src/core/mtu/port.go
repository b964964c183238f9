package mtu

import (
	"fmt"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

// Port is what a device of ours gets, and the MSS that keeps TCP inside the path.
type Port struct {
	// MTU of the device.
	MTU int
	// Fits is the largest inner packet that needs no outer fragment, at most MTU.
	Fits int
	// MSS by family, of untagged frames; Tagged of frames with an 802.1Q tag.
	MSS, Tagged map[kstate.Family]int
	// Whole says that every frame that the device takes fits, tagged ones too: no clamp is needed for hosts of its MTU.
	Whole bool
	How   string
}

// Device decides the MTU of a pseudowire's device. Mode auto is 1500: every frame passes, in fragments where the path is narrower, and
// the clamp keeps TCP from needing any. Mode path is what the path leaves. A fixed one is taken as it is.
func Device(m config.MTU, s Stack) Port {
	room := s.Inside()
	p := Port{How: room.How}
	switch m.Mode {
	case "path":
		p.MTU = min(room.MTU, deviceMax)
	case "fixed":
		p.MTU = m.Bytes
		p.How += fmt.Sprintf("; %d as configured", m.Bytes)
	default:
		p.MTU = Ethernet
		p.How += fmt.Sprintf("; device %d, larger packets in fragments", Ethernet)
		if room.MTU >= Ethernet {
			p.How = room.How + fmt.Sprintf("; device %d", Ethernet)
		}
	}
	p.fill(room.MTU)
	return p
}

// Smallest joins the ports of a bond's members: any of them may carry a packet. mtu is the bond's own, 0 for the smallest of the members.
func Smallest(bond int, members []Port) Port {
	var p Port
	room := deviceMax
	for i, m := range members {
		if i == 0 || m.MTU < p.MTU {
			p.MTU, p.How = m.MTU, m.How
		}
		if !m.Whole {
			room = min(room, m.Fits)
		}
	}
	if len(members) == 0 {
		p.MTU = Ethernet
	}
	if bond > 0 {
		p.MTU, p.How = bond, fmt.Sprintf("%d as configured", bond)
	}
	p.fill(min(room, p.MTU+vlanTag))
	return p
}

// Plain is the port of a device that is not ours, of which only the MTU is known.
func Plain(mtu int) Port {
	p := Port{MTU: mtu, How: fmt.Sprintf("%d of the device", mtu)}
	p.fill(mtu + vlanTag)
	return p
}

// fill computes the MSS for a device in front of a path that passes packets of room bytes in untagged frames.
func (p *Port) fill(room int) {
	p.Fits = min(p.MTU, room)
	p.Whole = room >= p.MTU+vlanTag
	p.MSS, p.Tagged = make(map[kstate.Family]int, 2), make(map[kstate.Family]int, 2)
	for _, f := range kstate.Families {
		p.MSS[f] = MSS(p.Fits, f)
		p.Tagged[f] = MSS(min(p.MTU, room-vlanTag), f)
	}
}

// MSS returns the largest TCP segment in IP packets of so many bytes, options not counted (RFC 6691).
func MSS(mtu int, f kstate.Family) int { return mtu - header(f) - tcp }

// Sit returns the MTU of an IPv6-in-IPv4 tunnel over a path (RFC 4213 3.2), at least IPv6's own minimum.
func Sit(path int) (mtu int, how string) {
	mtu = path - header(kstate.IPv4)
	how = fmt.Sprintf("%d path - %d ipv4 = %d", path, header(kstate.IPv4), mtu)
	if mtu < Least6 {
		mtu = Least6
		how += fmt.Sprintf(", raised to %d", Least6)
	}
	return mtu, how
}
