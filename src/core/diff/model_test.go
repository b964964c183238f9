package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"multiwan/src/core/kstate"
)

// model is a kernel that holds objects by the keys that the kernel holds them by.
type model struct {
	t        *testing.T
	sysctls  map[string]string
	nexthops map[uint32]kstate.Nexthop
	routes   map[string]kstate.Route
	rules    map[kstate.Rule]bool
	tables   []kstate.Table
}

func newModel(t *testing.T, s kstate.State) *model {
	m := &model{t: t, sysctls: map[string]string{}, nexthops: map[uint32]kstate.Nexthop{}, routes: map[string]kstate.Route{}, rules: map[kstate.Rule]bool{}}
	for _, x := range s.Sysctls {
		m.sysctls[x.Name] = x.Value
	}
	for _, x := range s.Nexthops {
		m.nexthops[x.ID] = x
	}
	for _, x := range s.Routes {
		m.routes[x.Key()] = x
	}
	for _, x := range s.Rules {
		m.rules[x] = true
	}
	m.tables = s.Tables
	return m
}

// apply carries out an operation as strictly as the kernel could: nothing is added twice, nothing deleted that is not there, and
// nothing refers to what does not exist.
func (m *model) apply(o Op) {
	m.t.Helper()
	fail := func(exists bool) {
		m.t.Helper()
		if exists == (o.Verb == Add) {
			m.t.Fatalf("%s: exists %v", o, exists)
		}
	}
	switch o.Kind {
	case Sysctl:
		m.sysctls[o.Sysctl.Name] = o.Sysctl.Value
	case Netfilter:
		m.tables = o.Tables
	case Rule:
		fail(m.rules[o.Rule])
		if o.Verb == Delete {
			delete(m.rules, o.Rule)
		} else {
			m.rules[o.Rule] = true
		}
	case Route:
		_, ok := m.routes[o.Route.Key()]
		fail(ok)
		if _, ok := m.nexthops[o.Route.Nexthop]; o.Verb != Delete && o.Route.Nexthop != 0 && !ok {
			m.t.Fatalf("%s: no such nexthop", o)
		}
		if o.Verb == Delete {
			delete(m.routes, o.Route.Key())
		} else {
			m.routes[o.Route.Key()] = o.Route
		}
	case Nexthop:
		m.nexthop(o, fail)
	}
}

func (m *model) nexthop(o Op, fail func(bool)) {
	m.t.Helper()
	_, ok := m.nexthops[o.Nexthop.ID]
	fail(ok)
	if o.Verb != Delete {
		for _, member := range o.Nexthop.Group {
			if _, ok := m.nexthops[member.ID]; !ok {
				m.t.Fatalf("%s: no member %d", o, member.ID)
			}
		}
		m.nexthops[o.Nexthop.ID] = o.Nexthop
		return
	}
	delete(m.nexthops, o.Nexthop.ID)
	for _, n := range m.nexthops {
		if slices.ContainsFunc(n.Group, func(g kstate.NexthopMember) bool { return g.ID == o.Nexthop.ID }) {
			m.t.Fatalf("%s: %s uses it", o, n)
		}
	}
	for _, r := range m.routes {
		if r.Nexthop == o.Nexthop.ID {
			m.t.Fatalf("%s: %s uses it", o, r)
		}
	}
}

func (m *model) state() kstate.State {
	var s kstate.State
	for n, v := range m.sysctls {
		s.Sysctls = append(s.Sysctls, kstate.Sysctl{Name: n, Value: v})
	}
	for _, x := range m.nexthops {
		s.Nexthops = append(s.Nexthops, x)
	}
	for _, x := range m.routes {
		s.Routes = append(s.Routes, x)
	}
	for x := range m.rules {
		s.Rules = append(s.Rules, x)
	}
	s.Tables = m.tables
	return s
}

// defaults returns the tables, with family, that have a way out.
func (m *model) defaults() map[string]bool {
	out := make(map[string]bool)
	for _, r := range m.routes {
		if r.Dst.Bits() == 0 && r.Type == kstate.Unicast {
			out[fmt.Sprint(r.Family, r.Table)] = true
		}
	}
	return out
}

// random returns a state of a few objects out of a small world, so that two of them share much.
func random(r *rand.Rand) kstate.State {
	var s kstate.State
	some := func(of int) bool { return r.IntN(3) < of }
	device := func() string { return fmt.Sprintf("eth%d", r.IntN(3)) }
	for i := range 3 {
		if some(2) {
			s.Sysctls = append(s.Sysctls, kstate.Sysctl{Name: fmt.Sprintf("net/ipv4/conf/eth%d/rp_filter", i), Value: "2"})
		}
		if some(2) {
			s.Nexthops = append(s.Nexthops, kstate.Nexthop{ID: uint32(i + 1), Family: kstate.IPv4, Device: device()})
		}
	}
	var members []kstate.NexthopMember
	for _, n := range s.Nexthops {
		members = append(members, kstate.NexthopMember{ID: n.ID, Weight: 1 + r.IntN(3)})
	}
	group := uint32(0)
	if len(members) > 0 && some(2) {
		group = 101
		s.Nexthops = append(s.Nexthops, kstate.Nexthop{ID: group, Group: members, Buckets: 128, IdleTimer: 60})
	}
	for _, f := range kstate.Families {
		for table := uint32(100); table < 103; table++ {
			rt := kstate.Route{Family: f, Table: table, Type: kstate.Unicast, Dst: f.Any(), Metric: 1 + uint32(r.IntN(2)), Device: device()}
			if group != 0 && some(1) {
				rt.Device, rt.Nexthop = "", group
			}
			if some(2) {
				s.Routes = append(s.Routes, rt)
			}
			if some(1) {
				s.Routes = append(s.Routes, kstate.Route{Family: f, Table: table, Type: kstate.Prohibit, Dst: f.Any(), Metric: 9})
			}
		}
		for i := range uint32(6) {
			if some(2) {
				s.Rules = append(s.Rules, kstate.Rule{Family: f, Priority: 6000 + i/2, Mark: i, Mask: 0xff, Action: kstate.Lookup, Table: 100 + uint32(r.IntN(3))})
			}
		}
	}
	if some(2) {
		s.Tables = []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{{Name: "c", Rules: []kstate.NftRule{
			{Do: []kstate.Statement{{Verdict: []string{"accept", "drop"}[r.IntN(2)]}}}}}}}}
	}
	return s
}

func shuffle(r *rand.Rand, s kstate.State) kstate.State {
	mix := func(n int, swap func(i, j int)) { r.Shuffle(n, swap) }
	s.Rules, s.Routes, s.Nexthops, s.Sysctls = slices.Clone(s.Rules), slices.Clone(s.Routes), slices.Clone(s.Nexthops), slices.Clone(s.Sysctls)
	mix(len(s.Rules), func(i, j int) { s.Rules[i], s.Rules[j] = s.Rules[j], s.Rules[i] })
	mix(len(s.Routes), func(i, j int) { s.Routes[i], s.Routes[j] = s.Routes[j], s.Routes[i] })
	mix(len(s.Nexthops), func(i, j int) { s.Nexthops[i], s.Nexthops[j] = s.Nexthops[j], s.Nexthops[i] })
	mix(len(s.Sysctls), func(i, j int) { s.Sysctls[i], s.Sysctls[j] = s.Sysctls[j], s.Sysctls[i] })
	return s
}
