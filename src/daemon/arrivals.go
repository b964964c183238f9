package daemon

import (
	"context"
	"maps"
	"sync"
	"time"

	"multiwan/src/core/overlay"
	"multiwan/src/core/status"
	"multiwan/src/reconcile"
)

// Arrivals are counted once a second, over the last lately seconds.
const (
	arrivalEvery = time.Second
	lately       = 10
)

// arrivals follows the counters of the paths of duplicated pseudowires, which say without any probe which path delivers.
type arrivals struct {
	daemon *daemon
	wake   chan struct{}

	mu    sync.Mutex
	names []string // of counters, none where nothing is duplicated
	plans []*overlay.RedundancyPlan
	grown map[string][]uint64
	came  map[string]bool // something, since the start
}

func newArrivals(d *daemon) *arrivals {
	return &arrivals{daemon: d, wake: make(chan struct{}, 1), came: map[string]bool{}}
}

// offer takes what a pass came to.
func (a *arrivals) offer(s reconcile.Snapshot) {
	var names []string
	var plans []*overlay.RedundancyPlan
	if s.Overlay != nil {
		for _, w := range s.Overlay.Pseudowires {
			if w.Redundancy == nil {
				continue
			}
			plans = append(plans, w.Redundancy)
			for _, p := range w.Redundancy.Paths {
				names = append(names, p.Received)
			}
		}
	}
	a.mu.Lock()
	a.names, a.plans = names, plans
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *arrivals) wanted() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names
}

// run counts for as long as there is something to count.
func (a *arrivals) run(ctx context.Context) error {
	was := map[string]uint64{}
	for {
		names := a.wanted()
		if len(names) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-a.wake:
			}
			continue
		}
		a.count(ctx, names, was)
		a.daemon.loop.SetPaths(a.silent(), a.known())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(arrivalEvery):
		}
	}
}

// count notes what the counters have grown by since was. One that has begun anew counts from there.
func (a *arrivals) count(ctx context.Context, names []string, was map[string]uint64) {
	counters, err := a.daemon.kernel.nft.Counters(ctx)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(names, func(name string) uint64 { return counters[name].Packets }, was)
}

func (a *arrivals) note(names []string, value func(string) uint64, was map[string]uint64) {
	grown := make(map[string][]uint64, len(names))
	for _, name := range names {
		now := value(name)
		if last, known := was[name]; known && now >= last {
			grown[name] = append(a.grown[name], now-last)
			grown[name] = grown[name][max(0, len(grown[name])-lately):]
			if now > last {
				a.came[name] = true
			}
		}
		was[name] = now
	}
	a.grown = grown
}

// silent are the counters of first paths by which nothing comes.
func (a *arrivals) silent() map[string]bool {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]bool{}
	for _, r := range a.plans {
		if len(r.Paths) > 0 && r.Silent(func(c string) (uint64, uint64) { return now[c].Lately, now[c].Last })[0] {
			out[r.Paths[0].Received] = true
		}
	}
	return out
}

// known are the counters that have ever grown.
func (a *arrivals) known() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.came)
}

// now is what the status shows, by counter.
func (a *arrivals) now() map[string]status.Arrivals {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]status.Arrivals, len(a.grown))
	for name, list := range a.grown {
		var s status.Arrivals
		for _, n := range list {
			s.Lately += n
			s.Last = n
		}
		out[name] = s
	}
	return out
}
