package reconcile

import (
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// Snapshot is the outcome of one pass. It is not changed afterwards.
type Snapshot struct {
	Serial  uint64 // counts the passes
	Began   time.Time
	Reasons []string // what made it necessary
	// Err says why nothing was decided; then only the fields above and Problems, Drifts and Warnings are set.
	Err error
	// Config is the configuration with the numbers that are really used.
	Config *config.Config
	Facts  plan.Facts
	Plan   *plan.Plan
	Why    diff.Reasons // health's words
	// Overlay is what the configuration came to of what joins sites, nil where it has none of that; Joins is what that depended on.
	Overlay *overlay.Plan
	Joins   overlay.Facts
	// Indexes are those of the devices of the overlay, by name; FarEnds health's words on the far ends.
	Indexes map[string]int
	FarEnds map[string]string
	// Done are the operations that were carried out, in order, the failed ones among them.
	Done []Done
	// Deferred are the keys of objects whose operation waits: for its next try, for the end of a fight, or for another operation.
	Deferred []string
	Problems []Problem
	Drifts   []Drift
	Repaired int // operations that were needed through somebody else's doing, since the start
	Effects  []Happened
	Draining []Draining
	// Converged says that the kernel holds all that the plan says.
	Converged bool
	// Partial says that a dump was interrupted, so that nothing was deleted.
	Partial  bool
	Warnings []string
	// Settings are the kernel settings that were changed and will be given back: name to the original value.
	Settings map[string]string
	Times    Times
}

// Done is an operation that was carried out.
type Done struct {
	Op  diff.Op
	Err error
	// Drift says that somebody else made it necessary.
	Drift bool
}

// Happened is an effect that was carried out.
type Happened struct {
	Effect  string
	Evicted int // connections
	Err     error
}

// Draining is an eviction that is due later.
type Draining struct {
	Due    time.Time
	Effect string
}

// Times are how long the parts of a pass took.
type Times struct {
	Observe, Plan, Apply, Effects, Total time.Duration
	// FromVerdict is the time from the verdict that the pass answers to the kernel's last acknowledgement; 0 where it answers none.
	FromVerdict time.Duration
}
