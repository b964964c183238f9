package health

import "time"

// Params is one probe configuration of a WAN. The package config owns the
// defaults and bounds; New only makes sure that nothing here divides by zero.
type Params struct {
	Name        string
	Method      string // ping arping dns http tcp
	Targets     []Target
	Reliability int // how many targets must answer

	Interval     time.Duration // between rounds
	DownInterval time.Duration // between rounds while down
	Timeout      time.Duration // an answer after it is a loss in the statistics, though still life

	Down int // lost probes in a row over all targets
	Up   int // good rounds in a row

	LossDown, LossUp       float64       // per cent; LossDown 0 = off
	LatencyDown, LatencyUp time.Duration // LatencyDown 0 = off
	Window                 int           // rounds that loss, latency and jitter are taken over; 0 = 30
}

// Target is what is probed.
type Target struct {
	Text         string // as the user wrote it
	Gateway      bool   // the gateway of the WAN, whatever its address
	EvidenceOnly bool   // shown and kept as evidence, never part of a verdict
}

// slowLine is the round-trip time up to which a verdict comes in time: the 300 ms
// that are promised, and what measuring on a busy machine adds. On slower lines
// certainty comes first.
const (
	slowLine = 320 * time.Millisecond
	slowRTO  = 800 * time.Millisecond
)

// Confirm is the time from the sending of the oldest unanswered probe to the
// verdict, for a given interval: 1.86 s at 1 s and above, 0.465 s at 0.1 s.
// Together with the interval before that probe it stays below 3 s and 0.6 s,
// with 140 ms and 35 ms to spare for a busy machine.
func Confirm(interval time.Duration) time.Duration {
	interval = min(interval, time.Second)
	return 310*time.Millisecond + interval*155/100
}

// usable replaces what would make the machine spin or divide by zero.
func (p Params) usable() Params {
	p.Interval = positive(p.Interval, time.Second)
	p.DownInterval = positive(p.DownInterval, p.Interval)
	p.Timeout = positive(p.Timeout, time.Second)
	p.Reliability = max(p.Reliability, 1)
	p.Down = max(p.Down, 1)
	p.Up = max(p.Up, 1)
	if p.Window <= 0 {
		p.Window = 30
	}
	p.LossUp = min(p.LossUp, p.LossDown)
	p.LatencyUp = min(p.LatencyUp, p.LatencyDown)
	return p
}

// dwell is how long a degraded WAN stays degraded at least: until the window
// holds nothing of what degraded it.
func (p Params) dwell() time.Duration { return time.Duration(p.Window) * p.Interval }

// minGap is the shortest time between two rounds of a burst.
func (p Params) minGap() time.Duration {
	return min(max(p.Interval/50, 10*time.Millisecond), 20*time.Millisecond)
}

func positive(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
