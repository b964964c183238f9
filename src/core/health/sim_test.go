package health_test

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"multiwan/src/core/health"
)

// epoch is where every simulation begins.
var epoch = time.Unix(1_700_000_000, 0)

type randSource = rand.Rand

// line is a model of a WAN: the round-trip time of a probe sent at a given
// time after the epoch, and whether it is answered at all.
type line func(r *randSource, at time.Duration, target int) (rtt time.Duration, ok bool)

func steady(rtt time.Duration) line {
	return func(*randSource, time.Duration, int) (time.Duration, bool) { return rtt, true }
}

// jittery adds an exponential delay, at most five times its mean.
func jittery(rtt, mean time.Duration) line {
	return func(r *randSource, _ time.Duration, _ int) (time.Duration, bool) {
		return rtt + min(time.Duration(r.ExpFloat64()*float64(mean)), 5*mean), true
	}
}

// uniform draws between two bounds.
func uniform(from, to time.Duration) line {
	return func(r *randSource, _ time.Duration, _ int) (time.Duration, bool) {
		return from + rand64(r, to-from), true
	}
}

func rand64(r *randSource, below time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(max(below, 1))))
}

func lossy(l line, share float64) line {
	return func(r *randSource, at time.Duration, t int) (time.Duration, bool) {
		rtt, ok := l(r, at, t)
		return rtt, ok && r.Float64() >= share
	}
}

// from switches to another line at a point in time.
func from(before line, at time.Duration, after line) line {
	return func(r *randSource, now time.Duration, t int) (time.Duration, bool) {
		if now < at {
			return before(r, now, t)
		}
		return after(r, now, t)
	}
}

func hole() line {
	return func(*randSource, time.Duration, int) (time.Duration, bool) { return 0, false }
}

// answer is a result on its way.
type answer struct {
	at time.Time
	r  health.Result
}

type answers []answer

func (a answers) Len() int           { return len(a) }
func (a answers) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a answers) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *answers) Push(x any)        { *a = append(*a, x.(answer)) }
func (a *answers) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// sim drives one machine over a line, event by event.
type sim struct {
	m      *health.Machine
	line   line
	rand   *randSource
	now    time.Time
	wake   time.Time
	flying answers
	sends  []sentAt
	trans  []health.Transition
	log    bool // keep sends
	polls  int
	probes int
}

type sentAt struct {
	at     time.Duration
	target int
	burst  bool
}

func newSim(l line, seed uint64, start time.Duration, probes ...health.Params) *sim {
	now := epoch.Add(start)
	s := &sim{
		m: health.New(probes, epoch, now), line: l, now: now,
		rand: rand.New(rand.NewPCG(seed, 77)),
	}
	s.m.Path(now, true, true)
	s.poll()
	return s
}

// poll sends what the machine wants and notes the answers that will come.
func (s *sim) poll() {
	s.polls++
	send, wake := s.m.Poll(s.now)
	s.wake = wake
	at := s.now.Sub(epoch)
	for _, p := range send {
		s.probes++
		if s.log {
			s.sends = append(s.sends, sentAt{at, p.Target, p.Burst})
		}
		if rtt, ok := s.line(s.rand, at, p.Target); ok {
			r := health.Result{Probe: p.Probe, Target: p.Target, Seq: p.Seq, RTT: rtt}
			heap.Push(&s.flying, answer{s.now.Add(rtt), r})
		}
	}
	s.trans = append(s.trans, s.m.Transitions()...)
}

// run goes on until a time after the epoch, or until stop says so.
func (s *sim) run(until time.Duration, stop func() bool) {
	end := epoch.Add(until)
	for stop == nil || !stop() {
		next, isAnswer := s.wake, false
		if len(s.flying) > 0 && (next.IsZero() || !s.flying[0].at.After(next)) {
			next, isAnswer = s.flying[0].at, true
		}
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		s.now = next
		if isAnswer {
			s.m.Result(s.now, heap.Pop(&s.flying).(answer).r)
		}
		s.poll()
	}
}

func (s *sim) down() bool { return s.m.State() == health.Down }

// fallen counts the changes to down.
func (s *sim) fallen() int {
	n := 0
	for _, t := range s.trans {
		if t.To == health.Down {
			n++
		}
	}
	return n
}

// standard is a probe with the defaults of the configuration.
func standard(interval time.Duration, targets int) health.Params {
	p := health.Params{
		Name: "internet", Method: "ping", Reliability: 1, Interval: interval, DownInterval: time.Second,
		Timeout: time.Second, Down: 10, Up: 5,
	}
	for i := range targets {
		p.Targets = append(p.Targets, health.Target{Text: string(rune('a' + i))})
	}
	return p
}
