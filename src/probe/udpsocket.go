package probe

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"multiwan/src/socket"
)

// openUDP opens an unconnected UDP socket on the path.
func openUDP(p Path) (packetConn, error) {
	c, err := p.bound(unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	return packets{c}, nil
}

// packets adapts a socket for packets.
type packets struct{ *socket.Conn }

func (c packets) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, _, from, err := c.Receive(b, nil)
	return n, addrPort(from), err
}

func (c packets) WriteTo(b []byte, to netip.AddrPort) error { return c.Send(b, nil, sockaddr(to)) }
