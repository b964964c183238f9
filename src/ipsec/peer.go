package ipsec

import (
	"context"
	"errors"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

const (
	// A try that is not answered is given up after firstTry, then after twice that, up to lastTry. A packet that was lost is so repeated
	// sooner than by charon (4 s).
	firstTry = 3 * time.Second
	lastTry  = 12 * time.Second
	// A try that the peer has answered nothing to ends after shortTry, and later after a twentieth of the silence: with the path back, it is
	// the next one that meets the peer. The first has firstTry all the same, for paths that are slower than that.
	shortTry = time.Second
	patient  = 20
	// A try that was refused is repeated after firstPause, then after twice that, up to lastPause.
	firstPause = time.Second
	lastPause  = time.Minute
	// patience is how old a try must be for Initiate to replace it: a handshake over a usual path takes less.
	patience = 500 * time.Millisecond
	// idle is how long an IKE_SA that carries nothing is left beside one that does.
	idle = 10 * time.Second
	// grace is how long an IKE_SA of other addresses is left beside its successor: packets may be under way.
	grace = 2 * time.Second
	// courtesy is how long an end that waits leaves the other one to call first.
	courtesy = 200 * time.Millisecond
	forever  = time.Duration(1<<63 - 1)
)

// peer is what we do about one connection: a small state machine over what charon lists.
type peer struct {
	conn   kstate.Conn
	tried  bool   // given to charon in this session, as it is
	loaded bool   // and taken
	key    string // id of its private key in charon, "" without one

	sas      []SA
	outdated map[uint64]bool      // IKE_SAs of a previous version of the connection
	surplus  map[uint64]time.Time // IKE_SAs beside the best, since when
	wasUp    bool

	called   bool // this end waits, but is to try once
	trying   bool // a try is under way
	started  time.Time
	deadline time.Time
	unheard  time.Time // the deadline while the peer has answered nothing
	silent   time.Time // the first try since it was up
	blamed   bool      // the try was refused, says the log
	failures int
	reason   Reason
	next     time.Time // when step is to be called again; zero: after an event
	resume   time.Time // not before
}

// forget drops what belongs to a session with charon.
func (p *peer) forget() {
	p.tried, p.loaded, p.called, p.trying, p.wasUp, p.sas, p.outdated, p.surplus = false, false, false, false, false, nil, nil, nil
	p.next, p.resume, p.silent, p.failures = time.Time{}, time.Time{}, time.Time{}, 0
}

// observe takes what charon lists, the best first.
func (p *peer) observe(sas []SA) { p.sas = sas }

// outdate says that the SAs there are belong to a previous version.
func (p *peer) outdate() {
	p.outdated = map[uint64]bool{}
	for _, s := range p.sas {
		p.outdated[s.ID] = true
	}
}

// restart has the next step begin a new try.
func (p *peer) restart(now time.Time) {
	p.trying, p.wasUp, p.failures = false, false, 0
	p.resume, p.next = now, now
}

// hurry is restart, but a try that has just begun is left a moment to succeed.
func (p *peer) hurry(now time.Time) {
	soon := p.started.Add(patience)
	if p.trying && !p.blamed && now.Before(soon) {
		p.deadline, p.failures = soon, 0
		return
	}
	p.trying, p.failures = false, 0
	p.resume, p.next = now, now
}

// call is hurry for when the path has come back. An end that waits for the other one then tries once itself, for the other may know nothing
// of that path.
func (p *peer) call(now time.Time) {
	p.hurry(now)
	if !p.conn.Initiate && p.conn.Remote != kstate.AnyPeer && !p.trying {
		p.called, p.resume = true, now.Add(courtesy)
	}
}

// blame notes why charon says that it fails.
func (p *peer) blame(c Cause, text string, now time.Time) {
	if c == CauseUnreachable {
		// Repetitions are on the way to a failure, and say less than an answer. One while it is up is a lost packet.
		if p.best() != nil || p.blamed {
			return
		}
		text = "no answer from " + p.conn.Remote
		if p.reason.Text == text {
			return // counted by tries
		}
	}
	p.reason = p.reason.again(c, text, now)
	if c.lasting() {
		p.blamed = true
	}
}

// best is the SA that carries packets, nil without one.
func (p *peer) best() (best *SA) {
	for i, s := range p.sas {
		if s.Usable() && s.alive() && !p.outdated[s.ID] && serves(p.conn, s) && (best == nil || yields(*best, s)) {
			best = &p.sas[i]
		}
	}
	return best
}

// yields says that an SA of ours gives way to one that the peer set up at the same moment: that of the lower identity stays.
func yields(ours, theirs SA) bool {
	return ours.Initiator && !theirs.Initiator && ours.RemoteID < ours.LocalID && ours.Established.Sub(theirs.Established).Abs() < idle
}

// forgotten says that the peer set up the best long after another one, which it has lost then.
func forgotten(sa, best SA) bool {
	return !best.Initiator && best.Established.Sub(sa.Established) > idle
}

// step does what can be done now for the connection, and sets when to come back.
func (p *peer) step(ctx context.Context, s *session, now time.Time) error {
	p.next = time.Time{}
	if best := p.best(); best != nil {
		return p.up(ctx, s, *best, now)
	}
	p.surplus = nil
	if !p.loaded || !p.conn.Initiate && !p.called {
		p.wasUp, p.trying = false, false
		return nil
	}
	if p.wasUp {
		// While an IKE_SA is rekeyed its CHILD_SA changes hands, and a listing may miss it on both sides.
		p.wasUp, p.resume = false, now.Add(settle)
	}
	if p.trying && !p.failed(now) {
		return nil
	}
	if p.called && (p.failures > 0 || order.Any(len(p.sas), func(i int) bool { return p.sas[i].alive() && !p.sas[i].Initiator })) {
		p.called = false // it was one try, or the other end is at it
		return p.end(ctx, s, func(sa SA) bool { return sa.Initiator })
	}
	if now.Before(p.resume) {
		p.next = p.resume
		return nil
	}
	return p.try(ctx, s, now)
}

// end ends the SAs that what picks, and keeps those of a previous version and those that are ending.
func (p *peer) end(ctx context.Context, s *session, what func(SA) bool) error {
	var left []SA
	for _, sa := range p.sas {
		if p.outdated[sa.ID] || !sa.alive() || !what(sa) {
			left = append(left, sa)
			continue
		}
		if err := s.terminate(ctx, sa.ID); err != nil {
			return err
		}
	}
	p.sas = left
	return nil
}

// up notes a success and ends what is left beside it.
func (p *peer) up(ctx context.Context, s *session, best SA, now time.Time) error {
	p.wasUp, p.called, p.trying, p.blamed, p.failures, p.reason, p.silent = true, false, false, false, 0, Reason{}, time.Time{}
	seen := map[uint64]time.Time{}
	for _, sa := range p.sas {
		if sa.ID == best.ID || !sa.alive() {
			continue
		}
		since, old := p.surplus[sa.ID]
		if !old {
			since = now
		}
		if now.Sub(since) < p.leave(sa, best) {
			seen[sa.ID] = since
			if due := since.Add(min(p.leave(sa, best), idle)); due.After(now) {
				p.next = due
			}
			continue
		}
		if err := s.terminate(ctx, sa.ID); err != nil {
			return err
		}
		p.next = now.Add(settle) // to list what is left
	}
	p.surplus = seen
	if len(seen) == 0 {
		p.outdated = nil
	}
	return nil
}

// leave is how long an IKE_SA is left beside the best.
func (p *peer) leave(sa, best SA) time.Duration {
	switch {
	case p.outdated[sa.ID] || !serves(p.conn, sa):
		return grace
	case sa.Usable() && p.conn.Initiate && !yields(sa, best) && !(sa.Initiator && forgotten(sa, best)):
		return forever // we end what we replace, so the peer began this one and may be using it
	}
	return idle // half open, of a peer that forgot it, or not needed beside the peer's
}

// failed says whether the try under way came to nothing, and then when to go on; otherwise when to look again.
func (p *peer) failed(now time.Time) bool {
	alive, connecting, end := false, false, p.deadline
	if p.unheard.Before(end) {
		end = p.unheard
	}
	for _, sa := range p.sas {
		if sa.alive() && !p.outdated[sa.ID] {
			alive = true
			connecting = connecting || sa.State == "CONNECTING"
			if sa.Answered || sa.State != "CONNECTING" {
				end = p.deadline
			}
		}
	}
	begun := p.started.Add(patience) // before, charon may not list it yet
	switch {
	case p.blamed && !connecting, !now.Before(end):
	case p.blamed:
		p.next = now.Add(settle)
		return false
	case alive:
		p.next = end
		return false
	case now.Before(begun):
		p.next = begun
		return false
	}
	p.trying = false
	p.failures++
	if !p.blamed {
		p.reason = p.reason.again(CauseUnreachable, "no answer from "+p.conn.Remote, now)
	}
	if p.blamed || !alive {
		p.resume = now.Add(doubled(firstPause, p.failures, lastPause))
	}
	return true
}

// try ends what is left of the last one and begins anew.
func (p *peer) try(ctx context.Context, s *session, now time.Time) error {
	if err := p.end(ctx, s, func(SA) bool { return true }); err != nil {
		return err
	}
	p.trying, p.blamed, p.started = true, false, now
	p.deadline = now.Add(doubled(firstTry, p.failures+1, lastTry))
	p.unheard = p.deadline
	if p.silent.IsZero() {
		p.silent = now
	} else {
		p.unheard = now.Add(min(max(now.Sub(p.silent)/patient, shortTry), lastTry))
	}
	p.next = now.Add(patience)
	err := s.initiate(ctx, p.conn.Name)
	var r refusal
	if errors.As(err, &r) {
		p.reason = p.reason.again(CauseConfig, r.Error(), now)
		p.blamed = true
		return nil
	}
	return err
}

// doubled is first, doubled n-1 times, at most last.
func doubled(first time.Duration, n int, last time.Duration) time.Duration {
	for ; n > 1 && first < last; n-- {
		first *= 2
	}
	return min(first, last)
}

// status is the snapshot of the connection.
func (p *peer) status(want kstate.Conn, connected bool, now time.Time) Status {
	st := Status{Name: want.Name, Loaded: p.loaded && p.conn.Equal(want), SAs: len(p.sas), Reason: p.reason, Failures: p.failures, Since: now}
	best := p.best()
	switch {
	case best != nil:
		st.SA = *best
	default:
		for _, sa := range p.sas {
			if !sa.Usable() { // what is usable here belongs to a previous version
				st.SA = sa
				break
			}
		}
	}
	switch {
	case !connected:
		st.State = "absent"
	case best != nil:
		st.State = "up"
	case p.tried && !p.loaded:
		st.State = "refused"
	case !p.conn.Initiate:
		st.State = "waiting"
	case p.trying:
		st.State = "connecting"
	default:
		st.State = "retrying"
	}
	return st
}
