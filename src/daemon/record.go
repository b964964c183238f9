package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

const (
	historyLength = 200  // transitions kept
	backlog       = 1000 // lines that wait for a slow log; more are dropped and counted
)

// record keeps what happened, for the status and the log. What calls it never waits for the log.
type record struct {
	log *logrus.Logger

	mu       sync.Mutex
	ring     *status.Ring
	last     reconcile.Snapshot // of a pass that decided something
	counters status.Counters
	timings  status.Timings
	faults   map[string]*fault
	policies map[string]string // what was logged last of a policy and family
	warned   map[string]bool
	repaired map[string]bool
	sites    sites
	lines    []func()
	dropped  int
	ready    chan struct{}
}

// fault is a lasting fault of one part: logged once, counted, and shown as a warning while it lasts.
type fault struct {
	text  string
	count int
	since time.Time
}

func newRecord(log *logrus.Logger) *record {
	return &record{log: log, ring: status.NewRing(historyLength), faults: map[string]*fault{}, policies: map[string]string{},
		warned: map[string]bool{}, repaired: map[string]bool{}, sites: newSites(), ready: make(chan struct{}, 1)}
}

// run writes the log until ctx ends, and then what is left.
func (r *record) run(ctx context.Context) error {
	for {
		done := false
		select {
		case <-ctx.Done():
			done = true
		case <-r.ready:
		}
		r.mu.Lock()
		lines, dropped := r.lines, r.dropped
		r.lines, r.dropped = nil, 0
		r.mu.Unlock()
		for _, write := range lines {
			write()
		}
		if dropped > 0 {
			r.log.Warnf("%d log lines dropped", dropped)
		}
		if done {
			return nil
		}
	}
}

// say queues a line; r.mu is held.
func (r *record) say(l logrus.Level, fields logrus.Fields, format string, args ...any) {
	if !r.log.IsLevelEnabled(l) {
		return
	}
	if len(r.lines) == backlog {
		r.dropped++
		return
	}
	text := fmt.Sprintf(format, args...)
	r.lines = append(r.lines, func() { r.log.WithFields(fields).Log(l, text) })
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// transitions notes changes of health.
func (r *record) transitions(u probe.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range u.Transitions {
		var held time.Duration
		if i == len(u.Transitions)-1 && !u.Snapshot.State.Usable() && u.Snapshot.HoldUntil.After(t.At) {
			held = u.Snapshot.Hold
		}
		level := logrus.DebugLevel
		if t.Verdict() {
			level = logrus.InfoLevel
		}
		subject := "wan"
		if u.Family == 0 {
			subject = status.KindPseudowire
		}
		r.say(level, logrus.Fields{subject: u.WAN, "family": status.FamilyText(u.Family)}, "%s, was %s: %s", t.To, t.From, t.Reason)
		if t.Verdict() { // suspicions that came to nothing would fill the history of a lossy line
			r.ring.Add(status.TransitionOf(u.WAN, u.Family, t, held))
			r.counters.Transitions++
			r.sites.heard(u, t)
		}
	}
}

// history returns the last n transitions of a WAN, or of all.
func (r *record) history(n int, wan string) []status.Transition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ring.Last(n, wan)
}

// fault notes that a part has a fault, or with nil that it has none.
func (r *record) fault(part string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setFault(part, err)
}

func (r *record) setFault(part string, err error) {
	f := r.faults[part]
	switch {
	case err == nil && f == nil:
	case err == nil:
		r.say(logrus.InfoLevel, nil, "%s: works again after %d failures", part, f.count)
		delete(r.faults, part)
	case f == nil:
		r.faults[part] = &fault{text: err.Error(), count: 1, since: time.Now()}
		r.say(logrus.WarnLevel, nil, "%s: %v", part, err)
	case f.text != err.Error():
		f.text = err.Error()
		f.count++
		r.say(logrus.WarnLevel, nil, "%s: %v", part, err)
	default:
		f.count++
	}
}

// warnings returns the lasting faults and the warnings of the last pass.
func (r *record) warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.last.Warnings)
	for _, p := range r.last.Problems {
		out = append(out, fmt.Sprintf("%s: %s (%d tries)", p.Op, p.Error, p.Tries))
	}
	for _, part := range order.Keys(r.faults) {
		f := r.faults[part]
		text := part + ": " + f.text
		if f.count > 1 {
			text += fmt.Sprintf(" (%d times)", f.count)
		}
		out = append(out, text)
	}
	for _, name := range order.Keys(r.last.Settings) {
		out = append(out, fmt.Sprintf("setting %s was %s and is changed while multiwan runs", strings.ReplaceAll(name, "/", "."), r.last.Settings[name]))
	}
	return out
}

// pass notes the outcome of a pass.
func (r *record) pass(s reconcile.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters.Passes = s.Serial
	r.setFault("pass", s.Err)
	if s.Err != nil {
		r.last.Problems, r.last.Drifts, r.last.Warnings = s.Problems, s.Drifts, s.Warnings
		return
	}
	r.counters.Repairs = uint64(s.Repaired)
	r.timed(s.Times)
	var repairs []string
	for _, d := range s.Done {
		if d.Err != nil {
			r.counters.Failed++
			continue
		}
		r.counters.Writes++
		if d.Drift {
			repairs = append(repairs, d.Op.String())
		}
	}
	r.repair(repairs)
	r.effects(s.Effects)
	r.problems(s.Problems)
	r.changes(s)
	r.join(s)
	r.last = s
}

// timed notes how long a pass took.
func (r *record) timed(t reconcile.Times) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	was := r.timings
	r.timings = status.Timings{Pass: ms(t.Total), Observe: ms(t.Observe), Plan: ms(t.Plan), Apply: ms(t.Apply), Effects: ms(t.Effects),
		Switch: was.Switch, SwitchMost: was.SwitchMost}
	if t.FromVerdict > 0 {
		r.timings.Switch = ms(t.FromVerdict)
		r.timings.SwitchMost = max(was.SwitchMost, r.timings.Switch)
	}
}

// repair says in one line what a pass had to repair; what was said of an object once is only counted from then on.
func (r *record) repair(ops []string) {
	fresh := order.Without(ops, func(op string) bool { return r.repaired[op] })
	if len(fresh) == 0 {
		return
	}
	if len(r.repaired) >= backlog {
		clear(r.repaired)
	}
	for _, op := range fresh {
		r.repaired[op] = true
	}
	more := ""
	if n := len(ops) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	r.say(logrus.WarnLevel, nil, "repaired what another program changed: %s%s", fresh[0], more)
}

func (r *record) effects(effects []reconcile.Happened) {
	for _, e := range effects {
		switch {
		case e.Err != nil:
			r.counters.Failed++
			r.say(logrus.WarnLevel, nil, "%s: %v", e.Effect, e.Err)
		case strings.HasPrefix(e.Effect, "hook "):
		default:
			r.counters.Evicted += uint64(e.Evicted)
			r.say(logrus.InfoLevel, nil, "%s", e.Effect)
		}
	}
}

// problems logs operations that begin to fail, or fail otherwise, and those that work again.
func (r *record) problems(problems []reconcile.Problem) {
	now := make(map[string]reconcile.Problem, len(problems))
	for _, p := range problems {
		now[p.Object] = p
	}
	for _, old := range r.last.Problems {
		if _, still := now[old.Object]; !still {
			r.say(logrus.InfoLevel, nil, "works again or is not needed any more: %s", old.Op)
		}
	}
	for _, p := range problems {
		was := order.First(len(r.last.Problems), func(i int) bool { return r.last.Problems[i].Object == p.Object && r.last.Problems[i].Error == p.Error })
		if was < 0 {
			r.say(logrus.WarnLevel, nil, "%s: %s", p.Op, p.Error)
		}
	}
}

// changes logs what became of policies, and new warnings.
func (r *record) changes(s reconcile.Snapshot) {
	for _, p := range s.Plan.Policies {
		for _, f := range kstate.Families {
			key, text := p.Name+" "+f.String(), policyText(p, f)
			if r.policies[key] != text && p.State[f] != "" {
				r.say(logrus.InfoLevel, logrus.Fields{"policy": p.Name, "family": f}, "%s", text)
			}
			r.policies[key] = text
		}
	}
	warned := make(map[string]bool)
	for _, w := range s.Warnings {
		key := status.Uncounted(w)
		warned[key] = true
		if !r.warned[key] {
			r.say(logrus.WarnLevel, nil, "%s", w)
		}
	}
	r.warned = warned
	if len(s.Done) > 0 {
		r.say(logrus.DebugLevel, nil, "pass %d: %d operations in %s: %s", s.Serial, len(s.Done), s.Times.Total.Round(10*time.Microsecond), strings.Join(s.Reasons, ", "))
	}
}

func policyText(p plan.PolicyPlan, f kstate.Family) string {
	var by []string
	for _, s := range p.Active[f] {
		by = append(by, fmt.Sprintf("%s %.0f%%", s.WAN, s.Percent))
	}
	return strings.TrimSuffix(p.State[f]+": "+strings.Join(by, ", "), ": ")
}

// snapshot returns the last pass that decided something; false before it.
func (r *record) snapshot() (reconcile.Snapshot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.last.Plan != nil
}

func (r *record) count() (status.Counters, status.Timings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counters, r.timings
}
