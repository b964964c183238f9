package plan_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// planOf computes the plan of a text whose WANs, called as given, are up with the address 192.0.N.2/24 each, N from 1.
func planOf(t *testing.T, text string, wans ...string) (*config.Config, *plan.Plan) {
	t.Helper()
	c, found := config.Load("multiwan", []byte(text))
	if len(found) > 0 {
		t.Fatal(found)
	}
	f := factsOf(wans...)
	var policies []string
	for _, p := range c.Policies {
		policies = append(policies, p.Name)
	}
	var err error
	if f.PolicyIDs, err = plan.AssignIDs(policies, nil, 190); err != nil {
		t.Fatal(err)
	}
	p := plan.Compute(c, f)
	checkPlan(t, p)
	return c, p
}

func factsOf(wans ...string) plan.Facts {
	f := plan.Facts{Network: plan.Network{WANs: map[string]plan.WAN{}}, Health: map[string]map[kstate.Family]plan.Verdict{}, IDs: map[string]int{}}
	for i, name := range wans {
		net := netip.AddrFrom4([4]byte{192, 0, byte(i + 1), 2})
		f.WANs[name] = plan.WAN{Device: fmt.Sprintf("eth%d", i+1), Index: i + 2, Up: true, Carrier: true,
			IPv4: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(net, 24)}, Gateway: net.Prev()}}
		f.Health[name] = map[kstate.Family]plan.Verdict{kstate.IPv4: {State: "up"}}
		f.IDs[name] = i + 1
	}
	return f
}

// chainOf returns the rules of a chain of table inet multiwan as lines.
func chainOf(t *testing.T, p *plan.Plan, name string) string {
	t.Helper()
	for _, c := range p.Want.Tables[0].Chains {
		if c.Name == name {
			var lines []string
			for _, r := range c.Rules {
				lines = append(lines, r.String())
			}
			return strings.Join(lines, "\n")
		}
	}
	t.Fatalf("no chain %s", name)
	return ""
}

// TestSameAddressOfThree: an address that three WANs have (three modems of one make) is the sign of none of them, not of the third.
func TestSameAddressOfThree(t *testing.T) {
	text := "config globals\n"
	f := factsOf("a", "b", "c")
	for _, n := range []string{"a", "b", "c"} {
		text += "config interface '" + n + "'\n\toption device 'eth" + fmt.Sprint(f.IDs[n]) + "'\n"
		w := f.WANs[n]
		w.IPv4 = f.WANs["a"].IPv4
		f.WANs[n] = w
	}
	c, found := config.Load("multiwan", []byte(text))
	if len(found) > 0 {
		t.Fatal(found)
	}
	p := plan.Compute(c, f)
	for _, r := range p.Want.Rules {
		if r.Src.IsValid() && r.Src.IsSingleIP() {
			t.Errorf("a rule by the common address: %s", r)
		}
	}
	if len(p.Warnings) != 2 || !strings.Contains(p.Warnings[1], "a and c have the same address 192.0.1.2") {
		t.Errorf("warnings %q", p.Warnings)
	}
}

// TestStickyBelowASecond: a set's timeout is never 0, which would be for ever.
func TestStickyBelowASecond(t *testing.T) {
	_, p := planOf(t, `
config interface 'a'
	option device 'eth1'
	list family 'ipv4'
config interface 'b'
	option device 'eth2'
	list family 'ipv4'
config policy 'default'
	list interface 'a'
	list interface 'b'
	option sticky '0.2'
`, "a", "b")
	sets := p.Want.Tables[0].Sets
	if len(sets) != 2 {
		t.Fatalf("%d sets, want one a WAN", len(sets))
	}
	for _, s := range sets {
		if s.Timeout != 1 {
			t.Errorf("set %s has timeout %d", s.Name, s.Timeout)
		}
	}
}

// TestPolicyNamedLikeAChain: no name of a policy makes its chain that of another policy with a rule's own stickiness.
func TestPolicyNamedLikeAChain(t *testing.T) {
	text := `
config interface 'a'
	option device 'eth1'
	list family 'ipv4'
config interface 'b'
	option device 'eth2'
	list family 'ipv4'
config rule 'r1'
	option dest_port '443'
	option proto 'tcp'
	option sticky '60'
	option policy 'x'
config policy 'x'
	list interface 'a'
`
	for _, name := range []string{"x_sticky60", "s60_x", "default"} {
		_, p := planOf(t, text+"config policy '"+name+"'\n\tlist interface 'b'\nconfig rule 'r2'\n\toption proto 'udp'\n\toption policy '"+name+"'\n", "a", "b")
		if got := chainOf(t, p, "policy4_"+name); got != "goto use4_b" {
			t.Errorf("policy %s: %s", name, got)
		}
	}
}

// TestLongNames: sections may be called as long as one likes; the kernel's names hold 255 characters.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("a_very_long_name_of_a_section_", 10)
	wan, wanb, policy, rule, ruleb := long+"w1", long+"w2", long+"p", long+"r1", long+"r2"
	c, p := planOf(t, `
config interface '`+wan+`'
	option device 'eth1'
config interface '`+wanb+`'
	option device 'eth2'
config policy '`+policy+`'
	list interface '`+wan+`'
	list interface '`+wanb+`'
	option sticky '60'
config rule '`+rule+`'
	option proto 'tcp'
	option sticky '30'
	option policy '`+policy+`'
config rule '`+ruleb+`'
	option proto 'udp'
	option policy '`+wanb+`'
`, wan, wanb)
	for _, tb := range p.Want.Tables {
		var names []string
		for _, ch := range tb.Chains {
			names = append(names, ch.Name)
		}
		for _, s := range tb.Sets {
			names = append(names, s.Name)
		}
		names = append(names, tb.Counters...)
		for _, n := range names {
			if len(n) > 127 {
				t.Errorf("%d characters: %s", len(n), n)
			}
		}
		if len(tb.Counters) != 2 {
			t.Errorf("counters %q, want one a rule", tb.Counters)
		}
	}
	for _, r := range c.Rules {
		if n := plan.CounterOf(r); !strings.Contains(p.Want.Tables[0].String(), `counter name "`+n+`"`) {
			t.Errorf("nothing counts in %s", n)
		}
	}
}
