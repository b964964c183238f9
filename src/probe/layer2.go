package probe

import (
	"fmt"
	"net/netip"
	"time"

	"multiwan/src/core/kstate"
)

// layer2Neighbour asks for a neighbour's hardware address through a device that has no address of its own: a port of a bridge or a
// member of a bond. Questions carry no sender's address, as those by which hosts look for duplicates of theirs, so that no neighbour
// learns a false one for the bridge's or bond's.
type layer2Neighbour struct {
	report Report
	kind   neighbourKind
	table  inflight
	sock   renewing[linkConn]
}

// neighbourKind is how a family asks.
type neighbourKind struct {
	open func(Path) (linkConn, error)
	// ask builds the question, without its Ethernet header, and says where it is sent to.
	ask func(own hwAddr, target netip.Addr) ([]byte, hwAddr, error)
	// answer reads who answers us.
	answer func(b []byte, own hwAddr) (netip.Addr, bool)
}

func layer2Kind(f kstate.Family) neighbourKind {
	if f == kstate.IPv6 {
		return neighbourKind{openLayer2NDP, duplicateSolicitation, advertised}
	}
	return neighbourKind{openLayer2ARP, arpProbe, arpAnswered}
}

func newLayer2Neighbour(path Path, kind neighbourKind, report Report) Prober {
	l := &layer2Neighbour{report: report, kind: kind}
	l.sock.open = func() (linkConn, error) { return kind.open(path) }
	l.sock.read = l.read
	return l
}

func (l *layer2Neighbour) Close() { l.sock.close() }

// Send multicasts one question.
func (l *layer2Neighbour) Send(r Request) error {
	l.table.add(r, time.Now())
	err := l.sock.send(func(c linkConn) error {
		b, to, err := l.kind.ask(c.Addr(), r.To)
		if err != nil {
			return err
		}
		return c.WriteTo(b, to)
	})
	if err != nil {
		l.table.forget(r.Seq)
		return fmt.Errorf("arping %s: %w", r.To, err)
	}
	return nil
}

func (l *layer2Neighbour) read(c linkConn) {
	buf := make([]byte, 128)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		l.receive(time.Now(), buf[:n], c.Addr())
	}
}

func (l *layer2Neighbour) receive(now time.Time, b []byte, own hwAddr) {
	from, ok := l.kind.answer(b, own)
	if !ok {
		return
	}
	if res, ok := l.table.take(now, func(r Request) bool { return r.To.WithZone("") == from }); ok {
		l.report(res)
	}
}
