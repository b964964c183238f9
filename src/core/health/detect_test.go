package health_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"multiwan/src/core/health"
)

// runs is how many runs of ten minutes each bad line gets: -args -runs 2000
// for the long matrix.
var runs = flag.Int("runs", 200, "runs of ten minutes on every bad line")

const ms = time.Millisecond

// holeBound is what is promised for a silent black hole.
func holeBound(interval time.Duration) time.Duration {
	if interval == time.Second {
		return 3 * time.Second
	}
	return 600 * ms
}

// A silent black hole at every phase of the interval, on lines of up to
// 300 ms, is answered within the promised time.
func TestBlackHoleIsFoundInTime(t *testing.T) {
	lines := map[string]line{
		"1ms": steady(1 * ms), "20ms": steady(20 * ms), "100ms": steady(100 * ms), "300ms": steady(300 * ms),
		"20ms+jitter": jittery(20*ms, 30*ms), "0-300ms": uniform(1*ms, 300*ms), "250-300ms": uniform(250*ms, 300*ms),
		"20ms, 5% loss": lossy(steady(20*ms), 0.05), "300ms, 30% loss": lossy(steady(300*ms), 0.30),
		"0-300ms, 30% loss": lossy(uniform(1*ms, 300*ms), 0.30),
	}
	for _, interval := range []time.Duration{time.Second, 100 * ms} {
		for _, targets := range []int{1, 2, 3} {
			for name, l := range lines {
				t.Run(fmt.Sprintf("%s/%d/%s", interval, targets, name), func(t *testing.T) {
					worst := time.Duration(0)
					const phases = 200
					for i := range phases {
						cut := 20*interval + interval*time.Duration(i)/phases
						s := newSim(from(l, cut, hole()), uint64(i), 0, standard(interval, targets))
						s.run(cut, nil)
						if s.down() {
							continue // a verdict before the hole is another test's matter
						}
						s.run(cut+time.Minute, s.down)
						worst = max(worst, s.now.Sub(epoch.Add(cut)))
					}
					if bound := holeBound(interval); worst > bound || worst == 0 {
						t.Errorf("worst case %v, want at most %v", worst, bound)
					}
					t.Logf("worst case %v", worst)
				})
			}
		}
	}
}

// The hole swallows answers under way as well when it is close to us.
func TestBlackHoleNearUs(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 100 * ms} {
		for _, rtt := range []time.Duration{5 * ms, 150 * ms, 300 * ms} {
			for i := range 100 {
				cut := 20*interval + interval*time.Duration(i)/100
				near := func(at time.Duration) bool { return at+rtt >= cut }
				l := steady(rtt)
				s := newSim(from(l, cut-rtt, hole()), 1, 0, standard(interval, 2))
				if !near(cut - rtt) {
					t.Fatal("the model must lose what would arrive after the cut")
				}
				s.run(cut+time.Minute, s.down)
				if took := s.now.Sub(epoch.Add(cut)); took > holeBound(interval) {
					t.Errorf("interval %v, rtt %v: %v", interval, rtt, took)
				}
			}
		}
	}
}

// The first answers on a path wait for the neighbour's address too. They must
// not make a line slow for long.
func TestFirstAnswerPaysForTheNeighbour(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 100 * ms} {
		for i := range 50 {
			cut := 3*time.Second + 3*interval + interval*time.Duration(i)/50
			l := from(from(steady(600*ms), interval, steady(300*ms)), cut, hole())
			s := newSim(l, 1, 0, standard(interval, 4))
			s.run(cut, nil)
			s.run(cut+time.Minute, s.down)
			if took := s.now.Sub(epoch.Add(cut)); took > holeBound(interval) {
				t.Errorf("interval %v: %v", interval, took)
			}
		}
	}
}

// Connection attempts outlive a short outage, and are answered when it is over.
// How long they waited must not make the line slow.
func TestLateAnswersOfAnOutageAreNoRoundTrips(t *testing.T) {
	const heal = 14 * time.Second
	waiting := func(_ *randSource, at time.Duration, _ int) (time.Duration, bool) { return heal - at + 20*ms, true }
	for i := range 50 {
		cut := heal + 10*time.Second + time.Second*time.Duration(i)/50
		l := from(from(from(steady(20*ms), 10*time.Second, hole()), 11*time.Second, waiting), heal, from(steady(20*ms), cut, hole()))
		s := newSim(l, 1, 0, standard(time.Second, 1))
		s.run(cut, nil)
		if s.fallen() != 1 || s.down() {
			t.Fatal("want one outage that is over")
		}
		s.run(cut+time.Minute, s.down)
		if took := s.now.Sub(epoch.Add(cut)); took > holeBound(time.Second) {
			t.Errorf("%v", took)
		}
	}
}

// While all is well there is one probe a second and target, and in between
// the machine sleeps.
func TestNoMoreThanOneProbeASecond(t *testing.T) {
	for _, rtt := range []time.Duration{2 * ms, 80 * ms, 300 * ms} {
		s := newSim(jittery(rtt, 10*ms), 3, 0, standard(time.Second, 2))
		s.log = true
		s.run(10*time.Minute, nil)
		last := map[int]time.Duration{}
		for _, p := range s.sends {
			if before, ok := last[p.target]; ok && p.at-before < time.Second {
				t.Fatalf("target %d probed at %v and %v", p.target, before, p.at)
			}
			last[p.target] = p.at
		}
		if got := len(s.sends); got != 2*600 {
			t.Errorf("rtt %v: %d probes in ten minutes, want 1200", rtt, got)
		}
		if s.polls > 4*600 { // a round, two answers, and the time-out that found them in
			t.Errorf("rtt %v: %d wake-ups in ten minutes", rtt, s.polls)
		}
	}
}

// With a larger offset of the start the first gap is shorter, later ones are not.
func TestRoundsFallOnTheGrid(t *testing.T) {
	s := newSim(steady(20*ms), 1, 340*ms, standard(time.Second, 1))
	s.log = true
	s.run(5*time.Second, nil)
	want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}
	for i, w := range want {
		if s.sends[i].at != w {
			t.Errorf("round %d at %v, want %v", i, s.sends[i].at, w)
		}
	}
}

// Some way into the night: no false verdict in ten minutes on bad lines.
func TestNoFalseVerdict(t *testing.T) {
	saturated := jittery(850*ms, 50*ms)
	cases := []struct {
		name     string
		interval time.Duration
		targets  int
		line     line
		promised bool
	}{
		{"suddenly saturated, 3% loss", time.Second, 2, from(steady(20*ms), 10*time.Second+500*ms, lossy(steady(900*ms), 0.03)), true},
		{"suddenly saturated with jitter, 3% loss", time.Second, 2, from(steady(20*ms), 10*time.Second, lossy(saturated, 0.03)), false},
		{"suddenly saturated, 3% loss, one target", time.Second, 1, from(steady(20*ms), 10*time.Second, lossy(steady(900*ms), 0.03)), false},
		{"saturated from the start, 3% loss", time.Second, 2, lossy(steady(900*ms), 0.03), true},
		{"saturated from the start, fast", 100 * ms, 2, lossy(saturated, 0.03), false},
		{"saturated now and then", time.Second, 2, waves(20*ms, 900*ms, 0.03), false},
		{"30% loss", time.Second, 2, lossy(steady(20*ms), 0.30), true},
		{"30% loss at 300 ms", time.Second, 2, lossy(steady(300*ms), 0.30), false},
		{"30% loss at 300 ms, one target", time.Second, 1, lossy(steady(300*ms), 0.30), false},
		{"30% loss, jitter", time.Second, 2, lossy(jittery(40*ms, 60*ms), 0.30), false},
		{"30% loss, one target", time.Second, 1, lossy(steady(20*ms), 0.30), false},
		{"30% loss in each direction", time.Second, 2, lossy(steady(50*ms), 0.51), false},
		{"30% loss, one target of two dead", time.Second, 2, lossy(onlyFirst(steady(20*ms)), 0.30), false},
		{"30% loss, fast", 100 * ms, 2, lossy(steady(20*ms), 0.30), false},
		{"30% loss at 600 ms, hiccups, fast", 100 * ms, 1, lossy(hiccups(600*ms, 150*ms), 0.30), false},
		{"1% loss at 300 ms, fast", 100 * ms, 2, lossy(steady(300*ms), 0.01), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runs := *runs
			switch {
			case c.interval < time.Second:
				runs = max(runs/100, 1)
			case !c.promised:
				runs = max(runs/10, 1)
			}
			verdicts, suspicions := 0, 0
			for seed := range uint64(runs) {
				s := newSim(c.line, seed, 0, standard(c.interval, c.targets))
				s.run(10*time.Minute, nil)
				verdicts += s.fallen()
				for _, tr := range s.trans {
					if tr.To == health.Suspect {
						suspicions++
					}
				}
			}
			t.Logf("%d verdicts, %d suspicions in %d runs of ten minutes", verdicts, suspicions, runs)
			if verdicts != 0 {
				t.Errorf("%d false verdicts", verdicts)
			}
		})
	}
}

// hiccups is a line that stops for a moment every three seconds: what is under
// way then arrives that much later.
func hiccups(rtt, stop time.Duration) line {
	return func(_ *randSource, at time.Duration, _ int) (time.Duration, bool) {
		if phase := (at + rtt) % (3 * time.Second); phase < stop {
			return rtt + stop - phase, true
		}
		return rtt, true
	}
}

// waves switches between an idle and a saturated line every seven seconds.
func waves(idle, full time.Duration, loss float64) line {
	a, b := steady(idle), lossy(steady(full), loss)
	return func(r *randSource, at time.Duration, t int) (time.Duration, bool) {
		if at/(7*time.Second)%2 == 0 {
			return a(r, at, t)
		}
		return b(r, at, t)
	}
}

func onlyFirst(l line) line {
	return func(r *randSource, at time.Duration, t int) (time.Duration, bool) {
		rtt, ok := l(r, at, t)
		return rtt, ok && t == 0
	}
}
