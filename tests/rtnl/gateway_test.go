package rtnl

import (
	"slices"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// TestDefaultGateways asks again after every change that a kept answer must not outlive.
func TestDefaultGateways(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			h, c := router(t)
			index, err := c.DeviceIndex("eth0")
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, want ...string) {
				t.Helper()
				for range 2 { // the second time it is kept
					got, err := c.DefaultGateways(ctx, s.f, index)
					if err != nil || len(got) != len(want) {
						t.Fatalf("%s: %v, %v, want %v", what, got, err, want)
					}
					for i := range want {
						if got[i].Addr.String() != want[i] {
							t.Errorf("%s: %v, want %v", what, got, want)
						}
					}
				}
			}
			gw, other, flag := s.gw0.String(), s.src0.Next().String(), flags[s.f]
			check("at first")
			h.IP("%s route add default via %s dev eth0 metric 20", flag, gw)
			check("added", gw)
			h.IP("%s route add default via %s dev eth0 metric 10", flag, other)
			check("a better one", other, gw)
			h.IP("%s route add default via %s dev eth1 metric 5", flag, s.gw1)
			check("by another device", other, gw)
			h.IP("%s route del default via %s dev eth0", flag, other)
			check("deleted", gw)
			if err := c.ReplaceRoute(routesOf(s)[0]); err != nil {
				t.Fatal(err)
			}
			check("in a table of ours", gw)
			h.IP("link set dev eth0 down")
			check("link down")
		})
	}
}

// TestGatewaysOfLargeMain: the same answers where main is too large to be asked for as a whole, and before that is known.
func TestGatewaysOfLargeMain(t *testing.T) {
	h, c := router(t)
	var indexes []int
	for _, device := range []string{"eth0", "eth1", "lo"} {
		index, err := c.DeviceIndex(device)
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, index)
	}
	fullTable(t, h, 1000)
	h.IP("route add default via 192.0.2.254 metric 9")
	h.IP("route add default metric 8 nexthop via 192.0.2.254 dev eth0 nexthop via 198.51.100.254 dev eth1")
	for round := range 100 {
		metric := uint32(10 + round)
		h.IP("route replace default via 198.51.100.254 dev eth1 metric %d", metric)
		want := [][]uint32{{8, 9}, {8}, nil}
		for old := uint32(10); old <= metric; old++ {
			want[1] = append(want[1], old)
		}
		for i, index := range indexes {
			got, err := c.DefaultGateways(ctx, kstate.IPv4, index)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, want[i], func(g rtnl.Gateway, metric uint32) bool { return g.Metric == metric }) {
				t.Fatalf("round %d, device %d: %v, want metrics %v", round, i, got, want[i])
			}
		}
	}
}
