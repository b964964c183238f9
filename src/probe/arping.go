package probe

import (
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"

	"multiwan/src/core/kstate"
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

// sendLimit bounds how long a write to a packet socket may block.
const sendLimit = 50 * time.Millisecond

// arping sends broadcast ARP requests (RFC 826). Any hardware address may
// answer, and another each time: providers' gateways do.
type arping struct {
	path   Path
	report Report
	table  inflight
	sock   renewing[*arp.Client]
}

func newARP(path Path, open func(Path) (*arp.Client, error), report Report) Prober {
	a := &arping{path: path, report: report}
	a.sock.open = func() (*arp.Client, error) { return open(path) }
	a.sock.read = a.read
	return a
}

// openARP opens a packet socket for ARP answers on the path's device.
func openARP(p Path) (*arp.Client, error) {
	if p.Device == "" || !p.Source.IsValid() {
		return nil, errNoDevice
	}
	ifi, err := net.InterfaceByName(p.Device)
	if err != nil {
		return nil, fmt.Errorf("find device %s: %w", p.Device, err)
	}
	if len(ifi.HardwareAddr) != 6 {
		return nil, fmt.Errorf("device %s has no Ethernet address, ARP is not possible on it", p.Device)
	}
	filter, err := bpf.Assemble(arpFilter())
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, etherARP, &packet.Config{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %s: %w", p.Device, err)
	}
	client, err := arp.New(ifi, c)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open ARP on %s: %w", p.Device, err)
	}
	return client, nil
}

// arpFilter lets through answers only (operation 2 behind the Ethernet
// header); requests are broadcast and would wake the reader all the time.
func arpFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 14 + 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(arp.OperationReply), SkipTrue: 1},
		bpf.RetConstant{Val: take},
		bpf.RetConstant{Val: drop},
	}
}

func (a *arping) Close() { a.sock.close() }

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Send broadcasts one request from the path's source address.
func (a *arping) Send(r Request) error {
	a.table.add(r, time.Now())
	err := a.sock.send(func(c *arp.Client) error {
		p, err := arp.NewPacket(arp.OperationRequest, c.HardwareAddr(), a.path.Source, broadcast, r.To)
		if err != nil {
			return err
		}
		// Only writing has a deadline; the reader ends when the socket is closed.
		if err := c.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
			return err
		}
		return c.WriteTo(p, broadcast)
	})
	if err != nil {
		a.table.forget(r.Seq)
		return fmt.Errorf("arping %s: %w", r.To, err)
	}
	return nil
}

func (a *arping) read(c *arp.Client) {
	for {
		p, _, err := c.Read()
		if err != nil {
			return
		}
		a.receive(time.Now(), p)
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
