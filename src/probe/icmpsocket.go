package probe

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"multiwan/src/core/kstate"
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
	c, err := p.listen("ip4:1", p.Source.String())
	if err != nil {
		return nil, err
	}
	filter, err := bpf.Assemble(echoFilter4(id))
	if err == nil {
		err = ipv4.NewPacketConn(c).SetBPF(filter)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("filter answers for %s: %w", p, err)
	}
	return icmp4{c.(*net.IPConn)}, nil
}

func openICMP6(p Path, program []bpf.Instruction) (*icmp6, error) {
	c, err := p.listen("ip6:58", "::")
	if err != nil {
		return nil, err
	}
	pc := ipv6.NewPacketConn(c)
	filter, err := bpf.Assemble(program)
	if err == nil {
		err = pc.SetBPF(filter)
	}
	if err == nil {
		err = pc.SetControlMessage(ipv6.FlagHopLimit, true)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("filter answers for %s: %w", p, err)
	}
	return &icmp6{PacketConn: pc, source: p.Source}, nil
}

// icmp4 adapts a raw IPv4 socket.
type icmp4 struct{ *net.IPConn }

func (c icmp4) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.IPConn.ReadFromIP(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	a, _ := netip.AddrFromSlice(from.IP)
	return n, netip.AddrPortFrom(a.Unmap(), 0), nil
}

func (c icmp4) WriteTo(b []byte, to netip.AddrPort) error {
	_, err := c.IPConn.WriteToIP(b, &net.IPAddr{IP: to.Addr().AsSlice()})
	return err
}

// icmp6 adapts a raw ICMPv6 socket. It is not bound to an address: answers to
// the link-local address must reach it as well, which the kernel chooses for
// link-local targets. For all others the source goes with each packet. No
// address needs a zone, as the socket is bound to the device; the zones of the
// package net would be looked up by a name that may mean another device now.
type icmp6 struct {
	*ipv6.PacketConn
	source   netip.Addr
	hopLimit int // of the packet last read
}

func (c *icmp6) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, cm, from, err := c.PacketConn.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	c.hopLimit = 0
	if cm != nil {
		c.hopLimit = cm.HopLimit
	}
	ip, ok := from.(*net.IPAddr)
	if !ok {
		return 0, netip.AddrPort{}, nil
	}
	a, _ := netip.AddrFromSlice(ip.IP)
	return n, netip.AddrPortFrom(a, 0), nil
}

func (c *icmp6) WriteTo(b []byte, to netip.AddrPort) error {
	var cm *ipv6.ControlMessage
	if a := to.Addr(); !a.IsLinkLocalUnicast() && !a.IsLinkLocalMulticast() {
		cm = &ipv6.ControlMessage{Src: c.source.AsSlice()}
	}
	_, err := c.PacketConn.WriteTo(b, cm, &net.IPAddr{IP: to.Addr().AsSlice()})
	return err
}

const (
	take = 0xffff // bytes of a packet that passes
	drop = 0
)

// echoFilter4 lets through echo replies with our identifier and errors that
// quote ICMP. A raw IPv4 socket sees the IP header.
func echoFilter4(id uint16) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadMemShift{Off: 0}, // X = length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 2},
		bpf.LoadIndirect{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(id), SkipTrue: 4, SkipFalse: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 3, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 11, SkipTrue: 3},
		bpf.LoadIndirect{Off: 8 + 9, Size: 1}, // protocol of the quoted packet
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 1, SkipTrue: 1},
		bpf.RetConstant{Val: take},
		bpf.RetConstant{Val: drop},
	}
}

// echoFilter6 is echoFilter4 for a raw ICMPv6 socket, which begins at ICMPv6.
func echoFilter6(id uint16) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 129, SkipTrue: 2},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(id), SkipTrue: 4, SkipFalse: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 3, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 8 + 6, Size: 1}, // next header of the quoted packet
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 58, SkipTrue: 1},
		bpf.RetConstant{Val: take},
		bpf.RetConstant{Val: drop},
	}
}
