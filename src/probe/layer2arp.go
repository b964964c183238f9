package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"

	"multiwan/src/core/kstate"
)

// layer2ARP asks for a neighbour's hardware address through a device that has no address of its own: a port of a bridge or a member of
// a bond. Requests carry no sender's address (RFC 5227, 2.1.1), so that no neighbour learns a false one for the master's; answers go to
// the device that asked.
type layer2ARP struct {
	report Report
	table  inflight
	sock   renewing[linkConn]
}

func newLayer2ARP(path Path, open func(Path) (linkConn, error), report Report) Prober {
	a := &layer2ARP{report: report}
	a.sock.open = func() (linkConn, error) { return open(path) }
	a.sock.read = a.read
	return a
}

func openLayer2ARP(p Path) (linkConn, error) {
	if p.Family == kstate.IPv6 {
		return nil, errors.New("a device without addresses cannot solicit IPv6 neighbours: want method loopback, or an IPv4 target")
	}
	return openLink(p.Device, etherARP, bytesAre(6, 2, 0xffff, uint32(arp.OperationReply)), nil)
}

func (a *layer2ARP) Close() { a.sock.close() }

// Send broadcasts one request.
func (a *layer2ARP) Send(r Request) error {
	a.table.add(r, time.Now())
	err := a.sock.send(func(c linkConn) error {
		own := c.Addr()
		p, err := arp.NewPacket(arp.OperationRequest, own[:], netip.IPv4Unspecified(), make(net.HardwareAddr, len(own)), r.To)
		if err != nil {
			return err
		}
		b, err := p.MarshalBinary()
		if err != nil {
			return err
		}
		return c.WriteTo(b, hwAddr(broadcast))
	})
	if err != nil {
		a.table.forget(r.Seq)
		return fmt.Errorf("arping %s: %w", r.To, err)
	}
	return nil
}

func (a *layer2ARP) read(c linkConn) {
	buf := make([]byte, 128)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		a.receive(time.Now(), buf[:n], c.Addr())
	}
}

// receive takes an answer to us: the hardware address tells, as there is no other.
func (a *layer2ARP) receive(now time.Time, b []byte, own hwAddr) {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil || p.Operation != arp.OperationReply || string(p.TargetHardwareAddr) != string(own[:]) {
		return
	}
	res, ok := a.table.take(now, func(r Request) bool { return r.To == p.SenderIP })
	if ok {
		a.report(res)
	}
}
