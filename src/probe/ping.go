package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// tagSize is the part of a ping's payload that answers are checked by: the
// number of the probe and a secret, so that nobody off the path can feign life.
const tagSize = 16

// ping sends ICMP echo requests (RFC 792, RFC 4443) to all targets of a WAN
// and family by one raw socket.
type ping struct {
	path   Path
	report Report
	table  inflight
	sock   renewing[packetConn]
	id     uint16
	secret [8]byte
}

func newPing(path Path, open func(Path, uint16) (packetConn, error), report Report) Prober {
	p := &ping{path: path, report: report, id: uint16(rand.Uint32())}
	// The runtime's ChaCha8, seeded by the kernel: crypto/rand would add 180 KiB, self-tests of all its ciphers included.
	binary.BigEndian.PutUint64(p.secret[:], rand.Uint64())
	p.sock.open = func() (packetConn, error) { return open(path, p.id) }
	p.sock.read = p.read
	return p
}

func (p *ping) Close() { p.sock.close() }

// Send sends one echo request.
func (p *ping) Send(r Request) error {
	b := p.request(r)
	to := netip.AddrPortFrom(r.To, 0)
	p.table.add(r, time.Now())
	if err := p.sock.send(func(c packetConn) error { return c.WriteTo(b, to) }); err != nil {
		p.table.forget(r.Seq)
		return fmt.Errorf("ping %s: %w", r.To, err)
	}
	return nil
}

func (p *ping) request(r Request) []byte {
	data := make([]byte, max(r.Size, tagSize))
	binary.BigEndian.PutUint64(data, r.Seq)
	copy(data[8:], p.secret[:])
	return echoRequest(p.path.Family, p.id, uint16(r.Seq), data)
}

// read takes answers until the socket fails.
func (p *ping) read(c packetConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		p.receive(time.Now(), buf[:n], from.Addr())
	}
}

func (p *ping) receive(now time.Time, b []byte, from netip.Addr) {
	if len(b) < echoHeader {
		return
	}
	kind := b[0]
	if p.path.Family == kstate.IPv6 {
		switch kind {
		case echoReply6:
			p.answered(now, b, from)
		case unreachable6, timeExceeded6:
			p.unreachable(now, b, from, quoted6, "no route or host unreachable")
		}
		return
	}
	switch kind {
	case echoReply4:
		p.answered(now, b, from)
	case unreachable4, timeExceeded4:
		p.unreachable(now, b, from, quoted4, "network or host unreachable")
	}
}

func (p *ping) answered(now time.Time, b []byte, from netip.Addr) {
	id, data := binary.BigEndian.Uint16(b[4:]), b[echoHeader:]
	if id != p.id || len(data) < tagSize || !bytes.Equal(data[8:tagSize], p.secret[:]) {
		return
	}
	seq := binary.BigEndian.Uint64(data)
	res, ok := p.table.take(now, func(r Request) bool { return r.Seq == seq && r.To.WithZone("") == from.WithZone("") })
	if ok {
		p.report(res)
	}
}

// unreachable takes an error that quotes one of our requests: its identifier
// and sequence number are within the eight bytes that every router quotes.
func (p *ping) unreachable(now time.Time, b []byte, from netip.Addr, quoted func([]byte) (to netip.Addr, echo []byte), what string) {
	to, echo := quoted(b[echoHeader:])
	if len(echo) < echoHeader || binary.BigEndian.Uint16(echo[4:]) != p.id {
		return
	}
	seq := binary.BigEndian.Uint16(echo[6:])
	res, ok := p.table.take(now, func(r Request) bool { return uint16(r.Seq) == seq && r.To.WithZone("") == to })
	if ok {
		res.RTT, res.Failure = 0, health.Unreachable
		res.Detail = fmt.Sprintf("%s says %s (type %d, code %d)", from, what, b[0], b[1])
		p.report(res)
	}
}

// quoted4 takes the destination and the ICMP header out of a quoted IPv4 packet.
func quoted4(b []byte) (netip.Addr, []byte) {
	if len(b) < 20 || b[9] != 1 {
		return netip.Addr{}, nil
	}
	size := int(b[0]&0xf) * 4
	if len(b) < size || b[0]>>4 != 4 {
		return netip.Addr{}, nil
	}
	return netip.AddrFrom4([4]byte(b[16:20])), b[size:]
}

// quoted6 is quoted4 for IPv6 without extension headers, as our requests are.
func quoted6(b []byte) (netip.Addr, []byte) {
	if len(b) < 40 || b[6] != 58 {
		return netip.Addr{}, nil
	}
	return netip.AddrFrom16([16]byte(b[24:40])), b[40:]
}
