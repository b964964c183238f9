package health

import "time"

// Transition is one change of state with its evidence (P10).
type Transition struct {
	From, To State
	At       time.Time
	Reason   string
	Evidence []Evidence // the last probes of every target, oldest first per probe
}

// Verdict tells whether the change matters to steering and history, unlike
// the coming and going of suspicion on a lossy line.
func (t Transition) Verdict() bool {
	return t.From != Suspect && t.To != Suspect || t.To != Up && t.To != Suspect
}

// Machine is the state of one WAN in one family. It is not safe for
// concurrent use.
type Machine struct {
	tracks  []*track
	state   State
	since   time.Time
	reason  string
	path    bool // address and link are there
	carrier bool
	held    bool // good, but held down
	hold    hold
	seq     uint64
	pending []Transition
}

// New makes the machine of one WAN and family with its probe configurations;
// with none the WAN is up while its path is there. Machines with the same
// epoch send their rounds at the same instants, which saves wake-ups.
func New(probes []Params, epoch, now time.Time) *Machine {
	m := &Machine{carrier: true, since: now, reason: "no address yet"}
	for i, p := range probes {
		m.tracks = append(m.tracks, newTrack(i, p, epoch))
	}
	return m
}

// Poll gives the probes to send now and the time of the next call, zero if
// only an event can change anything. Call it also after every other method.
func (m *Machine) Poll(now time.Time) (send []Send, wake time.Time) {
	if m.probing() {
		for _, t := range m.tracks {
			if t.speakers() == 0 && !t.shows() {
				continue
			}
			var next time.Time
			send, next = t.poll(now, &m.seq, send)
			wake = earlier(wake, next)
		}
	}
	m.evaluate(now)
	if m.held {
		wake = earlier(wake, m.hold.until)
	}
	return send, wake
}

// probing tells whether there is a path to probe.
func (m *Machine) probing() bool { return m.path && m.carrier }

// Result takes the outcome of a probe; unknown and repeated ones are ignored.
func (m *Machine) Result(now time.Time, r Result) {
	if r.Probe < 0 || r.Probe >= len(m.tracks) || r.Target < 0 || r.Target >= len(m.tracks[r.Probe].targets) {
		return
	}
	m.tracks[r.Probe].result(now, r)
	m.evaluate(now)
}

// Path says that the WAN has an address and a device (up), and whether a
// gateway, and that either of them, or the device's index, changed. Results
// of the former path are forgotten, the verdict stays until new ones are in.
func (m *Machine) Path(now time.Time, up, gateway bool) {
	m.path = up
	for _, t := range m.tracks {
		t.gateway = gateway
		t.reset(now, m.seq)
		if !up {
			t.verdict, t.why = unknown, ""
		}
	}
	m.evaluate(now)
}

// Carrier says whether the link has a carrier. Losing it is down at once;
// when it is back, probes decide. The result tells whether this is news.
func (m *Machine) Carrier(now time.Time, present bool) (changed bool) {
	if present == m.carrier {
		return false
	}
	m.carrier = present
	for _, t := range m.tracks {
		t.reset(now, m.seq)
		if !present {
			t.verdict, t.why, t.good = dead, "carrier was lost", 0
		}
	}
	m.evaluate(now)
	return true
}

// Transitions gives the changes of state since the last call, oldest first.
func (m *Machine) Transitions() []Transition {
	out := m.pending
	m.pending = nil
	return out
}

// State gives the present state.
func (m *Machine) State() State { return m.state }

// evaluate draws the state from everything that is known.
func (m *Machine) evaluate(now time.Time) {
	to, reason := m.judge()
	m.held = false
	if to.Usable() && !m.state.Usable() && m.hold.holding(now) {
		m.held, to = true, m.state
		reason = "answers, but is held down after repeated losses"
	}
	m.reason = reason
	if to == Suspect && m.state != Suspect {
		m.enter(now, Up, "probes are answered") // so that the verdict before suspicion is one of its own
	}
	m.enter(now, to, reason)
}

// enter changes the state, unless it is that already.
func (m *Machine) enter(now time.Time, to State, reason string) {
	if to == m.state {
		return
	}
	switch {
	case to.Usable() && !m.state.Usable():
		m.hold.gained(now)
	case m.state.Usable() && !to.Usable():
		m.hold.lost(now)
	}
	tr := Transition{From: m.state, To: to, At: now, Reason: reason}
	for _, t := range m.tracks {
		tr.Evidence = append(tr.Evidence, t.evidence(now)...)
	}
	m.pending = append(m.pending, tr)
	m.state, m.since = to, now
}

// judge gives the state and its reason, hold-down aside.
func (m *Machine) judge() (State, string) {
	switch {
	case !m.carrier:
		return Down, "carrier lost"
	case !m.path:
		return Waiting, "no address or link"
	}
	worst, reason := Up, "no probe can be sent: the link is there"
	for _, t := range m.tracks {
		if t.speakers() == 0 {
			continue
		}
		if worst == Up {
			reason = "probes are answered"
		}
		if s := t.state(); severity(s) > severity(worst) {
			worst, reason = s, t.p.Name+": "+t.reason(s)
		}
	}
	if worst == Waiting && m.state == Down {
		return Down, reason // an unknown line is no better than a dead one
	}
	return worst, reason
}

// severity orders states for "each probe must hold".
func severity(s State) int {
	switch s {
	case Up:
		return 0
	case Suspect:
		return 1
	case Degraded:
		return 2
	case Waiting:
		return 3
	default:
		return 4
	}
}

func (t *track) state() State {
	switch {
	case t.verdict == dead:
		return Down
	case t.verdict == unknown:
		return Waiting
	case t.degraded: // first: the bad line that it is misses answers all the time
		return Degraded
	case t.suspect:
		return Suspect
	default:
		return Up
	}
}

func (t *track) reason(s State) string {
	switch s {
	case Waiting:
		return "no answer yet"
	case Suspect:
		return "answers are overdue"
	default:
		return t.why
	}
}

// shows tells whether there is any target at all, be it for evidence only.
func (t *track) shows() bool {
	for i := range t.targets {
		if t.probed(i) {
			return true
		}
	}
	return false
}
