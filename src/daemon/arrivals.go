package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"multiwan/src/core/overlay"
	"multiwan/src/reconcile"
)

// arrivals follows the counters of the paths of duplicated pseudowires, which say without any probe which path delivers.
type arrivals struct {
	daemon *daemon
	wake   chan struct{}

	mu    sync.Mutex
	names []string // of counters, none where nothing is duplicated
	plans []*overlay.RedundancyPlan
	grown map[string]overlay.Arrivals
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
		case <-time.After(overlay.ArrivalEvery):
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
	grown := make(map[string]overlay.Arrivals, len(names))
	for _, name := range names {
		now := value(name)
		if last, known := was[name]; known && now >= last {
			grown[name] = append(a.grown[name], now-last)
			grown[name] = grown[name][max(0, len(grown[name])-overlay.Readings):]
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
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]bool{}
	for _, r := range a.plans {
		if len(r.Paths) > 0 && r.Silent(func(c string) overlay.Arrivals { return a.grown[c] })[0] {
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
func (a *arrivals) now() map[string]overlay.Arrivals {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]overlay.Arrivals, len(a.grown))
	for name, list := range a.grown {
		out[name] = slices.Clone(list)
	}
	return out
}
