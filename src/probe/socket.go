package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoDevice keeps a socket from being opened without a device: unbound, it
// would go wherever the main table points.
var errNoDevice = errors.New("the WAN has no device or address")

// bind ties a socket to the path before it is bound to an address.
func (p Path) bind(_, _ string, c syscall.RawConn) error {
	if p.Device == "" || !p.Source.IsValid() {
		return errNoDevice
	}
	var err error
	cerr := c.Control(func(fd uintptr) { err = bindFD(int(fd), p.Device, p.Mark) })
	return errors.Join(cerr, err)
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

// listen opens an unconnected socket on the path.
func (p Path) listen(network, address string) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: p.bind}
	c, err := lc.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, fmt.Errorf("open %s socket for %s: %w", network, p, err)
	}
	return c, nil
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
		return net.ErrClosed
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
