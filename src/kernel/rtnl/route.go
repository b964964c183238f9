package rtnl

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// rtMsgLen is the size of struct rtmsg (linux/rtnetlink.h).
const rtMsgLen = 12

const rtaNHID = 30 // RTA_NH_ID of linux/rtnetlink.h, which x/sys/unix lacks

var routeTypes = map[uint8]kstate.RuleAction{
	unix.RTN_UNICAST: kstate.Unicast, unix.RTN_BLACKHOLE: kstate.Blackhole,
	unix.RTN_UNREACHABLE: kstate.Unreachable, unix.RTN_PROHIBIT: kstate.Prohibit,
	unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast", unix.RTN_THROW: "throw",
}

func routeType(a kstate.RuleAction) (uint8, error) {
	switch a {
	case kstate.Unicast:
		return unix.RTN_UNICAST, nil
	case kstate.Blackhole:
		return unix.RTN_BLACKHOLE, nil
	case kstate.Unreachable:
		return unix.RTN_UNREACHABLE, nil
	case kstate.Prohibit:
		return unix.RTN_PROHIBIT, nil
	}
	return 0, fmt.Errorf("route type %q: %w", a, unix.EINVAL)
}

// ReplaceRoute puts a route of protocol 77 in the place of the one with the same key, or adds it: one message, so that no packet finds
// neither. A multipath route has at least two hops; IPv6 routes have a metric (see kstate.Route).
func (c *Conn) ReplaceRoute(r kstate.Route) error {
	body, err := encodeRoute(r, c.devices())
	if err == nil {
		err = c.change(unix.RTM_NEWROUTE, netlink.Create|netlink.Replace, body)
	}
	if err != nil && !isErrno(err, unix.EEXIST) {
		return fmt.Errorf("replace %s: %w", r, err)
	}
	return nil
}

// DelRoute deletes the route of protocol 77 with the key of r, whatever its next hops; one that is gone already is fine.
func (c *Conn) DelRoute(r kstate.Route) error {
	m := make(Message, rtMsgLen, 64)
	m[0], m[5], m[6] = uint8(r.Family), kstate.Protocol, unix.RT_SCOPE_NOWHERE
	m.target(r)
	if err := c.change(unix.RTM_DELROUTE, 0, m); err != nil && !isErrno(err, unix.ENOENT, unix.ESRCH) {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	return nil
}

// target writes what identifies a route: destination, table and metric.
func (m *Message) target(r kstate.Route) {
	if r.Dst.Bits() > 0 {
		(*m)[1] = uint8(r.Dst.Bits())
		m.Addr(unix.RTA_DST, r.Dst.Addr())
	}
	(*m)[4] = unix.RT_TABLE_COMPAT
	if r.Table < 256 {
		(*m)[4] = uint8(r.Table)
	}
	m.U32(unix.RTA_TABLE, r.Table)
	if r.Metric != 0 {
		m.U32(unix.RTA_PRIORITY, r.Metric)
	}
}

// encodeRoute returns the payload of RTM_NEWROUTE.
func encodeRoute(r kstate.Route, d indexer) ([]byte, error) {
	typ, err := routeType(r.Type)
	switch {
	case err != nil:
		return nil, err
	case len(r.Hops) == 1:
		// The kernel shows such a route as one with a plain gateway: it would never be found equal.
		return nil, fmt.Errorf("a multipath route of one hop: %w", unix.EINVAL)
	case r.Family == kstate.IPv6 && r.Metric == 0:
		return nil, fmt.Errorf("an IPv6 route without a metric: %w", unix.EINVAL)
	}
	m := make(Message, rtMsgLen, 128)
	m[0], m[5], m[7] = uint8(r.Family), kstate.Protocol, typ
	m.target(r)
	if r.Type != kstate.Unicast {
		return m, nil
	}
	if r.Src.IsValid() {
		m.Addr(unix.RTA_PREFSRC, r.Src)
	}
	switch {
	case r.Nexthop != 0:
		m.U32(rtaNHID, r.Nexthop)
	case len(r.Hops) > 0:
		return m, m.multipath(r.Family, r.Hops, d)
	default:
		return m, m.hop(r, d)
	}
	return m, nil
}

func (m *Message) hop(r kstate.Route, d indexer) error {
	if r.OnLink {
		native.PutUint32((*m)[8:], unix.RTNH_F_ONLINK)
	}
	if r.Gateway.IsValid() {
		m.gateway(r.Family, r.Gateway)
	} else if r.Family == kstate.IPv4 {
		(*m)[6] = unix.RT_SCOPE_LINK // as ip-route(8): what is reached without a gateway is on the link
	}
	if r.Device == "" {
		return nil
	}
	i, err := d.index(r.Device)
	if err != nil {
		return err
	}
	m.U32(unix.RTA_OIF, i)
	return nil
}

// gateway writes a next hop: RTA_VIA where it is of another family than the route (RFC 5549).
func (m *Message) gateway(f kstate.Family, gw netip.Addr) {
	gf := kstate.FamilyOf(gw)
	if gf == f {
		m.Addr(unix.RTA_GATEWAY, gw)
		return
	}
	m.Attr(unix.RTA_VIA, append(native.AppendUint16(nil, uint16(gf)), gw.AsSlice()...))
}

// via reads RTA_VIA, struct rtvia of linux/rtnetlink.h.
func via(v []byte) netip.Addr {
	if len(v) < 2 {
		return netip.Addr{}
	}
	return Address(v[2:])
}

// routeInfo is a decoded route and what kstate.Route has no place for.
type routeInfo struct {
	kstate.Route
	protocol uint8
	index    uint32 // of Device
	cloned   bool   // an entry of the route cache
	mtu      uint32 // of the path, 0 where it is the device's
}

// decodeRoute reads a route; ok is false where it is none of IPv4 or IPv6.
func decodeRoute(data []byte, d namer) (r routeInfo, ok bool) {
	if len(data) < rtMsgLen || !known(kstate.Family(data[0])) {
		return r, false
	}
	r.Family, r.Table, r.protocol = kstate.Family(data[0]), uint32(data[4]), data[5]
	r.Dst, r.Type = r.Family.Any(), routeTypes[data[7]]
	flags := native.Uint32(data[8:])
	r.OnLink, r.cloned = flags&unix.RTNH_F_ONLINK != 0, flags&unix.RTM_F_CLONED != 0
	for typ, v := range Attrs(data[rtMsgLen:]) {
		switch typ {
		case unix.RTA_DST:
			if p := prefix(Address(v), data[1]); p.IsValid() {
				r.Dst = p
			}
		case unix.RTA_TABLE:
			r.Table = Uint32(v)
		case unix.RTA_PRIORITY:
			r.Metric = Uint32(v)
		case unix.RTA_PREFSRC:
			r.Src = Address(v)
		case unix.RTA_GATEWAY:
			r.Gateway = somebody(Address(v))
		case unix.RTA_VIA:
			r.Gateway = via(v)
		case unix.RTA_OIF:
			r.index = Uint32(v)
		case unix.RTA_MULTIPATH:
			r.Hops = decodeHops(v, d)
		case unix.RTA_METRICS:
			for metric, v := range Attrs(v) {
				if metric == unix.RTAX_MTU {
					r.mtu = Uint32(v)
				}
			}
		case rtaNHID:
			r.Nexthop = Uint32(v)
		}
	}
	r.level(d)
	return r, true
}

// level drops what the kernel shows beyond what was asked for: next hops of special routes (IPv6 names the device lo) and of nexthop
// objects.
func (r *routeInfo) level(d namer) {
	if r.Type == kstate.Unicast && r.Nexthop == 0 {
		if r.index != 0 {
			r.Device = d.name(r.index)
		}
		return
	}
	r.Gateway, r.Hops, r.OnLink = netip.Addr{}, nil, false
}

// routeFilter asks for a part of the routes. Zero fields match all.
type routeFilter struct {
	family   kstate.Family
	table    uint32
	protocol uint8
	index    int
}

func (f routeFilter) encode() []byte {
	m := make(Message, rtMsgLen, 32)
	m[0], m[5] = uint8(f.family), f.protocol
	if f.table != 0 {
		m.U32(unix.RTA_TABLE, f.table)
	}
	if f.index != 0 {
		m.U32(unix.RTA_OIF, uint32(f.index))
	}
	return m
}

// dumpRoutes hands every matching route to each. A table that does not exist is empty.
func (c *Conn) dumpRoutes(ctx context.Context, f routeFilter, d namer, start func(), each func(routeInfo)) error {
	err := c.dump(ctx, unix.RTM_GETROUTE, f.encode(), start, func(data []byte) {
		r, ok := decodeRoute(data, d)
		if !ok || r.cloned || r.Family != f.family || (f.table != 0 && r.Table != f.table) || (f.protocol != 0 && r.protocol != f.protocol) {
			return
		}
		each(r)
	})
	if isErrno(err, unix.ENOENT, unix.EAFNOSUPPORT, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("dump %s routes of table %d: %w", f.family, f.table, err)
	}
	return nil
}

// indexer and namer are devices, or a table of them in tests.
type indexer interface {
	index(name string) (uint32, error)
}
type namer interface{ name(index uint32) string }
