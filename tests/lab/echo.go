package lab

import (
	"context"
	"io"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Ports of the servers of [Host.Echo], after RFC 862, 863 and 864.
const (
	EchoPort    = 7  // TCP and UDP
	DiscardPort = 9  // TCP: reads for ever
	SourcePort  = 19 // TCP: writes for ever
)

// Echo is the address of a host's echo servers.
func Echo(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, EchoPort) }

// Echo starts the servers of the host, on every address and both families.
// TCP echo greets with the address of the peer and a newline, then echoes. UDP
// echo sends the first eight bytes back and the peer's address behind them,
// from the address that the datagram was sent to.
func (h *Host) Echo() {
	h.tb.Helper()
	h.ServeTCP(EchoPort, func(c net.Conn) {
		io.WriteString(c, c.RemoteAddr().String()+"\n")
		io.Copy(c, c)
	})
	h.ServeTCP(DiscardPort, func(c net.Conn) { io.Copy(io.Discard, c) })
	h.ServeTCP(SourcePort, func(c net.Conn) {
		for b := make([]byte, 64<<10); ; {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
	h.ServeUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), EchoPort))
	h.ServeUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), EchoPort))
}

// ServeTCP accepts connections on a port of every address until the test ends.
func (h *Host) ServeTCP(port int, serve func(net.Conn)) {
	h.tb.Helper()
	var l net.Listener
	var err error
	addr := net.TCPAddr{Port: port}
	h.Do(func() { l, err = net.ListenTCP("tcp", &addr) })
	if err != nil {
		h.tb.Fatalf("%s: listen on TCP port %d: %v", h.Name, port, err)
	}
	h.tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
}

// ServeUDP starts a UDP echo server. Bound to an unspecified address it answers
// from the address that was asked (IP_PKTINFO), as good servers do.
func (h *Host) ServeUDP(at netip.AddrPort) {
	h.tb.Helper()
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	var c net.PacketConn
	var err error
	h.Do(func() { c, err = new(net.ListenConfig).ListenPacket(context.Background(), network, at.String()) })
	if err != nil {
		h.tb.Fatalf("%s: listen on UDP %s: %v", h.Name, at, err)
	}
	h.tb.Cleanup(func() { c.Close() })
	if at.Addr().Is4() {
		go echo4(ipv4.NewPacketConn(c))
	} else {
		go echo6(ipv6.NewPacketConn(c))
	}
}

// PlainUDP starts a UDP echo server that is bound to every address and answers
// from whatever the routing table says: the kind that no router can help.
func (h *Host) PlainUDP(port int) {
	h.tb.Helper()
	var c *net.UDPConn
	var err error
	h.Do(func() { c, err = net.ListenUDP("udp", &net.UDPAddr{Port: port}) })
	if err != nil {
		h.tb.Fatalf("%s: listen on UDP port %d: %v", h.Name, port, err)
	}
	h.tb.Cleanup(func() { c.Close() })
	go func() {
		for buf := make([]byte, 2048); ; {
			n, peer, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
			c.WriteToUDPAddrPort(answer(buf[:n], peer.String()), peer)
		}
	}()
}

func answer(request []byte, peer string) []byte {
	return append(append([]byte(nil), request[:min(8, len(request))]...), peer...)
}

func echo4(c *ipv4.PacketConn) {
	c.SetControlMessage(ipv4.FlagDst, true)
	for buf := make([]byte, 2048); ; {
		n, cm, peer, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		c.WriteTo(answer(buf[:n], peer.String()), &ipv4.ControlMessage{Src: cm.Dst}, peer)
	}
}

func echo6(c *ipv6.PacketConn) {
	c.SetControlMessage(ipv6.FlagDst, true)
	for buf := make([]byte, 2048); ; {
		n, cm, peer, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		c.WriteTo(answer(buf[:n], peer.String()), &ipv6.ControlMessage{Src: cm.Dst}, peer)
	}
}
