package health_test

import (
	"testing"
	"time"

	"multiwan/src/core/health"
)

func withThresholds() health.Params {
	p := standard(time.Second, 2)
	p.LossDown, p.LossUp = 40, 10
	p.LatencyDown, p.LatencyUp = 800*ms, 400*ms
	return p
}

// S26: between the thresholds nothing flaps in ten minutes, whichever side
// the line came from.
func TestNoFlappingBetweenThresholds(t *testing.T) {
	between := lossy(jittery(580*ms, 20*ms), 0.12)
	for seed := range uint64(50) {
		s := newSim(between, seed, 0, withThresholds())
		s.run(10*time.Minute, nil)
		if got := s.steps(true); got != "up" {
			t.Fatalf("seed %d: states %q from a good line", seed, got)
		}
		s = newSim(from(lossy(steady(900*ms), 0.05), time.Minute, between), seed, 0, withThresholds())
		s.run(11*time.Minute, nil)
		if got := s.steps(true); got != "up degraded" {
			t.Fatalf("seed %d: states %q from a bad line", seed, got)
		}
	}
}

// Loss is what thresholds react to, not the verdict.
func TestLossDegrades(t *testing.T) {
	p := withThresholds()
	p.LossDown, p.LossUp = 20, 5
	s := newSim(from(from(steady(20*ms), time.Minute, lossy(steady(20*ms), 0.5)), 3*time.Minute, steady(20*ms)), 4, 0, p)
	s.run(10*time.Minute, nil)
	if got := s.steps(true); got != "up degraded up" {
		t.Errorf("states %q", got)
	}
	for _, tr := range s.trans {
		if tr.To == health.Degraded && tr.From == health.Up && len(tr.Evidence) == 0 {
			t.Error("degraded without evidence")
		}
	}
}

func TestStatistics(t *testing.T) {
	s := newSim(uniform(100*ms, 140*ms), 2, 0, standard(time.Second, 2))
	s.run(5*time.Minute, nil)
	snap := s.m.Snapshot()
	if snap.Loss != 0 || snap.RTT < 115*ms || snap.RTT > 125*ms || snap.Jitter < 8*ms || snap.Jitter > 20*ms {
		t.Errorf("loss %v, rtt %v, jitter %v", snap.Loss, snap.RTT, snap.Jitter)
	}
	if age := s.now.Sub(snap.LastGood); age > time.Second {
		t.Errorf("last answer %v ago", age)
	}
	for _, p := range snap.Probes {
		for _, tg := range p.Targets {
			if tg.Sent != 301 || tg.Answered < 300 || tg.Least < 100*ms || tg.Least > 115*ms {
				t.Errorf("target %+v", tg)
			}
		}
	}
}

// BenchmarkRound is what one round of two targets costs the machine.
func BenchmarkRound(b *testing.B) {
	s := newSim(steady(20*ms), 1, 0, standard(time.Second, 2))
	at := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		at += time.Second
		s.run(at, nil)
	}
}

// Bursts fill the log fast. The regular probes that they confirm must still
// count as lost when their time is over.
func TestLossIsCountedAmongBursts(t *testing.T) {
	p := standard(100*ms, 1)
	p.Timeout = 2 * time.Second
	s := newSim(lossy(steady(600*ms), 0.5), 1, 0, p)
	s.run(time.Minute, nil)
	if loss := s.m.Snapshot().Loss; loss < 25 || loss > 75 {
		t.Errorf("loss %.0f %%, half of all is lost", loss)
	}
}
