package rtnl

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/facts"
	"multiwan/src/kernel/sysctl"
	"multiwan/tests/lab"
)

// network reads the facts of a lab's router, by its own configuration of devices and nothing else.
func network(t *testing.T, s *facts.Source, wants []facts.Want) plan.Network {
	t.Helper()
	n, err := s.Network(ctx, wants)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func checkSide(t *testing.T, what string, got plan.Side, addr, gateway netip.Addr) {
	t.Helper()
	if len(got.Addrs) != 1 || got.Addrs[0].Addr() != addr || got.Gateway != gateway {
		t.Errorf("%s: addresses %v by %s, want %s by %s", what, got.Addrs, got.Gateway, addr, gateway)
	}
}

func TestFacts(t *testing.T) {
	for name, kind := range map[string]lab.Kind{"ethernet": lab.Ethernet, "alias": lab.Alias, "vlan": lab.TaggedVLAN, "same subnet": lab.SameSubnet, "tunnel": lab.Tunnel} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if kind == lab.TaggedVLAN {
				lab.Need(t, lab.VLAN)
			}
			n := lab.Build(t, lab.Options{WANs: []lab.Kind{kind, kind}})
			s := facts.New(dial(t, n.Router))
			var wants []facts.Want
			for _, w := range n.WANs {
				want := facts.Want{Name: w.Name, Device: w.Device}
				if kind == lab.Alias { // link-local gateways do not tell the two apart
					want.Gateway4, want.Gateway6 = w.Gateway4, w.Gateway6
					want.Addrs = []netip.Prefix{netip.PrefixFrom(w.Addr6, 128)}
				}
				wants = append(wants, want)
			}
			got := network(t, s, wants)
			for _, w := range n.WANs {
				f := got.WANs[w.Name]
				if f.Index == 0 || !f.Up || !f.Carrier || f.PointToPoint != (kind == lab.Tunnel) || f.MTU == 0 {
					t.Errorf("%s: %+v", w.Name, f)
				}
				gw4, gw6 := w.Gateway4, w.Gateway6
				if kind == lab.Tunnel {
					gw4, gw6 = f.IPv4.Gateway, f.IPv6.Gateway // its default routes may name the device alone
				}
				checkSide(t, w.Name, f.IPv4, w.Addr4, gw4)
				checkSide(t, w.Name, f.IPv6, w.Addr6, gw6)
				for _, fam := range kstate.Families {
					if !f.Usable(fam) {
						t.Errorf("%s: not usable for %s", w.Name, fam)
					}
				}
			}
		})
	}
}

// TestFactsRememberGateway deletes the default routes, then the addresses, of a device.
func TestFactsRememberGateway(t *testing.T) {
	t.Parallel()
	h, c := router(t)
	s := facts.New(c)
	wants := []facts.Want{{Name: "wan", Device: "eth0"}}
	for _, side := range sides {
		h.IP("%s route add default via %s dev eth0 metric 100", flags[side.f], side.gw0)
	}
	check := func(what string, known bool) {
		t.Helper()
		for _, side := range sides {
			got := network(t, s, wants).WANs["wan"].Side(side.f).Gateway
			if known && got != side.gw0 || !known && got.IsValid() {
				t.Errorf("%s: gateway %s, known %v", what, got, known)
			}
		}
	}
	check("at first", true)
	for _, side := range sides {
		h.IP("%s route del default", flags[side.f])
	}
	check("routes deleted", true)
	h.IP("addr flush dev eth0 scope global")
	check("addresses deleted", false)
	h.IP("addr add 192.0.2.1/24 dev eth0")
	h.IP("addr add 2001:db8::1/64 dev eth0 nodad")
	check("addresses back", false)
}

// TestFactsDeviceComesBack has a device that is made under another name, renamed, unplugged, and comes back with another index.
func TestFactsDeviceComesBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		need lab.Feature
		add  string
	}{
		"vlan": {lab.VLAN, "link add link eth0 name new0 type vlan id 111"},
		"veth": {lab.Netns, "link add name new0 type veth peer name far0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab.Need(t, tc.need)
			h, c := router(t)
			s := facts.New(c)
			wants := []facts.Want{{Name: "wan", Device: "eth0.111"}}
			route := kstate.Route{Family: kstate.IPv4, Table: table, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Gateway: ip("10.1.0.254"), Device: "eth0.111"}
			var last int
			for range 2 {
				h.IP("%s", tc.add)
				h.IP("addr add 10.1.0.1/24 dev new0")
				h.IP("link set dev new0 up")
				if got := network(t, s, wants).WANs["wan"]; got.Index != 0 {
					t.Errorf("found under another name: %+v", got)
				}
				h.IP("link set dev new0 down")
				h.IP("link set dev new0 name eth0.111")
				h.IP("link set dev eth0.111 up")
				h.IP("route add default via 10.1.0.254 dev eth0.111")
				got := network(t, s, wants).WANs["wan"]
				if got.Index == 0 || got.Index == last {
					t.Errorf("index %d after %d", got.Index, last)
				}
				last = got.Index
				checkSide(t, "wan", got.IPv4, ip("10.1.0.1"), ip("10.1.0.254"))
				if err := c.ReplaceRoute(route); err != nil {
					t.Fatal(err)
				}
				checkRoutes(t, "by its name", []kstate.Route{route}, observe(t, c, scopeOf(table)).Routes)
				h.IP("link del eth0.111")
				if got := network(t, s, wants).WANs["wan"]; got.Index != 0 || got.IPv4.Gateway.IsValid() {
					t.Errorf("after the device went: %+v", got)
				}
				checkRoutes(t, "without its device", nil, observe(t, c, scopeOf(table)).Routes)
			}
		})
	}
}

// TestFactsTentative has an address in duplicate address detection, which counts only when that is over.
func TestFactsTentative(t *testing.T) {
	t.Parallel()
	h, c := router(t)
	s := facts.New(c)
	wants := []facts.Want{{Name: "wan", Device: "eth1", Addrs: []netip.Prefix{pfx("2001:db8:2::1/64")}}}
	h.Sysctl("net.ipv6.conf.eth1.accept_dad", "1")
	h.IP("addr add 2001:db8:2::1/64 dev eth1")
	if got := network(t, s, wants).WANs["wan"].IPv6.Addrs; len(got) != 0 {
		t.Errorf("a tentative address counts: %v", got)
	}
	for start := time.Now(); len(network(t, s, wants).WANs["wan"].IPv6.Addrs) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal("the address never counts")
		}
	}
}

func TestSysctl(t *testing.T) {
	h, _ := router(t)
	h.IP("link add name eth0.111 type veth peer name far0") // the dot is what matters
	want := kstate.Sysctl{Name: "net/ipv4/conf/eth0.111/rp_filter", Value: "2"}
	h.Do(func() {
		tree, err := sysctl.Open(sysctl.Root)
		if err != nil {
			t.Error(err)
			return
		}
		if err := tree.Set(want); err != nil {
			t.Error(err)
		}
		if got, err := tree.Get(want.Name); err != nil || got != want {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
