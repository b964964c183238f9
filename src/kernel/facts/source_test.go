package facts

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/rtnl"
)

// fake is a kernel with what a test puts in.
type fake struct {
	links    []rtnl.Link
	addrs    []rtnl.Addr
	gateways map[int][]rtnl.Gateway // by index of the device
	err      error
}

func (k *fake) Links(context.Context) ([]rtnl.Link, error) { return k.links, k.err }
func (k *fake) Addrs(context.Context) ([]rtnl.Addr, error) { return k.addrs, nil }

func (k *fake) DefaultGateways(_ context.Context, f kstate.Family, index int) ([]rtnl.Gateway, error) {
	var list []rtnl.Gateway
	for _, g := range k.gateways[index] {
		if !g.Addr.IsValid() || kstate.FamilyOf(g.Addr) == f {
			list = append(list, g)
		}
	}
	return list, nil
}

func addr(index int, prefix string, flags ...uint32) rtnl.Addr {
	a := rtnl.Addr{Prefix: netip.MustParsePrefix(prefix), Index: index}
	if a.Prefix.Addr().IsLinkLocalUnicast() {
		a.Scope = unix.RT_SCOPE_LINK
	}
	for _, f := range flags {
		a.Flags |= f
	}
	return a
}

func gateway(a string, metric uint32) rtnl.Gateway {
	return rtnl.Gateway{Addr: netip.MustParseAddr(a), Metric: metric}
}

func prefixes(list ...string) (ps []netip.Prefix) {
	for _, s := range list {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}

func oneNIC() *fake {
	return &fake{
		links: []rtnl.Link{{Name: "lo", Index: 1}, {Name: "eth0", Index: 2, Up: true, Carrier: true, MTU: 1500}},
		addrs: []rtnl.Addr{addr(1, "127.0.0.1/8"), addr(2, "192.0.2.1/24"), addr(2, "198.51.100.1/24"), addr(2, "203.0.113.1/24"),
			addr(2, "2001:db8::1/64"), addr(2, "2001:db8:1::1/64"), addr(2, "fe80::1/64")},
		gateways: map[int][]rtnl.Gateway{2: {gateway("192.0.2.254", 10), gateway("198.51.100.254", 20), gateway("fe80::fe", 10)}},
	}
}

// brief shows a side as "ADDR ADDR via GATEWAY".
func brief(s plan.Side) string {
	var parts []string
	for _, a := range s.Addrs {
		parts = append(parts, a.String())
	}
	if s.Gateway.IsValid() {
		parts = append(parts, "via "+s.Gateway.String())
	}
	return strings.Join(parts, " ")
}

func TestNetwork(t *testing.T) {
	eth0 := Want{Name: "wan", Device: "eth0"}
	for name, tc := range map[string]struct {
		change func(*fake)
		wants  []Want
		v4, v6 []string // of each WAN
	}{
		"all of a device": {nil, []Want{eth0},
			[]string{"192.0.2.1/24 198.51.100.1/24 203.0.113.1/24 via 192.0.2.254"}, []string{"2001:db8::1/64 2001:db8:1::1/64 via fe80::fe"}},
		"one family": {nil, []Want{{Name: "wan", Device: "eth0", Families: []kstate.Family{kstate.IPv4}}},
			[]string{"192.0.2.1/24 198.51.100.1/24 203.0.113.1/24 via 192.0.2.254"}, []string{""}},
		"configured gateway": {nil, []Want{{Name: "wan", Device: "eth0", Gateway4: netip.MustParseAddr("198.51.100.9"), Gateway6: netip.MustParseAddr("2001:db8:1::9")}},
			[]string{"198.51.100.1/24 192.0.2.1/24 203.0.113.1/24 via 198.51.100.9"}, []string{"2001:db8:1::1/64 2001:db8::1/64 via 2001:db8:1::9"}},
		"aliases by address": {nil, []Want{
			{Name: "a", Device: "eth0", Addrs: prefixes("192.0.2.1/32", "2001:db8::1/64")},
			{Name: "b", Device: "eth0", Addrs: prefixes("203.0.113.1/24", "198.51.100.1/24", "2001:db8:1::1/64")}},
			[]string{"192.0.2.1/24 via 192.0.2.254", "203.0.113.1/24 198.51.100.1/24 via 198.51.100.254"},
			[]string{"2001:db8::1/64 via fe80::fe", "2001:db8:1::1/64 via fe80::fe"}},
		"aliases by gateway, the rest to the third": {nil, []Want{
			{Name: "a", Device: "eth0", Gateway4: netip.MustParseAddr("192.0.2.253")},
			{Name: "b", Device: "eth0", Gateway4: netip.MustParseAddr("198.51.100.253"), Addrs: prefixes("2001:db8:1::1/64")},
			{Name: "c", Device: "eth0"}},
			[]string{"192.0.2.1/24 via 192.0.2.253", "198.51.100.1/24 via 198.51.100.253", "203.0.113.1/24"},
			[]string{"2001:db8::1/64 via fe80::fe", "2001:db8:1::1/64 via fe80::fe", "2001:db8::1/64 via fe80::fe"}},
		"a listed address that is not there": {nil, []Want{{Name: "a", Device: "eth0", Addrs: prefixes("192.0.2.7/24", "2001:db8::7/64")}}, []string{""}, []string{""}},
		"sources in order": {func(k *fake) {
			k.addrs = []rtnl.Addr{
				addr(2, "2001:db8::a/64", unix.IFA_F_DEPRECATED), addr(2, "2001:db8::b/64", unix.IFA_F_TEMPORARY), addr(2, "fd00::1/64"),
				addr(2, "2001:db8::c/64"), addr(2, "2001:db8::d/64", unix.IFA_F_TENTATIVE), addr(2, "2001:db8::e/64", unix.IFA_F_DADFAILED),
				addr(2, "192.0.2.2/24", unix.IFA_F_SECONDARY), addr(2, "192.0.2.1/24"), addr(2, "169.254.1.1/16")}
		}, []Want{eth0}, []string{"192.0.2.1/24 192.0.2.2/24 via 192.0.2.254"},
			[]string{"2001:db8::c/64 2001:db8::b/64 fd00::1/64 2001:db8::a/64 via fe80::fe"}},
		"6rd of netifd": {func(k *fake) {
			k.addrs = []rtnl.Addr{addr(2, "::192.0.2.1/96"), addr(2, "2001:db8:5a00:200::1/40")}
			k.gateways = map[int][]rtnl.Gateway{2: {gateway("::198.51.100.1", 4096)}}
		}, []Want{eth0}, []string{""}, []string{"2001:db8:5a00:200::1/40 via ::c633:6401"}},
		"point-to-point": {func(k *fake) {
			k.links[1].PointToPoint = true
			far := addr(2, "192.0.2.1/32")
			far.Peer = netip.MustParseAddr("198.51.100.9")
			k.addrs = []rtnl.Addr{far}
			k.gateways = map[int][]rtnl.Gateway{2: {{Metric: 5}}}
		}, []Want{eth0}, []string{"192.0.2.1/32"}, []string{""}},
		"no device": {func(k *fake) { k.links = k.links[:1] }, []Want{eth0}, []string{""}, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			k := oneNIC()
			if tc.change != nil {
				tc.change(k)
			}
			n, err := New(k).Network(context.Background(), tc.wants)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range tc.wants {
				if got := brief(n.WANs[w.Name].IPv4); got != tc.v4[i] {
					t.Errorf("%s: got %q, want %q", w.Name, got, tc.v4[i])
				}
				if got := brief(n.WANs[w.Name].IPv6); got != tc.v6[i] {
					t.Errorf("%s: got %q, want %q", w.Name, got, tc.v6[i])
				}
			}
		})
	}
}

func TestNetworkDevice(t *testing.T) {
	k := oneNIC()
	k.links[1].PointToPoint = true
	w := Want{Name: "wan", Device: "eth0", Prefixes: prefixes("2001:db8:100::1/56", "10.0.0.0/8"), DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}}
	n, err := New(k).Network(context.Background(), []Want{w, {Name: "gone", Device: "eth9"}})
	if err != nil {
		t.Fatal(err)
	}
	got := n.WANs["wan"]
	if diff := cmp.Diff([]string{prefixes("2001:db8:100::/56")[0].String()}, []string{got.IPv6.Prefixes[0].String()}); diff != "" || len(got.IPv6.Prefixes) != 1 {
		t.Errorf("prefixes:\n%s", diff)
	}
	if len(got.IPv4.Prefixes) != 1 || len(got.IPv4.DNS) != 0 || len(got.IPv6.DNS) != 1 {
		t.Errorf("%+v", got)
	}
	got.IPv4, got.IPv6 = plan.Side{}, plan.Side{}
	want := plan.WAN{Device: "eth0", Index: 2, Up: true, Carrier: true, PointToPoint: true, MTU: 1500}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if gone, ok := n.WANs["gone"]; !ok || gone.Index != 0 || gone.Device != "eth9" {
		t.Errorf("an absent device: %+v, %v", gone, ok)
	}
}

// TestLearntGateway follows a gateway over the loss of its route.
func TestLearntGateway(t *testing.T) {
	k := oneNIC()
	s := New(k)
	wants := []Want{{Name: "wan", Device: "eth0"}}
	expect := func(what, v4, v6 string) {
		t.Helper()
		n, err := s.Network(context.Background(), wants)
		if err != nil {
			t.Fatal(err)
		}
		for want, side := range map[string]plan.Side{v4: n.WANs["wan"].IPv4, v6: n.WANs["wan"].IPv6} {
			if got := side.Gateway.String(); got != want {
				t.Errorf("%s: gateway %s, want %s", what, got, want)
			}
		}
	}
	const none = "invalid IP"
	expect("at first", "192.0.2.254", "fe80::fe")
	routes, addrs := k.gateways, k.addrs
	k.gateways = nil
	expect("routes gone", "192.0.2.254", "fe80::fe")
	k.addrs = addrs[:3] // 192.0.2.1, 198.51.100.1, no IPv6 address
	expect("IPv6 addresses gone", "192.0.2.254", none)
	k.addrs = addrs
	expect("IPv6 addresses back", "192.0.2.254", none)
	k.gateways = map[int][]rtnl.Gateway{2: {gateway("203.0.113.254", 1)}}
	expect("another route", "203.0.113.254", none)
	k.gateways = nil
	k.links[1].Index = 9
	for i := range k.addrs {
		k.addrs[i].Index = 9
	}
	expect("the device came back as another one", none, none)
	k.gateways = map[int][]rtnl.Gateway{9: routes[2]}
	expect("with its routes", "192.0.2.254", "fe80::fe")
	k.gateways = nil
	wants[0].Name = "other"
	if n, err := s.Network(context.Background(), wants); err != nil || n.WANs["other"].IPv4.Gateway.IsValid() {
		t.Errorf("another WAN inherits: %+v, %v", n, err)
	}
	wants[0].Name = "wan"
	expect("configured again", none, none)
}

func TestNetworkError(t *testing.T) {
	k := &fake{err: rtnl.ErrPartial}
	if _, err := New(k).Network(context.Background(), []Want{{Name: "wan", Device: "eth0"}}); !errors.Is(err, rtnl.ErrPartial) {
		t.Errorf("got %v", err)
	}
}
