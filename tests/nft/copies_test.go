package nft_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/nft"
)

// hubOf is the centre of many sites with two WANs each, which has one address.
func hubOf(sites int) (*config.Config, overlay.Facts) {
	c := &config.Config{Globals: config.Globals{Enabled: true, RuleBase: 6000}}
	wan := plan.WAN{Device: "lo", Index: 1, Up: true, Carrier: true, MTU: 1500,
		IPv4: plan.Side{Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, Gateway: netip.MustParseAddr("192.0.2.254")}}
	f := overlay.Facts{Network: plan.Network{WANs: map[string]plan.WAN{"wan": wan}}, Tables: map[string]uint32{"wan": 19713}}
	for i := range sites {
		name := fmt.Sprintf("site%d", i)
		at := func(net byte) netip.Addr { return netip.AddrFrom4([4]byte{198, 18 + net, byte(i), 1}) }
		in := func(side byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 8, byte(i), side}) }
		c.IPsec = append(c.IPsec, config.IPsec{Name: name, Enabled: true, Interface: "wan", Mode: kstate.ModeTunnel, Remote: at(0), Family: kstate.IPv4,
			LocalTS: []netip.Prefix{netip.PrefixFrom(in(1), 32)}, RemoteTS: []netip.Prefix{netip.PrefixFrom(in(2), 32)}})
		c.Pseudowires = append(c.Pseudowires, config.Pseudowire{Name: name, Enabled: true, Device: name, Interface: "wan", IPsec: name, Local: in(1), Remote: in(2),
			Family: kstate.IPv4, Encap: kstate.EncapUDP, LocalPort: 1701, RemotePort: 1701, TunnelID: uint32(i + 1), SessionID: 1,
			Redundancy: &config.Redundancy{Interfaces: []string{"wan"}, RemoteAlt: []netip.Addr{at(1)}, Copies: "all"}})
	}
	return c, f
}

// TestCopiesOfHub loads the rules of a hub of fifty sites. What every packet passes is as long as for one.
func TestCopiesOfHub(t *testing.T) {
	base := func(tables []kstate.Table) (rules int) {
		for _, table := range tables {
			for _, c := range table.Chains {
				if table.Family == "ip" && c.Hook != "" {
					rules += len(c.Rules)
				}
			}
		}
		return rules
	}
	one, few := hubOf(1)
	alone := overlay.Compute(one, few).Tables
	cfg, f := hubOf(50)
	p := overlay.Compute(cfg, f)
	if got := base(p.Tables); got == 0 || got != base(alone) {
		t.Errorf("%d rules in base chains, for one site %d", got, base(alone))
	}
	for _, w := range p.Warnings {
		if !strings.Contains(w, "charon") {
			t.Errorf("warning: %s", w)
		}
	}
	c := namespace(t)
	apply(t, c, p.Tables)
	have, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := nft.Diff(p.Tables, have); err != nil || len(lines) > 0 {
		t.Errorf("after apply differs, %v:\n%s", err, strings.Join(lines, "\n"))
	}
	if n := strings.Count(cli(t, "list", "table", "ip", "multiwan"), "dup to"); n != 100 {
		t.Errorf("%d copies, want one of ESP and one of IKE for each site", n)
	}
	if err := c.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := cli(t, "list", "ruleset"); left != "" {
		t.Errorf("after delete:\n%s", left)
	}
}
