package status

import (
	"fmt"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// Source is all that a document is made of.
type Source struct {
	Version      string
	Now, Started time.Time

	// File is the configuration's path, ConfigState one of the Config… constants, Loaded when what runs was read, Diagnostics what
	// was found in the file as it is now.
	File, ConfigState string
	Loaded            time.Time
	Diagnostics       config.Diagnostics

	Config *config.Config
	Plan   *plan.Plan // nil before the first pass
	Facts  plan.Facts
	Health map[string]map[kstate.Family]health.Snapshot
	// Forced are the WANs that the user took down by hand.
	Forced   map[string]Forced
	Warnings []string // of the plan, the loop, the hooks …
	Repairs  []Repair
	Counters Counters
	Timings  Timings
	// Hits are the new connections that rules took, by plan.CounterOf, HitBytes the sizes of their first packets.
	Hits, HitBytes map[string]uint64
	// Sites is what joins sites, nil where nothing does.
	Sites *Sites
}

// Forced says since when a WAN is down by hand, and until when; the zero time: for good.
type Forced struct{ Since, Until time.Time }

// Build makes the document.
func Build(s Source) *Document {
	d := &Document{
		Schema: Schema, Version: s.Version, Running: true, Time: s.Now.Unix(), Started: epoch(s.Started),
		Steering: s.Config.Globals.Steering,
		Config:   Config{State: s.ConfigState, File: s.File, Loaded: epoch(s.Loaded), Errors: []Diagnostic{}, Warnings: []Diagnostic{}},
		// Absent lists and maps are shown as empty ones: a reader need not tell null from none.
		Interfaces: map[string]Interface{}, Policies: map[string]Policy{}, Rules: []Rule{}, Pseudowires: map[string]Pseudowire{},
		IPsec: map[string]IPsec{}, Bonds: map[string]Bond{}, Tunnels: map[string]Tunnel{}, Warnings: []string{}, Notices: []Notice{},
		Repairs: []Repair{}, Counters: s.Counters, Timings: s.Timings,
	}
	d.Config.Errors, d.Config.Warnings = Diagnose(s.Diagnostics, s.File)
	for _, c := range s.Config.Interfaces {
		d.Interfaces[c.Name] = s.wan(c)
	}
	for _, r := range s.Config.Rules {
		d.Rules = append(d.Rules, s.rule(r))
	}
	if s.Plan != nil {
		for _, p := range s.Plan.Policies {
			d.Policies[p.Name] = s.policy(p)
		}
	}
	if s.Sites != nil {
		s.sites(d)
	}
	d.Warnings = append(d.Warnings, s.Warnings...)
	for _, w := range d.Warnings {
		d.Notices = append(d.Notices, NoticeOf(w))
	}
	d.Repairs = append(d.Repairs, s.Repairs...)
	return d
}

func (s Source) rule(r config.Rule) Rule {
	out := Rule{Name: r.Name, Line: r.Line, Enabled: r.Enabled, Match: MatchText(r), Policy: r.Policy, Origin: r.Origin}
	if n, counted := s.Hits[plan.CounterOf(r)]; counted {
		bytes := s.HitBytes[plan.CounterOf(r)]
		out.Hits, out.Bytes = &n, &bytes
	}
	return out
}

// Diagnose splits the findings of a configuration file into errors and warnings; neither is nil. Where one is in another file, that is named.
func Diagnose(ds config.Diagnostics, file string) (errors, warnings []Diagnostic) {
	errors, warnings = []Diagnostic{}, []Diagnostic{}
	for _, f := range ds {
		if f.File == file {
			f.File = ""
		}
		e := Diagnostic{File: f.File, Line: f.Line, Section: f.Section, Option: f.Option, Value: f.Value, Message: f.Want}
		if f.Warning {
			warnings = append(warnings, e)
		} else {
			errors = append(errors, e)
		}
	}
	return errors, warnings
}

func (s *Source) wan(c config.Interface) Interface {
	net := s.Facts.WANs[c.Name]
	i := Interface{State: health.Disabled.String(), Reason: "disabled in the configuration", Device: net.Device, Index: net.Index,
		Carrier: net.Carrier, MTU: net.MTU, Metric: c.Metric, Weight: c.Weight, Probes: []Probe{}}
	if i.Device == "" {
		i.Device = c.Device
	}
	hand, forced := s.Forced[c.Name]
	if forced {
		i.Forced, i.ForcedTo = "down", epoch(hand.Until)
	}
	switch {
	case !s.Config.Globals.Enabled:
		i.Reason = "multiwan is disabled in the configuration"
		return i
	case !c.Enabled:
		return i
	}
	var carries map[kstate.Family]bool
	if s.Plan != nil {
		for _, w := range s.Plan.WANs {
			if w.Name == c.Name {
				i.Mark, i.Table, carries = fmt.Sprintf("%#x", w.Mark), w.Table, w.Carries
			}
		}
	}
	var best *Side
	for _, f := range c.Families {
		h, known := s.Health[c.Name][f]
		side := sideOf(net, f, h, known)
		side.Carries = carries[f]
		if !shown(c, net, f, side) {
			continue
		}
		if forced {
			side.State, side.Since, side.Reason = health.Disabled.String(), epoch(hand.Since), "taken down by hand"
		}
		if f == kstate.IPv4 {
			i.IPv4 = side
		} else {
			i.IPv6 = side
		}
		i.Probes = append(i.Probes, probesOf(f, h)...)
		if best == nil || rank(side.State) < rank(best.State) {
			best = side
		}
	}
	if best != nil {
		i.State, i.Since, i.Reason, i.RTT, i.Loss = best.State, best.Since, best.Reason, best.RTT, best.Loss
	}
	return i
}

// shown leaves out a family that a WAN could use but never did: a line without IPv6 is no line that waits for it.
func shown(c config.Interface, net plan.WAN, f kstate.Family, s *Side) bool {
	if len(c.Families) == 1 || s.Address != "" || s.State != health.Waiting.String() {
		return true
	}
	other := kstate.IPv4
	if f == kstate.IPv4 {
		other = kstate.IPv6
	}
	return f == kstate.IPv4 && len(net.Side(other).Addrs) == 0
}

// rank orders states from good to bad, as the state of a WAN is that of its better family.
func rank(state string) int {
	for n, s := range []health.State{health.Up, health.Degraded, health.Suspect, health.Waiting, health.Down} {
		if state == s.String() {
			return n
		}
	}
	return 9
}

func sideOf(net plan.WAN, f kstate.Family, h health.Snapshot, known bool) *Side {
	facts := net.Side(f)
	s := &Side{State: h.State.String(), Since: epoch(h.Since), Reason: h.Reason, LastGood: epoch(h.LastGood)}
	if len(facts.Addrs) > 0 {
		s.Address = facts.Addrs[0].String()
	}
	if facts.Gateway.IsValid() {
		s.Gateway = facts.Gateway.String()
	}
	if why := net.Missing(f); why != "" && (!known || h.State == health.Waiting || h.State == health.Down) {
		s.Reason = why
	}
	if h.Held {
		s.HeldUntil = epoch(h.HoldUntil)
	}
	s.RTT, s.Jitter = millis(h.RTT), millis(h.Jitter)
	if probed(h) {
		s.Loss = number(h.Loss, 1)
	}
	return s
}

func probesOf(f kstate.Family, h health.Snapshot) []Probe {
	var out []Probe
	for _, p := range h.Probes {
		for _, t := range p.Targets {
			if t.Sent == 0 && t.EvidenceOnly {
				continue // the gateway of a line that has none
			}
			e := Probe{Name: p.Name, Method: p.Method, Family: FamilyText(f), Target: t.Target, State: p.State.String(),
				RTT: millis(t.RTT), Jitter: millis(t.Jitter), Sent: t.Sent, Answers: t.Answered, LastGood: epoch(t.LastGood)}
			if t.EvidenceOnly {
				e.State = "evidence"
			}
			if t.Sent > 0 {
				e.Loss = number(t.Loss, 1)
			}
			if t.LastFailure != "" {
				e.Failure = string(t.LastFailure)
				if t.Detail != "" {
					e.Failure += ": " + t.Detail
				}
			}
			out = append(out, e)
		}
	}
	return out
}

func (s Source) policy(p plan.PolicyPlan) Policy {
	out := Policy{Active: []Share{}, Members: []PolicyMember{}}
	for _, c := range s.Config.Policies {
		if c.Name == p.Name {
			for _, m := range c.Members {
				out.Members = append(out.Members, PolicyMember(m))
			}
		}
	}
	for _, f := range kstate.Families {
		if p.State[f] == "" {
			continue
		}
		side := &PolicyFamily{State: p.State[f], Active: []Share{}}
		for _, a := range p.Active[f] {
			side.Active = append(side.Active, Share{Interface: a.WAN, Weight: a.Weight, Percent: *number(a.Percent, 1)})
		}
		if f == kstate.IPv4 {
			out.IPv4 = side
		} else {
			out.IPv6 = side
		}
		if out.State == "" || len(out.Active) == 0 && len(side.Active) > 0 {
			out.State, out.Active = side.State, side.Active
		}
	}
	return out
}

// TransitionOf turns a change of health into an entry of the history.
func TransitionOf(wan string, f kstate.Family, t health.Transition, held time.Duration) Transition {
	out := Transition{Time: seconds(t.At), Interface: wan, Family: FamilyText(f), From: t.From.String(), To: t.To.String(),
		Reason: t.Reason, Held: held.Seconds(), Evidence: []Evidence{}}
	for _, e := range t.Evidence {
		out.Evidence = append(out.Evidence, EvidenceOf(e))
	}
	return out
}

// EvidenceOf turns one probe into an entry of the history.
func EvidenceOf(e health.Evidence) Evidence {
	out := Evidence{Time: seconds(e.Sent), Probe: e.Probe, Target: e.Target, Failure: string(e.Failure), Detail: e.Detail, Late: e.Late, Burst: e.Burst}
	if e.Failure == "" {
		out.RTT = millis(e.RTT)
	}
	return out
}
