package probe

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/socket/filter"
)

// solicit sends neighbour solicitations (RFC 4861, 7.2.2), the counterpart of
// ARP requests.
type solicit struct {
	path   Path
	report Report
	table  inflight
	sock   renewing[packetConn]
	hw     hwAddr // ours, set when the socket is opened; zero where the device has none
}

func newSolicit(path Path, open func(Path) (packetConn, hwAddr, error), report Report) Prober {
	s := &solicit{path: path, report: report}
	s.sock.open = func() (packetConn, error) {
		c, hw, err := open(path)
		s.hw = hw
		return c, err
	}
	s.sock.read = s.read
	return s
}

// openNDP opens a raw socket for neighbour advertisements. It has no mark:
// solicitations are multicast on the device that it is bound to, and the
// route of the probe table would hand them to the gateway.
func openNDP(p Path) (packetConn, hwAddr, error) {
	p.Mark = 0
	hw, err := deviceAddress(p.Device)
	if err != nil {
		return nil, hwAddr{}, err
	}
	c, err := openICMP6(p, advertFilter())
	if err != nil {
		return nil, hwAddr{}, err
	}
	if err := c.set(unix.IPV6_MULTICAST_HOPS, ndpHopLimit); err != nil {
		c.Close()
		return nil, hwAddr{}, fmt.Errorf("set hop limit: %w", err)
	}
	return c, hw, nil
}

// advertFilter lets through solicited neighbour advertisements.
func advertFilter() []filter.Instruction {
	return []filter.Instruction{
		filter.Load(0, 1),
		filter.Differs(neighbourAdvertisement, 3),
		filter.Load(4, 1),
		filter.NoBits(solicitedFlag, 1),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}

const (
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
	solicitedFlag          = 0x40
	// ndpHopLimit is what only a neighbour's packet can have (RFC 4861, 7.1).
	ndpHopLimit = 255
)

func (s *solicit) Close() { s.sock.close() }

// Send multicasts one solicitation to the target's solicited-node address.
func (s *solicit) Send(r Request) error {
	to := netip.AddrPortFrom(solicitedNode(r.To), 0)
	s.table.add(r, time.Now())
	if err := s.sock.send(func(c packetConn) error { return c.WriteTo(solicitation(r.To, s.hw), to) }); err != nil {
		s.table.forget(r.Seq)
		return fmt.Errorf("solicit %s: %w", r.To, err)
	}
	return nil
}

// solicitation builds the message of RFC 4861, 4.3, with our hardware address,
// so that the neighbour need not ask for it before it answers.
func solicitation(target netip.Addr, hw hwAddr) []byte {
	b := make([]byte, 24, 32)
	b[0] = neighbourSolicitation
	t := target.As16()
	copy(b[8:], t[:])
	if hw != (hwAddr{}) {
		b = append(append(b, 1, 1), hw[:]...) // source link-layer address, 8 bytes
	}
	return b
}

// solicitedNode is the multicast address that a host listens to for its
// neighbours (RFC 4291, 2.7.1).
func solicitedNode(a netip.Addr) netip.Addr {
	m := netip.MustParseAddr("ff02::1:ff00:0").As16()
	t := a.As16()
	copy(m[13:], t[13:])
	return netip.AddrFrom16(m)
}

func (s *solicit) read(c packetConn) {
	buf := make([]byte, 256)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if v, ok := c.(*icmp6); ok && v.hopLimit != ndpHopLimit {
			continue
		}
		s.receive(time.Now(), buf[:n])
	}
}

// receive takes an advertisement of any neighbour for the target; unsolicited
// ones prove nothing.
func (s *solicit) receive(now time.Time, b []byte) {
	if len(b) < 24 || b[0] != neighbourAdvertisement || b[4]&solicitedFlag == 0 {
		return
	}
	target := netip.AddrFrom16([16]byte(b[8:24]))
	res, ok := s.table.take(now, func(r Request) bool { return r.To.WithZone("") == target })
	if ok {
		s.report(res)
	}
}
