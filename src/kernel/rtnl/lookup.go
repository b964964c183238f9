package rtnl

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// RouteQuery describes a packet. Only Dst is needed.
type RouteQuery struct {
	Src, Dst     netip.Addr
	Mark         uint32
	IIF, OIF     string // IIF: a packet that came in by that device; without it, one of the router's own
	Proto        uint8
	Sport, Dport uint16 // count only with Proto
	UID          uint32
}

// RouteAnswer is what the kernel would do with the packet.
type RouteAnswer struct {
	Type    kstate.RuleAction // Unicast, Prohibit, Unreachable, Blackhole, "local", "broadcast" or "multicast"
	Device  string
	Gateway netip.Addr
	Src     netip.Addr
	Table   uint32 // 0 where the kernel does not say: with refusals
	// MTU is that of the path as the kernel has learned it or as the route says; 0 where neither does: then it is the device's.
	MTU int
}

// String returns the answer in words of ip(8), for example "unicast via 192.0.2.254 dev eth0 src 192.0.2.1 table 254".
func (a RouteAnswer) String() string {
	s := string(a.Type)
	if a.Gateway.IsValid() {
		s += " via " + a.Gateway.String()
	}
	if a.Device != "" {
		s += " dev " + a.Device
	}
	if a.Src.IsValid() {
		s += " src " + a.Src.String()
	}
	if a.Table != 0 {
		s += fmt.Sprintf(" table %d", a.Table)
	}
	return s
}

// RouteGet asks the kernel for its own decision about a packet. That there is no route is an answer too: Unreachable.
func (c *Conn) RouteGet(ctx context.Context, q RouteQuery) (RouteAnswer, error) {
	d := c.devices()
	body, err := encodeQuery(q, d)
	if err != nil {
		return RouteAnswer{}, fmt.Errorf("route get %s: %w", q.Dst, err)
	}
	var a RouteAnswer
	err = c.exchange(ctx, unix.RTM_GETROUTE, netlink.Acknowledge, body, func(_ header, data []byte) {
		if r, ok := decodeRoute(data, d); ok {
			a = RouteAnswer{Type: r.Type, Gateway: r.Gateway, Src: r.Src, Table: r.Table, MTU: int(r.mtu)}
			if r.index != 0 && r.Type != kstate.Unreachable && r.Type != kstate.Prohibit && r.Type != kstate.Blackhole {
				a.Device = d.name(r.index)
			}
		}
	})
	// A refusing rule or route is told by an error number (fib_props of net/ipv4/fib_semantics.c, ip6_route_init of net/ipv6/route.c).
	switch {
	case isErrno(err, unix.EACCES):
		return RouteAnswer{Type: kstate.Prohibit}, nil
	case isErrno(err, unix.ENETUNREACH, unix.EHOSTUNREACH):
		return RouteAnswer{Type: kstate.Unreachable}, nil
	case isErrno(err, unix.EINVAL) && !hasText(err):
		return RouteAnswer{Type: kstate.Blackhole}, nil
	case err != nil:
		return a, fmt.Errorf("route get %s: %w", q.Dst, err)
	}
	return a, nil
}

func encodeQuery(q RouteQuery, d indexer) ([]byte, error) {
	f := kstate.FamilyOf(q.Dst)
	if !known(f) || (q.Src.IsValid() && kstate.FamilyOf(q.Src) != f) {
		return nil, fmt.Errorf("from %q: %w", q.Src, unix.EAFNOSUPPORT)
	}
	m := make(Message, rtMsgLen, 96)
	m[0], m[1] = uint8(f), uint8(f.Bits())
	if f == kstate.IPv4 {
		native.PutUint32(m[8:], unix.RTM_F_LOOKUP_TABLE) // IPv6 always names the table, and refuses the flag
	}
	m.Addr(unix.RTA_DST, q.Dst)
	if q.Src.IsValid() {
		m[2] = uint8(f.Bits())
		m.Addr(unix.RTA_SRC, q.Src)
	}
	for i, name := range []string{q.IIF, q.OIF} {
		if name == "" {
			continue
		}
		index, err := d.index(name)
		if err != nil {
			return nil, err
		}
		m.U32(uint16(unix.RTA_IIF+i), index)
	}
	m.U32(unix.RTA_MARK, q.Mark)
	m.U32(unix.RTA_UID, q.UID)
	if q.Proto != 0 {
		m.U8(unix.RTA_IP_PROTO, q.Proto)
		if q.Sport != 0 {
			m.Attr(unix.RTA_SPORT, []byte{byte(q.Sport >> 8), byte(q.Sport)})
		}
		if q.Dport != 0 {
			m.Attr(unix.RTA_DPORT, []byte{byte(q.Dport >> 8), byte(q.Dport)})
		}
	}
	return m, nil
}

func hasText(err error) bool {
	k, ok := err.(*KernelError)
	return ok && k.Message != ""
}
