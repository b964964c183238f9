package rtnl

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

// TestPointToPointFixpoint routes by devices alone, as over ppp, tun and wireguard.
func TestPointToPointFixpoint(t *testing.T) {
	l := lab.New(t)
	h, far := l.Host("router"), l.Host("isp")
	l.PointToPoint(h, "ppp0", "192.0.2.1/32,2001:db8::1/128", far, "a", "192.0.2.2/32,2001:db8::2/128", lab.Quality{})
	l.PointToPoint(h, "ppp1", "198.51.100.1/32,2001:db8:1::1/128", far, "b", "198.51.100.2/32,2001:db8:1::2/128", lab.Quality{})
	c := dial(t, h)
	far.Echo()
	for _, f := range []string{"net.ipv4.fib_multipath_hash_policy", "net.ipv6.fib_multipath_hash_policy"} {
		h.Sysctl(f, "1")
	}
	for _, dev := range []string{"all", "a", "b"} { // packets come in by either device
		far.Sysctl("net.ipv4.conf."+dev+".rp_filter", "0")
	}
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			base := kstate.Route{Family: s.f, Table: table, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 1}
			single, source, shared, mixed := base, base, base, base
			single.Device = "ppp0"
			source.Device, source.Src = "ppp1", s.src1
			shared.Hops = []kstate.Hop{{Device: "ppp0", Weight: 1}, {Device: "ppp1", Weight: 3}}
			mixed.Hops = []kstate.Hop{{Device: "ppp0", Weight: 1}, {Device: "ppp1", Gateway: s.gw1, OnLink: true, Weight: 3}}
			for _, r := range []kstate.Route{single, source, shared, single, shared, mixed, shared, source} {
				if err := c.ReplaceRoute(r); err != nil {
					t.Fatal(err)
				}
				got := observe(t, c, scopeOf(table)).Routes
				checkRoutes(t, "applied", []kstate.Route{r}, slices.DeleteFunc(got, func(o kstate.Route) bool { return o.Family != s.f }))
			}
			// What the kernel accepted must also carry packets, over either device.
			if err := errors.Join(c.ReplaceRoute(shared), c.AddRule(kstate.Rule{Family: s.f, Priority: 6000, Action: kstate.Lookup, Table: table})); err != nil {
				t.Fatal(err)
			}
			far.AddAddr("a", netip.PrefixFrom(s.far, s.f.Bits()).String())
			far.IP("%s route add %s dev a", flags[s.f], s.src0)
			far.IP("%s route add %s dev b", flags[s.f], s.src1)
			used := map[string]bool{}
			for port := uint16(1000); port < 1064; port++ {
				a, err := c.RouteGet(ctx, rtnl.RouteQuery{Dst: s.far, Proto: 17, Sport: port, Dport: 7})
				if err != nil {
					t.Fatal(err)
				}
				used[a.Device] = true
			}
			flow := h.UDPFlow(lab.Echo(s.far), lab.FlowOptions{})
			flow.WaitAnswer(t, time.Time{}, 5*time.Second)
			if !used["ppp0"] || !used["ppp1"] {
				t.Errorf("used: %v", used)
			}
		})
	}
}
