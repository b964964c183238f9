package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// AddLink makes a device, or changes the one of ours that has the name already. One that cannot be changed is deleted first.
// A bond's primary and active port, which it cannot have yet, are set by SetLink when its ports are there. The peer of a veth gets the same
// MTU and alias and is switched on or off with it, until it is changed itself.
func (c *Conn) AddLink(l kstate.Link) error {
	if err := c.addLink(l); err != nil {
		return fmt.Errorf("add %s: %w", l, err)
	}
	return nil
}

func (c *Conn) addLink(l kstate.Link) error {
	if err := check(l); err != nil {
		return err
	}
	d, found, err := c.own(l.Name)
	if err != nil {
		return err
	}
	if found && !l.Changeable(d.wanted(c.name)) {
		if err := c.remove(d); err != nil {
			return err
		}
		found = false
	}
	if !found {
		if err := c.create(l); err != nil {
			return err
		}
		if d, found, err = c.get(l.Name); err != nil || !found {
			return errors.Join(err, unix.ENODEV)
		}
	}
	if err := c.change(l, d); err != nil {
		return err
	}
	if l.Kind == kstate.KindVeth {
		return c.finishPeer(l)
	}
	return nil
}

// finishPeer gives the other end of a new veth pair what it needs to be ours.
func (c *Conn) finishPeer(l kstate.Link) error {
	p, found, err := c.get(l.Peer)
	if err != nil || !found || !p.unfinished() {
		return err
	}
	l.Name, l.Peer, l.MAC = l.Peer, l.Name, ""
	return c.change(l, p)
}

// create sends the message that makes a device, with what cannot be changed later.
func (c *Conn) create(l kstate.Link) error {
	var data rtnl.Message
	var err error
	m := request(unix.AF_UNSPEC, 0, 192)
	m.Name(unix.IFLA_IFNAME, l.Name)
	m.U32(unix.IFLA_GROUP, unfinished)
	switch l.Kind {
	case kstate.KindBond:
		var mode uint8
		mode, err = number(bondModes, l.Bond.Mode)
		data.U8(unix.IFLA_BOND_MODE, mode)
	case kstate.KindVeth:
		if err = c.makeRoom(l.Peer); err == nil {
			data.Attr(vethPeer|nested, peerData(l))
		}
	case kstate.KindVLAN:
		data.U16(unix.IFLA_VLAN_ID, uint16(l.VLAN))
		err = deviceAttr(&m, unix.IFLA_LINK, l.Parent, c.c.DeviceIndex)
	case kstate.KindSit:
		data, err = encodeSit(*l.Sit)
	default:
		err = ErrNotMade
	}
	if err != nil {
		return err
	}
	m.Attr(unix.IFLA_LINKINFO|nested, linkInfo(l.Kind, data))
	return lacking(l.Kind, c.c.Request(unix.RTM_NEWLINK, netlink.Create|netlink.Excl, m))
}

// vethPeer is VETH_INFO_PEER of linux/veth.h.
const vethPeer = 1

func peerData(l kstate.Link) rtnl.Message {
	m := request(unix.AF_UNSPEC, 0, 48)
	m.Name(unix.IFLA_IFNAME, l.Peer)
	m.U32(unix.IFLA_GROUP, unfinished)
	return m
}

// makeRoom deletes a device of ours that has the name that a peer is to get.
func (c *Conn) makeRoom(name string) error {
	d, found, err := c.own(name)
	if err == nil && found {
		err = c.remove(d)
	}
	return err
}

// SetLink changes what differs on a device of ours, and nothing else. It is how a device of ours is switched on, given its MTU, and a bond its
// options. What cannot be changed is an error (EOPNOTSUPP); AddLink makes such a device anew.
func (c *Conn) SetLink(l kstate.Link) error {
	err := check(l)
	var d device
	var found bool
	if err == nil {
		d, found, err = c.own(l.Name)
	}
	switch {
	case err != nil:
	case !found:
		err = unix.ENODEV
	case !l.Changeable(d.wanted(c.name)):
		err = fmt.Errorf("there is %s: %w", d.wanted(c.name), unix.EOPNOTSUPP)
	default:
		err = c.change(l, d)
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", l, err)
	}
	return nil
}

// change makes d what l wants. The options of its kind come first: a bond that is up already when it gets them, loses frames.
func (c *Conn) change(l kstate.Link, d device) error {
	var errs []error
	if l.Bond != nil {
		errs = append(errs, c.setBond(*l.Bond, d))
	}
	if l.Sit != nil && !l.Sit.Equal(*d.sit) {
		data, err := encodeSit(*l.Sit)
		if err == nil {
			err = c.setData(d, data)
		}
		errs = append(errs, err)
	}
	m := request(unix.AF_UNSPEC, d.index, 96)
	if l.MTU != 0 && l.MTU != d.mtu {
		m.U32(unix.IFLA_MTU, uint32(l.MTU))
	}
	if l.MAC != "" && l.MAC != d.mac {
		mac, err := net.ParseMAC(l.MAC)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		m.Attr(unix.IFLA_ADDRESS, mac)
	}
	if l.Alias != d.alias {
		m.Name(unix.IFLA_IFALIAS, l.Alias)
	}
	if d.group == unfinished {
		m.U32(unix.IFLA_GROUP, 0)
	}
	if l.Up != d.up {
		value := uint32(0)
		if l.Up {
			value = unix.IFF_UP
		}
		setFlags(m, unix.IFF_UP, value)
	}
	if l.Up != d.up || len(m) > ifInfoLen {
		errs = append(errs, c.c.Request(unix.RTM_NEWLINK, 0, m))
	}
	return errors.Join(errs...)
}

// Claim gives a device that another package of ours has made its alias, so that it is ours from then on. One that has another alias, is of
// another kind or is hardware, is refused with a ForeignError. Claiming again is no error.
func (c *Conn) Claim(name, alias string) error {
	d, found, err := c.get(name)
	switch {
	case err != nil:
	case !found:
		err = unix.ENODEV
	case !ourAlias(alias):
		err = unix.EINVAL
	case d.alias == alias:
		return nil
	case d.kind != "" && d.kind != kstate.KindL2TP, d.alias != "" && !d.ours(), d.physical:
		err = d.foreign()
	default:
		m := request(unix.AF_UNSPEC, d.index, 64)
		m.Name(unix.IFLA_IFALIAS, alias)
		err = c.c.Request(unix.RTM_NEWLINK, 0, m)
	}
	if err != nil {
		return fmt.Errorf("claim %s as %q: %w", name, alias, err)
	}
	return nil
}

// DelLink deletes a device that has an alias of ours; any other is refused with a ForeignError. The ports of a bond are released, and
// those that were up are up again. A pseudowire's device goes with its session, here it is an error.
func (c *Conn) DelLink(name string) error {
	d, found, err := c.own(name)
	if err == nil && found {
		err = c.remove(d)
	}
	if err != nil {
		return fmt.Errorf("delete link %s: %w", name, err)
	}
	return nil
}

// remove deletes a device by its index: by its name, another that has taken the name meanwhile might be hit.
func (c *Conn) remove(d device) error {
	if d.kind == "" || d.kind == kstate.KindL2TP {
		return fmt.Errorf("%s: %w", d.name, ErrNotMade)
	}
	var errs []error
	if d.kind == kstate.KindBond {
		ports, err := c.slaves(d.index)
		errs = append(errs, err)
		for _, p := range ports {
			errs = append(errs, c.release(p))
		}
	}
	err := c.c.Request(unix.RTM_DELLINK, 0, request(unix.AF_UNSPEC, d.index, 0))
	if !rtnl.IsErrno(err, unix.ENODEV) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
