package health

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"multiwan/src/core/order"
)

// doubt is what the row of unanswered probes says.
type doubt struct {
	oldest    time.Time // the first unanswered probe that counts
	suspectAt time.Time // when too few targets can still answer; zero: they do
	lost      int       // unanswered probes in a row
	ripeAt    time.Time // when `down` of them have had their time
}

// silence is what the row holds of one target: when the first unanswered probe
// was sent, and from when one of them is overdue.
type silence struct{ since, overdue time.Time }

// scratch is memory reused by every reading of the row, which happens with each
// answer.
type scratch struct {
	good []uint64
	row  []silence
	ripe []time.Time
}

// goodUntil is the number of the last probe at which enough targets answered.
// What was sent later makes the row.
func (t *track) goodUntil() uint64 {
	good := t.scratch.good[:0]
	for i := range t.targets {
		if t.speaks(i) {
			good = append(good, t.targets[i].lastGood)
		}
	}
	t.scratch.good = good
	if len(good) == 0 {
		return math.MaxUint64
	}
	order.By(good, func(i, j int) int { return cmp.Compare(good[i], good[j]) })
	return max(t.floor, good[len(good)-t.needed()])
}

// doubt reads the row. With n targets of which r must answer, n-r+1 silent
// ones are too many: the times are those of that target.
func (t *track) doubt() doubt {
	first := t.after(t.goodUntil())
	if first == len(t.log) {
		return doubt{}
	}
	row, ripe := t.silences(first)
	tooMany := t.speakers() - t.needed() // index of the first target too many
	if len(row) <= tooMany {
		return doubt{}
	}
	d := doubt{lost: len(ripe)}
	order.By(row, func(i, j int) int { return row[i].since.Compare(row[j].since) })
	d.oldest = row[tooMany].since
	order.By(row, func(i, j int) int { return row[i].overdue.Compare(row[j].overdue) })
	d.suspectAt = row[tooMany].overdue
	if d.lost >= t.p.Down {
		order.By(ripe, func(i, j int) int { return ripe[i].Compare(ripe[j]) })
		d.ripeAt = ripe[t.p.Down-1]
	}
	return d
}

// silences gives the silent targets in the log from an index on, and of each
// of their unanswered probes the time when it may count.
func (t *track) silences(first int) ([]silence, []time.Time) {
	row := append(t.scratch.row[:0], make([]silence, len(t.targets))...)
	ripe := t.scratch.ripe[:0]
	for i := first; i < len(t.log); i++ {
		e := &t.log[i]
		if e.answered || !t.speaks(e.target) || e.seq < t.targets[e.target].lastGood {
			continue
		}
		overdue, counts := e.at, e.at
		if e.failure == "" {
			rto := t.rto(e.target)
			overdue = e.at.Add(min(rto, t.patience(e.target)))
			if t.slow(e.target) {
				// With frequent probes the time-out lies close above the mean, and a
				// burst is shorter than the hiccups of such a line.
				counts = e.at.Add(max(rto, t.targets[e.target].est.srtt*3/2))
			}
		}
		s := &row[e.target]
		s.since, s.overdue = earlier(s.since, e.at), earlier(s.overdue, overdue)
		ripe = append(ripe, counts)
	}
	t.scratch.row, t.scratch.ripe = row, ripe
	return order.Without(row, func(s silence) bool { return s.since.IsZero() }), ripe
}

// answering tells whether a target's own statistics can be trusted: it
// answered lately. A dead one must not slow the others down.
func (t *track) answering(i int) bool {
	tg := &t.targets[i]
	return t.speaks(i) && tg.est.valid && tg.missed < 3
}

// rto is the time-out of a target; one that does not answer takes the
// longest of those that do.
func (t *track) rto(i int) time.Duration {
	if t.answering(i) || !t.speaks(i) {
		return t.targets[i].est.rto()
	}
	var longest time.Duration
	for j := range t.targets {
		if t.answering(j) {
			longest = max(longest, t.targets[j].est.rto())
		}
	}
	if longest == 0 {
		return t.targets[i].est.rto()
	}
	return longest
}

// slow tells whether the line is beyond what detection is promised for:
// answers took longer than slowLine lately. A time-out above slowRTO says so
// too, as no line below slowLine has it (half the range as mean, four times
// half the range as deviation). A line that nothing was measured on yet may
// be slow.
func (t *track) slow(i int) bool {
	if e := &t.targets[i].est; e.valid {
		return e.srtt > slowLine || e.rto() > slowRTO
	}
	measured := false
	for j := range t.targets {
		if e := &t.targets[j].est; t.speaks(j) && e.valid {
			measured = true
			if e.srtt > slowLine || e.rto() > slowRTO {
				return true
			}
		}
	}
	return !measured
}

// patienceShare is how much of the time to the verdict suspicion may wait at
// most; the rest is for the burst. It matters with short intervals: at 0.1 s
// these are 0.3 s, and a line of 300 ms has a longer time-out.
const patienceShare = 65 // per cent

// patience is the most that suspicion may wait for an answer: the time-out of
// the user, and on a line that is not slow as much as leaves the time to send
// the burst before the verdict is due.
func (t *track) patience(i int) time.Duration {
	if t.slow(i) {
		return t.p.Timeout
	}
	return min(t.p.Timeout, Confirm(t.p.Interval)*patienceShare/100)
}

// follow starts and ends suspicion.
func (t *track) follow(now time.Time, d doubt) {
	suspect := !d.suspectAt.IsZero() && !now.Before(d.suspectAt)
	if suspect == t.suspect {
		return
	}
	t.suspect, t.graced = suspect, false
	if suspect {
		t.startBurst(now, d)
	}
}

// startBurst spreads twice `down` probes over the time that is left, so that
// even the last of them can be answered before the verdict. Targets that
// answered lately must carry the proof alone. On a slow line little or no time
// is left, and the rounds follow one another at minGap. Where nothing answered lately, the
// time-out is the initial one.
func (t *track) startBurst(now time.Time, d doubt) {
	live, rto := 0, time.Duration(0)
	for i := range t.targets {
		if t.answering(i) {
			live++
			rto = max(rto, t.rto(i))
		}
	}
	if live == 0 {
		live, rto = max(t.speakers(), 1), rtoInitial
	}
	t.burstLeft = (2*t.p.Down + live - 1) / live
	left := d.oldest.Add(Confirm(t.p.Interval)).Sub(now) - rto
	t.burstGap = min(max(left/time.Duration(t.burstLeft), t.p.minGap()), t.p.Interval)
	t.burstNext = time.Time{}
}

// advanceBurst sets the next round of the burst. One that goes on beyond what
// startBurst planned, as a slow line's may, is slower.
func (t *track) advanceBurst(now time.Time) {
	t.burstLeft--
	gap := t.burstGap
	if t.burstLeft < 0 {
		gap = max(gap, min(5*t.p.minGap(), t.p.Interval))
	}
	t.burstNext = now.Add(gap)
}

// judge gives the verdict when it is due, or the time to look again.
func (t *track) judge(now, wake time.Time) time.Time {
	d := t.doubt()
	if d.ripeAt.IsZero() {
		return wake
	}
	at := d.oldest.Add(Confirm(t.p.Interval))
	if d.ripeAt.After(at) {
		at = d.ripeAt
	}
	if t.notBefore.After(at) {
		at = t.notBefore
	}
	if now.Before(at) {
		return earlier(wake, at)
	}
	t.why = fmt.Sprintf("%d probes in a row lost in %d ms", d.lost, now.Sub(d.oldest).Milliseconds())
	t.fail(now)
	return t.nextRound
}

// fail makes the track dead. Probes under way cannot revive it: `up` good
// rounds do.
func (t *track) fail(now time.Time) {
	if n := len(t.log); n > 0 {
		t.floor = t.log[n-1].seq
	}
	t.verdict, t.suspect, t.graced, t.degraded, t.good = dead, false, false, false, 0
	t.open = t.open[:0]
	t.nextRound, t.align = now.Add(t.p.DownInterval), true
}
