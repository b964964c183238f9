package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// partialAgain is how soon a pass follows one whose dump was interrupted; it doubles while that lasts.
const partialAgain = 100 * time.Millisecond

// pass makes the kernel as the plan says, once. An error ends Run; what can mend is kept in the snapshot instead.
func (l *Loop) pass(ctx context.Context) error {
	began := time.Now()
	in := l.take()
	l.again = time.Time{}
	l.serial++
	sn := Snapshot{Serial: l.serial, Began: began, Reasons: in.reasons}
	before := l.config
	if in.config != l.config {
		l.config, l.lookAll, l.refused = in.config, true, nil
	}
	if in.news {
		l.retries.hurry(began)
	}
	l.reloaded = l.reloaded || in.reloaded

	in, err := l.start(ctx, in)
	if err != nil {
		if errors.As(err, new(ErrCollision)) {
			return l.refuse(before, err)
		}
		l.give(sn, err)
		return nil
	}
	d, err := l.decide(ctx, l.config, in)
	if err != nil {
		if ctx.Err() == nil {
			l.give(sn, err)
		}
		return nil
	}
	l.lookAll = false
	wans, policies := merged(l.saved.WANs, d.facts.IDs), merged(l.saved.Policies, d.facts.PolicyIDs)
	if !maps.Equal(wans, l.saved.WANs) || !maps.Equal(policies, l.saved.Policies) {
		l.saved.WANs, l.saved.Policies = wans, policies
		if err := l.store.save(l.saved); err != nil {
			d.warn = append(d.warn, err.Error())
		}
	}
	l.carryOut(ctx, &d, &sn, in)
	if ctx.Err() != nil {
		return nil // the next start sees what was done, and what was not
	}
	l.remember(&d, &sn, in)
	sn.Times.Total = time.Since(began)
	l.publish(sn)
	return nil
}

// give publishes a pass that came to nothing and plans the next try.
func (l *Loop) give(sn Snapshot, err error) {
	l.fails++
	l.again = time.Now().Add(backoff(l.fails))
	sn.Err = err
	l.publish(sn)
}

// remember notes what the next pass has to know, and when it is due.
func (l *Loop) remember(d *decision, sn *Snapshot, in taken) {
	now := time.Now()
	l.active = activeOf(d.plan)
	l.forget(d.plan.Want.Sysctls)
	l.saved.Verdicts = map[string]map[kstate.Family]verdict{}
	for s, v := range in.verdicts {
		if l.saved.Verdicts[s.wan] == nil {
			l.saved.Verdicts[s.wan] = map[kstate.Family]verdict{}
		}
		l.saved.Verdicts[s.wan][s.family] = v
	}
	l.saved.Overlay.FarEnds, l.saved.Overlay.Names = in.farEnds, in.names
	if err := l.store.save(l.saved); err != nil {
		d.warn = append(d.warn, err.Error())
	}
	if !d.partial {
		l.fails = 0
	} else {
		l.fails++
		l.again = earlier(l.again, now.Add(min(partialAgain<<min(l.fails-1, 6), 5*time.Second)))
	}
	for _, t := range []time.Time{d.next, l.retries.next(), l.drifts.next(now), l.nextDrain()} {
		l.again = earlier(l.again, t)
	}
	sn.Config, sn.Facts, sn.Plan, sn.Why, sn.Partial = d.config, d.facts, d.plan, d.why, d.partial
	if d.join != nil {
		sn.Overlay, sn.Joins, sn.Indexes = d.join.plan, d.join.facts, d.join.seen.Indexes
		for _, missing := range d.join.facts.Missing {
			if missing { // nothing tells of a module that is installed
				l.again = earlier(l.again, now.Add(missingAgain))
			}
		}
		sn.FarEnds = map[string]string{}
		for name, v := range in.farEnds {
			sn.FarEnds[name] = v.Reason
		}
	}
	sn.Warnings = append(append(sn.Warnings, d.plan.Warnings...), d.warn...)
	sn.Settings = map[string]string{}
	for name, s := range l.saved.Settings {
		sn.Settings[name] = s.Original
	}
	sn.Times.Observe, sn.Times.Plan = d.times.Observe, d.times.Plan
}

// publish completes a snapshot with what is kept over passes and hands it out.
func (l *Loop) publish(sn Snapshot) {
	if l.ports.Publish == nil {
		return
	}
	sn.Problems, sn.Drifts, sn.Repaired = l.retries.list(), l.drifts.list(time.Now()), l.drifts.total
	sn.Warnings = order.Join(sn.Warnings, l.warnings, l.foreignMarks, l.refused)
	if moved := l.saved.Numbers.warning(); moved != "" {
		sn.Warnings = append(sn.Warnings, moved)
	}
	for _, f := range sn.Drifts {
		if f.Fight {
			sn.Warnings = append(sn.Warnings, fmt.Sprintf("another program keeps changing %q (%d repairs): left alone for a while each time", f.Object, f.Count))
		}
	}
	for _, dr := range l.saved.Drains {
		sn.Draining = append(sn.Draining, Draining{Due: dr.Due, Effect: dr.Evict.String()})
	}
	l.ports.Publish(sn)
}

// merged returns known with what now says; names that are gone keep their ids reserved.
func merged(known, now map[string]int) map[string]int {
	out := make(map[string]int, len(known))
	used := make(map[int]bool, len(now))
	for n, id := range now {
		out[n], used[id] = id, true
	}
	for n, id := range known {
		if _, ok := out[n]; !ok && !used[id] {
			out[n] = id
		}
	}
	return out
}

// after returns what the next pass compares with, and says when one is due because of the overlay.
func (l *Loop) after(d *decision, sn *Snapshot, open map[string]bool) *synced {
	s := &synced{want: d.want, net: d.facts.Network, open: open}
	j, now := d.join, time.Now()
	if j == nil {
		return s
	}
	if j.err == nil {
		l.unseen = 0
	}
	switch {
	case !j.later:
		s.overlay = j.plan.Want
		if order.Any(len(sn.Done), func(i int) bool { return sn.Done[i].Op.Kind == diff.Overlay && sn.Done[i].Err == nil }) {
			l.again = earlier(l.again, now.Add(quiet)) // guards of what is gone may go, and sizes may be others now
		}
		return s
	case j.err == nil:
		l.again = now
	default:
		l.unseen++
		l.again = earlier(l.again, now.Add(min(partialAgain<<min(l.unseen-1, 6), 5*time.Second)))
	}
	if l.synced != nil {
		s.overlay = l.synced.overlay
	}
	return s
}

// carryOut applies the operations, with the evictions between those that make and those that break: connections then choose anew before
// the rules that they were bound by go.
func (l *Loop) carryOut(ctx context.Context, d *decision, sn *Snapshot, in taken) {
	began := time.Now()
	a := applier{loop: l, protects: d.join != nil && len(d.join.plan.Want.Blocks)+len(d.join.facts.Have.Blocks) > 0, sn: sn, now: began, named: map[string]bool{}, open: map[string]bool{}, unchanged: l.synced.unchanged(d.facts.Network), moved: in.moved}
	if l.synced != nil && !a.unchanged {
		l.retries.hurry(began)
	}
	cut := len(d.ops)
	for i, op := range d.ops {
		if op.Verb == diff.Delete {
			cut = i
			break
		}
	}
	a.apply(ctx, d.ops[:cut])
	made := time.Now()
	view := diff.ViewOf(d.plan, d.config, d.facts, d.why).After(l.saved.View)
	if ctx.Err() == nil && !a.netfilter {
		switch {
		case a.gap:
			l.untranslated(d, "nftables was not ours until now")
		case l.synced.begins(d.facts.Network):
			l.untranslated(d, "a WAN has just got its address", 0) // they bear a WAN's mark; what bears none is somebody else's
		}
		l.evict(ctx, d, sn, view)
	}
	evicted := time.Now()
	a.apply(ctx, d.ops[cut:])
	done := time.Now()
	a.join(ctx, d, in.rebuild)
	if ctx.Err() != nil {
		return
	}
	l.hooks(sn, view)
	l.retries.keep(a.named)
	l.synced = l.after(d, sn, a.open)
	if d.partial {
		l.synced = nil // what was not seen may look like somebody else's doing later
	}
	sn.Converged = len(a.open) == 0 && len(sn.Deferred) == 0 && !d.partial && (d.join == nil || !d.join.later)
	sn.Times.Effects = evicted.Sub(made)
	sn.Times.Apply = done.Sub(began) - sn.Times.Effects
	if !in.decidedAt.IsZero() {
		sn.Times.FromVerdict = done.Sub(in.decidedAt)
	}
}
