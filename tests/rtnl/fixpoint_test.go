package rtnl

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

const table = 19713

// side is what differs between the families in the tests of this package.
type side struct {
	f                    kstate.Family
	src0, src1, gw0, gw1 netip.Addr
	net0, net1           netip.Prefix
	far                  netip.Addr // behind no connected route
}

var sides = []side{
	{kstate.IPv4, ip("192.0.2.1"), ip("198.51.100.1"), ip("192.0.2.254"), ip("198.51.100.254"),
		pfx("192.0.2.0/24"), pfx("198.51.100.0/24"), ip("203.0.113.9")},
	{kstate.IPv6, ip("2001:db8::1"), ip("2001:db8:1::1"), ip("2001:db8::fe"), ip("2001:db8:1::fe"),
		pfx("2001:db8::/64"), pfx("2001:db8:1::/64"), ip("2001:db8:9::9")},
}

// rulesOf is one rule for each selector and action, and pairs that differ in one field only.
func rulesOf(s side) []kstate.Rule {
	base := kstate.Rule{Family: s.f, Action: kstate.Lookup, Table: table}
	var rules []kstate.Rule
	add := func(change func(*kstate.Rule)) {
		r := base
		r.Priority = 6000 + uint32(len(rules))
		change(&r)
		rules = append(rules, r)
	}
	host := netip.PrefixFrom(s.src0, s.f.Bits())
	add(func(r *kstate.Rule) {})
	add(func(r *kstate.Rule) { r.Table = kstate.TableMain })
	add(func(r *kstate.Rule) { r.Table, r.Suppress = kstate.TableMain, 1 })
	add(func(r *kstate.Rule) { r.Table, r.Suppress = kstate.TableMain, 8 })
	add(func(r *kstate.Rule) { r.Src = host })
	add(func(r *kstate.Rule) { r.Dst = s.net1 })
	add(func(r *kstate.Rule) { r.Src, r.Dst, r.IIF = host, s.net1, "lo" })
	add(func(r *kstate.Rule) { r.IIF = "eth0" })
	add(func(r *kstate.Rule) { r.OIF = "eth1" })
	add(func(r *kstate.Rule) { r.IIF = "absent0" })
	add(func(r *kstate.Rule) { r.Mark, r.Mask = 0x41000000, 0x7f000000 })
	add(func(r *kstate.Rule) { r.Mark, r.Mask = 0, 0x7f000000 })
	add(func(r *kstate.Rule) { r.Mark, r.Mask = 0xff, 0xffffffff })
	add(func(r *kstate.Rule) { r.Not, r.Src = true, s.net0 })
	add(func(r *kstate.Rule) { r.TOS = 0x10 })
	add(func(r *kstate.Rule) { r.IPProto = 17 })
	add(func(r *kstate.Rule) { r.IPProto, r.Sport = 6, kstate.PortRange{Lo: 1000, Hi: 2000} })
	add(func(r *kstate.Rule) { r.IPProto, r.Dport = 6, kstate.PortRange{Lo: 443, Hi: 443} })
	add(func(r *kstate.Rule) { r.UID = kstate.UIDRange{Set: true} })
	add(func(r *kstate.Rule) { r.UID = kstate.UIDRange{Set: true, Lo: 1000, Hi: 70000} })
	for _, a := range []kstate.RuleAction{kstate.Prohibit, kstate.Unreachable, kstate.Blackhole} {
		add(func(r *kstate.Rule) { r.Action, r.Table, r.Mark, r.Mask = a, 0, 0x01000000, 0x7f000000 })
	}
	add(func(r *kstate.Rule) { r.Action, r.Table, r.Dst, r.Target = kstate.Goto, 0, s.net0, 31999 })
	return rules
}

// routesOf is one route of every kind that the plan can ask for.
func routesOf(s side) []kstate.Route {
	base := kstate.Route{Family: s.f, Table: table, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 1}
	var routes []kstate.Route
	add := func(change func(*kstate.Route)) {
		r := base
		r.Metric = 1 + uint32(len(routes))
		change(&r)
		routes = append(routes, r)
	}
	onlink := netip.MustParseAddr("10.99.0.1")
	if s.f == kstate.IPv6 {
		onlink = netip.MustParseAddr("fe80::99")
	}
	add(func(r *kstate.Route) { r.Gateway, r.Device = s.gw0, "eth0" })
	add(func(r *kstate.Route) { r.Gateway, r.Device, r.Src = s.gw0, "eth0", s.src0 })
	add(func(r *kstate.Route) { r.Device = "eth1" })
	add(func(r *kstate.Route) { r.Device, r.Src = "eth1", s.src1 })
	add(func(r *kstate.Route) { r.Gateway, r.Device, r.OnLink = onlink, "eth0", true })
	add(func(r *kstate.Route) { r.Dst, r.Device = s.net1, "eth1" })
	add(func(r *kstate.Route) {
		r.Dst, r.Table, r.Gateway, r.Device = netip.PrefixFrom(s.far, s.f.Bits()), 100, s.gw1, "eth1"
	})
	for _, a := range []kstate.RuleAction{kstate.Prohibit, kstate.Unreachable, kstate.Blackhole} {
		add(func(r *kstate.Route) { r.Type = a })
	}
	hop0 := kstate.Hop{Gateway: s.gw0, Device: "eth0", Weight: 3}
	hop1 := kstate.Hop{Gateway: s.gw1, Device: "eth1", Weight: 1}
	add(func(r *kstate.Route) { r.Hops = []kstate.Hop{hop0, hop1} })
	hop0.Weight = 256
	add(func(r *kstate.Route) { r.Hops = []kstate.Hop{hop1, hop0} })
	hop0.Gateway, hop0.OnLink = onlink, true
	add(func(r *kstate.Route) { r.Hops = []kstate.Hop{hop1, hop0} })
	for _, r := range routes {
		kstate.SortHops(r.Hops)
	}
	return routes
}

func TestRuleFixpoint(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			_, c := router(t)
			want := rulesOf(s)
			for range 2 { // the second time all exist already
				for _, r := range want {
					if err := c.AddRule(r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(sorted(want), sorted(observe(t, c, rtnl.Scope{}).Rules)); diff != "" {
				t.Errorf("applied (-) and observed (+):\n%s", diff)
			}
			for range 2 {
				for _, r := range want {
					if err := c.DelRule(r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := observe(t, c, rtnl.Scope{}).Rules; len(got) != 0 {
				t.Errorf("left over: %v", got)
			}
		})
	}
}

// TestDelRuleExact deletes rules that the kernel's own comparison takes for others of the same priority.
func TestDelRuleExact(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			_, c := router(t)
			rules := rulesOf(s)
			for i := range rules {
				rules[i].Priority = 6600
			}
			for i, r := range rules {
				for _, o := range rules {
					if err := c.AddRule(o); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.DelRule(r); err != nil {
					t.Fatal(err)
				}
				want := sorted(slices.Delete(slices.Clone(rules), i, i+1))
				if diff := cmp.Diff(want, sorted(observe(t, c, rtnl.Scope{}).Rules)); diff != "" {
					t.Errorf("delete %s: wanted to remain (-), remains (+):\n%s", r, diff)
				}
			}
		})
	}
}

func TestRouteFixpoint(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			_, c := router(t)
			want := routesOf(s)
			for range 2 {
				for _, r := range want {
					if err := c.ReplaceRoute(r); err != nil {
						t.Fatal(err)
					}
				}
			}
			for name, scope := range map[string]rtnl.Scope{"tables": {Tables: []uint32{table, 100, 19999}}, "all": {All: true}} {
				checkRoutes(t, name, want, observe(t, c, scope).Routes)
			}
			for range 2 {
				for _, r := range want {
					if err := c.DelRoute(kstate.Route{Family: r.Family, Table: r.Table, Dst: r.Dst, Metric: r.Metric}); err != nil {
						t.Fatal(err)
					}
				}
			}
			checkRoutes(t, "deleted", nil, observe(t, c, rtnl.Scope{All: true}).Routes)
		})
	}
}

func checkRoutes(t *testing.T, what string, want, got []kstate.Route) {
	t.Helper()
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("%s: applied (-) and observed (+):\n%s", what, diff)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, w.Equal) {
			t.Errorf("%s: nothing observed equals %s", what, w)
		}
	}
}

// TestReplaceRoute puts every kind of route in the place of every other under one key.
func TestReplaceRoute(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			_, c := router(t)
			routes := routesOf(s)
			routes = slices.DeleteFunc(routes, func(r kstate.Route) bool { return r.Dst.Bits() != 0 })
			for _, a := range routes {
				for _, b := range routes {
					a.Metric, b.Metric = 7, 7
					for _, r := range []kstate.Route{a, b} {
						if err := c.ReplaceRoute(r); err != nil {
							t.Fatal(err)
						}
					}
					got := observe(t, c, rtnl.Scope{Tables: []uint32{table}}).Routes
					if len(got) != 1 || !got[0].Equal(b) {
						t.Errorf("%s\nreplaced by %s\ngives %v", a, b, got)
					}
				}
			}
		})
	}
}

func TestNexthopFixpoint(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			lab.Need(t, lab.MultipathNexthop, lab.Resilient)
			_, c := router(t)
			member := func(ids ...uint32) (g []kstate.NexthopMember) {
				for i, id := range ids {
					g = append(g, kstate.NexthopMember{ID: id, Weight: 1 + 2*i})
				}
				return g
			}
			want := []kstate.Nexthop{
				{ID: 77001, Family: s.f, Gateway: s.gw0, Device: "eth0"},
				{ID: 77002, Family: s.f, Gateway: s.gw1, Device: "eth1"},
				{ID: 77003, Family: s.f, Device: "eth1"},
				{ID: 77004, Family: s.f, Gateway: s.far, Device: "eth1", OnLink: true},
				{ID: 77101, Group: member(77001, 77002), Buckets: 128, IdleTimer: 60},
				{ID: 77102, Group: member(77001, 77004)},
			}
			for range 2 {
				for _, n := range want {
					if err := c.ReplaceNexthop(n); err != nil {
						t.Fatal(err)
					}
				}
			}
			route := kstate.Route{Family: s.f, Table: table, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 1, Nexthop: 77101}
			single := route
			single.Metric, single.Nexthop = 2, 77003
			for _, r := range []kstate.Route{route, single} {
				if err := c.ReplaceRoute(r); err != nil {
					t.Fatal(err)
				}
			}
			st := observe(t, c, rtnl.Scope{Tables: []uint32{table}})
			checkRoutes(t, "by nexthop", []kstate.Route{route, single}, st.Routes)
			if diff := cmp.Diff(sorted(want), sorted(st.Nexthops)); diff != "" {
				t.Errorf("applied (-) and observed (+):\n%s", diff)
			}
			for _, w := range want {
				if !slices.ContainsFunc(st.Nexthops, w.Equal) {
					t.Errorf("nothing observed equals %s", w)
				}
			}
			plain := routesOf(s)[0]
			if err := c.ReplaceRoute(plain); err != nil {
				t.Fatal(err)
			}
			checkRoutes(t, "back to a gateway", []kstate.Route{plain, single}, observe(t, c, rtnl.Scope{Tables: []uint32{table}}).Routes)
			for _, n := range slices.Backward(want) {
				if err := c.DelNexthop(n); err != nil {
					t.Fatal(err)
				}
			}
			if got := observe(t, c, rtnl.Scope{}).Nexthops; len(got) != 0 {
				t.Errorf("left over: %v", got)
			}
		})
	}
}
