package probe

import (
	"sync"
	"time"

	"multiwan/src/core/health"
)

// tableSize bounds how many probes a prober waits for. The oldest give way.
const tableSize = 256

// inflight remembers when probes were sent. The monotonic clock of time.Now
// measures, so that setting the clock does no harm.
type inflight struct {
	mu   sync.Mutex
	ring []waiting // grows to tableSize
}

type waiting struct {
	req  Request
	sent time.Time
}

func (t *inflight) add(r Request, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := 0
	for i := range t.ring {
		if t.ring[i].over(now) {
			t.ring[i] = waiting{r, now}
			return
		}
		if t.ring[i].sent.Before(t.ring[oldest].sent) {
			oldest = i
		}
	}
	if len(t.ring) < tableSize {
		t.ring = append(t.ring, waiting{r, now})
		return
	}
	t.ring[oldest] = waiting{r, now}
}

func (w *waiting) over(now time.Time) bool {
	return w.sent.IsZero() || now.Sub(w.sent) > w.req.Wait
}

// take removes the latest probe that fits and gives its result, if there is
// one whose time is not over.
func (t *inflight) take(now time.Time, fits func(Request) bool) (health.Result, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	best := -1
	for i := range t.ring {
		w := &t.ring[i]
		if !w.over(now) && fits(w.req) && (best < 0 || w.req.Seq > t.ring[best].req.Seq) {
			best = i
		}
	}
	if best < 0 {
		return health.Result{}, false
	}
	w := t.ring[best]
	t.ring[best] = waiting{}
	res := w.req.result()
	res.RTT = now.Sub(w.sent)
	return res, true
}

// forget removes a probe that was not sent.
func (t *inflight) forget(seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.ring {
		if t.ring[i].req.Seq == seq {
			t.ring[i] = waiting{}
		}
	}
}
