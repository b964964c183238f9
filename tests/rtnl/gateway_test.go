package rtnl

import (
	"testing"
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
