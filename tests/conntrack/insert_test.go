// Package conntrack_test evicts connections from a real kernel's table, in network namespaces of its own.
package conntrack_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/kernel/conntrack"
)

// namespace makes a network namespace and returns connections to its table, which keep it alive. The thread that enters it is never
// unlocked: the runtime ends it with its goroutine.
func namespace(t testing.TB) (*conntrack.Conn, *inserter) {
	t.Helper()
	var c *conntrack.Conn
	var nl *netlink.Conn
	var unshared, err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unshared = unix.Unshare(unix.CLONE_NEWNET); unshared != nil {
			return
		}
		if c, err = conntrack.Dial(); err == nil {
			nl, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		}
	}()
	<-done
	if unshared != nil {
		t.Skipf("no network namespace: %v", unshared)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); nl.Close() })
	return c, &inserter{t, nl}
}

// flow is a connection to put into the table: reply addresses are the translated ones.
type flow struct {
	proto        uint8
	src, dst     string
	replyDst     string // "": src
	sport, dport uint16
	mark         uint32
}

type inserter struct {
	t  testing.TB
	nl *netlink.Conn
}

// add puts connections into the table as conntrack -I does: IPCTNL_MSG_CT_NEW with both tuples, timeout, mark and status.
func (i *inserter) add(flows ...flow) {
	i.t.Helper()
	for _, f := range flows {
		src, dst := netip.MustParseAddr(f.src), netip.MustParseAddr(f.dst)
		back := src
		if f.replyDst != "" {
			back = netip.MustParseAddr(f.replyDst)
		}
		family := byte(unix.AF_INET)
		if src.Is6() {
			family = unix.AF_INET6
		}
		status := uint32(1<<3 | 1<<1) // IPS_CONFIRMED, IPS_SEEN_REPLY
		body := attrs(
			nested(1, tuple(f.proto, src, dst, f.sport, f.dport)), nested(2, tuple(f.proto, dst, back, f.dport, f.sport)),
			be32(3, status), be32(7, 600), be32(8, f.mark))
		if f.proto == unix.IPPROTO_TCP {
			body = append(body, attrs(nested(4, attrs(nested(1, attrs(netlink.Attribute{Type: 1, Data: []byte{3}})))))...) // established
		}
		_, err := i.nl.Execute(netlink.Message{
			Header: netlink.Header{Type: 1 << 8, Flags: netlink.Request | netlink.Create | netlink.Excl | netlink.Acknowledge},
			Data:   append([]byte{family, 0, 0, 0}, body...),
		})
		if err != nil {
			i.t.Skipf("cannot put connections into the table: %v", err)
		}
	}
}

func tuple(proto uint8, src, dst netip.Addr, sport, dport uint16) []byte {
	s, d := uint16(1), uint16(2)
	if src.Is6() {
		s, d = 3, 4
	}
	ip := attrs(netlink.Attribute{Type: s, Data: src.AsSlice()}, netlink.Attribute{Type: d, Data: dst.AsSlice()})
	p := []netlink.Attribute{{Type: 1, Data: []byte{proto}}}
	if proto == unix.IPPROTO_ICMP {
		p = append(p, be16(4, sport), netlink.Attribute{Type: 5, Data: []byte{8}}, netlink.Attribute{Type: 6, Data: []byte{0}})
		if src == netip.MustParseAddr("192.0.2.80") {
			p[2].Data = []byte{0} // the reply's type
		}
	} else {
		p = append(p, be16(2, sport), be16(3, dport))
	}
	return attrs(nested(1, ip), nested(2, attrs(p...)))
}

func attrs(a ...netlink.Attribute) []byte {
	b, err := netlink.MarshalAttributes(a)
	if err != nil {
		panic(err)
	}
	return b
}

func nested(typ uint16, b []byte) netlink.Attribute {
	return netlink.Attribute{Type: typ | unix.NLA_F_NESTED, Data: b}
}

func be32(typ uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint32(nil, v)}
}

func be16(typ, v uint16) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint16(nil, v)}
}
