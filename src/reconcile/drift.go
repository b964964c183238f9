package reconcile

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// A fight is more than fightRepairs repairs of one object within fightWindow.
const (
	fightRepairs = 5
	fightWindow  = 60 * time.Second
	// driftKept bounds the objects that are remembered.
	driftKept = 256
)

// Drift is what others did to one object of ours.
type Drift struct {
	_ order.Incomparable

	Object string
	Op     string // the last repair, as a command
	Count  int    // repairs since the start
	Last   time.Time
	// Fight says that the object is repaired again and again, and is therefore left alone until Until.
	Fight bool
	Until time.Time
}

// drifts remembers repairs by object.
type drifts struct {
	byKey map[string]*drifted
	total int
}

type drifted struct {
	Drift
	recent []time.Time
	round  int // of the back-off
}

// synced is the state of things after a pass that left nothing undone.
type synced struct {
	want kstate.State
	net  plan.Network
	// overlay is what was wanted of it.
	overlay kstate.Overlay
	// open are the objects that were not brought where they should be.
	open map[string]bool
}

// foreign says whether an operation is needed through somebody else's doing: the object stood (or was gone) after the last pass, and
// nothing that it depends on has changed.
func (s *synced) foreign(op diff.Op) bool {
	if s == nil || s.open[op.Key()] {
		return false
	}
	switch op.Kind {
	case diff.Netfilter:
		return len(diff.Ops(kstate.State{Tables: op.Tables}, kstate.State{Tables: s.want.Tables}, false)) == 0
	case diff.Sysctl:
		return slices.Contains(s.want.Sysctls, op.Sysctl)
	case diff.Nexthop:
		return had(s.want.Nexthops, op.Verb, op.Nexthop.Equal, op.Nexthop.Key())
	case diff.Route:
		return had(s.want.Routes, op.Verb, op.Route.Equal, op.Route.Key())
	}
	return slices.Contains(s.want.Rules, op.Rule) == (op.Verb != diff.Delete)
}

// had says whether the object was there before, for a deletion that it was not.
func had[T interface{ Key() string }](was []T, v diff.Verb, equal func(T) bool, key string) bool {
	if v == diff.Delete {
		return !order.Any(len(was), func(i int) bool { return was[i].Key() == key })
	}
	return slices.ContainsFunc(was, equal)
}

// unchanged says whether the network is what it was.
func (s *synced) unchanged(n plan.Network) bool { return s != nil && reflect.DeepEqual(s.net, n) }

// note counts a repair and says whether the object is fought over.
func (d *drifts) note(key, op string, now time.Time) {
	if d.byKey == nil {
		d.byKey = make(map[string]*drifted)
	}
	d.total++
	e := d.byKey[key]
	if e == nil {
		d.forget()
		e = &drifted{Drift: Drift{Object: key}}
		d.byKey[key] = e
	}
	e.Count++
	e.Op, e.Last = op, now
	e.recent = order.Without(append(e.recent, now), func(t time.Time) bool { return now.Sub(t) > fightWindow })
	if len(e.recent) <= fightRepairs && now.Sub(e.Until) > fightWindow {
		e.Fight, e.round = false, 0
		return
	}
	e.Fight = true
	e.round++
	e.Until = now.Add(backoff(e.round))
}

// forget makes room for one more.
func (d *drifts) forget() {
	if len(d.byKey) < driftKept {
		return
	}
	oldest := ""
	for k, e := range d.byKey {
		if oldest == "" || e.Last.Before(d.byKey[oldest].Last) {
			oldest = k
		}
	}
	delete(d.byKey, oldest)
}

// wait says whether an object is left alone for now.
func (d *drifts) wait(key string, now time.Time) bool {
	e := d.byKey[key]
	return e != nil && e.Fight && e.Until.After(now)
}

// next returns the earliest end of such a wait after now.
func (d *drifts) next(now time.Time) time.Time {
	var t time.Time
	for _, e := range d.byKey {
		if e.Fight && e.Until.After(now) {
			t = earlier(t, e.Until)
		}
	}
	return t
}

// list returns all by object. A fight that has rested is none any more.
func (d *drifts) list(now time.Time) []Drift {
	out := make([]Drift, 0, len(d.byKey))
	for _, e := range d.byKey {
		if e.Fight && now.Sub(e.Until) > fightWindow {
			e.Fight = false
		}
		out = append(out, e.Drift)
	}
	order.By(out, func(i, j int) int { return cmp.Compare(out[i].Object, out[j].Object) })
	return out
}
