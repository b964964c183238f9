package probe

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
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
	b, err := question(d.id(r.Seq), r.Query, dnsmessage.TypeA)
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

// answered gives the identifier and the name of the question of an answer.
func answered(b []byte) (id uint16, name string, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response {
		return 0, "", false
	}
	q, err := p.Question()
	if err != nil {
		return 0, "", false
	}
	return h.ID, q.Name.String(), true
}

// question builds a recursive query.
func question(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(absolute(name))
	if err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(make([]byte, 0, maxDNS), dnsmessage.Header{ID: id, RecursionDesired: true})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}); err != nil {
		return nil, err
	}
	return b.Finish()
}

// absolute gives a name the final dot.
func absolute(name string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "."
}
