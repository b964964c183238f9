package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/core/health"
)

// maxStreams bounds the connections that a prober has under way.
const maxStreams = 64

var errTooMany = errors.New("too many connections are under way")

// exchange asks the question of a method over an open connection.
type exchange func(net.Conn, Request) error

// dialer opens a connection by the path.
type dialer func(context.Context, Path, netip.AddrPort) (net.Conn, error)

// stream probes by TCP connections: tcp is content with the connection, http
// wants a status line. There is no socket to keep: every probe opens its own.
type stream struct {
	path   Path
	report Report
	dial   dialer
	ask    exchange
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
}

func newStream(path Path, dial dialer, ask exchange, report Report) Prober {
	s := &stream{path: path, report: report, dial: dial, ask: ask, slots: make(chan struct{}, maxStreams)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close breaks off what is under way. What it breaks off is not reported.
func (s *stream) Close() { s.cancel() }

// Send starts one connection.
func (s *stream) Send(r Request) error {
	if !s.path.usable() {
		return errNoDevice
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return errTooMany
	}
	go func() {
		defer func() { <-s.slots }()
		s.run(r)
	}()
	return nil
}

func (s *stream) run(r Request) {
	start := time.Now()
	ctx, cancel := context.WithDeadline(s.ctx, start.Add(r.Wait))
	defer cancel()
	err := s.talk(ctx, r, start.Add(r.Wait))
	if s.ctx.Err() != nil {
		return
	}
	res := r.result()
	res.RTT = time.Since(start)
	if err != nil {
		res.RTT, res.Failure, res.Detail = 0, failure(err), err.Error()
	}
	s.report(res)
}

func (s *stream) talk(ctx context.Context, r Request, deadline time.Time) error {
	c, err := s.dial(ctx, s.path, netip.AddrPortFrom(r.To, uint16(r.Port)))
	if err != nil {
		return err
	}
	defer c.Close()
	// Only Close breaks off; the deadline is the connection's own, so that its
	// error says what happened.
	stop := context.AfterFunc(s.ctx, func() { c.Close() })
	defer stop()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	return s.ask(c, r)
}

// dialTCP connects by the path. The address is literal, so no resolver is
// asked. Closing resets the connection: thousands of probes must not fill the
// tables with closed connections.
func dialTCP(ctx context.Context, p Path, to netip.AddrPort) (net.Conn, error) {
	c, err := p.bound(unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	err = c.Control(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	})
	if err == nil {
		err = c.Connect(sockaddr(to))
	}
	if !stop() { // what the closed socket says does not tell why
		err = ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = os.ErrDeadlineExceeded
		}
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	return c, nil
}

func connected(net.Conn, Request) error { return nil }

// errNoHTTP says that something else than HTTP answers.
var errNoHTTP = errors.New("the answer is no HTTP status line")

// statusLine sends a HEAD request (RFC 9112) and wants any status line.
func statusLine(c net.Conn, r Request) error {
	host, path := r.Host, r.Path
	if host == "" {
		host = r.To.WithZone("").String()
		if r.To.Is6() {
			host = "[" + host + "]"
		}
	}
	if path == "" {
		path = "/"
	}
	if r.Port != 80 {
		host = fmt.Sprintf("%s:%d", host, r.Port)
	}
	_, err := fmt.Fprintf(c, "HEAD %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: multiwan\r\nConnection: close\r\n\r\n", path, host)
	if err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(c, 256).ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	f := strings.Fields(string(line))
	if len(f) < 2 || !strings.HasPrefix(f[0], "HTTP/1.") || len(f[1]) != 3 || f[1][0] < '1' || f[1][0] > '5' {
		return errNoHTTP
	}
	return nil
}

// failure names an error of a connection.
func failure(err error) health.Failure {
	var timeout net.Error
	switch {
	case errors.Is(err, errNoHTTP):
		return health.WrongAnswer
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return health.Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return health.Unreachable
	case errors.As(err, &timeout) && timeout.Timeout():
		return health.NoAnswer
	default:
		return health.SendError
	}
}
