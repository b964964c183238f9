package plan_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/plan"
)

// TestExplain follows flows through the rules case and others: rule, policy, ways.
func TestExplain(t *testing.T) {
	ip := netip.MustParseAddr
	for _, c := range []struct {
		dir  string
		flow plan.Flow
		want string // rule policy state ways
	}{
		{"rules", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5"), Proto: 17, Dport: 5060}, "phones voice up wanb:masquerade"},
		{"rules", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5"), Proto: 17, Dport: 5062}, " default up wan:masquerade"},
		{"rules", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5"), Proto: 6, Dport: 5060}, " default up wan:masquerade"},
		{"rules", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("198.51.99.5"), Device: "br-lan"}, "not_office wanb up wanb:masquerade"},
		{"rules", plan.Flow{Src: ip("10.1.1.1"), Dst: ip("198.51.99.5"), Device: "br-lan"}, " default up wan:masquerade"},
		{"rules", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("198.51.99.5"), Device: "br-guest", DSCP: 40}, "cs5 wanb up wanb:masquerade"},
		{"rules", plan.Flow{Src: ip("10.0.0.1"), Dst: ip("203.0.113.66")}, "blocked unreachable unreachable"},
		{"rules", plan.Flow{Src: ip("10.0.0.1"), Dst: ip("203.0.113.9"), Proto: 17, Dport: 51820}, " default up wan:masquerade"},
		{"rules", plan.Flow{Src: ip("192.0.2.2"), Dst: ip("203.0.113.9"), Proto: 17, Dport: 51820, Router: true}, "vpn_peer wanb up wanb:none"},
		{"rules", plan.Flow{Src: ip("192.0.2.2"), Dst: ip("9.9.9.9"), Router: true, Bound: true}, " wan up wan:none"},
		{"rules", plan.Flow{Src: ip("10.0.0.1"), Dst: ip("198.18.5.5")}, "local main main"},
		{"rules_voice_down", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5"), Proto: 17, Dport: 5060}, "phones voice blackhole"},
		{"rules_voice_down", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("198.51.99.5"), DSCP: 40, Device: "eth9"}, "cs5 wanb prohibit wanb:masquerade"},
		{"resolvers", plan.Flow{Src: ip("198.18.0.9"), Dst: ip("198.51.100.53"), Proto: 17, Dport: 53, Router: true}, " wanb up wanb:none"},
		{"resolvers", plan.Flow{Src: ip("198.18.0.9"), Dst: ip("203.0.113.53"), Proto: 17, Dport: 53, Router: true}, " wan prohibit wan:none"},
		{"resolvers", plan.Flow{Src: ip("198.18.0.9"), Dst: ip("9.9.9.9"), Proto: 17, Dport: 53, Router: true}, " default backup wanb:none"},
		{"resolvers", plan.Flow{Src: ip("198.18.0.9"), Dst: ip("203.0.113.53"), Proto: 6, Dport: 443, Router: true}, " default backup wanb:none"},
		{"preferred_down", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5")}, " default backup wanb:masquerade"},
		{"delegated_none", plan.Flow{Src: ip("2001:db8:200::5"), Dst: ip("2001:db8:7::1")}, " default up wanb:none"},
		{"delegated_prefix", plan.Flow{Src: ip("fd00::5"), Dst: ip("2001:db8:7::1")}, " default up wan:prefix 2001:db8:100::/56 wanb:prefix 2001:db8:200::/56"},
		{"point_to_point", plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5")}, " default up dsl:203.0.113.7"},
	} {
		cfg, facts := readCase(t, c.dir)
		a := plan.Explain(cfg, facts, c.flow)
		got := fmt.Sprintf("%s %s %s", a.Rule, a.Policy, a.State)
		for _, w := range a.Ways {
			got += " " + w.WAN + ":" + w.SNAT
		}
		if got != c.want {
			t.Errorf("%s %+v:\n got %q\nwant %q", c.dir, c.flow, got, c.want)
		}
		if !strings.Contains(a.String(), "policy "+a.Policy) {
			t.Errorf("text %q does not name the policy", a)
		}
	}
}

// TestClassify says which policy a tracked connection belongs to.
func TestClassify(t *testing.T) {
	cfg, facts := readCase(t, "rules")
	ip := netip.MustParseAddr
	if got := plan.Classify(cfg, facts, plan.Flow{Src: ip("192.168.1.20"), Dst: ip("203.0.113.5"), Proto: 17, Dport: 5061}); got != "voice" {
		t.Errorf("the phone's flow is of %q, want voice", got)
	}
	if got := plan.Classify(cfg, facts, plan.Flow{Src: ip("10.0.0.20"), Dst: ip("203.0.113.5"), Proto: 6, Dport: 80}); got != "default" {
		t.Errorf("another flow is of %q, want default", got)
	}
}
