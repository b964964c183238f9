package link

import (
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// device is a device as the kernel shows it, others by their indexes.
type device struct {
	_ order.Incomparable

	name                     string
	index, mtu, master, link int
	elsewhere                bool // link is in another network namespace
	up, carrier              bool
	physical                 bool // hardware, or the loopback device
	alias, kind, mac         string
	group                    uint32
	vlan                     int
	bond                     *bondInfo
	sit                      *kstate.SitAttrs
	bridge                   Bridge
	port                     kstate.Port // the flags of a bridge's port
	slave                    slaveInfo   // of a bond's port
}

// ours says whether the device has an alias of ours.
func (d *device) ours() bool { return ourAlias(d.alias) }

// unfinished says whether the device was made by us and did not get its alias.
func (d *device) unfinished() bool { return d.group == unfinished && d.alias == "" }

func (d *device) foreign() error {
	kind := d.kind
	if kind == "" {
		kind = "a device"
	}
	return &ForeignError{d.name, fmt.Sprintf("%s with alias %q", kind, d.alias)}
}

func ourAlias(alias string) bool {
	return strings.HasPrefix(alias, kstate.AliasPrefix) && alias != kstate.AliasPrefix
}

// wanted returns the device as a link; name turns an index into a name.
func (d *device) wanted(name func(int) string) kstate.Link {
	l := kstate.Link{Name: d.name, Kind: d.kind, MTU: d.mtu, Up: d.up, Alias: d.alias, MAC: d.mac, Sit: d.sit}
	if l.Kind == "" {
		l.Kind = kstate.KindL2TP
	}
	switch d.kind {
	case kstate.KindVeth:
		if !d.elsewhere {
			l.Peer = name(d.link)
		}
	case kstate.KindVLAN:
		l.VLAN = d.vlan
		if !d.elsewhere {
			l.Parent = name(d.link)
		}
	}
	if d.bond != nil {
		b := d.bond.attrs
		b.Primary, b.ActiveSlave = name(d.bond.primary), name(d.bond.active)
		l.Bond = &b
	}
	return l
}

// Operational states, IF_OPER_* of linux/if.h.
const (
	operUnknown = 0
	operUp      = 6
	iffLowerUp  = 0x10000
)

// iflaParentDevName is IFLA_PARENT_DEV_NAME of linux/if_link.h.
const iflaParentDevName = 56

// decode reads RTM_NEWLINK; ok is false for anything that is no device.
func decode(data []byte) (d device, ok bool) {
	if len(data) < ifInfoLen {
		return d, false
	}
	flags := native.Uint32(data[8:])
	d.index, d.up = int(int32(native.Uint32(data[4:]))), flags&unix.IFF_UP != 0
	d.physical = flags&unix.IFF_LOOPBACK != 0
	oper := uint8(operUnknown)
	for typ, v := range rtnl.Attrs(data[ifInfoLen:]) {
		switch typ {
		case unix.IFLA_IFNAME:
			d.name = rtnl.Text(v)
		case unix.IFLA_MTU:
			d.mtu = int(rtnl.Uint32(v))
		case unix.IFLA_ADDRESS:
			if len(v) == 6 {
				d.mac = net.HardwareAddr(v).String()
			}
		case unix.IFLA_OPERSTATE:
			oper = rtnl.Uint8(v)
		case unix.IFLA_IFALIAS:
			d.alias = rtnl.Text(v)
		case unix.IFLA_MASTER:
			d.master = int(rtnl.Uint32(v))
		case unix.IFLA_LINK:
			d.link = int(rtnl.Uint32(v))
		case unix.IFLA_LINK_NETNSID:
			d.elsewhere = true
		case unix.IFLA_PERM_ADDRESS, iflaParentDevName:
			d.physical = true
		case unix.IFLA_GROUP:
			d.group = rtnl.Uint32(v)
		case unix.IFLA_LINKINFO:
			d.decodeInfo(v)
		}
	}
	d.carrier = flags&iffLowerUp != 0 && (oper == operUp || oper == operUnknown)
	return d, d.index > 0 && d.name != ""
}

// decodeInfo reads IFLA_LINKINFO. The kinds come before the data that they explain.
func (d *device) decodeInfo(info []byte) {
	master := ""
	for typ, v := range rtnl.Attrs(info) {
		switch typ {
		case unix.IFLA_INFO_KIND:
			d.kind = rtnl.Text(v)
		case unix.IFLA_INFO_SLAVE_KIND:
			master = rtnl.Text(v)
		case unix.IFLA_INFO_DATA:
			switch d.kind {
			case kstate.KindBond:
				d.bond = decodeBond(v)
			case kstate.KindSit:
				d.sit = decodeSit(v)
			case kstate.KindVLAN:
				d.vlan = decodeVLAN(v)
			case kstate.KindBridge:
				d.bridge = decodeBridge(v)
			}
		case unix.IFLA_INFO_SLAVE_DATA:
			switch master {
			case kstate.KindBridge:
				d.port = decodePort(v)
			case kstate.KindBond:
				d.slave = decodeSlave(v)
			}
		}
	}
}

func decodeVLAN(data []byte) (id int) {
	for typ, v := range rtnl.Attrs(data) {
		if typ == unix.IFLA_VLAN_ID {
			id = int(rtnl.Uint16(v))
		}
	}
	return id
}
