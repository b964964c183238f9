package ipsec

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// Types of VICI packets (README.md of charon's vici plugin), as far as we tell them apart.
const (
	packetConfirm = 5 // EVENT_CONFIRM
	packetUnknown = 6 // EVENT_UNKNOWN
	packetEvent   = 7 // EVENT
)

const (
	maxPacket = 512 << 10 // as charon has it
	// credits are the entries of a listing that may be under way. govici drops what exceeds its queue of 128, and the SA would count as
	// gone.
	credits  = 64
	saEvent  = "list-sa"
	minEvent = 2 // type, length of the name
)

var (
	errPacket  = errors.New("packet of a wrong length")
	errTooLong = errors.New("packet too long")
)

// wire is a connection to charon as govici gets it: what is read from it comes in an order and at a pace that govici bears.
//
// govici's Subscribe holds a lock while it waits for the answer, and its reader needs the same lock for an event; so an event between
// two subscriptions would stop both for ever. Here events wait until all subscriptions are confirmed.
type wire struct {
	net.Conn
	rest   []byte   // of the packet being read
	held   [][]byte // events that wait
	credit chan struct{}
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	awaiting int // confirmations
}

func newWire(c net.Conn) *wire {
	return &wire{Conn: c, credit: make(chan struct{}, credits), closed: make(chan struct{})}
}

// hold keeps events back until n subscriptions were answered.
func (w *wire) hold(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaiting = n
}

// done says that one entry of a listing was taken.
func (w *wire) done() {
	select {
	case <-w.credit:
	default:
	}
}

// Close ends the connection and a Read that waits.
func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// Read hands out packets, one or less at a time.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		packet, err := w.next()
		if err != nil {
			return 0, err
		}
		if eventName(packet) == saEvent {
			select {
			case w.credit <- struct{}{}:
			case <-w.closed:
				return 0, net.ErrClosed
			}
		}
		w.rest = packet
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// next returns the packet that may be handed out next, with its length in front.
func (w *wire) next() ([]byte, error) {
	for {
		if len(w.held) > 0 && !w.holding(0) {
			packet := w.held[0]
			w.held = w.held[1:]
			return packet, nil
		}
		packet, err := readPacket(w.Conn)
		if err != nil {
			return nil, err
		}
		switch packet[4] {
		case packetConfirm, packetUnknown:
			w.holding(1)
			return packet, nil
		case packetEvent:
			if w.holding(0) {
				w.held = append(w.held, packet)
				continue
			}
		}
		return packet, nil
	}
}

// holding counts answers and says whether more are awaited.
func (w *wire) holding(answers int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaiting = max(0, w.awaiting-answers)
	return w.awaiting > 0
}

// readPacket reads a packet: four bytes of length, then the type and the rest.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n > maxPacket:
		return nil, errTooLong
	case n == 0:
		return nil, errPacket
	}
	packet := make([]byte, 4+n)
	copy(packet, head[:])
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// eventName returns the name of an event, "" for other packets.
func eventName(packet []byte) string {
	body := packet[4:]
	if body[0] != packetEvent || len(body) < minEvent || len(body) < minEvent+int(body[1]) {
		return ""
	}
	return string(body[minEvent : minEvent+int(body[1])])
}
