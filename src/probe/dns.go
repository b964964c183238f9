package probe

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// maxDNS is the largest answer without EDNS (RFC 1035, 4.2.1).
const maxDNS = 512

// dnsProbe asks resolvers over UDP. Any answer to the question counts, also
// one that the name does not exist: what is asked for is the line.
type dnsProbe struct {
	path   Path
	report Report
	table  inflight
	sock   renewing[packetConn]
	salt   uint16
}

func newDNS(path Path, open func(Path) (packetConn, error), report Report) Prober {
	d := &dnsProbe{path: path, report: report, salt: uint16(rand.Uint32())}
	d.sock.open = func() (packetConn, error) { return open(path) }
	d.sock.read = d.read
	return d
}

func (d *dnsProbe) Close() { d.sock.close() }

// Send asks the target for the addresses of r.Query.
func (d *dnsProbe) Send(r Request) error {
	b, err := question(d.id(r.Seq), r.Query, dnsTypeA)
	if err != nil {
		return fmt.Errorf("dns question %q: %w", r.Query, err)
	}
	d.table.add(r, time.Now())
	to := netip.AddrPortFrom(r.To, uint16(r.Port))
	if err := d.sock.send(func(c packetConn) error { return c.WriteTo(b, to) }); err != nil {
		d.table.forget(r.Seq)
		return fmt.Errorf("dns %s: %w", to, err)
	}
	return nil
}

func (d *dnsProbe) id(seq uint64) uint16 { return uint16(seq) ^ d.salt }

func (d *dnsProbe) read(c packetConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		d.receive(time.Now(), buf[:n], from)
	}
}

func (d *dnsProbe) receive(now time.Time, b []byte, from netip.AddrPort) {
	id, name, ok := answered(b)
	if !ok {
		return
	}
	res, ok := d.table.take(now, func(r Request) bool {
		return d.id(r.Seq) == id && r.To.WithZone("") == from.Addr() && uint16(r.Port) == from.Port() &&
			strings.EqualFold(absolute(r.Query), name)
	})
	if ok {
		d.report(res)
	}
}
