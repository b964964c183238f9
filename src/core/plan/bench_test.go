package plan_test

import (
	"fmt"
	"net/netip"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// large is a configuration of n WANs and rules, all up in both families.
func large(n, rules int) (*config.Config, plan.Facts) {
	c := &config.Config{Globals: config.Globals{Enabled: true, Steering: "mark", MarkMask: 0x7f000000, RuleBase: 6000, TableBase: 19712, FixedPorts: []uint16{500}}}
	f := plan.Facts{Network: plan.Network{WANs: map[string]plan.WAN{}}, Health: map[string]map[kstate.Family]plan.Verdict{}, IDs: map[string]int{}, PolicyIDs: map[string]int{"default": 1}}
	p := config.Policy{Name: "default", Balance: "connection", LastResort: "best_effort", Failback: "move_udp"}
	for i := range n {
		name := fmt.Sprintf("wan%d", i)
		c.Interfaces = append(c.Interfaces, config.Interface{Name: name, Enabled: true, Families: kstate.Families[:], Metric: 1, Weight: 1 + i%3, SNAT: "masquerade", SNAT6: "none"})
		p.Members = append(p.Members, config.Member{Interface: name, Metric: 1, Weight: 1 + i%3})
		f.IDs[name] = i + 1
		f.Health[name] = map[kstate.Family]plan.Verdict{kstate.IPv4: {State: "up"}, kstate.IPv6: {State: "up"}}
		v4, v6 := netip.AddrFrom4([4]byte{198, 18, byte(i), 2}), netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::2", i))
		f.WANs[name] = plan.WAN{Device: fmt.Sprintf("eth%d", i), Index: i + 2, Up: true, Carrier: true,
			IPv4: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(v4, 24)}, Gateway: v4.Prev()},
			IPv6: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(v6, 64)}, Gateway: netip.MustParseAddr("fe80::1")}}
	}
	c.Policies = []config.Policy{p}
	for i := range rules {
		c.Rules = append(c.Rules, config.Rule{Name: fmt.Sprintf("r%d", i), Enabled: true, Origin: "forwarded", Policy: fmt.Sprintf("wan%d", i%n),
			Src: config.Addrs{List: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)}}, Proto: []config.Proto{{Number: 6}},
			Dport: config.Ports{List: []kstate.PortRange{{Lo: 443, Hi: 443}}}, Family: kstate.IPv4})
	}
	return c, f
}

// BenchmarkCompute is the cost of deciding, by size.
func BenchmarkCompute(b *testing.B) {
	for _, s := range []struct{ wans, rules int }{{2, 5}, {8, 20}, {60, 0}, {60, 1000}} {
		c, f := large(s.wans, s.rules)
		b.Run(fmt.Sprintf("%dwans_%drules", s.wans, s.rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan.Compute(c, f)
			}
		})
	}
}
