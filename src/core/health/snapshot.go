package health

import "time"

// Snapshot is the health of one WAN in one family for the status.
type Snapshot struct {
	State     State
	Since     time.Time
	Reason    string
	RTT       time.Duration // mean over the window, of the first probe
	Jitter    time.Duration
	Loss      float64 // per cent over the window, of the worst probe
	LastGood  time.Time
	Held      bool // answers well, but is held down
	HoldUntil time.Time
	Hold      time.Duration // length of the present or last hold-down
	Flaps     int           // level of the hold-down, 0 to 8; falls by one every 300 s of use
	Probes    []ProbeSnapshot
}

// ProbeSnapshot is one probe configuration within a Snapshot.
type ProbeSnapshot struct {
	Name, Method string
	State        State
	Reason       string
	Loss         float64
	RTT          time.Duration
	Good         int // good rounds in a row
	Targets      []TargetSnapshot
}

// TargetSnapshot is one target within a ProbeSnapshot.
type TargetSnapshot struct {
	Target             string
	EvidenceOnly       bool
	RTT, Jitter, RTO   time.Duration // mean and jitter over the window; present time-out
	Loss               float64
	LastSent, LastGood time.Time
	Sent, Answered     uint64
	Late               uint64 // of the answered
	LastFailure        Failure
	Detail             string
	Least              time.Duration // shortest of the last round-trip times, 0: none is known
}

// Snapshot copies what is known.
func (m *Machine) Snapshot() Snapshot {
	s := Snapshot{
		State: m.state, Since: m.since, Reason: m.reason, Held: m.held,
		HoldUntil: m.hold.until, Hold: m.hold.length, Flaps: m.hold.level,
	}
	s.Probes = make([]ProbeSnapshot, 0, len(m.tracks))
	for _, t := range m.tracks {
		p := t.snapshot()
		s.Probes = append(s.Probes, p)
		if t.speakers() == 0 {
			continue
		}
		s.Loss = max(s.Loss, p.Loss)
		if s.RTT == 0 {
			s.RTT = p.RTT
		}
		for i, tg := range p.Targets {
			if !t.speaks(i) {
				continue
			}
			if s.Jitter == 0 {
				s.Jitter = tg.Jitter
			}
			if tg.LastGood.After(s.LastGood) {
				s.LastGood = tg.LastGood
			}
		}
	}
	return s
}

func (t *track) snapshot() ProbeSnapshot {
	p := ProbeSnapshot{Name: t.p.Name, Method: t.p.Method, State: t.state(), Good: t.good}
	p.Reason = t.reason(p.State)
	p.Loss, p.RTT, _ = t.quality()
	p.Targets = make([]TargetSnapshot, 0, len(t.targets))
	for i := range t.targets {
		tg := &t.targets[i]
		ts := TargetSnapshot{
			Target: t.p.Targets[i].Text, EvidenceOnly: t.p.Targets[i].EvidenceOnly,
			RTT: tg.win.mean(), Jitter: tg.win.jitter(), RTO: t.rto(i), Loss: tg.win.loss(),
			LastSent: tg.sentAt, LastGood: tg.goodAt, Sent: tg.sends, Answered: tg.answers, Late: tg.lates,
			LastFailure: tg.lastFail, Detail: tg.detail, Least: t.least(i),
		}
		p.Targets = append(p.Targets, ts)
	}
	return p
}

// least is the shortest round-trip time among the last probes of a target, as many as are shown for evidence.
func (t *track) least(target int) (low time.Duration) {
	left := evidencePerTarget
	for i := len(t.log) - 1; i >= 0 && left > 0; i-- {
		e := &t.log[i]
		if e.target != target {
			continue
		}
		left--
		if e.answered && e.failure == "" && (low == 0 || e.rtt < low) {
			low = e.rtt
		}
	}
	return low
}
