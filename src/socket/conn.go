package socket

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a socket; it is a net.Conn. Once closed, its methods fail with os.ErrClosed, and with os.ErrDeadlineExceeded after a deadline;
// any other error wraps the kernel's number. All methods may be called at the same time.
type Conn struct {
	file *os.File
	raw  syscall.RawConn
}

var _ net.Conn = (*Conn)(nil)

// Open makes a socket: socket(2) with its three numbers, closed in programs that are started.
func Open(domain, kind, protocol int) (*Conn, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return adopt(fd)
}

// adopt takes over a descriptor that does not block.
func adopt(fd int) (*Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Conn{f, raw}, nil
}

// Read reads from a stream, or one packet of which the rest is lost.
func (c *Conn) Read(b []byte) (int, error) { return c.file.Read(b) }

// Write writes all to a stream, or one packet.
func (c *Conn) Write(b []byte) (int, error) { return c.file.Write(b) }

// Close ends the socket and all that waits for it.
func (c *Conn) Close() error { return c.file.Close() }

// SetDeadline ends reading and writing at a time; the zero time never does.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SetReadDeadline is SetDeadline for reading and accepting.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.file.SetReadDeadline(t) }

// SetWriteDeadline is SetDeadline for writing and connecting.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }

// Control gives f the descriptor, as for setsockopt(2).
func (c *Conn) Control(f func(fd int) error) error {
	var err error
	if cerr := c.raw.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return os.ErrClosed
	}
	return err
}

// Bind gives the socket its address.
func (c *Conn) Bind(to unix.Sockaddr) error {
	return c.Control(func(fd int) error { return os.NewSyscallError("bind", unix.Bind(fd, to)) })
}

// Connect connects the socket, until the deadline of writing.
func (c *Conn) Connect(to unix.Sockaddr) error {
	begun := false
	return until(c.raw.Write, "connect", unix.EINPROGRESS, func(fd int) error {
		if !begun {
			begun = true
			return unix.Connect(fd, to)
		}
		if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
			return err
		} else if n != 0 {
			return unix.Errno(n)
		}
		// A socket that has not begun to connect counts as writable, too, and such news may come late.
		if _, err := unix.Getpeername(fd); err != nil {
			return unix.EINPROGRESS
		}
		return nil
	})
}

// Accept takes the next connection of a socket that listens.
func (c *Conn) Accept() (*Conn, error) {
	var fd int
	err := until(c.raw.Read, "accept", unix.EAGAIN, func(s int) (err error) {
		fd, _, err = unix.Accept4(s, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return err
	})
	if err != nil {
		return nil, err
	}
	return adopt(fd)
}

// Receive reads a packet, its control messages into oob, and its sender.
func (c *Conn) Receive(b, oob []byte) (n, oobn int, from unix.Sockaddr, err error) {
	err = until(c.raw.Read, "recvmsg", unix.EAGAIN, func(fd int) (err error) {
		n, oobn, _, from, err = unix.Recvmsg(fd, b, oob, 0)
		return err
	})
	return n, oobn, from, err
}

// Send sends a packet with control messages.
func (c *Conn) Send(b, oob []byte, to unix.Sockaddr) error {
	return until(c.raw.Write, "sendmsg", unix.EAGAIN, func(fd int) error { return unix.Sendmsg(fd, b, oob, to, 0) })
}

// until waits and repeats f while that returns again.
func until(wait func(func(uintptr) bool) error, name string, again unix.Errno, f func(fd int) error) error {
	var err error
	werr := wait(func(fd uintptr) bool {
		for {
			if err = f(int(fd)); err != unix.EINTR {
				return err != again
			}
		}
	})
	switch {
	case werr == nil:
		return os.NewSyscallError(name, err)
	case errors.Is(werr, os.ErrDeadlineExceeded):
		return werr
	default:
		return os.ErrClosed
	}
}

// address makes the Conn a net.Conn: nobody asks.
type address struct{}

func (address) Network() string { return "" }
func (address) String() string  { return "" }

// LocalAddr returns nothing of use.
func (c *Conn) LocalAddr() net.Addr { return address{} }

// RemoteAddr returns nothing of use.
func (c *Conn) RemoteAddr() net.Addr { return address{} }
