package rtnl

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// Link is a network device.
type Link struct {
	Name         string
	Index        int
	Up           bool // administratively
	Carrier      bool // the layer below works: IFF_LOWER_UP, and the operational state is up or unknown (RFC 2863)
	PointToPoint bool // IFF_POINTOPOINT or without link-layer addresses (IFF_NOARP): ppp, tun, wireguard
	MTU          int
	MAC          net.HardwareAddr
	Alias        string // ifalias
	Kind         string // "vlan", "bridge", "veth" …, "" for a physical device
	Master       int    // index of the bridge or bond that it is a port of, 0 for none
}

const (
	ifInfoMsgLen  = 16 // struct ifinfomsg
	ifAddrMsgLen  = 8  // struct ifaddrmsg
	iffLowerUp    = 0x10000
	iffLoopback   = unix.IFF_LOOPBACK
	filterNoStats = 8  // RTEXT_FILTER_SKIP_STATS
	ifaProto      = 11 // IFA_PROTO
)

// Operational states, IF_OPER_* of linux/if.h.
const (
	operUnknown = 0
	operUp      = 6
)

// Links returns all devices, without their statistics.
func (c *Conn) Links(ctx context.Context) ([]Link, error) {
	body := make(Message, ifInfoMsgLen, 32)
	body.U32(unix.IFLA_EXT_MASK, filterNoStats)
	var links []Link
	err := c.dump(ctx, unix.RTM_GETLINK, body, func() { links = links[:0] }, func(data []byte) {
		if l, ok := decodeLink(data); ok {
			links = append(links, l)
		}
	})
	if err != nil {
		return links, fmt.Errorf("dump links: %w", err)
	}
	return links, nil
}

func decodeLink(data []byte) (l Link, ok bool) {
	if len(data) < ifInfoMsgLen {
		return l, false
	}
	flags := native.Uint32(data[8:])
	l.Index = int(int32(native.Uint32(data[4:])))
	l.Up = flags&unix.IFF_UP != 0
	l.PointToPoint = flags&unix.IFF_POINTOPOINT != 0 || flags&(unix.IFF_NOARP|iffLoopback) == unix.IFF_NOARP
	oper := uint8(operUnknown)
	for typ, v := range Attrs(data[ifInfoMsgLen:]) {
		switch typ {
		case unix.IFLA_IFNAME:
			l.Name = Text(v)
		case unix.IFLA_MTU:
			l.MTU = int(Uint32(v))
		case unix.IFLA_ADDRESS:
			l.MAC = append(net.HardwareAddr(nil), v...)
		case unix.IFLA_OPERSTATE:
			oper = Uint8(v)
		case unix.IFLA_IFALIAS:
			l.Alias = Text(v)
		case unix.IFLA_MASTER:
			l.Master = int(Uint32(v))
		case unix.IFLA_LINKINFO:
			for t, w := range Attrs(v) {
				if t == unix.IFLA_INFO_KIND {
					l.Kind = Text(w)
				}
			}
		}
	}
	l.Carrier = flags&iffLowerUp != 0 && (oper == operUp || oper == operUnknown)
	return l, l.Index > 0 && l.Name != ""
}

// Addr is an address of a device.
type Addr struct {
	Prefix netip.Prefix // the own address, with the length of the connected prefix
	Index  int
	Scope  uint8      // RT_SCOPE_*: 0 universe, 200 site, 253 link, 254 host
	Flags  uint32     // IFA_F_* of linux/if_addr.h
	Peer   netip.Addr // the far end of a point-to-point address; Prefix's length then counts for it
	// Protocol says who added the address, IFA_PROTO: kstate.Protocol of ours, 1 to 3 the kernel; 0 before Linux 5.18.
	Protocol uint8
}

// Family returns the address's family.
func (a Addr) Family() kstate.Family { return kstate.FamilyOf(a.Prefix.Addr()) }

// Usable says whether the address may be a source at all: of global scope, not waiting for duplicate address detection nor failed in it
// (RFC 4862; an optimistic address of RFC 4429 may be used).
func (a Addr) Usable() bool {
	tentative := a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_OPTIMISTIC == 0
	return a.Scope == unix.RT_SCOPE_UNIVERSE && !tentative && a.Flags&unix.IFA_F_DADFAILED == 0
}

// Deprecated says that the preferred lifetime is over: in use only by what uses it already.
func (a Addr) Deprecated() bool { return a.Flags&unix.IFA_F_DEPRECATED != 0 }

// Temporary says that this is a privacy address of RFC 8981.
func (a Addr) Temporary() bool {
	return a.Family() == kstate.IPv6 && a.Flags&unix.IFA_F_TEMPORARY != 0
}

// Secondary says that this is a further IPv4 address in the connected prefix of another one.
func (a Addr) Secondary() bool {
	return a.Family() == kstate.IPv4 && a.Flags&unix.IFA_F_SECONDARY != 0
}

// Addrs returns all addresses of both families, in the kernel's order.
func (c *Conn) Addrs(ctx context.Context) ([]Addr, error) {
	var all []Addr
	for _, f := range kstate.Families {
		body := make(Message, ifAddrMsgLen)
		body[0] = uint8(f)
		n := len(all)
		err := c.dump(ctx, unix.RTM_GETADDR, body, func() { all = all[:n] }, func(data []byte) {
			if a, ok := decodeAddr(data); ok && a.Family() == f {
				all = append(all, a)
			}
		})
		if err != nil && !isErrno(err, unix.EAFNOSUPPORT, unix.EOPNOTSUPP) {
			return all, fmt.Errorf("dump %s addresses: %w", f, err)
		}
	}
	return all, nil
}

func decodeAddr(data []byte) (a Addr, ok bool) {
	if len(data) < ifAddrMsgLen || !known(kstate.Family(data[0])) {
		return a, false
	}
	a.Flags, a.Scope, a.Index = uint32(data[2]), data[3], int(int32(native.Uint32(data[4:])))
	var local, address netip.Addr
	for typ, v := range Attrs(data[ifAddrMsgLen:]) {
		switch typ {
		case unix.IFA_LOCAL:
			local = Address(v)
		case unix.IFA_ADDRESS:
			address = Address(v)
		case unix.IFA_FLAGS:
			a.Flags = Uint32(v)
		case ifaProto:
			a.Protocol = Uint8(v)
		}
	}
	// IFA_ADDRESS is the far end where there is one; IPv6 gives IFA_LOCAL only then (linux/if_addr.h).
	if !local.IsValid() {
		local = address
	}
	if address != local {
		a.Peer = address
	}
	if !local.IsValid() || int(data[1]) > local.BitLen() {
		return a, false
	}
	a.Prefix = netip.PrefixFrom(local, int(data[1]))
	return a, true
}
