package probe_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/probe"
	"multiwan/tests/lab"
)

// mark is the probe mark of a WAN.
func mark(w *lab.WAN) uint32 { return 0x40000000 | uint32(w.Index+1)<<24 }

// path is what the daemon would know of a WAN.
func path(t *testing.T, w *lab.WAN, f kstate.Family, router *lab.Host) probe.Path {
	t.Helper()
	p := probe.Path{WAN: w.Name, Family: f, Device: w.Device, Source: w.Addr4, Gateway: w.Gateway4, Mark: mark(w)}
	if f == kstate.IPv6 {
		p.Source, p.Gateway = w.Addr6, w.Gateway6
	}
	router.Do(func() {
		if i, err := net.InterfaceByName(w.Device); err == nil {
			p.Index = i.Index
		}
	})
	return p
}

// route gives every WAN a table of its own for its probe mark.
func route(n *lab.Network) {
	for _, w := range n.WANs {
		for flag, gw := range map[string]netip.Addr{"-4": w.Gateway4, "-6": w.Gateway6} {
			if !gw.IsValid() {
				continue
			}
			n.Router.IP("%s rule add pref 6000 fwmark %#x/0x7f000000 table %d", flag, mark(w), 19712+w.Index)
			n.Router.IP("%s route add default via %s dev %s table %d", flag, gw, w.Device, 19712+w.Index)
		}
	}
}

// targets of the internet in one family.
func targets(f kstate.Family) (a, b netip.Addr) {
	if f == kstate.IPv6 {
		return lab.Internet6, lab.Internet6b
	}
	return lab.Internet4, lab.Internet4b
}

// defaults is a probe as the configuration makes it, two targets.
func defaults(method string, f kstate.Family) probe.Probe {
	a, b := targets(f)
	p := probe.Probe{
		Params: health.Params{
			Name: method, Method: method, Reliability: 1, Interval: time.Second, DownInterval: time.Second,
			Timeout: time.Second, Down: 10, Up: 5, Window: 30,
			Targets: []health.Target{{Text: a.String()}, {Text: b.String()}},
		},
		To: []probe.Target{{Addr: a}, {Addr: b}}, Size: 56, Query: "example.com",
	}
	port := map[string]int{"dns": 53, "tcp": 443, "http": 80}[method]
	for i := range p.To {
		p.To[i].Port = port
	}
	return p
}

// fast is defaults with an interval of 0.1 s.
func fast(method string, f kstate.Family) probe.Probe {
	p := defaults(method, f)
	p.Interval, p.DownInterval, p.Up = 100*time.Millisecond, 100*time.Millisecond, 3
	return p
}

// gateway is a probe of the gateway alone, fast.
func gateway(method string, f kstate.Family) probe.Probe {
	p := fast(method, f)
	p.Targets, p.To = []health.Target{{Text: "gateway", Gateway: true}}, []probe.Target{{}}
	return p
}

// families runs a test for both.
func families(t *testing.T, test func(t *testing.T, f kstate.Family)) {
	for _, f := range kstate.Families {
		t.Run(f.String(), func(t *testing.T) { test(t, f) })
	}
}

// serve lets the internet host answer dns, tcp and http.
func serve(t *testing.T, h *lab.Host) {
	t.Helper()
	h.ServeTCP(443, func(net.Conn) {})
	h.ServeTCP(80, func(c net.Conn) {
		buf := make([]byte, 512)
		if n, _ := c.Read(buf); n > 0 {
			fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	for _, a := range []netip.Addr{lab.Internet4, lab.Internet4b, lab.Internet6, lab.Internet6b} {
		serveDNS(t, h, a)
	}
}

// serveDNS answers every question with "no such name".
func serveDNS(t *testing.T, h *lab.Host, a netip.Addr) {
	t.Helper()
	var c *net.UDPConn
	var err error
	h.Do(func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 53))) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if n > 12 {
				buf[2], buf[3] = buf[2]|0x80, 3
				c.WriteToUDPAddrPort(buf[:n], from)
			}
		}
	}()
}
