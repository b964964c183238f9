package rtnl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrPartial says that a dump is not a snapshot: it was interrupted by a change (NLM_F_DUMP_INTR) or part of it was lost. What is
// missing from it may well exist, so the caller deletes nothing on its word.
var ErrPartial = errors.New("partial dump")

// KernelError is a refusal of the kernel, with the text of its extended acknowledgement where it gave one.
type KernelError struct {
	Errno   syscall.Errno
	Message string
}

// Error returns the kernel's text, or the text of the error number alone.
func (e *KernelError) Error() string {
	if e.Message == "" {
		return e.Errno.Error()
	}
	return fmt.Sprintf("%s (%s)", e.Errno.Error(), e.Message)
}

// Unwrap returns the error number, for errors.Is(err, syscall.EEXIST).
func (e *KernelError) Unwrap() error { return e.Errno }

const (
	// receiveSize is larger than any datagram that the kernel sends: it fills dumps up to 32 KiB for readers who offer that much.
	receiveSize = 64 << 10
	// patience bounds the wait for an answer. The kernel answers rtnetlink within the system call; this guards against a bug only.
	patience = 10 * time.Second
)

// transport carries datagrams; a test puts recorded ones in its place.
type transport interface {
	// send sends one message and returns its sequence number.
	send(typ uint16, flags netlink.HeaderFlags, body []byte) (uint32, error)
	// receive fills b with one datagram and returns its length; len(b) means that it may have been cut.
	receive(b []byte) (int, error)
}

// Conn is a connection to rtnetlink in the network namespace of the thread that dialled it. It is safe for concurrent use.
type Conn struct {
	mu  sync.Mutex
	t   transport
	buf []byte
	nl  *netlink.Conn
	raw syscall.RawConn

	gateways *gatewayCache
	walk     atomic.Int64 // nanoseconds that the last look at all tables at once took
}

// Dial connects. It needs Linux 4.20 for strict checking and, to change anything, CAP_NET_ADMIN.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Strict: true})
	if err != nil {
		return nil, fmt.Errorf("dial rtnetlink: %w", err)
	}
	if err := nl.SetOption(netlink.CapAcknowledge, true); err != nil {
		nl.Close()
		return nil, fmt.Errorf("dial rtnetlink: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("dial rtnetlink: %w", err)
	}
	gateways, err := newGatewayCache()
	if err != nil {
		nl.Close()
		return nil, err
	}
	return &Conn{t: &socket{nl, raw}, nl: nl, raw: raw, buf: make([]byte, receiveSize), gateways: gateways}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return errors.Join(c.nl.Close(), c.gateways.nl.Close()) }

// Port returns the netlink port of the connection: Event.Port of the changes that were made through it.
func (c *Conn) Port() uint32 { return c.nl.PID() }

// socket is the transport over a netlink socket.
type socket struct {
	nl  *netlink.Conn
	raw syscall.RawConn
}

func (s *socket) send(typ uint16, flags netlink.HeaderFlags, body []byte) (uint32, error) {
	if err := s.nl.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	m, err := s.nl.Send(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: flags}, Data: body})
	return m.Header.Sequence, err
}

func (s *socket) receive(b []byte) (int, error) { return readDatagram(s.raw, b) }

func readDatagram(raw syscall.RawConn, b []byte) (n int, err error) {
	rerr := raw.Read(func(fd uintptr) bool {
		for {
			n, err = unix.Read(int(fd), b)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if rerr != nil {
		return 0, rerr
	}
	return max(n, 0), err
}

// header is struct nlmsghdr (linux/netlink.h) without the length.
type header struct {
	typ, flags uint16
	seq, port  uint32
}

const headerLen = 16

// next cuts the first message off a datagram; ok is false at its end.
func next(b []byte) (h header, data, rest []byte, ok bool) {
	if len(b) < headerLen {
		return h, nil, nil, false
	}
	n := int(native.Uint32(b))
	if n < headerLen || n > len(b) {
		return h, nil, nil, false
	}
	h = header{native.Uint16(b[4:]), native.Uint16(b[6:]), native.Uint32(b[8:]), native.Uint32(b[12:])}
	return h, b[headerLen:n], b[min(len(b), (n+3)&^3):], true
}

// exchange sends a request and hands every message of the answer to each, whose data is valid only during the call. It returns a
// KernelError for a refusal, and ErrPartial, after all that came has been handed over, where a dump was interrupted or cut.
func (c *Conn) exchange(ctx context.Context, typ uint16, flags netlink.HeaderFlags, body []byte, each func(h header, data []byte)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, err := c.t.send(typ, netlink.Request|flags, body)
	if err != nil {
		return err
	}
	partial := false
	for {
		n, err := c.t.receive(c.buf)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			partial = true
			continue
		case err != nil:
			return err
		}
		// A dump is read to its end even when it is known to be useless: the kernel allows one at a time on a socket.
		partial = partial || n == len(c.buf)
		h, data, rest, ok := next(c.buf[:n])
		for ; ok; h, data, rest, ok = next(rest) {
			if h.seq != seq {
				continue // the late answer to a request that was given up
			}
			partial = partial || h.flags&unix.NLM_F_DUMP_INTR != 0
			switch h.typ {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				return outcome(h, data, partial)
			case unix.NLMSG_NOOP:
			case unix.NLMSG_OVERRUN:
				partial = true
			default:
				if each != nil {
					each(h, data)
				}
			}
		}
	}
}

// outcome reads the message that ends an answer.
func outcome(h header, data []byte, partial bool) error {
	if code := int32(Uint32(data)); code < 0 {
		return &KernelError{Errno: syscall.Errno(-code), Message: extAck(h, data)}
	}
	if partial {
		return ErrPartial
	}
	return nil
}

// extAck returns the text of an extended acknowledgement, NLMSGERR_ATTR_MSG of linux/netlink.h. An error carries the header of the
// request before it, and with NLM_F_CAPPED no more of the request than that.
func extAck(h header, data []byte) string {
	const attrMsg = 1
	if h.flags&unix.NLM_F_ACK_TLVS == 0 || len(data) < 4 {
		return ""
	}
	data = data[4:]
	if h.typ == unix.NLMSG_ERROR {
		if len(data) < headerLen {
			return ""
		}
		n := headerLen
		if h.flags&unix.NLM_F_CAPPED == 0 {
			n = (int(native.Uint32(data)) + 3) &^ 3
		}
		data = data[min(max(n, headerLen), len(data)):]
	}
	for typ, v := range Attrs(data) {
		if typ == attrMsg {
			return Text(v)
		}
	}
	return ""
}

// Request sends a change, such as RTM_NEWLINK with netlink.Create, and waits for the acknowledgement. The error is a KernelError for a
// refusal.
func (c *Conn) Request(typ uint16, flags netlink.HeaderFlags, body []byte) error {
	return c.change(typ, flags, body)
}

// Get asks for single objects, without NLM_F_DUMP, and hands each to each; data is valid only during the call.
func (c *Conn) Get(ctx context.Context, typ uint16, body []byte, each func(data []byte)) error {
	return c.exchange(ctx, typ, netlink.Acknowledge, body, func(_ header, data []byte) { each(data) })
}

// Dump asks for all objects that match body, three times where a change came between. start is called before each try, to forget
// what an interrupted one gave; the error is ErrPartial where the last was interrupted, too.
func (c *Conn) Dump(ctx context.Context, typ uint16, body []byte, start func(), each func(data []byte)) error {
	return c.dump(ctx, typ, body, start, each)
}

// change sends a request that is only acknowledged.
func (c *Conn) change(typ uint16, flags netlink.HeaderFlags, body []byte) error {
	return c.exchange(context.Background(), typ, flags|netlink.Acknowledge, body, nil)
}

// dumpTries is how often an interrupted dump is repeated before it is reported as partial.
const dumpTries = 3

// dump asks for all objects that match body; start is called before each try, to forget what an interrupted one gave.
func (c *Conn) dump(ctx context.Context, typ uint16, body []byte, start func(), each func(data []byte)) error {
	var err error
	for range dumpTries {
		start()
		err = c.exchange(ctx, typ, netlink.Dump, body, func(_ header, data []byte) { each(data) })
		if !errors.Is(err, ErrPartial) {
			return err
		}
	}
	return err
}

// IsErrno says whether an error is a refusal of the kernel with one of these numbers.
func IsErrno(err error, errnos ...syscall.Errno) bool { return isErrno(err, errnos...) }

func isErrno(err error, errnos ...syscall.Errno) bool {
	for _, e := range errnos {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
