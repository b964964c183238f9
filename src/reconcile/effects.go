package reconcile

import (
	"context"
	"slices"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// evictTries bounds how often an eviction that fails is tried, over a minute: what lives on after that has found its way.
const evictTries = 6

// strayDelay is how long the search for strays waits: it walks the kernel's whole hash table, which takes as long as all the rest of a
// switch, and the other family's verdict comes in these moments.
const strayDelay = 200 * time.Millisecond

// evict carries out what the change from the last view asks for: evictions, at once or later, and flushes. The view is kept then, so
// that a predecessor that died before gets its evictions made up for, and nobody evicts twice.
func (l *Loop) evict(ctx context.Context, d *decision, sn *Snapshot, view diff.View) {
	var due []*drain
	effects := diff.Effects(l.saved.View, view)
	if l.saved.stood && !l.saved.View.Known() {
		effects = nil // a predecessor's translation stood all the time
	}
	for _, e := range effects {
		switch {
		case e.Evict != nil && e.Evict.After > 0:
			l.postpone(e.Evict, e.Evict.After)
		case e.Evict != nil:
			now, strays := e.Evict.Split()
			due = append(due, &drain{Evict: now})
			if strays != nil {
				l.postpone(strays, strayDelay)
			}
		case len(e.Flush) > 0:
			err := l.ports.Netfilter.Apply(ctx, d.want.Tables, e.Flush)
			sn.Effects = append(sn.Effects, Happened{Effect: e.String(), Err: err})
		}
	}
	due = append(due, l.dueDrains(view)...)
	for _, dr := range due {
		n, err := l.ports.Conntrack.Evict(ctx, dr.Evict, l.keeper(d, dr.Evict))
		sn.Effects = append(sn.Effects, Happened{Effect: dr.Evict.String(), Evicted: n, Err: err})
		if dr.Tries++; err != nil && dr.Tries < evictTries {
			dr.Due = time.Now().Add(backoff(dr.Tries))
			l.saved.Drains = append(l.saved.Drains, *dr)
		}
	}
	l.saved.View = view
}

// keeper returns what spares the connections of policies that the eviction does not name.
func (l *Loop) keeper(d *decision, e *diff.Eviction) func(diff.Flow) bool {
	if len(e.Policies) == 0 {
		return nil
	}
	return func(f diff.Flow) bool {
		q := plan.Flow{Src: f.Src, Dst: f.Dst, Proto: f.Proto, Sport: f.Sport, Dport: f.Dport}
		return !slices.Contains(e.Policies, plan.Classify(d.config, d.facts, q))
	}
}

// postpone notes an eviction that is due later, in place of the one that waits for the same.
func (l *Loop) postpone(e *diff.Eviction, after time.Duration) {
	dr := drain{Due: time.Now().Add(after), Evict: e}
	l.saved.Drains = order.Without(l.saved.Drains, func(o drain) bool {
		return o.Evict.WAN == e.WAN && o.Evict.Family == e.Family && o.Evict.Mark == e.Mark && slices.Equal(o.Evict.Drains, e.Drains)
	})
	l.saved.Drains = append(l.saved.Drains, dr)
}

// untranslated has the connections evicted that the kernel tracked while our translation was missing: each packet keeps such an entry
// alive, and none is ever answered. Those with one of the plain marks are left alone.
func (l *Loop) untranslated(d *decision, reason string, plain ...uint32) {
	for f, sources := range d.plan.Private {
		l.postpone(&diff.Eviction{Family: f, Mask: plan.WANMask(d.config.Globals.MarkMask), Private: sources,
			Plain: slices.Concat(d.plan.Plain[f], plain), Reason: reason}, 0)
	}
}

// begins says whether a WAN has got what it lacked to send packets: until now, main may have led there without our translation.
func (s *synced) begins(n plan.Network) bool {
	if s == nil {
		return false
	}
	for name, w := range n.WANs {
		for _, f := range kstate.Families {
			if w.Usable(f) && !s.net.WANs[name].Usable(f) {
				return true
			}
		}
	}
	return false
}

// dueDrains takes out the evictions whose time has come, and calls off those whose policies use the WAN again.
func (l *Loop) dueDrains(view diff.View) []*drain {
	now := time.Now()
	var due []*drain
	l.saved.Drains = order.Without(l.saved.Drains, func(dr drain) bool {
		if len(dr.Evict.Drains) > 0 {
			away := order.Without(dr.Evict.Drains, func(pol string) bool {
				return slices.Contains(view.Policies[pol].Sides[dr.Evict.Family].Active, dr.Evict.WAN)
			})
			if len(away) == 0 {
				return true
			}
			if len(away) < len(dr.Evict.Drains) {
				dr.Evict.Drains, dr.Evict.Policies = away, away
			}
		}
		if dr.Due.After(now) {
			return false
		}
		due = append(due, &dr)
		return true
	})
	return due
}

// nextDrain returns when the next postponed eviction is due, the zero time if there is none.
func (l *Loop) nextDrain() time.Time {
	var t time.Time
	for _, dr := range l.saved.Drains {
		t = earlier(t, dr.Due)
	}
	return t
}

// hooks tells users' programs what has changed. They hear of it even while nftables is refused: what a WAN is does not depend on that.
func (l *Loop) hooks(sn *Snapshot, view diff.View) {
	for _, e := range diff.Effects(l.hooked, view) {
		if e.Hook != nil {
			l.hook(sn, *e.Hook)
		}
	}
	l.hooked = view
	if l.reloaded {
		l.reloaded = false
		l.hook(sn, diff.Hook{Action: "reload", Reason: "configuration"})
	}
}

func (l *Loop) hook(sn *Snapshot, h diff.Hook) {
	sn.Effects = append(sn.Effects, Happened{Effect: h.String()})
	if l.ports.Hook != nil {
		l.ports.Hook(h)
	}
}
