package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestTranslationWithoutAddress: what needs translation is dropped while a WAN has no address of a family that it is used for, and left
// alone in a family that is none of ours.
func TestTranslationWithoutAddress(t *testing.T) {
	for families, want := range map[string][2]bool{"ipv4 ipv6": {true, true}, "ipv4": {true, false}, "ipv6": {false, true}} {
		text := "config interface 'wan'\n\toption device 'eth1'\n\toption family '" + families + "'\n"
		if want[1] {
			text += "\toption snat6 'masquerade'\n"
		}
		c, found := config.Load("t", []byte(text))
		if len(found) > 0 {
			t.Fatal(found)
		}
		f := plan.Facts{
			Network:   plan.Network{WANs: map[string]plan.WAN{"wan": {Device: "eth1", Index: 3, Up: true, Carrier: true}}},
			IDs:       map[string]int{"wan": 1},
			PolicyIDs: map[string]int{"default": 1},
		}
		for i, family := range kstate.Families {
			dropped := strings.Contains(render(plan.Compute(c, f)), []string{"chain snat4_wan {\n\t\tip saddr {", "chain snat6_wan {\n\t\tip6 saddr fc00::/7 drop"}[i])
			if dropped != want[i] {
				t.Errorf("%s: %s is dropped: %v, want %v", families, family, dropped, want[i])
			}
		}
		w := f.WANs["wan"]
		w.IPv4.Addrs, w.IPv4.Gateway = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}, netip.MustParseAddr("192.0.2.1")
		f.WANs["wan"] = w
		if text := render(plan.Compute(c, f)); want[0] && !strings.Contains(text, "chain snat4_wan {\n\t\tip saddr 192.0.2.2 ") {
			t.Errorf("%s: dropped although there is an address:\n%s", families, text)
		}
	}
}

// TestTranslationByTheFirewall: where OpenWrt's firewall translates, 'auto' keeps hosts from fixed ports and the router's own addresses on their WAN, no
// more; where the firewall shall not translate, the latter. WANs on one device, and one without an address, it cannot do.
func TestTranslationByTheFirewall(t *testing.T) {
	wan := func(device, addr, gateway string) plan.WAN {
		w := plan.WAN{Device: device, Index: 3, Up: true, Carrier: true, IPv4: plan.Side{Gateway: netip.MustParseAddr(gateway)}}
		if addr != "" {
			w.IPv4.Addrs = []netip.Prefix{netip.MustParsePrefix(addr)}
		}
		return w
	}
	const (
		keep  = "ip saddr 192.0.2.2 meta l4proto udp th sport { 500, 1701, 4500 } snat ip to ip saddr : th sport\n\t\tip saddr 192.0.2.2 return\n"
		stray = "\t\tip saddr 192.168.8.2 meta l4proto udp th sport { 500, 1701, 4500 } masquerade to :32768-60999\n\t\tip saddr 192.168.8.2 masquerade\n"
		moved = "meta l4proto udp th sport { 500, 1701, 4500 } masquerade to :32768-60999\n"
		all   = "192.168.0.0/16 } masquerade\n"
	)
	for name, tc := range map[string]struct {
		does              plan.Firewall
		snat, addr, other string
		has, hasNot       []string
		private           bool
	}{
		"none":        {plan.NoFirewall, "auto", "192.0.2.2/24", "eth2", []string{keep, moved, all}, []string{stray}, true},
		"masquerades": {plan.Masquerades, "auto", "192.0.2.2/24", "eth2", []string{keep, stray, moved}, []string{all}, true},
		"leaves":      {plan.LeavesAlone, "auto", "192.0.2.2/24", "eth2", []string{keep, stray}, []string{all, "192.168.0.0/16 } " + moved}, false},
		"by name":     {plan.Masquerades, "masquerade", "192.0.2.2/24", "eth2", []string{keep, moved, all}, []string{stray}, true},
		"one device":  {plan.Masquerades, "auto", "192.0.2.2/24", "eth1", []string{"192.168.0.0/16 } snat ip to 192.0.2.2\n"}, nil, true},
		"no address":  {plan.Masquerades, "auto", "", "eth2", []string{"192.168.0.0/16 } drop\n"}, []string{keep}, true},
		"nothing":     {plan.LeavesAlone, "auto", "", "eth2", nil, []string{"chain snat4_wan "}, false},
	} {
		c, found := config.Load("t", []byte("config interface 'wan'\n\toption device 'eth1'\n\toption snat '"+tc.snat+"'\n\tlist family 'ipv4'\n\tlist ipaddr '192.0.2.2/24'\n"+
			"config interface 'lte'\n\toption device '"+tc.other+"'\n\tlist family 'ipv4'\n\toption gateway '192.168.8.1'\n\tlist ipaddr '192.168.8.2/24'\n"))
		if found.HasErrors() {
			t.Fatal(found)
		}
		f := plan.Facts{
			Network:   plan.Network{WANs: map[string]plan.WAN{"wan": wan("eth1", tc.addr, "192.0.2.1"), "lte": wan(tc.other, "192.168.8.2/24", "192.168.8.1")}},
			IDs:       map[string]int{"wan": 1, "lte": 2},
			PolicyIDs: map[string]int{"default": 1},
		}
		w := f.WANs["wan"]
		w.Firewall = tc.does
		f.WANs["wan"] = w
		p := plan.Compute(c, f)
		_, chain, _ := strings.Cut(render(p), "chain snat4_wan {")
		chain, _, _ = strings.Cut(chain, "\n\t}\n")
		chain += "\n"
		if len(tc.hasNot) == 1 && strings.HasPrefix(tc.hasNot[0], "chain") {
			chain = render(p)
		}
		for _, s := range tc.has {
			if !strings.Contains(chain, s) {
				t.Errorf("%s: no %q in\n%s", name, s, chain)
			}
		}
		for _, s := range tc.hasNot {
			if strings.Contains(chain, s) {
				t.Errorf("%s: %q in\n%s", name, s, chain)
			}
		}
		plain := false
		for _, mark := range p.Plain[kstate.IPv4] {
			plain = plain || mark == p.WANs[0].Mark
		}
		if plain == tc.private {
			t.Errorf("%s: translates private sources: %v", name, !plain)
		}
	}
}
