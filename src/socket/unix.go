package socket

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Dial connects to a Unix socket for a stream by its path. It does not wait: where too many wait already, it fails with EAGAIN.
func Dial(path string) (*Conn, error) { return dial(path, unix.SOCK_STREAM) }

// DialPackets is Dial for a socket that takes packets.
func DialPackets(path string) (*Conn, error) { return dial(path, unix.SOCK_DGRAM) }

func dial(path string, kind int) (*Conn, error) {
	c, err := Open(unix.AF_UNIX, kind, 0)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(&unix.SockaddrUnix{Name: path}); err != nil {
		c.Close()
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	return c, nil
}

// Listener is a Unix socket for streams that others connect to.
type Listener struct {
	conn   *Conn
	path   string
	unlink sync.Once
}

// backlog is how many connections may wait to be accepted.
const backlog = 128

// Listen makes a Unix socket at a path where nothing is.
func Listen(path string) (*Listener, error) {
	c, err := Open(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	err = c.Bind(&unix.SockaddrUnix{Name: path})
	if err != nil {
		c.Close()
		return nil, err
	}
	l := &Listener{conn: c, path: path}
	if err := c.Control(func(fd int) error { return os.NewSyscallError("listen", unix.Listen(fd, backlog)) }); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Accept takes the next connection; after Close it fails with os.ErrClosed.
func (l *Listener) Accept() (*Conn, error) { return l.conn.Accept() }

// Close ends the listener and removes its socket.
func (l *Listener) Close() error {
	l.unlink.Do(func() { _ = os.Remove(l.path) }) // once: another's may follow there
	return l.conn.Close()
}
