package probe

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// fakeLine is a provider in memory: one opener for all paths.
type fakeLine struct {
	mu     sync.Mutex
	dead   bool
	broken error
	open   []Path // of probers ever made
	closed int
	sent   int
}

type fakeProber struct {
	line   *fakeLine
	report Report
}

func (l *fakeLine) opener(p Path, r Report) Prober {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, p)
	return &fakeProber{l, r}
}

func (p *fakeProber) Send(r Request) error {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	if p.line.broken != nil {
		return p.line.broken
	}
	p.line.sent++
	if !p.line.dead {
		time.AfterFunc(20*time.Millisecond, func() { res := r.result(); res.RTT = 20 * time.Millisecond; p.report(res) })
	}
	return nil
}

func (p *fakeProber) Close() {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	p.line.closed++
}

func (l *fakeLine) set(do func()) { l.mu.Lock(); defer l.mu.Unlock(); do() }

// seen gives the probers opened and closed and the probes sent so far.
func (l *fakeLine) seen() (open []Path, closed, sent int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Path(nil), l.open...), l.closed, l.sent
}

func (l *fakeLine) count() int { _, _, n := l.seen(); return n }

// testRunner starts a runner on a line and notes its states.
func testRunner(t *testing.T, l *fakeLine) (*Runner, func() []Update) {
	t.Helper()
	probe := Probe{
		Params: health.Params{
			Name: "internet", Method: "ping", Reliability: 1, Interval: time.Second, DownInterval: time.Second, Timeout: time.Second,
			Down: 10, Up: 5, Targets: []health.Target{{Text: "a"}, {Text: "b"}},
		},
		To: []Target{{Addr: targetOf(kstate.IPv4)}, {Addr: targetOf(kstate.IPv4).Next()}},
	}
	var mu sync.Mutex
	var updates []Update
	r := NewRunner(Settings{
		WAN: "wan", Family: kstate.IPv4, Probes: []Probe{probe}, Epoch: time.Now(), Open: map[string]Opener{"ping": l.opener},
		Notify: func(u Update) { mu.Lock(); defer mu.Unlock(); updates = append(updates, u) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r, func() []Update { mu.Lock(); defer mu.Unlock(); return append([]Update(nil), updates...) }
}

func TestRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLine{}
		r, updates := testRunner(t, l)
		time.Sleep(3 * time.Second)
		if s := r.Snapshot(); s.State != health.Waiting || l.count() != 0 {
			t.Fatalf("%s, %d probes without a path", s.State, l.count())
		}
		r.SetPath(testPath(kstate.IPv4))
		time.Sleep(5500 * time.Millisecond)
		if s := r.Snapshot(); s.State != health.Up || l.count() != 12 {
			t.Fatalf("%s after %d probes", s.State, l.count())
		}
		cut := time.Now()
		l.set(func() { l.dead = true })
		time.Sleep(3 * time.Second)
		got := updates()
		last := got[len(got)-1]
		if last.Snapshot.State != health.Down || last.Transitions[0].At.Sub(cut) > 3*time.Second || len(last.Transitions[0].Evidence) < 10 {
			t.Fatalf("last update %+v", last)
		}
		l.set(func() { l.dead = false })
		time.Sleep(7 * time.Second)
		if s := r.Snapshot(); s.State != health.Up {
			t.Errorf("%s after recovery", s.State)
		}
	})
}

func TestRunnerRebuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLine{}
		r, _ := testRunner(t, l)
		path := testPath(kstate.IPv4)
		steps := []struct {
			name string
			do   func()
			open int
		}{
			{"first path", func() { r.SetPath(path) }, 1},
			{"the same path", func() { r.SetPath(path) }, 1},
			{"other resolvers", func() { path.Resolvers = append(path.Resolvers, path.Gateway); r.SetPath(path) }, 1},
			{"address", func() { path.Source = path.Source.Next(); r.SetPath(path) }, 2},
			{"index", func() { path.Index++; r.SetPath(path) }, 3},
			{"gateway", func() { path.Gateway = path.Gateway.Next(); r.SetPath(path) }, 4},
			{"link event", r.LinkEvent, 5},
			{"carrier lost", func() { r.Carrier(false) }, 5},
			{"carrier lost again", func() { r.Carrier(false) }, 5},
			{"carrier back", func() { r.Carrier(true) }, 6},
			{"no path", func() { r.SetPath(Path{}) }, 6},
			{"path again", func() { r.SetPath(path) }, 7},
		}
		for _, s := range steps {
			s.do()
			time.Sleep(1100 * time.Millisecond)
			open, _, _ := l.seen()
			if len(open) != s.open {
				t.Errorf("%s: %d probers opened, want %d", s.name, len(open), s.open)
			}
			if last := open[len(open)-1]; !last.same(path) && s.name != "no path" {
				t.Errorf("%s: probing by %s", s.name, last)
			}
		}
		if _, closed, _ := l.seen(); closed < 6 {
			t.Errorf("%d probers closed", closed)
		}
	})
}

func TestRunnerCarrierIsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLine{}
		r, updates := testRunner(t, l)
		r.SetPath(testPath(kstate.IPv4))
		time.Sleep(2 * time.Second)
		at := time.Now()
		r.Carrier(false)
		got := updates()
		if last := got[len(got)-1]; last.Snapshot.State != health.Down || !last.Transitions[0].At.Equal(at) {
			t.Errorf("last update %+v", last)
		}
	})
}

// A device that refuses every packet neither stops the runner nor keeps it busy.
func TestRunnerWithABrokenDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLine{}
		r, _ := testRunner(t, l)
		r.SetPath(testPath(kstate.IPv4))
		time.Sleep(2500 * time.Millisecond)
		l.set(func() { l.broken = errDown })
		time.Sleep(4 * time.Second)
		s := r.Snapshot()
		if s.State != health.Down || s.Probes[0].Targets[0].LastFailure != health.SendError {
			t.Fatalf("%s, last failure %q", s.State, s.Probes[0].Targets[0].LastFailure)
		}
		before := s.Probes[0].Targets[0].Sent
		time.Sleep(10 * time.Second)
		if n := r.Snapshot().Probes[0].Targets[0].Sent - before; n != 10 {
			t.Errorf("%d tries in ten seconds while down", n)
		}
	})
}
