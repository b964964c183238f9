package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Conn observes and changes devices by a connection to rtnetlink.
type Conn struct{ c *rtnl.Conn }

// New returns a Conn over an open connection, which the caller closes.
func New(c *rtnl.Conn) *Conn { return &Conn{c} }

var native = binary.NativeEndian

// nested marks attributes that hold attributes, NLA_F_NESTED of linux/netlink.h.
const nested = 0x8000

// Sizes and filters of linux/rtnetlink.h.
const (
	ifInfoLen     = 16 // struct ifinfomsg
	filterNoStats = 8  // RTEXT_FILTER_SKIP_STATS
	filterVLANs   = 4  // RTEXT_FILTER_BRVLAN_COMPRESSED
	unfinished    = 0x4d57
	ifaProto      = 11 // IFA_PROTO of linux/if_addr.h
)

// request returns the head of a message about the device with an index, 0 for none, with room for n bytes of attributes.
func request(family uint8, index, n int) rtnl.Message {
	m := make(rtnl.Message, ifInfoLen, ifInfoLen+n)
	m[0] = family
	native.PutUint32(m[4:], uint32(index))
	return m
}

// setFlags makes the message change flags of the device, IFF_*.
func setFlags(m rtnl.Message, mask, value uint32) {
	native.PutUint32(m[8:], value)
	native.PutUint32(m[12:], mask)
}

// get returns the device of a name; found is false where there is none.
func (c *Conn) get(name string) (d device, found bool, err error) {
	if err := checkName(name); err != nil {
		return d, false, err
	}
	m := request(unix.AF_UNSPEC, 0, 32)
	m.Name(unix.IFLA_IFNAME, name)
	m.U32(unix.IFLA_EXT_MASK, filterNoStats)
	err = c.c.Get(context.Background(), unix.RTM_GETLINK, m, func(data []byte) { d, found = decode(data) })
	if rtnl.IsErrno(err, unix.ENODEV) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("get link %s: %w", name, err)
	}
	// A name that is an alternative name of another device does not make that device ours.
	return d, found && d.name == name, nil
}

// own returns the device of a name, and a ForeignError where it is not ours.
func (c *Conn) own(name string) (d device, found bool, err error) {
	d, found, err = c.get(name)
	if err == nil && found && !d.ours() && !d.unfinished() {
		err = d.foreign()
	}
	return d, found, err
}

// name returns the name of a device for its index, "" for 0 and for one that went away.
func (c *Conn) name(index int) string {
	if index == 0 {
		return ""
	}
	n, err := c.c.DeviceName(index)
	if err != nil {
		return ""
	}
	return n
}

// slaves returns the ports of a bridge or bond.
func (c *Conn) slaves(master int) ([]device, error) {
	m := request(unix.AF_UNSPEC, 0, 32)
	m.U32(unix.IFLA_EXT_MASK, filterNoStats)
	m.U32(unix.IFLA_MASTER, uint32(master))
	var list []device
	err := c.c.Dump(context.Background(), unix.RTM_GETLINK, m, func() { list = list[:0] }, func(data []byte) {
		if d, ok := decode(data); ok && d.master == master {
			list = append(list, d)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("dump ports: %w", err)
	}
	return list, nil
}

// setUp switches a device on or off.
func (c *Conn) setUp(index int, up bool) error {
	m := request(unix.AF_UNSPEC, index, 0)
	value := uint32(0)
	if up {
		value = unix.IFF_UP
	}
	setFlags(m, unix.IFF_UP, value)
	return c.c.Request(unix.RTM_NEWLINK, 0, m)
}

func checkName(name string) error {
	if name == "" || len(name) > kstate.MaxDeviceName || strings.ContainsAny(name, "/: \t\n") || name == "." || name == ".." {
		return fmt.Errorf("device name %q: %w", name, unix.EINVAL)
	}
	return nil
}
