package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Attributes of the bridge family, IFLA_BRIDGE_* and BRIDGE_VLAN_INFO_* of linux/if_bridge.h.
const (
	bridgeVLANInfo = 2
	vlanPVID       = 1 << 1
	vlanUntagged   = 1 << 2
	vlanRangeBegin = 1 << 3
	vlanRangeEnd   = 1 << 4
)

// SetPort makes a device a port of its master, with the flags and the VLAN that p wants, and changes only what differs. A device of ours may
// come from another master, one of others only from none.
//
// A bond takes no device that is up: it is switched off, and the bond switches it on. A device that is to be in a VLAN is off as well while it
// joins, since a new port is in the bridge's default VLAN at first.
func (c *Conn) SetPort(p kstate.Port) error {
	if err := c.setPort(p); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

func (c *Conn) setPort(p kstate.Port) error {
	d, found, err := c.get(p.Device)
	if err == nil && !found {
		err = fmt.Errorf("device %s: %w", p.Device, unix.ENODEV)
	}
	if err != nil {
		return err
	}
	m, found, err := c.get(p.Master)
	if err == nil && !found {
		err = fmt.Errorf("device %s: %w", p.Master, unix.ENODEV)
	}
	switch {
	case err != nil:
		return err
	case m.kind != kstate.KindBridge && m.kind != kstate.KindBond:
		return fmt.Errorf("%s is neither bridge nor bond: %w", p.Master, unix.EINVAL)
	case m.kind == kstate.KindBond && !m.ours():
		return m.foreign()
	case m.kind == kstate.KindBond && (p.PVID != 0 || p.Isolated || p.Cost != 0 || p.BPDUGuard || p.RootBlock):
		return fmt.Errorf("%s is no bridge: %w", p.Master, unix.EINVAL)
	case p.PVID != 0 && !m.bridge.VLANFiltering:
		return fmt.Errorf("VLAN %d of %s: %w", p.PVID, p.Master, ErrNotVLANAware)
	case d.master != 0 && d.master != m.index && !d.ours():
		return &ForeignError{d.name, "a port of " + c.name(d.master)}
	}
	if m.kind == kstate.KindBond {
		if d.master == m.index {
			return nil
		}
		return c.enslave(d, m.index)
	}
	return c.setBridgePort(p, d, m)
}

// enslave puts a device into a bond, or out of it for 0.
func (c *Conn) enslave(d device, master int) error {
	if master != 0 && d.up {
		if err := c.setUp(d.index, false); err != nil {
			return err
		}
	}
	m := request(unix.AF_UNSPEC, d.index, 8)
	m.U32(unix.IFLA_MASTER, uint32(master))
	if err := c.c.Request(unix.RTM_NEWLINK, 0, m); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return nil
}

func (c *Conn) setBridgePort(p kstate.Port, d, m device) error {
	hidden := false
	if d.master != m.index {
		hidden = d.up && p.PVID != 0
		if hidden {
			if err := c.setUp(d.index, false); err != nil {
				return err
			}
		}
		if err := c.enslave(device{name: d.name, index: d.index}, m.index); err != nil {
			return err
		}
		var found bool
		var err error
		if d, found, err = c.get(p.Device); err != nil || !found {
			return errors.Join(err, unix.ENODEV)
		}
	}
	err := c.setPortFlags(p, d)
	if err == nil && p.PVID != 0 {
		err = c.setPVID(p, d.index)
	}
	if hidden && err == nil {
		err = c.setUp(d.index, true)
	}
	return err
}

// setPortFlags sets the flags of a bridge's port that differ.
func (c *Conn) setPortFlags(p kstate.Port, d device) error {
	var info rtnl.Message
	flag := func(typ uint16, want, have bool) {
		if want != have {
			v := uint8(0)
			if want {
				v = 1
			}
			info.U8(typ, v)
		}
	}
	flag(unix.IFLA_BRPORT_ISOLATED, p.Isolated, d.port.Isolated)
	flag(unix.IFLA_BRPORT_GUARD, p.BPDUGuard, d.port.BPDUGuard)
	flag(unix.IFLA_BRPORT_PROTECT, p.RootBlock, d.port.RootBlock)
	if p.Cost != 0 && p.Cost != d.port.Cost {
		info.U32(unix.IFLA_BRPORT_COST, uint32(p.Cost))
	}
	if len(info) == 0 {
		return nil
	}
	m := request(unix.AF_BRIDGE, d.index, 8+len(info))
	m.Attr(unix.IFLA_PROTINFO|nested, info)
	return c.c.Request(unix.RTM_SETLINK, 0, m)
}

// setPVID makes a port an access port: the wanted VLAN first, then the others away, so that the port is never in none that it shall be in.
func (c *Conn) setPVID(p kstate.Port, index int) error {
	var have []vlanRange
	err := c.dumpVLANs(func() { have = have[:0] }, func(i int, v vlanRange) {
		if i == index {
			have = append(have, v)
		}
	})
	if err != nil {
		return err
	}
	vid := uint16(p.PVID)
	if !holds(have, vid) {
		if err := c.changeVLAN(unix.RTM_SETLINK, index, vlanPVID|vlanUntagged, vid); err != nil {
			return err
		}
	}
	for _, v := range have {
		for _, part := range v.without(vid) {
			if err := c.deleteVLANs(index, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func holds(have []vlanRange, vid uint16) bool {
	for _, v := range have {
		if v.access() && v.from == vid {
			return true
		}
	}
	return false
}

func (c *Conn) deleteVLANs(index int, v vlanRange) error {
	if v.from == v.to {
		return c.changeVLAN(unix.RTM_DELLINK, index, 0, v.from)
	}
	return c.changeVLAN(unix.RTM_DELLINK, index, vlanRangeBegin, v.from, v.to)
}

// changeVLAN adds or deletes VLANs of a port; two numbers are a range.
func (c *Conn) changeVLAN(typ uint16, index int, flags uint16, vids ...uint16) error {
	var spec rtnl.Message
	for i, vid := range vids {
		f := flags
		if i == 1 {
			f = vlanRangeEnd
		}
		spec.Attr(bridgeVLANInfo, native.AppendUint16(native.AppendUint16(nil, f), vid))
	}
	m := request(unix.AF_BRIDGE, index, 8+len(spec))
	m.Attr(unix.IFLA_AF_SPEC|nested, spec)
	return c.c.Request(typ, 0, m)
}

// Master returns the bridge or bond that a device is a port of, "" for none or where there is no such device.
func (c *Conn) Master(device string) (string, error) {
	d, found, err := c.get(device)
	if err != nil || !found {
		return "", err
	}
	return c.name(d.master), nil
}

// ClearPort takes a device out of its master, where it still is its port. A device that was up is up again afterwards: a bond switches off what
// it releases.
func (c *Conn) ClearPort(p kstate.Port) error {
	d, found, err := c.get(p.Device)
	if err == nil && found && d.master != 0 && c.name(d.master) == p.Master {
		err = c.release(d)
	}
	if err != nil {
		return fmt.Errorf("take %s out of %s: %w", p.Device, p.Master, err)
	}
	return nil
}

func (c *Conn) release(d device) error {
	err := c.enslave(d, 0)
	if err == nil && d.up {
		err = c.setUp(d.index, true)
	}
	return err
}
