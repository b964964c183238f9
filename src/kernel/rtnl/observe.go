package rtnl

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Scope says where to look for routes.
type Scope struct {
	// Tables are dumped one by one, filtered in the kernel. Each costs some 10 microseconds.
	Tables []uint32
	// All looks for routes of protocol 77 in all tables instead: the kernel walks every route there is. For adoption at the start and
	// for the removal of everything.
	All bool
}

// Observe returns the rules, routes and nexthop objects of protocol 77. The error is ErrPartial where the answer is not a
// snapshot; the state then holds what was seen, and the caller deletes nothing.
func (c *Conn) Observe(ctx context.Context, s Scope) (kstate.State, error) {
	var st kstate.State
	var partial error
	d := c.devices()
	do := func(err error) error {
		if errors.Is(err, ErrPartial) {
			partial = err
			return nil
		}
		return err
	}
	tables := s.Tables
	if s.All {
		tables = []uint32{0}
	}
	for _, f := range kstate.Families {
		n := len(st.Rules)
		err := c.dumpRules(ctx, f, func() { st.Rules = st.Rules[:n] }, func(r kstate.Rule, protocol uint8) {
			if protocol == kstate.Protocol {
				st.Rules = append(st.Rules, r)
			}
		})
		if do(err) != nil {
			return st, err
		}
		for _, t := range tables {
			n := len(st.Routes)
			filter := routeFilter{family: f, table: t, protocol: kstate.Protocol}
			err := c.dumpRoutes(ctx, filter, d, func() { st.Routes = st.Routes[:n] }, func(r routeInfo) {
				st.Routes = append(st.Routes, r.Route)
			})
			if do(err) != nil {
				return st, err
			}
		}
	}
	err := c.dumpNexthops(ctx, d, func() { st.Nexthops = st.Nexthops[:0] }, func(n kstate.Nexthop) { st.Nexthops = append(st.Nexthops, n) })
	if do(err) != nil {
		return st, err
	}
	return st, partial
}

// Foreign returns the rules that are not ours (the kernel's own three a family among them) and the tables that they look up, sorted,
// for the search for collisions. The action of a rule may also be "goto", "nop" or empty.
func (c *Conn) Foreign(ctx context.Context) (rules []kstate.Rule, tables []uint32, err error) {
	for _, f := range kstate.Families {
		n := len(rules)
		err := c.dumpRules(ctx, f, func() { rules = rules[:n] }, func(r kstate.Rule, protocol uint8) {
			if protocol != kstate.Protocol {
				rules = append(rules, r)
			}
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, r := range rules {
		if r.Action == kstate.Lookup && r.Table != 0 {
			tables = append(tables, r.Table)
		}
	}
	order.By(tables, cmp.Compare)
	return rules, slices.Compact(tables), nil
}
