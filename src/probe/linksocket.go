package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// hwAddr is an Ethernet address.
type hwAddr [6]byte

// linkConn is a socket for one EtherType on one device. Tests hand in their own.
type linkConn interface {
	// ReadFrom reads one packet, without its Ethernet header.
	ReadFrom([]byte) (int, hwAddr, error)
	// WriteTo sends one without blocking, from the device's present address.
	WriteTo([]byte, hwAddr) error
	// Addr is the device's address when the socket was opened.
	Addr() hwAddr
	Close() error
}

// linkSocket is a packet socket that also hears what a bridge or a bond takes from its port: it asks for all EtherTypes, as those sockets
// alone are served before the port's master is (__netif_receive_skb_core in net/core/dev.c), and a filter leaves one. The kernel writes the
// Ethernet header, so the sender's address is right when a bond has just changed it.
type linkSocket struct {
	*packet.Conn
	raw   syscall.RawConn
	index int
	proto uint16 // in network order, as struct sockaddr_ll has it
	addr  hwAddr
}

// openLink opens a socket on a device for frames of an EtherType without 802.1Q tag that were not sent by this host and pass the filter,
// which begins behind the Ethernet header; its jumps may not leave it, and to pass it must come to its end. With a group, a NIC is told
// to let that multicast address in, instead of everything.
func openLink(device string, etherType uint16, filter []bpf.Instruction, group *hwAddr) (linkConn, error) {
	index, err := deviceIndex(device)
	if err != nil {
		return nil, err
	}
	program, err := bpf.Assemble(linkFilter(etherType, filter))
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(&net.Interface{Index: index}, packet.Datagram, unix.ETH_P_ALL, &packet.Config{Filter: program})
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %s: %w", device, err)
	}
	s := &linkSocket{Conn: c, index: index, proto: binary.NativeEndian.Uint16([]byte{byte(etherType >> 8), byte(etherType)})}
	if err := s.prepare(group); err != nil {
		c.Close()
		return nil, fmt.Errorf("open packet socket on %s: %w", device, err)
	}
	return s, nil
}

func (s *linkSocket) prepare(group *hwAddr) error {
	a, ok := s.LocalAddr().(*packet.Addr)
	if !ok || len(a.HardwareAddr) != len(s.addr) {
		return errors.New("no Ethernet device")
	}
	s.addr = hwAddr(a.HardwareAddr)
	var err error
	if s.raw, err = s.SyscallConn(); err != nil {
		return err
	}
	cerr := s.raw.Control(func(fd uintptr) {
		// Since Linux 4.20: spares every frame that the device sends a copy for us. Older kernels' frames are dropped by the filter.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		if group != nil {
			m := unix.PacketMreq{Ifindex: int32(s.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
			copy(m.Address[:], group[:])
			err = unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m)
		}
	})
	return errors.Join(cerr, err)
}

// linkFilter leaves one EtherType and hands the rest of the choice to inner.
func linkFilter(etherType uint16, inner []bpf.Instruction) []bpf.Instruction {
	n := uint8(len(inner))
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(etherType), SkipTrue: n + 5},
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: n + 3},
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: n + 1},
	}
	return append(append(program, inner...), bpf.RetConstant{Val: take}, bpf.RetConstant{Val: drop})
}

// bytesAre is a filter that wants bytes of a packet under a mask.
func bytesAre(offset uint32, size int, mask, want uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offset, Size: size},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: want, SkipTrue: 1},
		bpf.RetConstant{Val: drop},
	}
}

func (s *linkSocket) Addr() hwAddr { return s.addr }

// ReadFrom reads a packet and its sender's address.
func (s *linkSocket) ReadFrom(b []byte) (int, hwAddr, error) {
	n, from, err := s.Conn.ReadFrom(b)
	if err != nil {
		return 0, hwAddr{}, err
	}
	var a hwAddr
	if f, ok := from.(*packet.Addr); ok {
		copy(a[:], f.HardwareAddr)
	}
	return n, a, nil
}

// WriteTo is its own, as the library's would send the EtherType that the socket listens for, which is all.
func (s *linkSocket) WriteTo(b []byte, to hwAddr) error {
	ll := &unix.SockaddrLinklayer{Ifindex: s.index, Protocol: s.proto, Halen: uint8(len(to))}
	copy(ll.Addr[:], to[:])
	var err error
	cerr := s.raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, ll) })
	return errors.Join(cerr, err)
}

// deviceIndex asks for one device; the package net would have all of them listed.
func deviceIndex(name string) (int, error) {
	if name == "" {
		return 0, errNoDevice
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("find device %q: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("find device %s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, fmt.Errorf("find device %s: %w", name, err)
	}
	return int(r.Uint32()), nil
}
