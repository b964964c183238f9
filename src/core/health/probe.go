package health

import (
	"time"

	"multiwan/src/core/order"
)

// Send asks for one probe to be sent now.
type Send struct {
	Probe, Target int    // indices into the machine's configurations
	Seq           uint64 // names the probe in its Result; grows by one with each
	Burst         bool
	Wait          time.Duration // an answer is of use for this long
}

// Result is what became of one probe. Probes without an answer need none: the
// machine has its own clock for them.
type Result struct {
	Probe, Target int
	Seq           uint64
	RTT           time.Duration // valid if Failure is empty
	Failure       Failure
	Detail        string // of a failure, for the user
}

// sent is one probe in a track's log, in the order of sending.
type sent struct {
	_ order.Incomparable

	seq      uint64
	at       time.Time
	round    uint64 // of regular rounds; 0 in a burst
	target   int
	answered bool
	late     bool // answered after its time-out
	counted  bool // its outcome is in the statistics
	rtt      time.Duration
	failure  Failure
	detail   string
}

// Evidence is one probe as shown with a transition (P10).
type Evidence struct {
	_ order.Incomparable

	Probe   string
	Target  string
	Sent    time.Time
	RTT     time.Duration // if Failure is empty
	Failure Failure
	Detail  string
	Late    bool // answered later than the round-trip statistics allowed
	Burst   bool
}

// evidencePerTarget is how many of the last probes of each target are shown.
const evidencePerTarget = 12

// logLimit bounds the log against a burst that never ends.
const logLimit = 2048

// find gives the log entry with this number, or nil.
func (t *track) find(seq uint64) *sent {
	i := t.after(seq - 1)
	if i < len(t.log) && t.log[i].seq == seq {
		return &t.log[i]
	}
	return nil
}

// after gives the index of the first probe sent after the one numbered seq.
func (t *track) after(seq uint64) int {
	lo, hi := 0, len(t.log)
	for lo < hi {
		mid := (lo + hi) / 2
		if t.log[mid].seq <= seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// prune drops what neither evidence nor the row of unanswered probes needs.
func (t *track) prune() {
	open := int(t.p.Timeout/min(t.p.Interval, t.p.DownInterval)) + 2
	keep := max(evidencePerTarget, open) * len(t.targets)
	n := len(t.log) - keep
	if n < keep { // rarely, many at once
		return
	}
	n = min(n, max(t.after(t.swept), len(t.log)-logLimit)) // what is open is not in the statistics yet
	if t.verdict != dead {
		n = min(n, max(t.after(t.goodUntil()), len(t.log)-logLimit))
	}
	t.log = append(t.log[:0], t.log[n:]...)
}

// evidence gives the last probes of every target, oldest first, and before them the last one that was answered: what was so, and what
// changed. A probe whose answer may still come at the time now is told apart from one that got none.
func (t *track) evidence(now time.Time) []Evidence {
	left := make([]int, len(t.targets))
	answered := make([]bool, len(t.targets))
	for i := range left {
		left[i] = evidencePerTarget
	}
	var out []Evidence
	for i := len(t.log) - 1; i >= 0; i-- {
		e := &t.log[i]
		good := e.answered && e.failure == ""
		if left[e.target] == 0 && (answered[e.target] || !good) {
			continue
		}
		answered[e.target] = answered[e.target] || good
		left[e.target] = max(0, left[e.target]-1)
		ev := t.describe(e)
		if ev.Failure == NoAnswer && now.Before(e.at.Add(t.rto(e.target))) {
			ev.Failure = Awaited
		}
		out = append(out, ev)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (t *track) describe(e *sent) Evidence {
	ev := Evidence{
		Probe: t.p.Name, Target: t.p.Targets[e.target].Text, Sent: e.at,
		RTT: e.rtt, Failure: e.failure, Detail: e.detail, Late: e.late, Burst: e.round == 0,
	}
	if !e.answered && e.failure == "" {
		ev.Failure = NoAnswer
	}
	return ev
}
