package health_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/health"
)

// steps gives the states that a simulation went through.
func (s *sim) steps(verdicts bool) string {
	var out []string
	for _, t := range s.trans {
		if !verdicts || t.Verdict() {
			out = append(out, t.To.String())
		}
	}
	return strings.Join(out, " ")
}

func TestUpNeedsGoodRoundsInARow(t *testing.T) {
	// After the outage one round of the first three answers, then all.
	l := from(steady(20*ms), 10*time.Second, func(_ *rand.Rand, at time.Duration, _ int) (time.Duration, bool) {
		return 20 * ms, at >= 20*time.Second && at/time.Second != 23
	})
	s := newSim(l, 1, 0, standard(time.Second, 2))
	s.run(time.Minute, nil)
	if got := s.steps(true); got != "up down up" {
		t.Fatalf("states %q", got)
	}
	// 20, 21, 22 are good, 23 is bad, 24 to 28 are the five in a row.
	if at := s.trans[len(s.trans)-1].At.Sub(epoch).Truncate(time.Second); at != 28*time.Second {
		t.Errorf("up again at %v, want 28s", at)
	}
}

func TestDownIntervalIsUsedWhileDown(t *testing.T) {
	p := standard(time.Second, 1)
	p.DownInterval = 5 * time.Second
	s := newSim(from(steady(20*ms), 10*time.Second, hole()), 1, 0, p)
	s.run(20100*ms, nil)
	s.log = true
	s.run(70100*ms, nil)
	if n := len(s.sends); n != 10 {
		t.Errorf("%d probes in 50 s while down, want 10", n)
	}
}

func TestLateAnswersAreLife(t *testing.T) {
	s := newSim(from(steady(20*ms), 10*time.Second, steady(1700*ms)), 1, 0, standard(time.Second, 2))
	s.run(time.Minute, nil)
	if s.fallen() != 0 {
		t.Errorf("states %q", s.steps(false))
	}
	snap := s.m.Snapshot()
	if snap.Probes[0].Targets[0].Late == 0 {
		t.Error("no answer was counted as late")
	}
	if snap.Loss < 90 {
		t.Errorf("loss %v, answers beyond the timeout are losses in the statistics", snap.Loss)
	}
}

func TestReliability(t *testing.T) {
	onlyFirst := from(steady(20*ms), 10*time.Second, onlyFirst(steady(20*ms)))
	for need, want := range map[int]string{1: "up", 2: "up down"} {
		p := standard(time.Second, 2)
		p.Reliability = need
		s := newSim(onlyFirst, 1, 0, p)
		s.run(time.Minute, nil)
		if got := s.steps(true); got != want {
			t.Errorf("reliability %d: states %q, want %q", need, got, want)
		}
		if need == 2 {
			if took := s.trans[len(s.trans)-1].At.Sub(epoch.Add(10 * time.Second)); took > 3*time.Second {
				t.Errorf("reliability 2: down after %v", took)
			}
		}
	}
}

// The gateway of the default probe answers for ever; the line is dead.
func TestGatewayIsEvidenceOnly(t *testing.T) {
	p := standard(time.Second, 2)
	p.Targets = append(p.Targets, health.Target{Text: "gateway", Gateway: true, EvidenceOnly: true})
	l := func(_ *rand.Rand, at time.Duration, target int) (time.Duration, bool) {
		return 20 * ms, target == 2 || at < 10*time.Second
	}
	s := newSim(l, 1, 0, p)
	s.run(20*time.Second, nil)
	if !s.down() {
		t.Fatalf("states %q", s.steps(false))
	}
	last := s.trans[len(s.trans)-1]
	seen, lost := map[string]int{}, 0
	for _, e := range last.Evidence {
		seen[e.Target]++
		if e.Failure == health.NoAnswer {
			lost++
		}
		if e.Sent.IsZero() || e.Target == "gateway" && e.Failure != "" {
			t.Errorf("evidence %+v", e)
		}
	}
	if seen["gateway"] == 0 || seen["a"] == 0 || seen["b"] == 0 || lost < 10 {
		t.Errorf("evidence of %v, %d lost", seen, lost)
	}
}

func TestWithoutProbesTheLinkDecides(t *testing.T) {
	for name, probes := range map[string][]health.Params{
		"none": nil, "no gateway to probe": {{Name: "gw", Method: "ping", Targets: []health.Target{{Text: "gateway", Gateway: true}}}},
	} {
		m := health.New(probes, epoch, epoch)
		m.Poll(epoch)
		if m.State() != health.Waiting {
			t.Errorf("%s: %s before there is a path", name, m.State())
		}
		m.Path(epoch, true, false)
		if send, wake := m.Poll(epoch); m.State() != health.Up || len(send) != 0 || !wake.IsZero() {
			t.Errorf("%s: %s with a path, %d probes", name, m.State(), len(send))
		}
		m.Path(epoch, false, false)
		if m.State() != health.Waiting {
			t.Errorf("%s: %s without a path", name, m.State())
		}
	}
}

func TestCarrier(t *testing.T) {
	s := newSim(steady(20*ms), 1, 0, standard(time.Second, 2))
	s.run(10*time.Second, nil)
	s.m.Carrier(s.now, false)
	if !s.down() || s.m.Snapshot().Reason != "carrier lost" {
		t.Fatalf("%s: %s", s.m.State(), s.m.Snapshot().Reason)
	}
	if send, wake := s.m.Poll(s.now); len(send) != 0 || !wake.IsZero() {
		t.Error("probes are sent without a carrier")
	}
	s.m.Carrier(s.now, true)
	if !s.down() {
		t.Error("up before a probe was answered")
	}
	s.poll()
	s.run(16*time.Second, nil)
	if s.m.State() != health.Up {
		t.Errorf("%s 6 s after the carrier is back", s.m.State())
	}
}

// A dead path does not become good by getting another address, a good one
// stays in use until the new address is found dead.
func TestPathChange(t *testing.T) {
	s := newSim(from(steady(20*ms), 10*time.Second, hole()), 1, 0, standard(time.Second, 2))
	s.run(9500*ms, nil)
	s.m.Path(s.now, true, true)
	s.poll()
	if s.m.State() != health.Up {
		t.Errorf("%s after a change of address", s.m.State())
	}
	s.run(30*time.Second, s.down)
	if took := s.now.Sub(epoch.Add(10 * time.Second)); took > 3*time.Second {
		t.Errorf("down after %v", took)
	}
	s.m.Path(s.now, true, true)
	s.poll()
	if !s.down() {
		t.Errorf("%s after a dead line changed its address", s.m.State())
	}
}

func TestResultsOfTheFormerPathSayNothing(t *testing.T) {
	m := health.New([]health.Params{standard(time.Second, 1)}, epoch, epoch)
	m.Path(epoch, true, true)
	send, _ := m.Poll(epoch)
	m.Path(epoch.Add(ms), true, true)
	m.Result(epoch.Add(2*ms), health.Result{Seq: send[0].Seq, RTT: ms})
	if m.State() != health.Waiting {
		t.Errorf("%s by an answer to the former address", m.State())
	}
	for _, r := range []health.Result{{Probe: 7}, {Target: -1}, {Seq: 99}, {}} {
		m.Result(epoch.Add(3*ms), r) // must neither panic nor count
	}
	if m.State() != health.Waiting {
		t.Errorf("%s by a result of nothing", m.State())
	}
}

// Failed sends begin suspicion at once, and the verdict is no later.
func TestSendErrors(t *testing.T) {
	m := health.New([]health.Params{standard(time.Second, 2)}, epoch, epoch)
	now := epoch
	m.Path(now, true, true)
	fail := false
	for now.Before(epoch.Add(20 * time.Second)) {
		send, wake := m.Poll(now)
		if m.State() == health.Down {
			break
		}
		for _, p := range send {
			r := health.Result{Target: p.Target, Seq: p.Seq, RTT: ms}
			if fail {
				r = health.Result{Target: p.Target, Seq: p.Seq, Failure: health.SendError, Detail: "network is down"}
			}
			m.Result(now, r)
		}
		if _, again := m.Poll(now); !again.IsZero() {
			wake = again
		}
		fail = now.Sub(epoch) >= 10*time.Second
		now = wake
	}
	if m.State() != health.Down || now.Sub(epoch) > 13*time.Second {
		t.Errorf("%s at %v", m.State(), now.Sub(epoch))
	}
	if s := m.Snapshot().Probes[0].Targets[0]; s.LastFailure != health.SendError || s.Detail != "network is down" {
		t.Errorf("last failure %q %q", s.LastFailure, s.Detail)
	}
}

// The process stood still while answers waited in the socket: they are read
// before a verdict.
func TestStallIsNoVerdict(t *testing.T) {
	m := health.New([]health.Params{standard(time.Second, 2)}, epoch, epoch)
	now := epoch
	m.Path(now, true, true)
	var last []health.Send
	for range 20 {
		send, _ := m.Poll(now)
		for _, p := range send {
			m.Result(now, health.Result{Target: p.Target, Seq: p.Seq, RTT: 20 * ms})
		}
		_, now = m.Poll(now)
	}
	for range 30 { // the burst is on its way, almost at the verdict
		send, wake := m.Poll(now)
		last = append(last, send...)
		if len(last) >= 24 {
			break
		}
		now = wake
	}
	now = now.Add(30 * time.Second)
	_, wake := m.Poll(now)
	if m.State() == health.Down {
		t.Fatal("down before waiting answers could be read")
	}
	m.Result(now.Add(ms), health.Result{Target: last[len(last)-1].Target, Seq: last[len(last)-1].Seq, RTT: 20 * ms})
	if m.Poll(wake); m.State() != health.Up {
		t.Errorf("%s after the answer", m.State())
	}
}

// Each probe configuration must hold.
func TestSeveralProbes(t *testing.T) {
	a, b := standard(time.Second, 1), standard(time.Second, 2)
	a.Name, b.Name = "first", "second"
	l := func(_ *rand.Rand, at time.Duration, target int) (time.Duration, bool) {
		return 20 * ms, at < 10*time.Second || target == 1 // target 1 exists in the second probe only
	}
	s := newSim(l, 1, 0, a, b)
	s.run(20*time.Second, nil)
	if !s.down() || !strings.HasPrefix(s.m.Snapshot().Reason, "first: ") {
		t.Errorf("%s: %s", s.m.State(), s.m.Snapshot().Reason)
	}
}

func TestHoldDownGrows(t *testing.T) {
	// Dead for 10 s in every 40 s.
	l := func(_ *rand.Rand, at time.Duration, _ int) (time.Duration, bool) {
		return 20 * ms, at%(40*time.Second) < 30*time.Second
	}
	s := newSim(l, 1, 0, standard(time.Second, 2))
	var holds []time.Duration
	before := 0
	for at := time.Second; at < 30*time.Minute; at += time.Second {
		s.run(at, nil)
		if n := s.fallen(); n != before {
			before = n
			holds = append(holds, s.m.Snapshot().Hold)
		}
	}
	want := []time.Duration{0, 5, 10, 20, 40, 80, 160, 300}
	for i, w := range want {
		if holds[i] != w*time.Second {
			t.Fatalf("hold-downs %v, want them to begin with %v (s)", holds, want)
		}
	}
	if len(holds) > 14 { // 45 outages
		t.Errorf("%d changes to down in 30 minutes", len(holds))
	}
	for range 4000 { // an hour of peace takes the levels back
		s.line = steady(20 * ms)
		s.run(s.now.Sub(epoch)+time.Second, nil)
	}
	s.line = hole()
	s.run(s.now.Sub(epoch)+10*time.Second, s.down)
	if h := s.m.Snapshot().Hold; h != 0 || !s.down() {
		t.Errorf("hold-down %v after an hour of peace", h)
	}
}

// TestUpIsNotHeldBackByTheOutage holds that rounds lost in the outage, whose time runs out after the line is back, delay nothing: with
// interval 0.1 and timeout 1 ten of them are still open then.
func TestUpIsNotHeldBackByTheOutage(t *testing.T) {
	l := from(from(steady(20*ms), 10*time.Second, hole()), 20*time.Second, steady(20*ms))
	p := standard(100*ms, 2)
	p.Down, p.Up = 5, 5
	p.DownInterval = 100 * ms
	s := newSim(l, 2, 0, p)
	s.run(25*time.Second, nil)
	last := s.trans[len(s.trans)-1]
	if took := last.At.Sub(epoch.Add(20 * time.Second)); last.To != health.Up || took > 600*ms {
		t.Errorf("%s %v after the line was back, want up within 600 ms", last.To, took)
	}
}
