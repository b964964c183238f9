package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/arp"

	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// newNeighbour asks a neighbour for its hardware address: ARP for IPv4,
// neighbour solicitation for IPv6.
func newNeighbour(path Path, report Report) Prober {
	if path.Layer2 {
		return newLayer2Neighbour(path, layer2Kind(path.Family), report)
	}
	if path.Family == kstate.IPv6 {
		return newSolicit(path, openNDP, report)
	}
	return newARP(path, openARP, report)
}

// etherARP is ETH_P_ARP of linux/if_ether.h.
const etherARP = 0x0806

// arping sends broadcast ARP requests (RFC 826). Any hardware address may
// answer, and another each time: providers' gateways do.
type arping struct {
	path   Path
	report Report
	table  inflight
	sock   renewing[linkConn]
}

func newARP(path Path, open func(Path) (linkConn, error), report Report) Prober {
	a := &arping{path: path, report: report}
	a.sock.open = func() (linkConn, error) { return open(path) }
	a.sock.read = a.read
	return a
}

// openARP opens a packet socket for ARP answers on the path's device.
func openARP(p Path) (linkConn, error) {
	if p.Device == "" || !p.Source.IsValid() {
		return nil, errNoDevice
	}
	c, err := openPackets(p.Device, etherARP, etherARP, arpFilter(), nil)
	if errors.Is(err, errNoEthernet) {
		return nil, fmt.Errorf("device %s has no Ethernet address, ARP is not possible on it", p.Device)
	}
	return c, err
}

// arpFilter lets through answers only (operation 2); requests are broadcast and would wake the reader all the time.
func arpFilter() []filter.Instruction {
	return []filter.Instruction{
		filter.Load(6, 2),
		filter.Differs(uint32(arp.OperationReply), 1),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}

func (a *arping) Close() { a.sock.close() }

var broadcast = hwAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Send broadcasts one request from the path's source address.
func (a *arping) Send(r Request) error {
	a.table.add(r, time.Now())
	err := a.sock.send(func(c linkConn) error {
		own := c.Addr()
		p, err := arp.NewPacket(arp.OperationRequest, own[:], a.path.Source, broadcast[:], r.To)
		if err != nil {
			return err
		}
		b, err := p.MarshalBinary()
		if err != nil {
			return err
		}
		return c.WriteTo(b, broadcast)
	})
	if err != nil {
		a.table.forget(r.Seq)
		return fmt.Errorf("arping %s: %w", r.To, err)
	}
	return nil
}

func (a *arping) read(c linkConn) {
	buf := make([]byte, 128)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		var p arp.Packet
		if p.UnmarshalBinary(buf[:n]) == nil {
			a.receive(time.Now(), &p)
		}
	}
}

// receive takes an answer to us. Gratuitous ARP and answers to others, which
// prove nothing about a request of ours, find no request or another target.
func (a *arping) receive(now time.Time, p *arp.Packet) {
	if p.Operation != arp.OperationReply || p.TargetIP != a.path.Source {
		return
	}
	res, ok := a.table.take(now, func(r Request) bool { return r.To == p.SenderIP })
	if ok {
		a.report(res)
	}
}
