package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// decision is what a pass is going to do, and why.
type decision struct {
	config  *config.Config
	facts   plan.Facts
	why     diff.Reasons
	plan    *plan.Plan
	want    kstate.State // the plan's, less settings that do not exist
	ops     []diff.Op
	join    *joined // nil where there is nothing of the overlay
	partial bool
	next    time.Time // when the facts change by the clock alone
	warn    []string
	times   Times
}

// decide observes, plans and compares. It changes nothing in the kernel.
func (l *Loop) decide(ctx context.Context, c *config.Config, in taken) (decision, error) {
	began := time.Now()
	d := decision{config: l.renumbered(c)}
	net, err := l.ports.Source.Network(ctx, d.config)
	if err != nil {
		return d, fmt.Errorf("look at the interfaces: %w", err)
	}
	if d.join = l.joined(ctx, d.config, in); d.join != nil {
		net = overlay.NetworkOf(d.config, net)
	}
	d.facts, d.why, d.next, err = l.facts(d.config, net, in, began)
	if err != nil {
		return d, err
	}
	looked := time.Now()
	d.plan = l.compute(c, d.config, d.facts)
	d.want = d.plan.Want
	if d.join != nil {
		l.planOverlay(ctx, &d, in)
	}
	planned := time.Now()

	have, partial, err := l.ports.Routing.Observe(ctx, l.scope(d.want))
	if err != nil {
		return d, fmt.Errorf("look at the routing: %w", err)
	}
	d.partial = partial
	exist, values, restore, serr := l.settings(d.want.Sysctls)
	if serr != nil {
		d.warn = append(d.warn, serr.Error())
	}
	d.want.Sysctls, have.Sysctls = exist, values
	lines, err := l.ports.Netfilter.Diff(ctx, d.want.Tables)
	if err != nil {
		return d, fmt.Errorf("look at nftables: %w", err)
	}
	have.Tables = d.want.Tables
	if len(lines) > 0 {
		have.Tables = []kstate.Table{{}}
	}
	d.ops = append(diff.Ops(d.want, have, partial), restore...)
	for i := range d.ops {
		if d.ops[i].Kind == diff.Netfilter {
			d.ops[i].Lines = lines
		}
	}
	l.seen(have, d.want)
	d.times.Plan = planned.Sub(looked)
	d.times.Observe = time.Since(began) - d.times.Plan
	return d, nil
}

// scope says where to look for routes: where the plan has some, and where some of ours were seen.
func (l *Loop) scope(want kstate.State) Scope {
	if l.lookAll {
		return Scope{All: true}
	}
	tables := slices.Clone(l.tables)
	for _, r := range want.Routes {
		tables = append(tables, r.Table)
	}
	order.By(tables, func(i, j int) int { return cmp.Compare(tables[i], tables[j]) })
	return Scope{Tables: slices.Compact(tables)}
}

// seen remembers the tables to look into.
func (l *Loop) seen(states ...kstate.State) {
	known := make(map[uint32]bool)
	l.tables = nil
	for _, s := range states {
		for _, r := range s.Routes {
			if !known[r.Table] {
				known[r.Table] = true
				l.tables = append(l.tables, r.Table)
			}
		}
	}
}
