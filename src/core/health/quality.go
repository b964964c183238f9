package health

import (
	"cmp"
	"fmt"
	"time"

	"multiwan/src/core/order"
)

// minSamples is the least number of rounds that quality is judged by.
const minSamples = 10

// quality is the loss in per cent and the mean round-trip time of the line:
// of the best `reliability` targets the worst, so that one bad target of
// several does not condemn the line. ok is false while there is too little
// to judge by.
func (t *track) quality() (loss float64, rtt time.Duration, ok bool) {
	losses := make([]float64, 0, 8)
	rtts := make([]time.Duration, 0, 8)
	for i := range t.targets {
		w := &t.targets[i].win
		if !t.speaks(i) || w.len() == 0 {
			continue
		}
		ok = ok || w.len() >= min(minSamples, t.p.Window)
		losses = append(losses, w.loss())
		if m := w.mean(); m > 0 {
			rtts = append(rtts, m)
		}
	}
	if len(losses) == 0 {
		return 0, 0, false
	}
	order.By(losses, func(i, j int) int { return cmp.Compare(losses[i], losses[j]) })
	order.By(rtts, func(i, j int) int { return cmp.Compare(rtts[i], rtts[j]) })
	loss = losses[min(t.needed(), len(losses))-1]
	if len(rtts) > 0 {
		rtt = rtts[min(t.needed(), len(rtts))-1]
	}
	return loss, rtt, ok
}

// judgeQuality enters and leaves the degraded state. It is left only when
// both values are below their lower thresholds and the whole window is newer
// than the entry.
func (t *track) judgeQuality(now time.Time) {
	if t.p.LossDown <= 0 && t.p.LatencyDown <= 0 || t.verdict != alive {
		return
	}
	loss, rtt, ok := t.quality()
	if !ok {
		return
	}
	if rtt == 0 { // every answer was later than the timeout, or there was none
		rtt = t.p.Timeout
	}
	lossy := t.p.LossDown > 0 && loss >= t.p.LossDown
	tardy := t.p.LatencyDown > 0 && rtt >= t.p.LatencyDown
	switch {
	case !t.degraded && (lossy || tardy):
		t.degraded, t.since = true, now
		t.why = fmt.Sprintf("loss %.0f %%, latency %d ms", loss, rtt.Milliseconds())
	case t.degraded && now.Sub(t.since) >= t.p.dwell() &&
		(t.p.LossDown <= 0 || loss <= t.p.LossUp) && (t.p.LatencyDown <= 0 || rtt <= t.p.LatencyUp):
		t.degraded, t.why = false, ""
	}
}
