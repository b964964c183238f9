package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// TestBoot: one bad section never takes the others down (P9).
func TestBoot(t *testing.T) {
	text := `
config globals globals
	option rule_base 0
config interface a
	list probe good
	list probe bad
config interface b
	option metric none
config interface c
	list probe bad
config probe good
	list target 1.1.1.1
config probe bad
	list target 1.1.1.300
config member mb
	option interface b
config policy default
	list interface a
	list member mb
	list interface c
config policy only_b
	list interface b
config policy typo
	list interface a
	option failback sometimes
config rule to_b
	option policy only_b
config rule r_bad
	option policy a
	option src_ip 10.0.0.0/33
config rule to_typo
	option policy typo
config rule r_good
	option policy default
`
	c, ds := Load("multiwan", []byte(text))
	checkInvariants(t, c, ds)
	got := map[string]string{}
	for _, i := range c.Interfaces {
		got["interface "+i.Name] = strings.Join(i.Probes, " ")
	}
	for _, p := range c.Policies {
		var members []string
		for _, m := range p.Members {
			members = append(members, m.Interface)
		}
		got["policy "+p.Name] = strings.Join(members, " ")
	}
	for _, r := range c.Rules {
		got["rule "+r.Name] = r.Policy
	}
	want := map[string]string{
		"interface a": "good", "interface c": "builtin", // never unwatched
		"policy default": "a c", "rule r_good": "default",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !c.Globals.Enabled || c.Globals.RuleBase != 6000 {
		t.Errorf("globals: %+v", c.Globals)
	}
	wantErrors := []string{"globals.rule_base", "b.metric", "bad.target", "typo.failback", "r_bad.src_ip"}
	var errs []string
	for _, d := range ds {
		if !d.Warning {
			errs = append(errs, d.Section+"."+d.Option)
		}
	}
	if diff := cmp.Diff(wantErrors, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestBadDefault: a default policy with errors is stood in for, so traffic that no rule matches still has one.
func TestBadDefault(t *testing.T) {
	c, ds := Load("multiwan", []byte("config interface a\nconfig policy default\n\tlist interface a\n\toption failback x\nconfig rule r\n\toption policy default\n"))
	checkInvariants(t, c, ds)
	if !ds.HasErrors() || len(c.Policies) != 1 || c.Policies[0].Failback != "move_udp" || len(c.Rules) != 1 {
		t.Errorf("%+v\n%s", c, ds)
	}
}

// TestUnreadable: nothing is started on a guess.
func TestUnreadable(t *testing.T) {
	for _, text := range []string{"config interface 'a\n", "config globals globals\n\toption enabled of\nconfig interface a\n", "nonsense"} {
		c, ds := Load("multiwan", []byte(text))
		if c.Globals.Enabled || !ds.HasErrors() {
			t.Errorf("%q: enabled %v, diagnostics:\n%s", text, c.Globals.Enabled, ds)
		}
		checkInvariants(t, c, ds)
	}
}

// TestSectionOrder: what refers may stand before what it refers to; the same is said of a file whose sections are shuffled.
func TestSectionOrder(t *testing.T) {
	for _, path := range []string{"testdata/invalid/mixed.uci", "testdata/invalid/policy.uci", "testdata/invalid/probe.uci", "testdata/invalid/route.uci", "testdata/invalid/rule.uci"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sections := strings.Split("\n"+string(text), "\nconfig ")[1:]
		random := rand.New(rand.NewPCG(1, 2))
		want := saidOf(text)
		for range 20 {
			random.Shuffle(len(sections), func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
			shuffled := []byte("config " + strings.Join(sections, "\n\nconfig "))
			if diff := cmp.Diff(want, saidOf(shuffled)); diff != "" {
				t.Fatalf("%s, shuffled (-file +shuffled):\n%s\n%s", path, diff, shuffled)
			}
		}
	}
}

// saidOf returns the diagnostics without what depends on the place: lines, numbers of anonymous sections, which of several near names
// is offered.
func saidOf(text []byte) []string {
	var said []string
	_, ds := Load("multiwan", text)
	for _, d := range ds {
		if i := strings.IndexByte(d.Section, '['); i >= 0 {
			d.Section = d.Section[:i]
		}
		d.Want, _, _ = strings.Cut(d.Want, ", did you mean")
		d.Want, _, _ = strings.Cut(d.Want, " in line ")
		d.Want, _, _ = strings.Cut(d.Want, " (line ")
		said = append(said, strings.Join([]string{d.Section, d.Option, d.Value, d.Want}, "|"))
	}
	slices.Sort(said)
	return said
}

// TestRuleFamily: addresses and ICMP say of which family a rule is, negated ones too.
func TestRuleFamily(t *testing.T) {
	for lines, want := range map[string]kstate.Family{
		"":                                     0,
		"option family ipv4":                   kstate.IPv4,
		"option src_ip 10.0.0.0/8":             kstate.IPv4,
		"option dest_ip !2001:db8::/32":        kstate.IPv6,
		"option dest_ip '10.0.0.0/8 fd00::/8'": 0,
		"option src_ip 10.0.0.1\noption family ipv4":               kstate.IPv4,
		"list dest_ip ::/0\nlist dest_ip 0.0.0.0/0":                0,
		"option proto icmp":                                        kstate.IPv4,
		"option proto ipv6-icmp":                                   kstate.IPv6,
		"list proto icmp\nlist proto icmpv6":                       0,
		"option src_ip 'fd00::1 10.0.0.1'\noption dest_ip fd00::2": kstate.IPv6,
	} {
		c, ds := Load("multiwan", []byte(frame("rule", lines)))
		if len(ds) > 0 || len(c.Rules) != 1 {
			t.Fatalf("%s:\n%s", lines, ds)
		}
		if got := c.Rules[0].Family; got != want {
			t.Errorf("%s: family %v, want %v", lines, got, want)
		}
	}
}

// TestRuleMatches reads the forms in which matches may be written.
func TestRuleMatches(t *testing.T) {
	tcpUDP := []Proto{{"tcp", 6}, {"udp", 17}}
	for lines, want := range map[string]Rule{
		"option dest_port '443,80 8000-8080 8010-8090,8091 443'": {Proto: tcpUDP, Dport: Ports{List: []kstate.PortRange{{Lo: 80, Hi: 80}, {Lo: 443, Hi: 443}, {Lo: 8000, Hi: 8091}}}},
		"option src_port '!1:1023'\noption proto tcp":            {Proto: tcpUDP[:1], Sport: Ports{Not: true, List: []kstate.PortRange{{Lo: 1, Hi: 1023}}}},
		"option dest_port '! 80 443'":                            {Proto: tcpUDP, Dport: Ports{Not: true, List: []kstate.PortRange{{Lo: 80, Hi: 80}, {Lo: 443, Hi: 443}}}},
		"list dscp 'ef be'\nlist dscp 'af41 0x0a ef va'":         {DSCP: DSCPs{List: []uint8{46, 0, 34, 10, 44}}},
		"option dscp '!cs1,le'":                                  {DSCP: DSCPs{Not: true, List: []uint8{8, 1}}},
		"option proto '6 TCP esp'":                               {Proto: []Proto{{"6", 6}, {"esp", 50}}},
		"option proto all":                                       {},
		"option nftset '! video'":                                {NFTSet: "video", NFTSetNot: true},
		"list src_iface '!lan'\nlist src_iface '!guest'":         {SrcIface: Names{Not: true, List: []string{"lan", "guest"}}},
		"option origin router\noption fwmark 256":                {Origin: "router", Fwmark: 256, Mask: 0x80ffffff},
		"option origin router\noption fwmark 0x100/0xf00":        {Origin: "router", Fwmark: 0x100, Mask: 0xf00},
		"option origin router\noption uid 0":                     {Origin: "router", UID: kstate.UIDRange{Set: true}},
	} {
		c, ds := Load("multiwan", []byte(frame("rule", lines)))
		if len(ds) > 0 || len(c.Rules) != 1 {
			t.Fatalf("%s:\n%s", lines, ds)
		}
		want.Name, want.Policy, want.Enabled = "r", "p", true
		if want.Origin == "" {
			want.Origin = "forwarded"
		}
		got := c.Rules[0]
		got.Line = 0
		if diff := cmp.Diff(want, got, addrs...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lines, diff)
		}
	}
}

// TestTooManyPolicies: the table range holds so many.
func TestTooManyPolicies(t *testing.T) {
	var text strings.Builder
	text.WriteString("config interface wan\n")
	for i := range maxPolicies + 1 {
		fmt.Fprintf(&text, "config policy p%d\n\tlist interface wan\n", i)
	}
	c, ds := Load("multiwan", []byte(text.String()))
	checkInvariants(t, c, ds)
	if len(ds) != 1 || ds[0].Section != fmt.Sprintf("p%d", maxPolicies) || ds[0].Warning {
		t.Errorf("diagnostics:\n%s", ds)
	}
}

// TestRouteFailback: what the kernel does anyway is the default where it alone chooses.
func TestRouteFailback(t *testing.T) {
	c, ds := Load("multiwan", []byte("config globals g\n\toption steering route\nconfig interface a\nconfig policy p\n\tlist interface a\n"))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	for _, p := range c.Policies {
		if p.Failback != "move" {
			t.Errorf("policy %s: failback %s", p.Name, p.Failback)
		}
	}
	if len(c.Policies) != 2 {
		t.Errorf("policies: %+v", c.Policies)
	}
}
