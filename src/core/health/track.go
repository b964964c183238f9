package health

import "time"

// verdict is what one probe configuration says.
type verdict uint8

const (
	unknown verdict = iota // no verdict since the path appeared
	alive
	dead
)

// target is the running knowledge about one target.
type target struct {
	est      estimator
	win      window
	lastGood uint64 // the latest-sent probe that was answered
	missed   int    // regular probes in a row without an answer in time

	// For the status.
	goodAt   time.Time // last answer
	sentAt   time.Time // last probe
	lastFail Failure
	detail   string // of lastFail
	sends    uint64
	answers  uint64
	lates    uint64 // answers after their time-out
}

// round is a regular round whose outcome is open.
type round struct {
	id       uint64
	at       time.Time
	answered int
	good     bool
}

// track runs one probe configuration.
type track struct {
	p       Params
	index   int
	gateway bool // the path has a gateway to probe
	targets []target
	log     []sent
	open    []round
	// goodFrom is the round that the row of good ones began with.
	goodFrom uint64

	verdict   verdict
	why       string // of the verdict
	degraded  bool
	since     time.Time // of degraded
	good      int       // good rounds in a row
	rounds    uint64
	nextRound time.Time
	epoch     time.Time // where the grid of rounds begins
	align     bool      // the next round is to fall on the grid again
	floor     uint64    // probes up to this number do not speak any more
	swept     uint64    // probes up to this number are in the statistics
	// revived is the last probe sent before the line was back. What a connection
	// attempt had to wait for that, its repeated SYN included, is no round trip.
	revived uint64

	suspect    bool
	burstNext  time.Time // zero: at once
	burstGap   time.Duration
	burstLeft  int       // rounds at burstGap, later ones are slower
	notBefore  time.Time // no verdict before it: the machine had stalled
	graced     bool      // notBefore was set for this suspicion
	pollWanted time.Time // when the last poll asked for the next, to notice a stall

	scratch scratch
}

func newTrack(index int, p Params, epoch time.Time) *track {
	p = p.usable()
	t := &track{p: p, index: index, epoch: epoch, align: true, targets: make([]target, len(p.Targets))}
	for i := range t.targets {
		t.targets[i].est.floor = rtoFloor(p.Interval)
		t.targets[i].win = newWindow(p.Window)
	}
	return t
}

// probed tells whether a target can be probed at all.
func (t *track) probed(i int) bool { return t.gateway || !t.p.Targets[i].Gateway }

// speaks tells whether a target takes part in the verdict.
func (t *track) speaks(i int) bool { return t.probed(i) && !t.p.Targets[i].EvidenceOnly }

// speakers is the number of targets that take part in the verdict.
func (t *track) speakers() int {
	n := 0
	for i := range t.targets {
		if t.speaks(i) {
			n++
		}
	}
	return n
}

// needed is how many targets must answer.
func (t *track) needed() int { return min(t.p.Reliability, t.speakers()) }

// reset forgets everything that belonged to the former path. The verdict
// stays: another address does not make a dead line good, nor a good one bad.
func (t *track) reset(now time.Time, seq uint64) {
	for i := range t.log {
		if e := &t.log[i]; !e.answered && e.failure == "" {
			e.failure = PathChanged
		}
	}
	for i := range t.targets {
		tg := &t.targets[i]
		tg.est.reset()
		tg.win.reset()
		tg.missed = 0
	}
	t.floor, t.swept = seq, seq
	t.open, t.good, t.suspect, t.degraded = t.open[:0], 0, false, false
	t.nextRound, t.pollWanted, t.notBefore, t.align = now, time.Time{}, time.Time{}, true
}

// poll sends what is due and gives the time of the next call.
func (t *track) poll(now time.Time, seq *uint64, out []Send) ([]Send, time.Time) {
	t.noticeStall(now)
	t.sweep(now)
	sentNow := false
	if !now.Before(t.nextRound) {
		t.rounds++
		t.open = append(t.open, round{id: t.rounds, at: now})
		out = t.send(now, seq, t.rounds, out)
		t.schedule(now)
		sentNow = true
	}
	wake := t.nextRound
	if t.verdict != dead {
		d := t.doubt()
		t.follow(now, d)
		if t.suspect {
			if !sentNow && !now.Before(t.burstNext) {
				out = t.send(now, seq, 0, out)
				t.advanceBurst(now)
			} else if sentNow {
				t.burstNext = now.Add(t.burstGap)
			}
			wake = t.judge(now, earlier(wake, t.burstNext))
		} else if !d.suspectAt.IsZero() {
			wake = earlier(wake, d.suspectAt)
		}
	}
	t.prune()
	t.pollWanted = wake
	return out, wake
}

// noticeStall gives answers that wait in a socket the time to be read, when
// this call comes late because the machine was busy or asleep. Once for each
// suspicion: a machine that is always late must come to a verdict too.
func (t *track) noticeStall(now time.Time) {
	if t.pollWanted.IsZero() || t.graced {
		return
	}
	if late := now.Sub(t.pollWanted); late > t.p.Interval/4 {
		t.notBefore, t.graced = now.Add(t.p.Interval/4), true
	}
}

// schedule sets the next regular round on the grid of the interval. All
// machines share the grid: one wake-up of the process sends for all of them.
func (t *track) schedule(now time.Time) {
	interval := t.p.Interval
	if t.verdict == dead {
		interval = t.p.DownInterval
	}
	if t.align || now.Sub(t.nextRound) > interval/4 {
		t.align = false
		t.nextRound = now.Add(interval - now.Sub(t.epoch)%interval)
		return
	}
	t.nextRound = t.nextRound.Add(interval)
}

// send puts one probe to every target into out; targets that are evidence
// only are probed in regular rounds and once at the begin of a burst.
func (t *track) send(now time.Time, seq *uint64, id uint64, out []Send) []Send {
	wait := max(t.p.Timeout, rtoMax)
	for i := range t.targets {
		if !t.probed(i) || id == 0 && !t.speaks(i) && !t.burstNext.IsZero() {
			continue
		}
		*seq++
		t.targets[i].sends++
		t.targets[i].sentAt = now
		t.log = append(t.log, sent{seq: *seq, at: now, round: id, target: i})
		out = append(out, Send{Probe: t.index, Target: i, Seq: *seq, Burst: id == 0, Wait: wait})
	}
	return out
}

// result takes the outcome of one probe.
func (t *track) result(now time.Time, r Result) {
	e := t.find(r.Seq)
	if e == nil || e.answered || e.failure != "" || e.target != r.Target {
		return
	}
	tg := &t.targets[e.target]
	if r.Failure != "" {
		e.failure, e.detail = r.Failure, r.Detail
		tg.lastFail, tg.detail = r.Failure, r.Detail
		return
	}
	e.answered, e.rtt, e.late = true, r.RTT, r.RTT > t.rto(e.target)
	if r.RTT <= t.p.Timeout || t.verdict != dead && r.Seq > t.revived {
		tg.est.add(r.RTT)
	}
	tg.answers++
	if e.late {
		tg.lates++
	}
	tg.goodAt, tg.missed = now, 0
	tg.lastGood = max(tg.lastGood, r.Seq)
	if r.RTT > t.p.Timeout {
		return
	}
	t.count(e, r.RTT)
	if t.speaks(e.target) {
		t.roundAnswered(now, e.round)
	}
}

// count puts the outcome of a probe into the statistics, once. What was sent
// before the line was back belongs to the outage.
func (t *track) count(e *sent, rtt time.Duration) {
	if e.counted {
		return
	}
	e.counted = true
	w := &t.targets[e.target].win
	switch {
	case e.seq <= t.revived:
	case e.round == 0:
		w.addBurst(rtt)
	default:
		w.add(rtt)
	}
}

// roundAnswered counts an answer in time for its round.
func (t *track) roundAnswered(now time.Time, id uint64) {
	for i := range t.open {
		if r := &t.open[i]; r.id == id {
			r.answered++
			if !r.good && r.answered >= t.needed() {
				r.good = true
				if t.good == 0 {
					t.goodFrom = id
				}
				t.goodRound(now)
			}
			return
		}
	}
}

func (t *track) goodRound(now time.Time) {
	t.good++
	switch {
	case t.verdict == unknown:
		t.verdict = alive
	case t.verdict == dead && t.good >= t.p.Up:
		t.revive(now)
	}
}

// revive ends the state of being down, with fresh statistics: the losses of
// the outage say nothing about the line now.
func (t *track) revive(now time.Time) {
	t.verdict, t.why, t.degraded = alive, "", false
	if n := len(t.log); n > 0 {
		t.revived = t.log[n-1].seq
	}
	t.nextRound, t.align = earlier(t.nextRound, now.Add(t.p.Interval)), true
	for i := range t.targets {
		t.targets[i].win.reset()
	}
}

// sweep counts regular probes whose time ran out and closes their rounds.
func (t *track) sweep(now time.Time) {
	limit := now.Add(-t.p.Timeout)
	for i := t.after(t.swept); i < len(t.log); i++ {
		e := &t.log[i]
		if e.at.After(limit) && e.failure == "" && !e.answered {
			break
		}
		if !e.counted && (!e.answered || e.rtt > t.p.Timeout) {
			t.count(e, lostSample)
			if tg := &t.targets[e.target]; e.round != 0 {
				tg.missed++
				if e.failure == "" {
					tg.lastFail, tg.detail = NoAnswer, ""
				}
			}
		}
		t.swept = e.seq
	}
	n := 0
	for n < len(t.open) && (t.open[n].good || !t.open[n].at.After(limit)) {
		// A round of the outage whose time runs out only now breaks no row of good ones that began after it.
		if r := &t.open[n]; !r.good && r.id >= t.goodFrom {
			t.good = 0
		}
		n++
	}
	t.open = append(t.open[:0], t.open[n:]...)
	t.judgeQuality(now)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
