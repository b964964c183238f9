package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"multiwan/src/socket/filter"
)

// loopback asks the far end of a layer-2 link by CFM loopback messages. They need no address, pass through ports of bridges and inactive
// members of bonds, and the far end may be any maintenance end point of the level.
type loopback struct {
	report Report
	table  inflight
	sock   renewing[linkConn]
	cookie [8]byte // of this prober: replies to others are not ours
}

func newLoopback(path Path, open func(Path) (linkConn, error), report Report) Prober {
	l := &loopback{report: report}
	binary.BigEndian.PutUint64(l.cookie[:], rand.Uint64()) // of the runtime's ChaCha8, as in newPing
	l.sock.open = func() (linkConn, error) { return open(path) }
	l.sock.read = l.read
	return l
}

func openLoopback(p Path) (linkConn, error) {
	return openLink(p.Device, etherCFM, loopbackFilter(loopbackReply), nil)
}

// loopbackFilter wants one opcode of our level.
func loopbackFilter(opcode byte) []filter.Instruction {
	return bytesAre(0, 2, 0xe0ff, cfmLevel<<13|uint32(opcode))
}

func (l *loopback) Close() { l.sock.close() }

// Send multicasts one message. Its data is the cookie and the whole sequence number, of which the transaction identifier has 32 bits.
func (l *loopback) Send(r Request) error {
	m := loopbackMessage{opcode: loopbackAsk, transaction: uint32(r.Seq), data: binary.BigEndian.AppendUint64(bytes.Clone(l.cookie[:]), r.Seq)}
	l.table.add(r, time.Now())
	if err := l.sock.send(func(c linkConn) error { return c.WriteTo(m.marshal(), loopbackGroup) }); err != nil {
		l.table.forget(r.Seq)
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

func (l *loopback) read(c linkConn) {
	buf := make([]byte, 1500)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		l.receive(time.Now(), buf[:n])
	}
}

func (l *loopback) receive(now time.Time, b []byte) {
	m, ok := parseLoopback(b)
	if !ok || m.opcode != loopbackReply || len(m.data) != 16 || !bytes.Equal(m.data[:8], l.cookie[:]) {
		return
	}
	seq := binary.BigEndian.Uint64(m.data[8:])
	res, ok := l.table.take(now, func(r Request) bool { return r.Seq == seq && uint32(seq) == m.transaction })
	if ok {
		l.report(res)
	}
}
