package rtnl

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Scope says where to look for routes.
type Scope struct {
	// Tables are those to look into at least.
	Tables []uint32
	// All asks for the routes of all tables: for adoption at the start and for the removal of everything.
	All bool
}

// There are two ways to look: table by table, each a dump of its own in each family, or all tables at once, filtered by protocol in the
// kernel. The second takes a quarter of the time of the first with ten tables, but the kernel walks every route there is: a full table of
// the Internet in main makes it slow. How long it took last decides.
const (
	// eachTable is what the dumps of a small table in both families take.
	eachTable = 50 * time.Microsecond
	// forgetting is the part of the last figure that each look by the other way takes off it, so that one slow look is not held
	// against the faster way for good.
	forgetting = 32
)

// everywhere says whether to look at all tables at once.
func (c *Conn) everywhere(s Scope) bool {
	walk := c.walk.Load()
	if s.All || walk < int64(eachTable)*int64(len(s.Tables)) {
		return true
	}
	c.walk.Store(walk - walk/forgetting)
	return false
}

// note keeps how long a look at all tables took. One that waited for the processor may take a hundred times as long as others, so that the
// figure only doubles by it; where each look is slow it soon is as large as they are.
func (c *Conn) note(took time.Duration) {
	walk := int64(took)
	if last := c.walk.Load(); last > 0 {
		walk = min(walk, 2*last)
	}
	c.walk.Store(walk)
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
	all, walked := c.everywhere(s), time.Duration(0)
	if all {
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
		began := time.Now()
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
		walked += time.Since(began)
	}
	if all {
		c.note(walked)
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
	order.By(tables, func(i, j int) int { return cmp.Compare(tables[i], tables[j]) })
	return rules, slices.Compact(tables), nil
}
