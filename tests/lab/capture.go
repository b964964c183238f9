package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Frame is one captured packet, parsed as far as tests ask. TCP, UDP and the
// type of ICMP are read of unfragmented packets without extension headers.
type Frame struct {
	At        time.Time
	Out       bool             // sent by this host
	EtherType uint16           // 0x0800, 0x86dd, 0x0806
	MAC       net.HardwareAddr // of the sender
	Src, Dst  netip.Addr       // of IP; of ARP the sender's and the target's
	Proto     uint8            // 1, 6, 17, 58; of ARP the operation: 1 request, 2 reply
	SrcPort   uint16
	DstPort   uint16
	ICMPType  uint8
	Flags     uint8  // of TCP
	Payload   []byte // the packet from its IP or ARP header on
}

// Capture counts and keeps packets of one device.
type Capture struct {
	file *os.File
	once sync.Once
	done sync.WaitGroup

	mu     sync.Mutex
	frames []Frame
}

// Capture starts to keep the packets of a device that the filter wants, in both
// directions; nil wants all. It sees packets as tcpdump does: what comes in
// before nftables, what goes out after it.
func (h *Host) Capture(dev string, want func(Frame) bool) *Capture {
	h.tb.Helper()
	var file *os.File
	var err error
	h.Do(func() { file, err = packetSocket(dev) })
	if err != nil {
		h.tb.Fatalf("%s: capture on %s: %v", h.Name, dev, err)
	}
	c := &Capture{file: file}
	c.done.Go(func() { c.run(want) })
	h.tb.Cleanup(func() { c.Stop() })
	return c
}

// packetSocket opens an AF_PACKET socket without link headers, so that
// Ethernet and point-to-point devices look alike.
func packetSocket(dev string) (*os.File, error) {
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff})
	ifi, err := net.InterfaceByName(dev)
	if err != nil {
		return nil, err
	}
	// Protocol 0 hears nothing until it is bound to the device.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind: %w", err)
	}
	return os.NewFile(uintptr(fd), "packet:"+dev), nil
}

func (c *Capture) run(want func(Frame) bool) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1<<16)
	// receive keeps one packet, and says whether there was one or may be another.
	receive := func(fd uintptr) bool {
		n, from, err := unix.Recvfrom(int(fd), buf, 0)
		if err == unix.EAGAIN {
			return false
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); err == nil && ok { // ENETDOWN while the device is down
			c.keep(parseFrame(ll, append([]byte(nil), buf[:n]...)), want)
		}
		return true
	}
	for raw.Read(receive) == nil {
	}
	// Stop: what waits in the socket came before.
	raw.Control(func(fd uintptr) {
		for receive(fd) {
		}
	})
}

func (c *Capture) keep(f Frame, want func(Frame) bool) {
	if want != nil && !want(f) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
}

// Count is the number of packets kept so far.
func (c *Capture) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.frames)
}

// Frames kept so far.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

// Stop ends the capture and returns what it kept: every packet up to now.
func (c *Capture) Stop() []Frame {
	c.once.Do(func() {
		c.file.SetReadDeadline(time.Now())
		c.done.Wait()
		c.file.Close()
	})
	return c.Frames()
}

func parseFrame(ll *unix.SockaddrLinklayer, b []byte) Frame {
	var wire [2]byte
	binary.NativeEndian.PutUint16(wire[:], ll.Protocol)
	f := Frame{
		At: time.Now(), Out: ll.Pkttype == unix.PACKET_OUTGOING,
		EtherType: binary.BigEndian.Uint16(wire[:]), MAC: append(net.HardwareAddr(nil), ll.Addr[:ll.Halen]...), Payload: b,
	}
	switch {
	case f.EtherType == unix.ETH_P_IP && len(b) >= 20:
		f.Proto = b[9]
		f.Src, f.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		if fragment := binary.BigEndian.Uint16(b[6:8]) & 0x1fff; fragment == 0 {
			f.transport(b[min(len(b), int(b[0]&0xf)*4):])
		}
	case f.EtherType == unix.ETH_P_IPV6 && len(b) >= 40:
		f.Proto = b[6]
		f.Src, f.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		f.transport(b[40:])
	case f.EtherType == unix.ETH_P_ARP && len(b) >= 28:
		f.Proto = b[7]
		f.Src, f.Dst = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	}
	return f
}

func (f *Frame) transport(b []byte) {
	switch f.Proto {
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if len(b) > 0 {
			f.ICMPType = b[0]
		}
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		if len(b) >= 4 {
			f.SrcPort, f.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		}
		if f.Proto == unix.IPPROTO_TCP && len(b) >= 14 {
			f.Flags = b[13]
		}
	}
}
