package rtnl

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// TestForeignUntouched makes objects of other protocols that are otherwise like ours, and deletes ours.
func TestForeignUntouched(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			h, c := router(t)
			flag := flags[s.f]
			h.IP("%s rule add pref 6000 from %s lookup 19713 protocol 3", flag, s.src0)
			h.IP("%s rule add pref 6001 fwmark 1 goto 6900", flag)
			h.IP("%s route add default via %s dev eth0 table 19713 metric 5 proto 3", flag, s.gw0)
			h.IP("nexthop add id 77001 via %s dev eth0 proto 3", s.gw0)
			show := func() string {
				return h.IP("%s rule show", flag) + h.IP("%s route show table 19713", flag) + h.IP("nexthop show")
			}
			before := show()
			if st := observe(t, c, rtnl.Scope{All: true}); len(st.Rules)+len(st.Routes)+len(st.Nexthops) != 0 {
				t.Errorf("foreign objects are taken for ours: %+v", st)
			}
			rule := kstate.Rule{Family: s.f, Priority: 6000, Src: netip.PrefixFrom(s.src0, s.f.Bits()), Action: kstate.Lookup, Table: table}
			route := kstate.Route{Family: s.f, Table: table, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 5, Gateway: s.gw0, Device: "eth0"}
			if err := errors.Join(c.AddRule(rule), c.DelRule(rule), c.DelRule(rule), c.DelRoute(route)); err != nil {
				t.Fatal(err)
			}
			if after := show(); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
			rules, tables, err := c.Foreign(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(rules, rule) || !slices.Contains(tables, table) || !slices.Contains(tables, kstate.TableMain) {
				t.Errorf("foreign rules %v, tables %v", rules, tables)
			}
		})
	}
}

// TestRefusal wants the kernel's own words in an error, and a device that is gone told apart.
func TestRefusal(t *testing.T) {
	_, c := router(t)
	far := kstate.Route{Family: kstate.IPv4, Table: table, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Gateway: ip("203.0.113.1"), Device: "eth0"}
	err := c.ReplaceRoute(far)
	var k *rtnl.KernelError
	if !errors.As(err, &k) || k.Message == "" || !strings.Contains(err.Error(), k.Message) || !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("gateway behind no connected route: %v", err)
	}
	far.Device = "absent0"
	if err := c.ReplaceRoute(far); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("absent device: %v", err)
	}
	far.Hops = []kstate.Hop{{Device: "eth0", Weight: 1}}
	if err := c.ReplaceRoute(far); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("multipath of one hop: %v", err)
	}
}

func TestRouteGet(t *testing.T) {
	for _, s := range sides {
		t.Run(s.f.String(), func(t *testing.T) {
			h, c := router(t)
			flag := flags[s.f]
			h.IP("%s route add default via %s dev eth0", flag, s.gw0)
			apply := func(rules []kstate.Rule, routes ...kstate.Route) {
				for _, r := range routes {
					if err := c.ReplaceRoute(r); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range rules {
					if err := c.AddRule(r); err != nil {
						t.Fatal(err)
					}
				}
			}
			apply([]kstate.Rule{
				{Family: s.f, Priority: 6000, Mark: 1, Mask: 0xff, Action: kstate.Lookup, Table: table},
				{Family: s.f, Priority: 6001, Mark: 2, Mask: 0xff, Action: kstate.Prohibit},
				{Family: s.f, Priority: 6002, Mark: 3, Mask: 0xff, Action: kstate.Unreachable},
				{Family: s.f, Priority: 6003, Mark: 4, Mask: 0xff, Action: kstate.Blackhole},
				{Family: s.f, Priority: 6004, IPProto: 17, Dport: kstate.PortRange{Lo: 53, Hi: 53}, Action: kstate.Lookup, Table: table},
			}, kstate.Route{Family: s.f, Table: table, Type: kstate.Unicast, Dst: s.f.Any(), Metric: 1, Gateway: s.gw1, Device: "eth1", Src: s.src1})
			by0 := rtnl.RouteAnswer{Type: kstate.Unicast, Device: "eth0", Gateway: s.gw0, Src: s.src0, Table: kstate.TableMain}
			by1 := rtnl.RouteAnswer{Type: kstate.Unicast, Device: "eth1", Gateway: s.gw1, Src: s.src1, Table: table}
			for name, tc := range map[string]struct {
				q    rtnl.RouteQuery
				want rtnl.RouteAnswer
			}{
				"main":        {rtnl.RouteQuery{Dst: s.far}, by0},
				"mark":        {rtnl.RouteQuery{Dst: s.far, Mark: 1}, by1},
				"prohibit":    {rtnl.RouteQuery{Dst: s.far, Mark: 2}, rtnl.RouteAnswer{Type: kstate.Prohibit}},
				"unreachable": {rtnl.RouteQuery{Dst: s.far, Mark: 3}, rtnl.RouteAnswer{Type: kstate.Unreachable}},
				"blackhole":   {rtnl.RouteQuery{Dst: s.far, Mark: 4}, rtnl.RouteAnswer{Type: kstate.Blackhole}},
				"port":        {rtnl.RouteQuery{Dst: s.far, Proto: 17, Sport: 1000, Dport: 53}, by1},
				"other port":  {rtnl.RouteQuery{Dst: s.far, Proto: 17, Sport: 1000, Dport: 54}, by0},
			} {
				got, err := c.RouteGet(ctx, tc.q)
				if diff := cmp.Diff(tc.want.String(), got.String()); diff != "" || err != nil {
					t.Errorf("%s: %v\n%s", name, err, diff)
				}
			}
		})
	}
}
