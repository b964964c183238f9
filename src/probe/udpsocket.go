package probe

import (
	"net"
	"net/netip"
)

// openUDP opens an unconnected UDP socket on the path.
func openUDP(p Path) (packetConn, error) {
	c, err := p.listen("udp", netip.AddrPortFrom(p.Source, 0).String())
	if err != nil {
		return nil, err
	}
	return udpConn{c.(*net.UDPConn)}, nil
}

// udpConn adapts a UDP socket.
type udpConn struct{ *net.UDPConn }

func (c udpConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.UDPConn.ReadFromUDPAddrPort(b)
	return n, netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), err
}

func (c udpConn) WriteTo(b []byte, to netip.AddrPort) error {
	_, err := c.UDPConn.WriteToUDPAddrPort(b, to)
	return err
}
