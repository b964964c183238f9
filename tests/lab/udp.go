package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
)

// UDPFlow sends a numbered datagram every interval to an echo server
// ([Host.Echo]) from one socket, so it is one connection to conntrack.
func (h *Host) UDPFlow(to netip.AddrPort, o FlowOptions) *Flow {
	h.tb.Helper()
	d := net.Dialer{Control: socketControl(o.Device, o.Mark)}
	if o.Local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(o.Local)
	}
	var c net.Conn
	var err error
	h.Do(func() { c, err = d.Dial("udp", to.String()) })
	if err != nil {
		h.tb.Fatalf("%s: UDP flow to %s: %v", h.Name, to, err)
	}
	return startFlow(h.tb, &udpCarrier{conn: c, out: make([]byte, max(o.Size, 8))}, o.Interval)
}

// udpCarrier carries the sequence number in eight bytes; the echo server
// appends the address that it saw.
type udpCarrier struct {
	conn net.Conn
	out  []byte
	buf  [256]byte
}

func (u *udpCarrier) send(seq int) error {
	binary.BigEndian.PutUint64(u.out, uint64(seq))
	_, err := u.conn.Write(u.out)
	return err
}

func (u *udpCarrier) receive() (int, netip.AddrPort, error) {
	n, err := u.conn.Read(u.buf[:])
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	if n < 8 {
		return 0, netip.AddrPort{}, errors.New("short answer")
	}
	source, err := netip.ParseAddrPort(string(u.buf[8:n]))
	return int(binary.BigEndian.Uint64(u.buf[:8])), source, err
}

func (u *udpCarrier) close() error { return u.conn.Close() }

func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)
}

// OneWay sends a numbered datagram every interval to another host, which counts them: nothing comes back, so it may be as dense as one way
// carries.
func (h *Host) OneWay(far *Host, to netip.AddrPort, o FlowOptions) *Flow {
	h.tb.Helper()
	var in *net.UDPConn
	var out net.Conn
	var err error
	far.Do(func() { in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(to)) })
	if err == nil {
		in.SetReadBuffer(1 << 20)
		h.Do(func() { out, err = net.Dial("udp", to.String()) })
	}
	if err != nil {
		h.tb.Fatalf("%s: UDP to %s at %s: %v", h.Name, far.Name, to, err)
	}
	return startFlow(h.tb, &oneWayCarrier{udpCarrier{conn: out, out: make([]byte, max(o.Size, 8))}, in}, o.Interval)
}

// oneWayCarrier is received at the far end.
type oneWayCarrier struct {
	udpCarrier
	in *net.UDPConn
}

func (c *oneWayCarrier) receive() (int, netip.AddrPort, error) {
	n, source, err := c.in.ReadFromUDPAddrPort(c.buf[:])
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	if n < 8 {
		return 0, netip.AddrPort{}, errors.New("short datagram")
	}
	return int(binary.BigEndian.Uint64(c.buf[:8])), source, nil
}

func (c *oneWayCarrier) close() error {
	c.in.Close()
	return c.conn.Close()
}
