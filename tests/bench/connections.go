package main

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/tests/lab"
)

// tracker puts connections into the connection table of a host, as `conntrack -I` does.
type tracker struct {
	tb lab.TB
	nl *netlink.Conn
}

func newTracker(tb lab.TB, h *lab.Host) *tracker {
	t := &tracker{tb: tb}
	var err error
	h.Do(func() { t.nl, err = netlink.Dial(unix.NETLINK_NETFILTER, nil) })
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { t.nl.Close() })
	return t
}

// fill adds n UDP connections, in turn of each WAN (id 1 up to wans) and of each family, and leaves those that are there.
func (t *tracker) fill(n, wans int) {
	for i := range n {
		wan := i % wans
		src, dst := netip.AddrFrom4([4]byte{192, 168, 1, 10}), netip.MustParseAddr("192.0.2.80")
		back := netip.AddrFrom4([4]byte{198, 18, byte(wan), 2})
		if i/wans%2 == 1 {
			src, dst = netip.MustParseAddr("fd00:1::10"), netip.MustParseAddr("2001:db8:ffff::80")
			back = src
		}
		t.add(src, dst, back, uint16(1024+i), uint32(wan+1)<<24)
	}
}

// add puts one in: IPCTNL_MSG_CT_NEW with both tuples, timeout, mark and status (linux/netfilter/nfnetlink_conntrack.h).
func (t *tracker) add(src, dst, back netip.Addr, port uint16, mark uint32) {
	const confirmed, seenReply = 1 << 3, 1 << 1
	family := byte(unix.AF_INET)
	if src.Is6() {
		family = unix.AF_INET6
	}
	body := t.encode(
		t.nest(1, t.tuple(src, dst, port, 53)...), t.nest(2, t.tuple(dst, back, 53, port)...), number(3, confirmed|seenReply), number(7, 600), number(8, mark))
	_, err := t.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_CTNETLINK << 8, Flags: netlink.Request | netlink.Create | netlink.Acknowledge},
		Data:   append([]byte{family, 0, 0, 0}, body...),
	})
	if err != nil {
		t.tb.Fatalf("put a connection into the table: %v", err)
	}
}

func (t *tracker) tuple(src, dst netip.Addr, sport, dport uint16) []netlink.Attribute {
	s, d := uint16(1), uint16(2)
	if src.Is6() {
		s, d = 3, 4
	}
	port := func(typ, p uint16) netlink.Attribute {
		return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint16(nil, p)}
	}
	return []netlink.Attribute{
		t.nest(1, netlink.Attribute{Type: s, Data: src.AsSlice()}, netlink.Attribute{Type: d, Data: dst.AsSlice()}),
		t.nest(2, netlink.Attribute{Type: 1, Data: []byte{unix.IPPROTO_UDP}}, port(2, sport), port(3, dport)),
	}
}

func (t *tracker) encode(a ...netlink.Attribute) []byte {
	b, err := netlink.MarshalAttributes(a)
	if err != nil {
		t.tb.Fatalf("%v", err)
	}
	return b
}

func (t *tracker) nest(typ uint16, a ...netlink.Attribute) netlink.Attribute {
	return netlink.Attribute{Type: typ | unix.NLA_F_NESTED, Data: t.encode(a...)}
}

func number(typ uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint32(nil, v)}
}
