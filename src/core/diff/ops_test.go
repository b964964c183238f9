package diff

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// rounds is how many pairs of random states each property is tried with.
const rounds = 250

func pairs(t *testing.T, f func(t *testing.T, r *rand.Rand, want, have kstate.State)) {
	t.Helper()
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 77))
		f(t, r, random(r), random(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func texts(ops []Op) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = o.String()
	}
	return out
}

func TestOpsOfEqualStatesIsEmpty(t *testing.T) {
	pairs(t, func(t *testing.T, r *rand.Rand, want, _ kstate.State) {
		if ops := Ops(want, shuffle(r, want), false); len(ops) > 0 {
			t.Errorf("ops %q", texts(ops))
		}
	})
}

func TestOpsLeadToWant(t *testing.T) {
	pairs(t, func(t *testing.T, _ *rand.Rand, want, have kstate.State) {
		m := newModel(t, have)
		for _, o := range Ops(want, have, false) {
			m.apply(o)
		}
		if ops := Ops(want, m.state(), false); len(ops) > 0 {
			t.Errorf("left %q", texts(ops))
		}
	})
}

func TestOpsAreMinimal(t *testing.T) {
	pairs(t, func(t *testing.T, _ *rand.Rand, want, have kstate.State) {
		seen := make(map[string]bool)
		for _, o := range Ops(want, have, false) {
			if seen[o.Key()] {
				t.Errorf("twice: %s", o)
			}
			seen[o.Key()] = true
		}
	})
}

// TestAnyFailureConverges leaves one operation out, as if it had failed (and with it, as in the kernel, what refers to it), and looks
// whether the next pass ends where it should.
func TestAnyFailureConverges(t *testing.T) {
	pairs(t, func(t *testing.T, r *rand.Rand, want, have kstate.State) {
		ops := Ops(want, have, false)
		if len(ops) == 0 {
			return
		}
		failed := r.IntN(len(ops))
		m := newModel(t, have)
		for i, o := range ops {
			if i == failed || refused(m, o) {
				continue
			}
			m.apply(o)
		}
		for _, o := range Ops(want, m.state(), false) {
			m.apply(o)
		}
		if left := Ops(want, m.state(), false); len(left) > 0 {
			t.Errorf("failed %s, left %q", ops[failed], texts(left))
		}
	})
}

// refused says whether the kernel would not do it as things are.
func refused(m *model, o Op) bool {
	has := func(id uint32) bool { _, ok := m.nexthops[id]; return id == 0 || ok }
	switch {
	case o.Kind == Route && o.Verb != Delete:
		return !has(o.Route.Nexthop)
	case o.Kind == Nexthop && o.Verb == Delete:
		for _, r := range m.routes {
			if r.Nexthop == o.Nexthop.ID {
				return true
			}
		}
		for _, n := range m.nexthops {
			for _, g := range n.Group {
				if g.ID == o.Nexthop.ID {
					return true
				}
			}
		}
	case o.Kind == Nexthop:
		for _, g := range o.Nexthop.Group {
			if !has(g.ID) {
				return true
			}
		}
	}
	return false
}

func TestEveryPrefixKeepsDefaults(t *testing.T) {
	kept := 0
	pairs(t, func(t *testing.T, _ *rand.Rand, want, have kstate.State) {
		m, end := newModel(t, have), newModel(t, want).defaults()
		var both []string
		for table := range m.defaults() {
			if end[table] {
				both = append(both, table)
			}
		}
		kept += len(both)
		for _, o := range Ops(want, have, false) {
			m.apply(o)
			now := m.defaults()
			for _, table := range both {
				if !now[table] {
					t.Errorf("after %s table %s has no default", o, table)
				}
			}
		}
	})
	if kept < rounds {
		t.Errorf("only %d tables had a default at both ends: the test proves little", kept)
	}
}

func TestInputOrderDoesNotMatter(t *testing.T) {
	pairs(t, func(t *testing.T, r *rand.Rand, want, have kstate.State) {
		a, b := Ops(want, have, false), Ops(shuffle(r, want), shuffle(r, have), false)
		if d := cmp.Diff(texts(a), texts(b)); d != "" {
			t.Error(d)
		}
	})
}

func TestPartialDeletesNothing(t *testing.T) {
	deletes := 0
	pairs(t, func(t *testing.T, _ *rand.Rand, want, have kstate.State) {
		var rest []string
		for _, o := range Ops(want, have, false) {
			if o.Verb == Delete {
				deletes++
			} else {
				rest = append(rest, o.String())
			}
		}
		got := texts(Ops(want, have, true))
		if strings.Join(got, "\n") != strings.Join(rest, "\n") {
			t.Errorf("partial gives %q, want %q", got, rest)
		}
	})
	if deletes == 0 {
		t.Error("no pair needed a deletion")
	}
}

// TestFailoverOrder pins the order that failover and failback rely on, in the words that users see.
func TestFailoverOrder(t *testing.T) {
	rule := kstate.Rule{Family: kstate.IPv4, Priority: 6500, Mark: 0x01000000, Mask: 0x3f000000, Action: kstate.Lookup, Table: 19713}
	gw := netip.MustParseAddr("192.0.2.254")
	def := func(table uint32) kstate.Route {
		return kstate.Route{Family: kstate.IPv4, Table: table, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Gateway: gw, Device: "eth0"}
	}
	table := func(v string) []kstate.Table {
		return []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{{Name: v}}}}
	}
	up := kstate.State{Rules: []kstate.Rule{rule}, Routes: []kstate.Route{def(19713), def(19777)}, Tables: table("up"),
		Sysctls:  []kstate.Sysctl{{Name: "net/ipv4/conf/eth0/rp_filter", Value: "2"}},
		Nexthops: []kstate.Nexthop{{ID: 1, Family: kstate.IPv4, Device: "eth0"}, {ID: 9, Group: []kstate.NexthopMember{{ID: 1, Weight: 1}}, Buckets: 8, IdleTimer: 60}}}
	down := kstate.State{Routes: []kstate.Route{def(19713)}, Tables: table("down")}
	moved := def(19713)
	moved.Gateway = netip.MustParseAddr("192.0.2.253")
	for _, tc := range []struct {
		name       string
		want, have kstate.State
		ops        []string
	}{
		{"down", down, up, []string{
			"nft replace table inet multiwan",
			"ip -4 rule delete pref 6500 fwmark 0x1000000/0x3f000000 lookup 19713",
			"ip -4 route delete default via 192.0.2.254 dev eth0 table 19777 metric 1",
			"ip nexthop delete id 9 group 1,1 type resilient buckets 8 idle_timer 60",
			"ip nexthop delete id 1 dev eth0",
		}},
		{"up", up, down, []string{
			"sysctl -w net.ipv4.conf.eth0.rp_filter=2",
			"ip nexthop add id 1 dev eth0",
			"ip nexthop add id 9 group 1,1 type resilient buckets 8 idle_timer 60",
			"ip -4 route add default via 192.0.2.254 dev eth0 table 19777 metric 1",
			"ip -4 rule add pref 6500 fwmark 0x1000000/0x3f000000 lookup 19713",
			"nft replace table inet multiwan",
		}},
		{"gateway", kstate.State{Routes: []kstate.Route{moved}}, kstate.State{Routes: []kstate.Route{def(19713)}}, []string{
			"ip -4 route replace default via 192.0.2.253 dev eth0 table 19713 metric 1",
		}},
		{"twice under one key", kstate.State{Routes: []kstate.Route{moved}}, kstate.State{Routes: []kstate.Route{def(19713), moved}}, []string{
			"ip -4 route delete default via 192.0.2.254 dev eth0 table 19713 metric 1",
		}},
		{"nothing", kstate.State{}, kstate.State{Tables: table("x")}, []string{"nft delete tables of multiwan"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.ops, texts(Ops(tc.want, tc.have, false))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTablesComparedByContent(t *testing.T) {
	base := func() kstate.Table {
		return kstate.Table{Family: "inet", Name: "multiwan", Counters: []string{"a", "b"},
			Sets:   []kstate.Set{{Name: "x", Type: "ipv4_addr"}, {Name: "y", Type: "ipv6_addr"}},
			Chains: []kstate.Chain{{Name: "c"}, {Name: "d", Rules: []kstate.NftRule{{Do: []kstate.Statement{{Verdict: "accept"}}}, {Do: []kstate.Statement{{Verdict: "drop"}}}}}}}
	}
	for _, tc := range []struct {
		name   string
		change func(*kstate.Table)
		same   bool
	}{
		{"order", func(t *kstate.Table) {
			t.Counters[0], t.Counters[1] = t.Counters[1], t.Counters[0]
			t.Sets[0], t.Sets[1] = t.Sets[1], t.Sets[0]
			t.Chains[0], t.Chains[1] = t.Chains[1], t.Chains[0]
		}, true},
		{"order of rules", func(t *kstate.Table) { r := t.Chains[1].Rules; r[0], r[1] = r[1], r[0] }, false},
		{"set", func(t *kstate.Table) { t.Sets[0].Timeout = 5 }, false},
		{"counter", func(t *kstate.Table) { t.Counters[0] = "z" }, false},
		{"hook", func(t *kstate.Table) { t.Chains[0].Hook = "input" }, false},
		{"chain", func(t *kstate.Table) { t.Chains[0].Name = "z" }, false},
		{"family", func(t *kstate.Table) { t.Family = "bridge" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := base(), base()
			tc.change(&b)
			if ops := Ops(kstate.State{Tables: []kstate.Table{a}}, kstate.State{Tables: []kstate.Table{b}}, false); (len(ops) == 0) != tc.same {
				t.Errorf("ops %q", texts(ops))
			}
		})
	}
}
