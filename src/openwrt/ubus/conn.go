package ubus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"time"

	"multiwan/src/socket"
)

const (
	path    = "/var/run/ubus/ubus.sock" // where ubusd listens
	oldPath = "/var/run/ubus.sock"      // of OpenWrt 19.07 and before

	helloTime = 5 * time.Second // for ubusd to greet
	writeTime = 5 * time.Second // for ubusd to take a message
)

// ErrClosed says that the connection is closed, by us or by ubusd.
var ErrClosed = errors.New("ubus: the connection is closed")

// Conn is a connection to ubusd. Its methods may be called at the same time.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
	id   uint32 // what ubusd calls us

	writing sync.Mutex // held over a number's assignment and its message, so that they leave in order

	mu      sync.Mutex
	seq     uint16
	waiting map[uint16]*pending
	objects map[uint32]*Object
	types   map[string]uint32 // of published signatures, by their bytes
	err     error
	done    chan struct{}
}

// pending is a call that waits for its answer.
type pending struct {
	data   func(attributes) // called for each answer of data; runs where the connection is read
	status Status
	done   chan struct{}
}

// Dial connects to ubusd at a path, or, where that is empty, at the first of the usual ones that exists. Errors wrap fs.ErrNotExist where
// there is no ubusd.
func Dial(at string) (*Conn, error) {
	if at != "" {
		return dial(at)
	}
	c, err := dial(path)
	if errors.Is(err, fs.ErrNotExist) {
		if old, oldErr := dial(oldPath); !errors.Is(oldErr, fs.ErrNotExist) {
			return old, oldErr
		}
	}
	return c, err
}

func dial(at string) (*Conn, error) {
	s, err := socket.Dial(at)
	if err != nil {
		return nil, fmt.Errorf("ubus: %w", err)
	}
	return New(s)
}

// New waits for ubusd's greeting on a connection, which it takes over, and serves it from then on.
func New(conn net.Conn) (*Conn, error) {
	c := &Conn{conn: conn, in: bufio.NewReaderSize(conn, 2048), waiting: map[uint16]*pending{}, objects: map[uint32]*Object{}, types: map[string]uint32{},
		done: make(chan struct{})}
	_ = conn.SetReadDeadline(time.Now().Add(helloTime))
	m, err := readMessage(c.in)
	if err == nil && m.kind != msgHello {
		err = fmt.Errorf("ubus: message %d in place of a greeting", m.kind)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ubus: wait for the greeting: %w", err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	c.id = m.peer
	go c.read()
	return c, nil
}

// Close ends the connection, and with it all that was published and asked for by it.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	return nil
}

// Done is closed with the connection; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended, nil while it lasts.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.conn.Close()
	close(c.done)
}

// read takes what ubusd sends, until the connection ends.
func (c *Conn) read() {
	for {
		m, err := readMessage(c.in)
		if err != nil {
			c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		switch m.kind {
		case msgStatus, msgData:
			c.answered(m)
		case msgInvoke, msgNotify, msgUnsubscribe:
			c.arrived(m)
		}
	}
}

// answered hands an answer to the call that waits for it.
func (c *Conn) answered(m message) {
	a, err := m.parse()
	c.mu.Lock()
	p := c.waiting[m.seq]
	if p != nil && (m.kind == msgStatus || err != nil) {
		delete(c.waiting, m.seq)
	}
	c.mu.Unlock()
	switch {
	case p == nil: // whoever asked has gone
	case err != nil:
		p.status = ParseError
		close(p.done)
	case m.kind == msgData:
		if p.data != nil {
			p.data(a)
		}
	default:
		p.status = Status(a.number(attrStatus))
		if p.status == OK && len(a[attrStatus]) != 4 {
			p.status = ParseError
		}
		close(p.done)
	}
}

// request sends a message and waits for the status. data is called with each answer before it, where the connection is read;
// after an error that is no Status it may be running still.
func (c *Conn) request(ctx context.Context, kind byte, peer uint32, blob []byte, data func(attributes)) error {
	p := &pending{data: data, done: make(chan struct{})}
	seq, err := c.send(message{kind: kind, peer: peer, blob: blob}, p)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.status.asError()
	case <-c.done:
	case <-ctx.Done():
	}
	c.mu.Lock()
	delete(c.waiting, seq)
	c.mu.Unlock()
	select {
	case <-p.done: // the last that came before the end
		return p.status.asError()
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Err()
}

// send gives a message of ours the next number and sends it. p, unless nil, gets its answers.
func (c *Conn) send(m message, p *pending) (seq uint16, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	for c.seq++; c.seq == 0 || c.waiting[c.seq] != nil; {
		c.seq++ // in use by a call that waits for long
	}
	m.seq = c.seq
	if p != nil && c.err == nil {
		c.waiting[m.seq] = p
	}
	err = c.err
	c.mu.Unlock()
	if err == nil {
		err = c.write(m)
	}
	if err != nil {
		c.mu.Lock()
		delete(c.waiting, m.seq)
		c.mu.Unlock()
	}
	return m.seq, err
}

// write sends a message; c.writing is held.
func (c *Conn) write(m message) error {
	if len(m.blob)+headerLen > MaxMessage {
		return ErrTooLong
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := c.conn.Write(m.append(make([]byte, 0, messageHeader+headerLen+len(m.blob)))); err != nil {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
		c.fail(err) // half a message may have left
		return err
	}
	return nil
}

// answer sends a message with the number of the one that it answers.
func (c *Conn) answer(m message) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.Err(); err != nil {
		return err
	}
	return c.write(m)
}
