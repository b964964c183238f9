package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestRuleOfAWANWithoutTheFamily: a rule that names a WAN means it alone. Where the WAN has not the family the traffic is refused, and
// does not leave by another.
func TestRuleOfAWANWithoutTheFamily(t *testing.T) {
	const text = `
config interface 'a'
	option device 'eth1'
config interface 'vpn'
	option device 'eth2'
	list family 'ipv4'
config rule 'private'
	option origin 'any'
	option proto 'tcp'
	option dest_port '9000'
	option policy 'vpn'
`
	c, p := planOf(t, text, "a", "vpn")
	if got := chainOf(t, p, "forwarded"); !strings.Contains(got, `meta nfproto ipv6 meta l4proto 6 th dport 9000 counter name "rule_private" goto refuse_unreachable`) ||
		!strings.Contains(got, `meta nfproto ipv4 meta l4proto 6 th dport 9000 counter name "rule_private" goto use4_vpn`) {
		t.Errorf("forwarded:\n%s", got)
	}
	own := slices.IndexFunc(p.Want.Rules, func(r kstate.Rule) bool { return r.Family == kstate.IPv6 && r.Dport.Lo == 9000 })
	if own < 0 || p.Want.Rules[own].Action != kstate.Prohibit {
		t.Errorf("the router's own: %v", p.Want.Rules)
	}
	flow := plan.Flow{Src: netip.MustParseAddr("fd00::5"), Dst: netip.MustParseAddr("2001:db8::1"), Proto: 6, Dport: 9000}
	a := plan.Explain(c, factsOf("a", "vpn"), flow)
	if a.State != "unreachable" || len(a.Ways) != 0 || !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "not used for ipv6") }) {
		t.Errorf("explained as %+v", a)
	}
}

// TestExplainUDPOfTheRouter: the answer to a datagram that came in by another WAN leaves by the default's address, which no rule mends.
func TestExplainUDPOfTheRouter(t *testing.T) {
	cfg, facts := readCase(t, "preferred_backup")
	flow := plan.Flow{Dst: netip.MustParseAddr("203.0.113.5"), Router: true, Proto: 17}
	said := func() bool {
		return slices.ContainsFunc(plan.Explain(cfg, facts, flow).Notes, func(n string) bool { return strings.Contains(n, "bound to no address") })
	}
	if !said() {
		t.Error("nothing said of an unbound udp socket")
	}
	if flow.Proto = 6; said() {
		t.Error("tcp answers from the address that was asked")
	}
	if flow.Proto, flow.Router = 17, false; said() {
		t.Error("forwarded udp keeps its way")
	}
}
