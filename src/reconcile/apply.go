package reconcile

import (
	"context"
	"fmt"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
)

// applier carries out the operations of one pass. What fails is noted and the rest goes on, except where it would break what the failed
// operation should have replaced.
type applier struct {
	loop      *Loop
	sn        *Snapshot
	now       time.Time
	unchanged bool            // the network is as it was in the last pass
	moved     bool            // but it was not in between
	named     map[string]bool // objects that some operation named
	open      map[string]bool // objects that are not where they should be, true unless that is somebody else's doing
	netfilter bool            // nftables is not where it should be
	gap       bool            // until now nftables was not as it should be, or nobody knows since when it is
	tables    map[place]bool  // routing tables, and rule priorities, where something is missing
	missed    map[string]bool // objects of the overlay that are not where they should be
	// protects says that there are protected pseudowires, or that there are to be.
	protects bool
	// sameOverlay says that the overlay should be as it was in the last pass.
	sameOverlay bool
}

// place is a routing table or, with rule set, a priority.
type place struct {
	family kstate.Family
	rule   bool
	number uint32
}

func placeOf(op diff.Op) (place, bool) {
	switch op.Kind {
	case diff.Route:
		return place{op.Route.Family, false, op.Route.Table}, true
	case diff.Rule:
		return place{op.Rule.Family, true, op.Rule.Priority}, true
	}
	return place{}, false
}

func (a *applier) apply(ctx context.Context, ops []diff.Op) {
	for _, op := range ops {
		if ctx.Err() != nil {
			return
		}
		key := op.Key()
		a.named[key] = true
		drift := a.foreign(op)
		fought := drift && a.loop.drifts.wait(key, a.now) && !a.guards(op)
		if fought || a.loop.retries.wait(key, a.now) || a.wouldBreak(op) {
			a.missing(op)
			a.open[key] = !fought
			a.sn.Deferred = append(a.sn.Deferred, key)
			continue
		}
		err := a.loop.do(ctx, op)
		a.sn.Done = append(a.sn.Done, Done{Op: op, Err: err, Drift: drift})
		if drift {
			a.loop.drifts.note(key, op.String(), a.now)
		}
		if err != nil {
			a.loop.retries.failed(key, op.String(), err, a.now)
			a.missing(op)
			a.open[key] = true
			continue
		}
		a.gap = a.gap || op.Kind == diff.Netfilter && (drift || a.loop.synced == nil)
		delete(a.named, key)
	}
}

// guards says whether an operation puts a guard of protected pseudowires back: those are never left to somebody who fights over them.
func (a *applier) guards(op diff.Op) bool {
	return op.Kind == diff.Netfilter && a.protects || op.Kind == diff.Overlay && op.Overlay.Kind == diff.Block
}

// foreign says whether an operation is needed through somebody else's doing, and not because the kernel took a route away together with
// an address or a link that was back at once.
func (a *applier) foreign(op diff.Op) bool {
	if op.Kind == diff.Overlay {
		return a.sameOverlay && !a.moved && !a.loop.synced.open[op.Key()]
	}
	if a.moved && (op.Kind == diff.Route || op.Kind == diff.Nexthop) {
		return false
	}
	return a.unchanged && a.loop.synced.foreign(op)
}

// missing notes that an object is not where it should be.
func (a *applier) missing(op diff.Op) {
	switch op.Kind {
	case diff.Netfilter:
		a.netfilter = true
	case diff.Overlay:
		if a.missed == nil {
			a.missed = make(map[string]bool)
		}
		a.missed[op.Key()] = true
	}
	if p, ok := placeOf(op); ok && op.Verb != diff.Delete {
		if a.tables == nil {
			a.tables = make(map[place]bool)
		}
		a.tables[p] = true
	}
}

// wouldBreak says whether an operation takes away what is still needed because what should have come before it did not.
func (a *applier) wouldBreak(op diff.Op) bool {
	switch {
	case op.Kind == diff.Overlay:
		return a.unguarded(op.Overlay)
	case op.Verb != diff.Delete || op.Kind == diff.Netfilter:
		return false
	}
	p, ok := placeOf(op)
	return a.netfilter || ok && a.tables[p] || op.Kind == diff.Nexthop && len(a.tables) > 0
}

// do carries out one operation.
func (l *Loop) do(ctx context.Context, op diff.Op) error {
	switch op.Kind {
	case diff.Sysctl:
		if err := l.set(op.Sysctl); err != nil {
			return fmt.Errorf("set %s: %w", op.Sysctl, err)
		}
		return nil
	case diff.Netfilter:
		return l.ports.Netfilter.Apply(ctx, op.Tables, nil)
	case diff.Overlay:
		return l.ports.Overlay.Apply(ctx, op.Overlay)
	}
	return l.ports.Routing.Apply(ctx, op)
}
