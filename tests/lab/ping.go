package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// pingID keeps the flows of one process apart.
var pingID atomic.Uint32

// PingFlow sends an ICMP or ICMPv6 echo request every interval. Its packets
// carry no Source.
func (h *Host) PingFlow(to netip.Addr, o FlowOptions) *Flow {
	h.tb.Helper()
	network, local := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		network, local = "ip6:ipv6-icmp", "::"
	}
	if o.Local.IsValid() {
		local = o.Local.Addr().String()
	}
	lc := net.ListenConfig{Control: socketControl(o.Device, o.Mark)}
	var c net.PacketConn
	var err error
	h.Do(func() { c, err = lc.ListenPacket(context.Background(), network, local) })
	if err != nil {
		h.tb.Fatalf("%s: ping %s: %v", h.Name, to, err)
	}
	if to.Zone() != "" {
		to = to.WithZone(h.zone(to.Zone()))
	}
	id := int(uint16(os.Getpid()) + uint16(pingID.Add(1)))
	return startFlow(h.tb, &pingCarrier{conn: c, to: &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}, v6: to.Is6(), id: id}, o.Interval)
}

type pingCarrier struct {
	conn net.PacketConn
	to   *net.IPAddr
	v6   bool
	id   int
	buf  [1500]byte
}

// send puts the whole number into the payload: the field of the header wraps
// after 65,536.
func (p *pingCarrier) send(seq int) error {
	var data [8]byte
	binary.BigEndian.PutUint64(data[:], uint64(seq))
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: seq & 0xffff, Data: data[:]}}
	if p.v6 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil) // the kernel fills in the ICMPv6 checksum
	if err != nil {
		return err
	}
	_, err = p.conn.WriteTo(b, p.to)
	return err
}

func (p *pingCarrier) receive() (int, netip.AddrPort, error) {
	n, _, err := p.conn.ReadFrom(p.buf[:])
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	proto := 1
	if p.v6 {
		proto = 58
	}
	m, err := icmp.ParseMessage(proto, p.buf[:n])
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	e, ok := m.Body.(*icmp.Echo)
	if !ok || e.ID != p.id || len(e.Data) != 8 || m.Type == ipv4.ICMPTypeEcho || m.Type == ipv6.ICMPTypeEchoRequest {
		return 0, netip.AddrPort{}, errors.New("not an answer to this flow")
	}
	return int(binary.BigEndian.Uint64(e.Data)), netip.AddrPort{}, nil
}

func (p *pingCarrier) close() error { return p.conn.Close() }
