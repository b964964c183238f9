package daemon

import (
	"time"

	"multiwan/src/core/status"
	"multiwan/src/reconcile"
)

// repairsOf puts what others did to us into the words of the status.
func repairsOf(drifts []reconcile.Drift, now time.Time) []status.Repair {
	var out []status.Repair
	for _, d := range drifts {
		r := status.Repair{Object: d.Object, Done: d.Op, Count: d.Count, Last: d.Last.Unix()}
		if d.Fight && d.Until.After(now) {
			r.RestUntil = d.Until.Unix()
		}
		out = append(out, r)
	}
	return out
}
