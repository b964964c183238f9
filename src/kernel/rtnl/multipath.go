package rtnl

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// rtNexthopLen is the size of struct rtnexthop (linux/rtnetlink.h): length, flags, weight less one, device index.
const rtNexthopLen = 8

// nobody is the gateway of an IPv6 hop that has none: the kernel refuses such hops in a multipath route ("Device only routes can not be
// added for IPv6 using the multipath API"). A point-to-point device resolves no neighbours, so a link-local gateway is never asked
// for; this one spells "multiwan". It is seen in `ip -6 route`, and by nobody else.
var nobody = netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: 'm', 9: 'u', 10: 'l', 11: 't', 12: 'i', 13: 'w', 14: 'a', 15: 'n'})

// somebody returns a gateway that is one: nobody is none.
func somebody(gw netip.Addr) netip.Addr {
	if gw == nobody {
		return netip.Addr{}
	}
	return gw
}

func (m *Message) multipath(f kstate.Family, hops []kstate.Hop, d indexer) error {
	var all []byte
	for _, h := range hops {
		if h.Weight < 1 || h.Weight > 256 {
			return fmt.Errorf("weight %d: %w", h.Weight, unix.EINVAL)
		}
		one := make(Message, rtNexthopLen, 32)
		if h.OnLink {
			one[2] = unix.RTNH_F_ONLINK
		}
		one[3] = uint8(h.Weight - 1)
		if h.Device != "" {
			i, err := d.index(h.Device)
			if err != nil {
				return err
			}
			native.PutUint32(one[4:], i)
		}
		switch {
		case h.Gateway.IsValid():
			one.gateway(f, h.Gateway)
		case f == kstate.IPv6:
			one.gateway(f, nobody)
		}
		native.PutUint16(one, uint16(len(one)))
		all = append(all, one...)
	}
	m.Attr(unix.RTA_MULTIPATH, all)
	return nil
}

// decodeHops reads RTA_MULTIPATH; both families look alike there. Flags that tell a state (dead, linkdown) are passed over.
func decodeHops(b []byte, d namer) []kstate.Hop {
	var hops []kstate.Hop
	for len(b) >= rtNexthopLen {
		n := int(native.Uint16(b))
		if n < rtNexthopLen || n > len(b) {
			break
		}
		h := kstate.Hop{OnLink: b[2]&unix.RTNH_F_ONLINK != 0, Weight: int(b[3]) + 1}
		if i := native.Uint32(b[4:]); i != 0 {
			h.Device = d.name(i)
		}
		for typ, v := range Attrs(b[rtNexthopLen:n]) {
			switch typ {
			case unix.RTA_GATEWAY:
				h.Gateway = somebody(Address(v))
			case unix.RTA_VIA:
				h.Gateway = via(v)
			}
		}
		hops = append(hops, h)
		b = b[min(len(b), (n+3)&^3):]
	}
	kstate.SortHops(hops)
	return hops
}
