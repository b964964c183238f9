package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"multiwan/src/socket"
	"multiwan/src/socket/filter"
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

// linkSocket is a packet socket of one device. The kernel writes the Ethernet header, so the sender's address is right when a bond has just
// changed it.
type linkSocket struct {
	*socket.Conn
	index int
	proto uint16 // in network order, as struct sockaddr_ll has it
	addr  hwAddr
}

// openLink opens a socket on a device for frames of an EtherType without 802.1Q tag that were not sent by this host and pass the filter,
// which begins behind the Ethernet header; its jumps may not leave it, and to pass it must come to its end. With a group, a NIC is told
// to let that multicast address in, instead of everything.
//
// It also hears what a bridge or a bond takes from its port: it asks for all EtherTypes, as those sockets alone are served before the
// port's master is (__netif_receive_skb_core in net/core/dev.c), and a filter leaves one.
func openLink(device string, etherType uint16, filter []filter.Instruction, group *hwAddr) (linkConn, error) {
	return openPackets(device, unix.ETH_P_ALL, etherType, linkFilter(etherType, filter), group)
}

// openPackets opens a packet socket on a device that hears an EtherType, or all, as far as the program lets through, and sends one.
func openPackets(device string, hear, send uint16, program []filter.Instruction, group *hwAddr) (linkConn, error) {
	index, err := deviceIndex(device)
	if err != nil {
		return nil, err
	}
	// Nothing is heard before bind names the EtherType: what the filter drops must not come in before it.
	c, err := socket.Open(unix.AF_PACKET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %s: %w", device, err)
	}
	s := &linkSocket{Conn: c, index: index, proto: networkOrder(send)}
	err = attach(c, program)
	if err == nil {
		err = s.bind(hear)
	}
	if err == nil {
		err = s.prepare(group)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open packet socket on %s: %w", device, err)
	}
	return s, nil
}

// networkOrder swaps the bytes of a number for the wire where this machine's are the other way round.
func networkOrder(n uint16) uint16 { return binary.NativeEndian.Uint16([]byte{byte(n >> 8), byte(n)}) }

// bind begins to hear an EtherType on the device and notes the device's address.
func (s *linkSocket) bind(hear uint16) error {
	if err := s.Bind(&unix.SockaddrLinklayer{Protocol: networkOrder(hear), Ifindex: s.index}); err != nil {
		return err
	}
	return s.Control(func(fd int) error {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		ll, ok := sa.(*unix.SockaddrLinklayer)
		if !ok || int(ll.Halen) != len(s.addr) {
			return errNoEthernet
		}
		copy(s.addr[:], ll.Addr[:])
		return nil
	})
}

// errNoEthernet says that a device has no neighbours that could be asked.
var errNoEthernet = errors.New("no Ethernet device")

func (s *linkSocket) prepare(group *hwAddr) error {
	return s.Control(func(fd int) error {
		// Since Linux 4.20: spares every frame that the device sends a copy for us. Older kernels' frames are dropped by the filter.
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		if group == nil {
			return nil
		}
		m := unix.PacketMreq{Ifindex: int32(s.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
		copy(m.Address[:], group[:])
		return os.NewSyscallError("join group", unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m))
	})
}

// linkFilter leaves one EtherType and hands the rest of the choice to inner.
func linkFilter(etherType uint16, inner []filter.Instruction) []filter.Instruction {
	n := uint8(len(inner))
	program := []filter.Instruction{
		filter.LoadAncillary(filter.Protocol),
		filter.Differs(uint32(etherType), n+5),
		filter.LoadAncillary(filter.Tagged),
		filter.Differs(0, n+3),
		filter.LoadAncillary(filter.PktType),
		filter.Equal(unix.PACKET_OUTGOING, n+1, 0),
	}
	return append(append(program, inner...), filter.Return(filter.Take), filter.Return(filter.Drop))
}

// bytesAre is a filter that wants bytes of a packet under a mask.
func bytesAre(offset uint32, size int, mask, want uint32) []filter.Instruction {
	return []filter.Instruction{
		filter.Load(offset, size),
		filter.And(mask),
		filter.Equal(want, 1, 0),
		filter.Return(filter.Drop),
	}
}

func (s *linkSocket) Addr() hwAddr { return s.addr }

// ReadFrom reads a packet and its sender's address.
func (s *linkSocket) ReadFrom(b []byte) (int, hwAddr, error) {
	n, _, from, err := s.Receive(b, nil)
	if err != nil {
		return 0, hwAddr{}, err
	}
	var a hwAddr
	if ll, ok := from.(*unix.SockaddrLinklayer); ok {
		copy(a[:], ll.Addr[:])
	}
	return n, a, nil
}

// WriteTo sends a packet, or fails where the queue is full.
func (s *linkSocket) WriteTo(b []byte, to hwAddr) error {
	ll := &unix.SockaddrLinklayer{Ifindex: s.index, Protocol: s.proto, Halen: uint8(len(to))}
	copy(ll.Addr[:], to[:])
	return s.Control(func(fd int) error { return os.NewSyscallError("sendto", unix.Sendto(fd, b, unix.MSG_DONTWAIT, ll)) })
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

// deviceAddress returns the Ethernet address of a device, zero where it has none.
func deviceAddress(name string) (hwAddr, error) {
	index, err := deviceIndex(name)
	if err != nil {
		return hwAddr{}, err
	}
	c, err := socket.Open(unix.AF_PACKET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return hwAddr{}, fmt.Errorf("ask for the address of %s: %w", name, err)
	}
	defer c.Close()
	s := &linkSocket{Conn: c, index: index}
	if err := s.bind(0); err != nil && !errors.Is(err, errNoEthernet) {
		return hwAddr{}, fmt.Errorf("ask for the address of %s: %w", name, err)
	}
	return s.addr, nil
}
