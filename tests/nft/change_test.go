package nft_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/nft"
)

// apply makes the kernel hold want, and demands that afterwards nothing differs.
func apply(t *testing.T, c *nft.Conn, want []kstate.Table) {
	t.Helper()
	have, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Apply(t.Context(), want, have, nil); err != nil || !changed {
		t.Fatalf("apply: changed %v, %v", changed, err)
	}
	settled(t, c, want)
}

func settled(t *testing.T, c *nft.Conn, want []kstate.Table) {
	t.Helper()
	have, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := nft.Diff(want, have); err != nil || len(lines) != 0 {
		t.Fatalf("still differs, %v:\n%s", err, strings.Join(lines, "\n"))
	}
}

func chain(t *testing.T, tables []kstate.Table, name string) *kstate.Chain {
	t.Helper()
	for i := range tables {
		for j := range tables[i].Chains {
			if tables[i].Chains[j].Name == name {
				return &tables[i].Chains[j]
			}
		}
	}
	t.Fatalf("no chain %s in the corpus", name)
	return nil
}

// handles lists the handles of a chain's rules: a rule that was loaded anew has another.
func handles(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, line := range strings.Split(cli(t, "-a", "list", "chain", "inet", "multiwan", name), "\n") {
		if _, h, ok := strings.Cut(line, "# handle "); ok && !strings.Contains(line, "chain "+name) {
			out = append(out, h)
		}
	}
	return out
}

// TestOneChain changes one chain: others keep their rules, sets their elements, counters their values, and foreign tables everything.
func TestOneChain(t *testing.T) {
	c := namespace(t)
	load(t, "add table inet other\nadd chain inet other x { type filter hook input priority 0; }\nadd rule inet other x ct state new accept\n"+
		"add table arp multiwan\nadd chain arp multiwan x\n")
	foreign := cli(t, "-a", "list", "table", "inet", "other") + cli(t, "-a", "list", "table", "arp", "multiwan")
	want := corpus()
	apply(t, c, want)
	cli(t, "add", "element", "inet", "multiwan", "sticky4", "{ 10.0.0.1 }")
	keys, post := handles(t, "keys"), handles(t, "postrouting")

	ch := chain(t, want, "prerouting")
	ch.Rules = ch.Rules[1:]
	apply(t, c, want)
	if got := handles(t, "keys"); !slices.Equal(got, keys) {
		t.Errorf("chain keys was loaded anew: %v, was %v", got, keys)
	}
	if got := handles(t, "postrouting"); !slices.Equal(got, post) {
		t.Errorf("chain postrouting was loaded anew: %v, was %v", got, post)
	}
	if got := cli(t, "list", "set", "inet", "multiwan", "sticky4"); !strings.Contains(got, "10.0.0.1") {
		t.Errorf("the set lost its element:\n%s", got)
	}
	if got := cli(t, "-a", "list", "table", "inet", "other") + cli(t, "-a", "list", "table", "arp", "multiwan"); got != foreign {
		t.Errorf("a foreign table is now\n%s\nwas\n%s", got, foreign)
	}
}

// TestFlush empties a set on request, with nothing else to change.
func TestFlush(t *testing.T) {
	c := namespace(t)
	apply(t, c, corpus())
	cli(t, "add", "element", "inet", "multiwan", "sticky4", "{ 10.0.0.1 }")
	have, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Apply(t.Context(), corpus(), have, []nft.SetRef{{Family: "inet", Name: "sticky4"}}); err != nil || !changed {
		t.Fatalf("apply: changed %v, %v", changed, err)
	}
	if got := cli(t, "list", "set", "inet", "multiwan", "sticky4"); strings.Contains(got, "10.0.0.1") {
		t.Errorf("the set keeps its element:\n%s", got)
	}
}

// TestShapes changes each kind of object, and what uses it.
func TestShapes(t *testing.T) {
	cases := map[string]func(t *testing.T, w []kstate.Table) []kstate.Table{
		"set of another timeout": func(t *testing.T, w []kstate.Table) []kstate.Table { w[0].Sets[0].Timeout = 30; return w },
		"set, rules and map gone": func(t *testing.T, w []kstate.Table) []kstate.Table {
			w[0].Sets = w[0].Sets[2:]
			ch := chain(t, w, "prerouting")
			ch.Rules = slices.DeleteFunc(ch.Rules, func(r kstate.NftRule) bool { return strings.Contains(r.String(), "@sticky") })
			return w
		},
		"counter gone": func(t *testing.T, w []kstate.Table) []kstate.Table {
			w[0].Counters = w[0].Counters[:1]
			chain(t, w, "to_wanb").Rules = nil
			return w
		},
		"base chain elsewhere": func(t *testing.T, w []kstate.Table) []kstate.Table {
			chain(t, w, "prerouting").Priority = -150
			return w
		},
		"base chain of another type": func(t *testing.T, w []kstate.Table) []kstate.Table {
			*chain(t, w, "output") = kstate.Chain{Name: "output", Type: "filter", Hook: "output", Rules: chain(t, w, "output").Rules}
			return w
		},
		"chain gone that maps lead to": func(t *testing.T, w []kstate.Table) []kstate.Table {
			chain(t, w, "prerouting").Rules = []kstate.NftRule{rule(verdict("jump keys"))}
			w[0].Chains = slices.DeleteFunc(w[0].Chains, func(c kstate.Chain) bool { return strings.HasPrefix(c.Name, "to_") })
			return w
		},
		"bridge table gone": func(t *testing.T, w []kstate.Table) []kstate.Table { return w[:1] },
		"inet table gone":   func(t *testing.T, w []kstate.Table) []kstate.Table { return w[1:] },
		"rules in another order": func(t *testing.T, w []kstate.Table) []kstate.Table {
			slices.Reverse(chain(t, w, "keys").Rules)
			return w
		},
		"rule twice": func(t *testing.T, w []kstate.Table) []kstate.Table {
			ch := chain(t, w, "leaf")
			ch.Rules = append(ch.Rules, ch.Rules[0])
			return w
		},
		"rule of a thousand addresses": func(t *testing.T, w []kstate.Table) []kstate.Table {
			ch := chain(t, w, "leaf")
			ch.Rules = append(ch.Rules, rule(is("ip6 saddr", manyPrefixes(1000)...), verdict("accept")))
			return w
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			c := namespace(t)
			apply(t, c, corpus())
			apply(t, c, change(t, corpus()))
			apply(t, c, corpus())
		})
	}
}

// TestRepair lets nft(8) damage the tables: the watch tells, and the next Apply repairs.
func TestRepair(t *testing.T) {
	cases := map[string]func(t *testing.T){
		"flush ruleset": func(t *testing.T) { cli(t, "flush", "ruleset") },
		"delete rule": func(t *testing.T) {
			cli(t, "delete", "rule", "inet", "multiwan", "keys", "handle", handles(t, "keys")[3])
		},
		"foreign rule": func(t *testing.T) { cli(t, "insert", "rule", "inet", "multiwan", "keys", "tcp dport 22 drop") },
		"rule replaced": func(t *testing.T) {
			cli(t, "replace", "rule", "inet", "multiwan", "keys", "handle", handles(t, "keys")[0], "drop")
		},
		"foreign chain":      func(t *testing.T) { cli(t, "add", "chain", "inet", "multiwan", "theirs") },
		"foreign set":        func(t *testing.T) { load(t, "add set inet multiwan theirs { type inet_service; }\n") },
		"foreign quota":      func(t *testing.T) { load(t, "add quota inet multiwan theirs { over 5 mbytes; }\n") },
		"policy drop":        func(t *testing.T) { load(t, "add chain inet multiwan output { policy drop; }\n") },
		"table put to sleep": func(t *testing.T) { load(t, "add table inet multiwan { flags dormant; }\n") },
		"bridge table gone":  func(t *testing.T) { cli(t, "delete", "table", "bridge", "multiwan") },
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			c := namespace(t)
			apply(t, c, corpus())
			events, err := c.Watch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			damage(t)
			e := event(t, events)
			if e.Lost || e.Process != "nft" || len(e.Tables) == 0 {
				t.Errorf("event %+v", e)
			}
			apply(t, c, corpus())
			cli(t, "add", "table", "inet", "fence") // foreign, and no event; nor was one for the repair
			cli(t, "add", "chain", "bridge", "multiwan", "last")
			if e := event(t, events); !slices.Equal(e.Tables, []string{"bridge"}) {
				t.Errorf("after the repair: event %+v, want the one of the bridge table", e)
			}
		})
	}
}

func event(t *testing.T, events <-chan nft.Event) nft.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the watch ended")
		}
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no event")
	}
	return nft.Event{}
}

// TestRefused names the rule that the kernel refuses, and leaves everything as it was.
func TestRefused(t *testing.T) {
	bad := map[string]struct {
		rule  kstate.NftRule
		chain string
	}{
		"unknown set":                    {rule(is("ip saddr", "@nowhere"), verdict("accept")), "keys"},
		"meta ipsec after routing":       {rule(is("meta ipsec", "missing"), verdict("drop")), "postrouting"},
		"jump into nothing":              {rule(verdict("jump nowhere")), "leaf"},
		"masquerade where there is none": {rule(snat(kstate.NAT{Kind: "masquerade"})), "prerouting"},
		"map with a missing chain":       {rule(vmap(kstate.Vmap{Key: "oifname", Elems: []kstate.VmapElem{{Value: "eth0", Verdict: "goto nowhere"}}})), "leaf"},
		"unknown key":                    {rule(is("colour", "red"), verdict("accept")), "leaf"},
	}
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			c := namespace(t)
			apply(t, c, corpus())
			before := cli(t, "-a", "list", "ruleset")
			want := corpus()
			ch := chain(t, want, tc.chain)
			ch.Rules = append([]kstate.NftRule{tc.rule}, ch.Rules...)
			have, err := c.Observe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Apply(t.Context(), want, have, nil)
			var refused nft.ErrRefused
			if !errors.As(err, &refused) {
				t.Fatalf("error %v is no ErrRefused", err)
			}
			t.Log(err)
			if refused.Table != "inet multiwan" || refused.Chain != tc.chain || refused.Rule != tc.rule.String() {
				t.Errorf("refused %+v, want rule %s of chain %s", refused, tc.rule, tc.chain)
			}
			if after := cli(t, "-a", "list", "ruleset"); after != before {
				t.Errorf("the tables changed:\n%s", after)
			}
			ch.Rules = ch.Rules[1:]
			settled(t, c, want)
		})
	}
}

// TestStale applies what was computed from an old reading: the kernel refuses it, and Apply computes again.
func TestStale(t *testing.T) {
	c := namespace(t)
	apply(t, c, corpus())
	old, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cli(t, "flush", "ruleset")
	want := corpus()
	chain(t, want, "leaf").Rules = nil
	if changed, err := c.Apply(t.Context(), want, old, nil); err != nil || !changed {
		t.Fatalf("apply: changed %v, %v", changed, err)
	}
	settled(t, c, want)
}

// TestFirewallComesAndGoes: OpenWrt's firewall is seen, and its coming and going is an event; what it does inside of its table is none.
func TestFirewallComesAndGoes(t *testing.T) {
	c := namespace(t)
	apply(t, c, corpus())
	events, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args  []string
		there bool
	}{{[]string{"add", "table", "inet", "fw4"}, true}, {[]string{"delete", "table", "inet", "fw4"}, false}} {
		cli(t, x.args...)
		if e := event(t, events); !slices.Equal(e.Tables, []string{"fw4"}) {
			t.Errorf("%v: event %+v", x.args, e)
		}
		if o, err := c.Observe(t.Context()); err != nil || o.Firewall != x.there {
			t.Errorf("%v: seen %v, %v", x.args, o.Firewall, err)
		}
		if x.there {
			cli(t, "add", "chain", "inet", "fw4", "input")
			cli(t, "add", "table", "ip", "fw4") // of another family
			cli(t, "delete", "table", "ip", "fw4")
		}
	}
	cli(t, "add", "chain", "bridge", "multiwan", "last")
	if e := event(t, events); !slices.Equal(e.Tables, []string{"bridge"}) {
		t.Errorf("event %+v, want the one of the bridge table", e)
	}
}
