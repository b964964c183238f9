package probe

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"multiwan/src/core/health"
)

// Burst is a series of pings on request (`multiwan probe`), by the prober that also watches the WAN.
type Burst struct {
	Path     Path
	Target   netip.Addr
	Count    int
	Interval time.Duration
	Timeout  time.Duration // of the whole burst
}

// BurstResult is the statistics of a burst. The times are zero where nothing was answered.
type BurstResult struct {
	Sent, Received        int
	Loss                  float64 // per cent
	Min, Avg, Max, StdDev time.Duration
}

// Run sends the burst and waits for its end: the last answer, the timeout or the context. An error says that a probe could not be sent,
// and ends it.
func (b Burst) Run(ctx context.Context) (BurstResult, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	results := make(chan health.Result, b.Count)
	p := newPing(b.Path, openICMP, func(r health.Result) { results <- r })
	defer p.Close()
	return b.run(ctx, p, results)
}

// run has a prober send, which reports each probe at most once.
func (b Burst) run(ctx context.Context, p Prober, results <-chan health.Result) (BurstResult, error) {
	tick := time.NewTicker(b.Interval)
	defer tick.Stop()
	var times []time.Duration
	sent, next := 0, tick.C
	send := func() error {
		sent++
		if sent == b.Count {
			next = nil
		}
		return p.Send(Request{Seq: uint64(sent), To: b.Target, Wait: b.Timeout})
	}
	err := send()
	for done := 0; err == nil && done < b.Count; {
		select {
		case <-next:
			err = send()
		case r := <-results:
			done++
			if r.Failure == "" {
				times = append(times, r.RTT)
			}
		case <-ctx.Done():
			done = b.Count
		}
	}
	if err != nil {
		return BurstResult{}, fmt.Errorf("burst from %s: %w", b.Path.Source, err)
	}
	return summary(sent, times), nil
}

// summary is the statistics of round-trip times.
func summary(sent int, times []time.Duration) BurstResult {
	r := BurstResult{Sent: sent, Received: len(times), Loss: 100 * float64(sent-len(times)) / float64(sent)}
	if len(times) == 0 {
		return r
	}
	var sum, squares float64
	r.Min = times[0]
	for _, t := range times {
		r.Min, r.Max = min(r.Min, t), max(r.Max, t)
		sum += float64(t)
	}
	mean := sum / float64(len(times))
	for _, t := range times {
		squares += (float64(t) - mean) * (float64(t) - mean)
	}
	r.Avg, r.StdDev = time.Duration(mean), time.Duration(math.Sqrt(squares/float64(len(times))))
	return r
}
