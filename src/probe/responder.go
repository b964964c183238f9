package probe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/socket/filter"
)

// A Responder answers loopback messages that come in by one device, so that the far end of a pseudowire or bond member can tell that
// frames reach us and answers come back: through a port of a bridge or a member of a bond too, whether that is in use or not. It keeps
// waiting for a device that is not there.
type Responder struct {
	device string
	open   func(device string) (linkConn, error)

	mu    sync.Mutex
	conn  linkConn
	again chan struct{}
}

// NewResponder makes a responder for a device by its name.
func NewResponder(device string) *Responder {
	return &Responder{device: device, open: openResponder, again: make(chan struct{}, 1)}
}

func openResponder(device string) (linkConn, error) {
	return openLink(device, etherCFM, append(notForOthers(), loopbackFilter(loopbackAsk)...), &loopbackGroup)
}

// notForOthers is a filter against frames to the address of another device, which a bridge behind this one may be passing on.
func notForOthers() []filter.Instruction {
	return []filter.Instruction{
		filter.LoadAncillary(filter.PktType),
		filter.Differs(unix.PACKET_OTHERHOST, 1),
		filter.Return(filter.Drop),
	}
}

// A Responder waits reopenFirst after its socket failed, then twice as long each time up to reopenMost, unless LinkEvent says that the
// device has changed. Whoever makes a device a member of a bond takes it down for a moment, which ends the socket: the far end must
// not take that for silence, so the first waits are short.
const reopenFirst, reopenMost = 10 * time.Millisecond, time.Second

// Run answers until the context ends. What fails is tried again: it returns nil.
func (r *Responder) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.drop)()
	wait := time.NewTimer(reopenMost)
	defer wait.Stop()
	pause := reopenFirst
	for {
		if r.serve(ctx) {
			pause = reopenFirst
		}
		wait.Reset(pause)
		select {
		case <-ctx.Done():
			return nil
		case <-r.again:
			pause = reopenFirst
		case <-wait.C:
			pause = min(2*pause, reopenMost)
		}
	}
}

// LinkEvent says that the device has come, gone or changed: the socket is opened anew at once.
func (r *Responder) LinkEvent() {
	r.drop()
	select {
	case r.again <- struct{}{}:
	default:
	}
}

func (r *Responder) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		r.conn.Close()
		r.conn = nil
	}
}

// serve answers until the socket fails, and says whether it has heard anything.
func (r *Responder) serve(ctx context.Context) (heard bool) {
	c, err := r.open(r.device)
	if err != nil {
		return false
	}
	r.mu.Lock()
	r.conn = c
	r.mu.Unlock()
	defer r.drop()
	limit := allowance{}
	buf := make([]byte, maxLoopback)
	for ctx.Err() == nil {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return heard
		}
		heard = true
		if respond(buf[:n], from, c.Addr()) && limit.take(time.Now()) {
			// An answer that cannot be sent is lost, like any frame.
			_ = c.WriteTo(buf[:n], from)
		}
	}
	return heard
}

// respond makes a message its reply, in place. A group asks nothing, and our own messages mean that the link loops.
func respond(b []byte, from, own hwAddr) bool {
	m, ok := parseLoopback(b)
	if !ok || m.opcode != loopbackAsk || from[0]&1 != 0 || from == own || from == (hwAddr{}) {
		return false
	}
	answer(b)
	return true
}

// answersPerSecond bounds what a flood of messages can cost. The fastest prober sends 20 messages a second, and 100 for the
// second in which it confirms a suspicion.
const answersPerSecond = 400

// allowance counts down within each second.
type allowance struct {
	since time.Time
	spent int
}

func (a *allowance) take(now time.Time) bool {
	if now.Sub(a.since) >= time.Second {
		*a = allowance{since: now}
	}
	a.spent++
	return a.spent <= answersPerSecond
}
