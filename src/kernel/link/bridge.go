package link

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Bridge is what a bridge does, which belongs to others.
type Bridge struct {
	VLANFiltering bool
	STP           bool
	DefaultPVID   int // the VLAN of new ports, 0 for none
}

func decodeBridge(data []byte) (b Bridge) {
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case unix.IFLA_BR_STP_STATE:
			b.STP = rtnl.Uint32(v) != 0
		case unix.IFLA_BR_VLAN_FILTERING:
			b.VLANFiltering = rtnl.Uint8(v) != 0
		case unix.IFLA_BR_VLAN_DEFAULT_PVID:
			b.DefaultPVID = int(rtnl.Uint16(v))
		}
	}
	return b
}

func decodePort(data []byte) (p kstate.Port) {
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case unix.IFLA_BRPORT_COST:
			p.Cost = int(rtnl.Uint32(v))
		case unix.IFLA_BRPORT_GUARD:
			p.BPDUGuard = rtnl.Uint8(v) != 0
		case unix.IFLA_BRPORT_PROTECT:
			p.RootBlock = rtnl.Uint8(v) != 0
		case unix.IFLA_BRPORT_ISOLATED:
			p.Isolated = rtnl.Uint8(v) != 0
		}
	}
	return p
}

// vlanRange is a run of VLANs with equal flags.
type vlanRange struct {
	from, to uint16
	flags    uint16
}

// access says whether this is the VLAN of an access port.
func (v vlanRange) access() bool { return v.from == v.to && v.flags == vlanPVID|vlanUntagged }

// without returns the range without one VLAN.
func (v vlanRange) without(vid uint16) (parts []vlanRange) {
	if vid < v.from || vid > v.to {
		return []vlanRange{v}
	}
	if v.from < vid {
		parts = append(parts, vlanRange{v.from, vid - 1, v.flags})
	}
	if vid < v.to {
		parts = append(parts, vlanRange{vid + 1, v.to, v.flags})
	}
	return parts
}

// dumpVLANs hands the VLANs of every port to each, by the index of the port.
func (c *Conn) dumpVLANs(start func(), each func(index int, v vlanRange)) error {
	m := request(unix.AF_BRIDGE, 0, 8)
	m.U32(unix.IFLA_EXT_MASK, filterVLANs)
	err := c.c.Dump(context.Background(), unix.RTM_GETLINK, m, start, func(data []byte) {
		if len(data) < ifInfoLen {
			return
		}
		index := int(int32(native.Uint32(data[4:])))
		for typ, v := range rtnl.Attrs(data[ifInfoLen:]) {
			if typ == unix.IFLA_AF_SPEC {
				decodeVLANs(v, func(v vlanRange) { each(index, v) })
			}
		}
	})
	if err != nil {
		return fmt.Errorf("dump VLANs: %w", err)
	}
	return nil
}

func decodeVLANs(spec []byte, each func(vlanRange)) {
	const rangeFlags = vlanRangeBegin | vlanRangeEnd
	var begin uint16
	for typ, v := range rtnl.Attrs(spec) {
		if typ != bridgeVLANInfo || len(v) < 4 {
			continue
		}
		flags, vid := rtnl.Uint16(v), rtnl.Uint16(v[2:])
		switch {
		case flags&vlanRangeBegin != 0:
			begin = vid
		case flags&vlanRangeEnd != 0:
			each(vlanRange{begin, vid, flags &^ rangeFlags})
		default:
			each(vlanRange{vid, vid, flags})
		}
	}
}
