package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// ServeDNS starts a resolver on port 53 of an address of the host, until the test ends. names gives the address of a name, without a dot at
// its end; the zero address means that there is no such name.
func (h *Host) ServeDNS(at netip.Addr, names func(host string) netip.Addr) {
	h.tb.Helper()
	var c net.PacketConn
	var err error
	h.Do(func() {
		c, err = new(net.ListenConfig).ListenPacket(context.Background(), "udp", netip.AddrPortFrom(at, 53).String())
	})
	if err != nil {
		h.tb.Fatalf("%s: listen on port 53 of %s: %v", h.Name, at, err)
	}
	h.tb.Cleanup(func() { c.Close() })
	go func() {
		for buf := make([]byte, 1500); ; {
			n, peer, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := dnsAnswer(buf[:n], names); err == nil {
				c.WriteTo(answer, peer)
			}
		}
	}()
}

func dnsAnswer(question []byte, names func(host string) netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	if len(m.Questions) != 1 {
		return nil, fmt.Errorf("%d questions", len(m.Questions))
	}
	q, host := m.Questions[0], m.Questions[0].Name.String()
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: true, RecursionAvailable: true}, Questions: m.Questions}
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
	switch a := names(host[:max(0, len(host)-1)]); {
	case !a.IsValid():
		out.RCode = dnsmessage.RCodeNameError
	case a.Is4() && q.Type == dnsmessage.TypeA:
		out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: a.As4()}}}
	case a.Is6() && q.Type == dnsmessage.TypeAAAA:
		out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}}
	}
	return out.Pack()
}
