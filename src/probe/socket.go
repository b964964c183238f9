package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket"
	"multiwan/src/socket/filter"
)

// errNoDevice keeps a socket from being opened without a device: unbound, it
// would go wherever the main table points.
var errNoDevice = errors.New("the WAN has no device or address")

// socket opens a socket of the path's family that is tied to its device and mark.
func (p Path) socket(kind, protocol int) (*socket.Conn, error) {
	if p.Device == "" || !p.Source.IsValid() {
		return nil, errNoDevice
	}
	domain := unix.AF_INET
	if p.Family == kstate.IPv6 {
		domain = unix.AF_INET6
	}
	c, err := socket.Open(domain, kind, protocol)
	if err == nil {
		if err = c.Control(func(fd int) error { return bindFD(fd, p.Device, p.Mark) }); err != nil {
			c.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open socket for %s: %w", p, err)
	}
	return c, nil
}

// bound is socket with the path's source address.
func (p Path) bound(kind, protocol int) (*socket.Conn, error) {
	c, err := p.socket(kind, protocol)
	if err != nil {
		return nil, err
	}
	if err := c.Bind(sockaddr(netip.AddrPortFrom(p.Source, 0))); err != nil {
		c.Close()
		return nil, fmt.Errorf("open socket for %s: %w", p, err)
	}
	return c, nil
}

// sockaddr is an address for the kernel. No address needs a zone, as all sockets are bound to the device.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// addrPort is an address of the kernel, without its zone.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	default:
		return netip.AddrPort{}
	}
}

// attach has the kernel drop what a program does not let through.
func attach(c *socket.Conn, program []filter.Instruction) error {
	text := make([]unix.SockFilter, len(program))
	for i, r := range program {
		text[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return c.Control(func(fd int) error {
		err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(text)), Filter: &text[0]})
		return os.NewSyscallError("attach filter", err)
	})
}

func bindFD(fd int, device string, mark uint32) error {
	if err := unix.BindToDevice(fd, device); err != nil {
		return fmt.Errorf("bind to device %s: %w", device, err)
	}
	if mark == 0 {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(int32(mark))); err != nil {
		return fmt.Errorf("set mark %#x: %w", mark, err)
	}
	return nil
}

// packetConn is a socket that probes leave by. Tests hand in their own.
type packetConn interface {
	ReadFrom([]byte) (int, netip.AddrPort, error)
	WriteTo([]byte, netip.AddrPort) error
	Close() error
}

// renewing is a socket that is opened when needed and replaced when it fails,
// with one reader that takes what comes.
type renewing[C interface {
	comparable
	Close() error
}] struct {
	open func() (C, error)
	read func(C) // until an error

	mu     sync.Mutex
	conn   C // zero: none
	closed bool
}

// send writes by the open socket, or by a new one: a socket that an interface
// event broke says so only once, and one fresh socket may already work.
func (s *renewing[C]) send(write func(C) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none C
	fresh := s.conn == none
	if err := s.ensure(); err != nil {
		return err
	}
	err := write(s.conn)
	if err == nil {
		return nil
	}
	s.drop(s.conn)
	if fresh {
		return err
	}
	if err := s.ensure(); err != nil {
		return err
	}
	if err = write(s.conn); err != nil {
		s.drop(s.conn)
	}
	return err
}

func (s *renewing[C]) ensure() error {
	var none C
	if s.closed {
		return os.ErrClosed
	}
	if s.conn != none {
		return nil
	}
	c, err := s.open()
	if err != nil {
		return err
	}
	s.conn = c
	go func() {
		s.read(c)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drop(c)
	}()
	return nil
}

// drop closes a socket, and forgets it if it is still the present one.
func (s *renewing[C]) drop(c C) {
	c.Close()
	if s.conn == c {
		var none C
		s.conn = none
	}
}

func (s *renewing[C]) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var none C
	if s.conn != none {
		s.drop(s.conn)
	}
}
