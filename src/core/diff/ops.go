package diff

import (
	"cmp"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Ops returns the operations that lead from have to want, in an order in which every step leaves the data plane working: settings,
// nexthops (single ones, then groups), routes and rules are made or replaced; then the nftables tables change in one transaction; then
// rules, routes and nexthops (groups first) that nobody wants any more go. So a WAN's table stands before anything is sent there, new
// flows have moved away before its rule goes, and its rule stands before new flows come back.
//
// have must hold only objects of ours; with partial (an interrupted dump, NLM_F_DUMP_INTR) it may lack some, and nothing is deleted.
// The order of the objects in want and have does not matter. A setting in have that want does not name is left alone: see reconcile.
// The ids of single nexthops and of groups must not overlap: the kernel does not turn one into the other.
func Ops(want, have kstate.State, partial bool) []Op {
	addNH, delNH := nexthops(want.Nexthops, have.Nexthops)
	addRoute, delRoute := routes(want.Routes, have.Routes)
	addRule, delRule := rules(want.Rules, have.Rules)
	ops := order.Join(sysctls(want.Sysctls, have.Sysctls), addNH, addRoute, addRule, netfilter(want.Tables, have.Tables))
	if partial {
		return order.Without(ops, func(o Op) bool { return o.Verb == Delete })
	}
	return order.Join(ops, delRule, delRoute, delNH)
}

func sysctls(want, have []kstate.Sysctl) []Op {
	if slices.Equal(want, have) {
		return nil
	}
	is := make(map[string]string, len(have))
	for _, s := range have {
		is[s.Name] = s.Value
	}
	var ops []Op
	for _, s := range want {
		if v, ok := is[s.Name]; !ok || v != s.Value {
			is[s.Name] = s.Value
			ops = append(ops, Op{Verb: Replace, Kind: Sysctl, Sysctl: s})
		}
	}
	return byText(ops)
}

func nexthops(want, have []kstate.Nexthop) (add, del []Op) {
	is := make(map[uint32]kstate.Nexthop, len(have))
	for _, n := range have {
		is[n.ID] = n
	}
	wanted := make(map[uint32]bool, len(want))
	for _, n := range want {
		if wanted[n.ID] {
			continue
		}
		wanted[n.ID] = true
		switch o, ok := is[n.ID]; {
		case !ok:
			add = append(add, Op{Verb: Add, Kind: Nexthop, Nexthop: n})
		case !n.Equal(o):
			add = append(add, Op{Verb: Replace, Kind: Nexthop, Nexthop: n})
		}
	}
	for id, n := range is {
		if !wanted[id] {
			del = append(del, Op{Verb: Delete, Kind: Nexthop, Nexthop: n})
		}
	}
	singlesFirst := func(a, b Op) int {
		return cmp.Or(cmp.Compare(min(len(a.Nexthop.Group), 1), min(len(b.Nexthop.Group), 1)), cmp.Compare(a.Nexthop.ID, b.Nexthop.ID))
	}
	order.By(add, func(i, j int) int { return singlesFirst(add[i], add[j]) })
	order.By(del, func(i, j int) int { return singlesFirst(del[j], del[i]) })
	return add, del
}

// routeKey is kstate.Route.Key without the text.
type routeKey struct {
	family        kstate.Family
	table, metric uint32
	dst           netip.Prefix
}

func keyOf(r kstate.Route) routeKey { return routeKey{r.Family, r.Table, r.Metric, r.Dst} }

func routes(want, have []kstate.Route) (add, del []Op) {
	first := make(map[routeKey]int, len(have)) // index of the first of a key
	more := make(map[routeKey][]kstate.Route)  // all of a key that has several
	for i, r := range have {
		k := keyOf(r)
		switch at, dup := first[k]; {
		case !dup:
			first[k] = i
		case more[k] == nil:
			more[k] = []kstate.Route{have[at], r}
		default:
			more[k] = append(more[k], r)
		}
	}
	wanted := make([]bool, len(have))
	added := make(map[routeKey]bool)
	for _, r := range want {
		k := keyOf(r)
		i, there := first[k]
		switch {
		case !there && !added[k]:
			added[k] = true
			add = append(add, Op{Verb: Add, Kind: Route, Route: r})
		case !there || wanted[i]:
		case more[k] != nil:
			wanted[i] = true
			a, d := several(r, more[k])
			add, del = append(add, a...), append(del, d...)
		default:
			wanted[i] = true
			if !r.Equal(have[i]) {
				add = append(add, Op{Verb: Replace, Kind: Route, Route: r})
			}
		}
	}
	for k, i := range first {
		switch {
		case wanted[i]:
		case more[k] != nil:
			del = append(del, deleteRoutes(more[k])...)
		default:
			del = append(del, Op{Verb: Delete, Kind: Route, Route: have[i]})
		}
	}
	return byRoute(add), byRoute(del)
}

// several handles routes under one key, which are somebody's doing (`ip route append`). A replace changes only the first of them, and it
// is not told which that is: if none is right, one is replaced and the others go, and the next pass sees what is left.
func several(want kstate.Route, same []kstate.Route) (add, del []Op) {
	if at := slices.IndexFunc(same, want.Equal); at >= 0 {
		return nil, deleteRoutes(slices.Delete(slices.Clone(same), at, at+1))
	}
	return []Op{{Verb: Replace, Kind: Route, Route: want}}, deleteRoutes(same[1:])
}

func deleteRoutes(rs []kstate.Route) []Op {
	ops := make([]Op, len(rs))
	for i, r := range rs {
		ops[i] = Op{Verb: Delete, Kind: Route, Route: r}
	}
	return ops
}

func rules(want, have []kstate.Rule) (add, del []Op) {
	if slices.Equal(want, have) {
		return nil, nil
	}
	// Each rule that is there is marked once it is wanted. The map is large: rules are compared whole.
	wanted := make(map[kstate.Rule]bool, len(have))
	for _, r := range have {
		wanted[r] = false
	}
	for _, r := range want {
		if _, known := wanted[r]; !known {
			add = append(add, Op{Verb: Add, Kind: Rule, Rule: r})
		}
		wanted[r] = true
	}
	for r, is := range wanted {
		if !is {
			del = append(del, Op{Verb: Delete, Kind: Rule, Rule: r})
		}
	}
	return byRule(add), byRule(del)
}

func byText(ops []Op) []Op {
	order.By(ops, func(i, j int) int { return cmp.Compare(ops[i].String(), ops[j].String()) })
	return ops
}

// byRoute orders specific destinations before wide ones, so that a default never stands before the routes that it relies on.
func byRoute(ops []Op) []Op {
	order.By(ops, func(i, j int) int {
		x, y := ops[i].Route, ops[j].Route
		c := cmp.Or(cmp.Compare(x.Family, y.Family), cmp.Compare(x.Table, y.Table), cmp.Compare(y.Dst.Bits(), x.Dst.Bits()),
			x.Dst.Addr().Compare(y.Dst.Addr()), cmp.Compare(x.Metric, y.Metric))
		if c != 0 {
			return c
		}
		return cmp.Compare(x.String(), y.String())
	})
	return ops
}

// byRule orders by the order of evaluation.
func byRule(ops []Op) []Op {
	order.By(ops, func(i, j int) int {
		x, y := ops[i].Rule, ops[j].Rule
		if c := cmp.Or(cmp.Compare(x.Family, y.Family), cmp.Compare(x.Priority, y.Priority)); c != 0 {
			return c
		}
		return cmp.Compare(x.String(), y.String())
	})
	return ops
}
