package ipsec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Types of VICI packets (README.md of charon's vici plugin).
const (
	packetCommand    = 0 // CMD_REQUEST
	packetResponse   = 1 // CMD_RESPONSE
	packetNoCommand  = 2 // CMD_UNKNOWN
	packetRegister   = 3 // EVENT_REGISTER
	packetUnregister = 4 // EVENT_UNREGISTER
	packetConfirm    = 5 // EVENT_CONFIRM
	packetUnknown    = 6 // EVENT_UNKNOWN
	packetEvent      = 7 // EVENT
)

const (
	maxPacket = 512 << 10 // as charon has it
	saEvent   = "list-sa"
)

var (
	errPacket  = errors.New("packet of a wrong length")
	errTooLong = errors.New("packet too long")
	errAnswer  = errors.New("charon knows no such command or event")
)

// packet is what charon sends. Only events have a name.
type packet struct {
	kind byte
	name string
	body section
}

// wire is a connection to charon. One question is asked at a time; a connection on which that failed is of no more use.
type wire struct {
	conn    net.Conn
	events  chan packet // what was subscribed to; more than it holds are dropped. Closed at the end of the connection.
	answers chan packet // to the present question; entries of a listing wait here until they are taken
	closed  chan struct{}
	once    sync.Once
	why     error // why the connection ended; to be read when answers is closed
}

// newWire begins to read from a connection, and keeps so many events.
func newWire(c net.Conn, events int) *wire {
	w := &wire{conn: c, events: make(chan packet, events), answers: make(chan packet), closed: make(chan struct{})}
	go w.read()
	return w
}

// close ends the connection and what waits for it.
func (w *wire) close() {
	w.once.Do(func() { close(w.closed) })
	w.conn.Close()
}

// read sorts what comes until the connection ends.
func (w *wire) read() {
	defer close(w.events)
	defer close(w.answers)
	for {
		p, err := readPacket(w.conn)
		if errors.Is(err, io.EOF) {
			err = errClosed
		}
		if err != nil {
			w.why = err
			return
		}
		if p.kind == packetEvent && p.name != saEvent {
			select {
			case w.events <- p:
			default: // the queue is full: whoever reads it notices
			}
			continue
		}
		select {
		case w.answers <- p:
		case <-w.closed:
			w.why = net.ErrClosed
			return
		}
	}
}

// ask sends a packet and takes its answer. Entries of a listing go to each before that. What cannot be encoded is a refusal.
func (w *wire) ask(ctx context.Context, kind byte, name string, args section, each func(section)) (section, error) {
	b, err := request(kind, name, args)
	if err != nil {
		return nil, refusal{name, err.Error()}
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = w.conn.SetWriteDeadline(deadline)
	}
	if err == nil {
		_, err = w.conn.Write(b)
	}
	for err == nil {
		var p packet
		if p, err = w.answer(ctx); err != nil {
			break
		}
		switch p.kind {
		case packetEvent:
			if each != nil {
				each(p.body)
			}
		case packetResponse, packetConfirm:
			return p.body, nil
		default:
			err = errAnswer
		}
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

// answer waits for the next packet that answers.
func (w *wire) answer(ctx context.Context) (packet, error) {
	select {
	case <-ctx.Done():
		return packet{}, ctx.Err()
	case p, ok := <-w.answers:
		if !ok {
			return packet{}, w.why
		}
		return p, nil
	}
}

// request builds a packet that has a name.
func request(kind byte, name string, body section) ([]byte, error) {
	b := append(make([]byte, 4, 64), kind, byte(len(name)))
	b, err := body.append(append(b, name...))
	if err != nil {
		return nil, err
	}
	if len(b)-4 > maxPacket {
		return nil, errTooLong
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b, nil
}

// readPacket reads a packet: four bytes of length, the type, the name of an event, the message.
func readPacket(r io.Reader) (packet, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return packet{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n > maxPacket:
		return packet{}, errTooLong
	case n == 0:
		return packet{}, errPacket
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return packet{}, err
	}
	return parsePacket(b)
}

// parsePacket reads a packet behind its length.
func parsePacket(b []byte) (packet, error) {
	p := packet{kind: b[0]}
	m := message(b[1:])
	switch p.kind {
	case packetCommand, packetRegister, packetUnregister, packetEvent:
		p.name = m.key()
	}
	var err error
	p.body, err = m.section(messageEnd)
	if err == nil && m == nil {
		err = errPacket
	}
	return p, err
}
