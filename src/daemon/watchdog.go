package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/probe"
)

// watchdogPeriod is how often the probers are looked at.
const watchdogPeriod = 10 * time.Second

// watchdog reports a prober that has a path and sends nothing.
func (l *lines) watchdog(ctx context.Context) error {
	ticker := time.NewTicker(watchdogPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			l.look(now)
		}
	}
}

// look reports on every prober.
func (l *lines) look(now time.Time) {
	for at, p := range l.all() {
		l.mu.Lock()
		by, since := p.way, p.since
		l.mu.Unlock()
		l.daemon.record.fault(fmt.Sprintf("prober of %s %s", at.wan, at.family), overdue(p.Snapshot(), p.probes, by, since, now))
	}
}

// overdue says what a prober should have sent since it has its way and did not: each probe sends in every interval, and two are given.
func overdue(s health.Snapshot, probes []probe.Probe, by way, since, now time.Time) error {
	if by.path.Device == "" || !by.carrier || s.State == health.Disabled {
		return nil
	}
	for i, ps := range s.Probes {
		limit := 2*max(probes[i].Interval, probes[i].DownInterval) + probes[i].Timeout
		for n, t := range ps.Targets {
			if probes[i].Targets[n].Gateway && !by.path.Gateway.IsValid() {
				continue // the gateway of a line that has none
			}
			if last := slices.MaxFunc([]time.Time{t.LastSent, since}, time.Time.Compare); now.Sub(last) > limit {
				return fmt.Errorf("nothing sent to %s for more than %s", t.Target, limit)
			}
		}
	}
	return nil
}
