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
