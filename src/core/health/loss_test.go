package health_test

import (
	"testing"
	"time"

	"multiwan/src/core/health"
)

// between are thresholds on both sides of a loss of 12 per cent. Latency is out
// of the matter.
func between(interval time.Duration) health.Params {
	p := standard(interval, 1)
	p.Window, p.Timeout, p.LossDown, p.LossUp = 32, 2*time.Second, 25, 6
	return p
}

// everyNth loses one probe of n, counted over all that are sent.
func everyNth(l line, n int) line {
	sent := 0
	return func(r *randSource, at time.Duration, t int) (time.Duration, bool) {
		rtt, ok := l(r, at, t)
		sent++
		return rtt, ok && sent%n != 0
	}
}

// stops is a line that loses everything at the begin of each period.
func stops(l line, stop, period time.Duration) line {
	return func(r *randSource, at time.Duration, t int) (time.Duration, bool) {
		rtt, ok := l(r, at, t)
		return rtt, ok && at%period >= stop
	}
}

// A line that drops by count is moved on by the burst that a loss sets off: at
// some round-trip times, every regular probe meets the drop (at 280 ms: a burst
// of seven, each time). The loss is one in eight for all that.
func TestBurstsDoNotMultiplyTheLoss(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 100 * ms} {
		during := 1200 * interval
		for rtt := 10 * ms; rtt <= 1000*ms; rtt += 90 * ms {
			s := newSim(everyNth(jittery(rtt, 3*ms), 8), 1, 0, between(interval))
			worst := 0.0
			for at := 40 * interval; at < during; at += 10 * interval {
				s.run(at, nil)
				worst = max(worst, s.m.Snapshot().Loss)
			}
			if got := s.steps(true); got != "up" || worst > 20 {
				t.Errorf("interval %v, rtt %v: states %q, loss up to %.0f %%, one in eight is lost", interval, rtt, got, worst)
			}
		}
	}
}

// A line that loses 12 % at random and takes 600 ms is good between the
// thresholds, and bad once it loses more than the upper one.
func TestRandomLossAroundTheThreshold(t *testing.T) {
	for seed := range uint64(50) {
		l := from(lossy(jittery(600*ms, 3*ms), 0.12), 10*time.Minute, lossy(jittery(600*ms, 3*ms), 0.45))
		s := newSim(l, seed, 0, between(time.Second))
		s.run(10*time.Minute, nil)
		if got := s.steps(true); got != "up" {
			t.Fatalf("seed %d: states %q at 12 %%", seed, got)
		}
		s.run(11*time.Minute, nil)
		if got := s.steps(true); got != "up degraded" {
			t.Fatalf("seed %d: states %q at 45 %%", seed, got)
		}
	}
}

// All that a burst sends into a short stop is lost. The line lost no more of its
// time for that.
func TestBurstsDoNotAddToTheLoss(t *testing.T) {
	for _, rtt := range []time.Duration{20 * ms, 600 * ms} {
		s := newSim(stops(steady(rtt), 1200*ms, 20*time.Second), 1, 0, between(time.Second))
		for at := time.Minute; at < 30*time.Minute; at += 7 * time.Second {
			s.run(at, nil)
			if loss := s.m.Snapshot().Loss; loss > 4./32*100 { // two rounds of 20
				t.Fatalf("rtt %v: loss %.0f %% at %v", rtt, loss, at)
			}
		}
		if got := s.steps(true); got != "up" {
			t.Errorf("rtt %v: states %q", rtt, got)
		}
	}
}

// Probes of an outage whose time runs out after its end say nothing about the
// line now: with a short interval and a long timeout that is most of a window.
func TestOutageIsNoLossAfterwards(t *testing.T) {
	p := between(100 * ms)
	p.DownInterval, p.Up = 100*ms, 5
	s := newSim(stops(steady(20*ms), 5*time.Second, 20*time.Second), 1, 6*time.Second, p)
	s.run(time.Minute, nil)
	if got := s.steps(true); got != "up down up down up" {
		t.Errorf("states %q", got)
	}
}

// Where every answer comes after the timeout, there is no mean to compare: the
// latency is the timeout at least.
func TestLateAnswersAreLatency(t *testing.T) {
	p := standard(time.Second, 1)
	p.LatencyDown, p.LatencyUp = 800*ms, 400*ms
	s := newSim(from(steady(20*ms), time.Minute, steady(1700*ms)), 1, 0, p)
	s.run(5*time.Minute, nil)
	if got := s.steps(true); got != "up degraded" {
		t.Errorf("states %q", got)
	}
}
