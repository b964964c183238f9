package probe

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// burstProber answers by a table; a missing entry is a lost probe.
type burstProber struct {
	answer map[uint64]health.Result
	fail   uint64 // the probe that cannot be sent
	report Report
}

func (p burstProber) Send(r Request) error {
	if r.Seq == p.fail {
		return errDown
	}
	if a, ok := p.answer[r.Seq]; ok {
		time.AfterFunc(a.RTT, func() { p.report(a) })
	}
	return nil
}

func (p burstProber) Close() {}

func TestBurst(t *testing.T) {
	ms := func(n int) health.Result { return health.Result{RTT: time.Duration(n) * time.Millisecond} }
	for _, c := range []struct {
		name   string
		answer map[uint64]health.Result
		fail   uint64
		want   BurstResult
		lasts  time.Duration
	}{
		{"all answered", map[uint64]health.Result{1: ms(10), 2: ms(20), 3: ms(30)}, 0,
			BurstResult{Sent: 3, Received: 3, Min: 10e6, Avg: 20e6, Max: 30e6, StdDev: 8164965}, 230 * time.Millisecond},
		{"one lost", map[uint64]health.Result{1: ms(10), 3: ms(10)}, 0,
			BurstResult{Sent: 3, Received: 2, Loss: 100. / 3, Min: 10e6, Avg: 10e6, Max: 10e6}, 2 * time.Second},
		{"none", nil, 0, BurstResult{Sent: 3, Loss: 100}, 2 * time.Second},
		{"refused by a router", map[uint64]health.Result{1: {Failure: health.Unreachable}, 2: {Failure: health.Unreachable}, 3: {Failure: health.Unreachable}}, 0,
			BurstResult{Sent: 3, Loss: 100}, 200 * time.Millisecond},
		{"not sent", map[uint64]health.Result{1: ms(10)}, 2, BurstResult{}, 100 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := Burst{Path: testPath(kstate.IPv4), Target: targetOf(kstate.IPv4), Count: 3, Interval: 100 * time.Millisecond, Timeout: 2 * time.Second}
			ctx, cancel := context.WithTimeout(t.Context(), b.Timeout)
			defer cancel()
			results := make(chan health.Result, 3)
			begun := time.Now()
			got, err := b.run(ctx, burstProber{c.answer, c.fail, func(r health.Result) { results <- r }}, results)
			if got != c.want || (err != nil) != (c.fail > 0) {
				t.Errorf("%s: %+v %v, want %+v", c.name, got, err, c.want)
			}
			if d := time.Since(begun); d != c.lasts {
				t.Errorf("%s: took %v, want %v", c.name, d, c.lasts)
			}
		})
	}
}
