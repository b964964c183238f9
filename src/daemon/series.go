package daemon

import (
	"context"
	"sync"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/status"
	"multiwan/src/probe"
)

// series keeps the past of the WANs for graphs.
type series struct {
	mu   sync.Mutex
	past *status.Series
}

func newSeries() *series { return &series{past: status.NewSeries()} }

// sample takes a sample now and then, until ctx ends.
func (d *daemon) sample(ctx context.Context) error {
	tick := time.NewTicker(status.SampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			d.series.add(now, d.seen(now))
		}
	}
}

func (s *series) add(now time.Time, seen map[string]status.Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.Add(now, seen)
}

// changed notes the changes of state that count.
func (s *series) changed(u probe.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range u.Transitions {
		if t.Verdict() {
			s.past.Changed(u.WAN, u.Family, t.At, t.To)
		}
	}
}

// seen is how the WANs of the configuration do now.
func (d *daemon) seen(now time.Time) map[string]status.Seen {
	out := map[string]status.Seen{}
	forced := d.forced.now(now)
	last, looked := d.record.snapshot()
	for _, c := range d.file.running().Interfaces {
		if !c.Enabled {
			continue
		}
		s := status.Seen{Health: d.lines.snapshot(c.Name)}
		_, s.Forced = forced[c.Name]
		if looked {
			s.Index = last.Facts.WANs[c.Name].Index
		}
		if s.Index != 0 && d.kernel != nil {
			if rx, tx, err := d.kernel.rtnl.Traffic(context.Background(), s.Index); err == nil {
				s.Bytes = &[2]uint64{rx, tx}
			}
		}
		out[c.Name] = s
	}
	return out
}

func (d *daemon) callSeries(_ context.Context, a control.Args) (any, error) {
	name, seconds := a.String("interface"), a.Int("seconds")
	if name != "" {
		if _, err := d.wan(name); err != nil {
			return nil, err
		}
	}
	if seconds < 0 {
		return nil, control.Refuse(control.Usage, "seconds: want 0 (ten minutes) or more")
	}
	if seconds == 0 {
		seconds = 600
	}
	d.series.mu.Lock()
	defer d.series.mu.Unlock()
	return d.series.past.Plot(seconds, name), nil
}
