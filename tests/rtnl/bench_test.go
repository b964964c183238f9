package rtnl

import (
	"fmt"
	"net/netip"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/facts"
	"multiwan/src/kernel/rtnl"
)

// BenchmarkObserve reads the state of a router with 8 WANs: 20 rules a family and 10 tables with one default route a family each.
func BenchmarkObserve(b *testing.B) {
	n, c := router(b)
	var tables []uint32
	for i := range uint32(10) {
		tables = append(tables, table+i)
	}
	for _, s := range sides {
		for i := range uint32(20) {
			r := kstate.Rule{Family: s.f, Priority: 6000 + i, Mark: (i + 1) << 24, Mask: 0x7f000000, Action: kstate.Lookup, Table: tables[i%10]}
			if err := c.AddRule(r); err != nil {
				b.Fatal(err)
			}
		}
		for _, t := range tables {
			r := kstate.Route{Family: s.f, Table: t, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 1, Gateway: s.gw0, Device: "eth0", Src: s.src0}
			if err := c.ReplaceRoute(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	look := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if st := observe(b, c, rtnl.Scope{Tables: tables}); len(st.Rules) != 40 || len(st.Routes) != 20 {
				b.Fatalf("%d rules, %d routes", len(st.Rules), len(st.Routes))
			}
		}
	}
	b.Run("tables=10", look)
	fullTable(b, n, 50_000)
	b.Run("tables=10 beside 50000 routes", look)
}

// BenchmarkApply puts 100 routes into a table, each in the place of another, and so on.
func BenchmarkApply(b *testing.B) {
	_, c := router(b)
	var sets [2][]kstate.Route
	for i := range 100 {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24)
		r := kstate.Route{Family: kstate.IPv4, Table: table, Type: kstate.Unicast, Dst: dst, Metric: 1, Gateway: ip("192.0.2.254"), Device: "eth0"}
		sets[0] = append(sets[0], r)
		r.Gateway, r.Device = ip("198.51.100.254"), "eth1"
		sets[1] = append(sets[1], r)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, r := range sets[i%2] {
			if err := c.ReplaceRoute(r); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkFacts reads the facts of 8 WANs, two devices with four addresses each.
func BenchmarkFacts(b *testing.B) {
	h, c := router(b)
	h.IP("route add default via 192.0.2.254 metric 1")
	h.IP("route add default via 198.51.100.254 metric 2")
	var wants []facts.Want
	for i := range 4 {
		for j, dev := range []string{"eth0", "eth1"} {
			net := []string{"192.0.2", "198.51.100"}[j]
			a := fmt.Sprintf("%s.%d/24", net, i+10)
			h.IP("addr add %s dev %s", a, dev)
			wants = append(wants, facts.Want{Name: fmt.Sprint(dev, i), Device: dev, Addrs: []netip.Prefix{pfx(a)}})
		}
	}
	s := facts.New(c)
	b.ReportAllocs()
	for b.Loop() {
		n, err := s.Network(ctx, wants)
		if err != nil {
			b.Fatal(err)
		}
		if w := n.WANs["eth03"]; w.IPv4.Gateway != ip("192.0.2.254") || len(w.IPv4.Addrs) != 1 {
			b.Fatalf("%+v", w)
		}
	}
}
