package reconcile

import (
	"maps"
	"reflect"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// planned is the last plan with what it was computed from. Most passes answer notifications that change nothing, and the plan of many
// WANs and rules costs far more than to see that.
type planned struct {
	config  *config.Config
	numbers numbers
	facts   plan.Facts
	plan    *plan.Plan
}

// plannedOverlay is the same for what joins sites.
type plannedOverlay struct {
	config *config.Config
	facts  overlay.Facts
	plan   *overlay.Plan
	// tables are those of the plan merged with steering's, of which base is the plan.
	base   *plan.Plan
	tables []kstate.Table
}

// computeOverlay returns the overlay's plan of a configuration whose numbers are settled.
func (l *Loop) computeOverlay(c *config.Config, f overlay.Facts) *overlay.Plan {
	last := &l.plannedOverlay
	if last.plan == nil || last.config != c || !reflect.DeepEqual(last.facts, f) {
		*last = plannedOverlay{config: c, facts: f, plan: overlay.Compute(c, f)}
	}
	return last.plan
}

// merged returns the tables of both plans. They are the same memory as long as both plans are.
func (l *Loop) merged(base *plan.Plan, more *overlay.Plan) []kstate.Table {
	last := &l.plannedOverlay
	if more != last.plan {
		return overlay.Merge(base.Want.Tables, more.Tables)
	}
	if base != last.base {
		last.base, last.tables = base, overlay.Merge(base.Want.Tables, more.Tables)
	}
	return last.tables
}

// compute returns the plan of the configuration c, whose numbers are settled in used.
func (l *Loop) compute(c, used *config.Config, f plan.Facts) *plan.Plan {
	if !c.Globals.Enabled {
		return &plan.Plan{}
	}
	key := f
	key.Health = ranked(f.Health)
	last := &l.planned
	if last.plan != nil && last.config == c && last.numbers == l.saved.Numbers && reflect.DeepEqual(last.facts, key) {
		return last.plan
	}
	*last = planned{config: c, numbers: l.saved.Numbers, facts: key, plan: plan.Compute(used, f)}
	return last.plan
}

// ranked returns the verdicts without the times of the last answers where these do not matter: they rank only what is down.
func ranked(health map[string]map[kstate.Family]plan.Verdict) map[string]map[kstate.Family]plan.Verdict {
	out := make(map[string]map[kstate.Family]plan.Verdict, len(health))
	for wan, sides := range health {
		out[wan] = maps.Clone(sides)
		for fam, v := range sides {
			if v.Carries() {
				v.LastGood = time.Time{}
				out[wan][fam] = v
			}
		}
	}
	return out
}
