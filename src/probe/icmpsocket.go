package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket"
	"multiwan/src/socket/filter"
)

// openICMP opens the raw socket of a path that receives the answers to one
// identifier and the errors that quote ICMP.
func openICMP(p Path, id uint16) (packetConn, error) {
	if p.Family == kstate.IPv6 {
		c, err := openICMP6(p, echoFilter6(id))
		if err != nil {
			return nil, err // not a nil *icmp6 as an interface
		}
		return c, nil
	}
	c, err := p.bound(unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err != nil {
		return nil, err
	}
	if err := attach(c, echoFilter4(id)); err != nil {
		c.Close()
		return nil, fmt.Errorf("filter answers for %s: %w", p, err)
	}
	return icmp4{packets{c}}, nil
}

func openICMP6(p Path, program []filter.Instruction) (*icmp6, error) {
	c, err := p.socket(unix.SOCK_RAW, unix.IPPROTO_ICMPV6)
	if err != nil {
		return nil, err
	}
	s := &icmp6{Conn: c, source: p.Source}
	if err := errors.Join(attach(c, program), s.set(unix.IPV6_RECVHOPLIMIT, 1)); err != nil {
		c.Close()
		return nil, fmt.Errorf("filter answers for %s: %w", p, err)
	}
	return s, nil
}

// icmp4 adapts a raw IPv4 socket, which reads whole IP packets.
type icmp4 struct{ packets }

func (c icmp4) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.packets.ReadFrom(b)
	if err != nil || n == 0 {
		return 0, from, err
	}
	header := min(int(b[0]&0xf)*4, n)
	return copy(b, b[header:n]), from, nil
}

// icmp6 adapts a raw ICMPv6 socket. It is not bound to an address: answers to
// the link-local address must reach it as well, which the kernel chooses for
// link-local targets. For all others the source goes with each packet.
type icmp6 struct {
	*socket.Conn
	source   netip.Addr
	hopLimit int // of the packet last read, 0 if unknown
}

// set sets an option of IPv6.
func (c *icmp6) set(option, value int) error {
	return c.Control(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option, value))
	})
}

func (c *icmp6) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	var oob [64]byte
	n, oobn, from, err := c.Receive(b, oob[:])
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	c.hopLimit = 0
	messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			c.hopLimit = int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return n, addrPort(from), nil
}

func (c *icmp6) WriteTo(b []byte, to netip.AddrPort) error {
	var oob []byte
	if a := to.Addr(); !a.IsLinkLocalUnicast() && !a.IsLinkLocalMulticast() {
		oob = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: c.source.As16()})
	}
	return c.Send(b, oob, sockaddr(to))
}

// echoFilter4 lets through echo replies with our identifier and errors that
// quote ICMP. A raw IPv4 socket sees the IP header.
func echoFilter4(id uint16) []filter.Instruction {
	return []filter.Instruction{
		filter.LoadIPv4(), // X = length of the IP header
		filter.LoadBehind(0, 1),
		filter.Differs(0, 2),
		filter.LoadBehind(4, 2),
		filter.Equal(uint32(id), 4, 5),
		filter.Equal(3, 1, 0),
		filter.Differs(11, 3),
		filter.LoadBehind(8+9, 1), // protocol of the quoted packet
		filter.Differs(1, 1),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}

// echoFilter6 is echoFilter4 for a raw ICMPv6 socket, which begins at ICMPv6.
func echoFilter6(id uint16) []filter.Instruction {
	return []filter.Instruction{
		filter.Load(0, 1),
		filter.Differs(129, 2),
		filter.Load(4, 2),
		filter.Equal(uint32(id), 4, 5),
		filter.Equal(1, 1, 0),
		filter.Differs(3, 3),
		filter.Load(8+6, 1), // next header of the quoted packet
		filter.Differs(58, 1),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}
