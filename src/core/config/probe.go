package config

import (
	"time"

	"multiwan/src/core/kstate"
)

// BuiltinProbe is the name of the probe of WANs that name none. A section of that name replaces it.
const BuiltinProbe = "builtin"

// builtinTargets are two public resolvers of different operators a family, and the gateway as evidence.
var builtinTargets = []string{"1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888", GatewayTarget}

// LoopbackName is the name of the probe of pseudowires that name none. A section of that name replaces it.
const LoopbackName = "loopback"

// loopback is the method that has no targets, farEnd what its only one is called.
const (
	loopback = "loopback"
	farEnd   = "far end"
)

const zeroDuration = time.Duration(0)

// probes fills in Probes.
func (l *loader) probes() {
	for _, s := range l.of("probe") {
		p := buildProbe(s)
		l.checkTargets(s, p)
		l.checkThresholds(s, p)
		if !s.bad {
			l.config.Probes = append(l.config.Probes, p)
		}
	}
}

func buildProbe(s *section) Probe {
	p := Probe{
		Name: s.raw.Name, Method: one[string](s, "method"), Targets: many[string](s, "target"), Reliability: number(s, "reliability"),
		Interval: one[time.Duration](s, "interval"), Timeout: one[time.Duration](s, "timeout"), Down: number(s, "down"), Up: number(s, "up"),
		DownInterval: one[time.Duration](s, "down_interval"), Window: number(s, "window"),
		LossDown: one[float64](s, "loss_down"), LossUp: one[float64](s, "loss_up"),
		LatencyDown: one[time.Duration](s, "latency_down"), LatencyUp: one[time.Duration](s, "latency_up"),
		Size: number(s, "size"), Port: int(one[uint16](s, "port")), Query: one[string](s, "query"), Path: one[string](s, "path"),
	}
	if !s.has("loss_up") {
		p.LossUp = p.LossDown / 2
	}
	if !s.has("latency_up") {
		p.LatencyUp = p.LatencyDown / 2
	}
	if p.Port == 0 {
		p.Port = defaultPorts[p.Method]
	}
	return p
}

// builtinProbe is made of the same defaults as a section that gives nothing but targets.
func builtinProbe() Probe {
	doc := probeDoc()
	s := emptySection(&doc, BuiltinProbe)
	p := buildProbe(s)
	p.Targets = append([]string(nil), builtinTargets...)
	return p
}

// builtins adds the built-in probes that are used and that the file does not replace.
func (l *loader) builtins() {
	used := make(map[string]bool)
	note := func(names []string) {
		for _, name := range names {
			used[name] = true
		}
	}
	for i := range l.config.Interfaces {
		note(l.config.Interfaces[i].Probes)
	}
	for i := range l.config.Pseudowires {
		note(l.config.Pseudowires[i].Probes)
	}
	for _, b := range l.config.Bonds {
		for _, m := range b.Members {
			note(m.Probes)
		}
	}
	for _, p := range l.config.Probes {
		delete(used, p.Name)
	}
	if used[BuiltinProbe] {
		l.config.Probes = append(l.config.Probes, builtinProbe())
	}
	if used[LoopbackName] {
		l.config.Probes = append(l.config.Probes, LoopbackProbe())
	}
}

// LoopbackProbe is the built-in probe of pseudowires: the far end, once a second, down after three lost messages in the confirming
// burst, up again after two good rounds. Another interval is a section of the same name away.
func LoopbackProbe() Probe {
	doc := probeDoc()
	p := buildProbe(emptySection(&doc, LoopbackName))
	p.Method, p.Down, p.Up = loopback, 3, 2
	return p
}

func (l *loader) checkTargets(s *section, p Probe) {
	if g := s.opts["method"]; g != nil && g.wrong {
		return
	}
	seen := make(map[Target]bool)
	for _, it := range s.items("target") {
		t, err := parseTarget(p.Method, it.text)
		if err != nil {
			l.fail(s, "target", it, "%s", err)
			continue
		}
		t.Text = ""
		if seen[t] {
			l.fail(s, "target", it, "want each target once")
		}
		seen[t] = true
	}
	if s.bad {
		return
	}
	for _, f := range kstate.Families {
		counted, _ := p.For(f)
		if n := len(counted); n > 0 && !counted[0].Gateway && p.Reliability > n {
			l.fail(s, "reliability", s.first("reliability"), "want at most %d, the number of targets for %s besides the gateway", n, f)
			return
		}
	}
	if counted, _ := p.For(kstate.IPv4); len(counted) == 1 && counted[0].Gateway && p.Reliability > 1 {
		if six, _ := p.For(kstate.IPv6); len(six) == 1 && six[0].Gateway {
			l.fail(s, "reliability", s.first("reliability"), "want 1, there is no target but the gateway")
		}
	}
}

func (l *loader) checkThresholds(s *section, p Probe) {
	switch {
	case s.has("loss_up") && p.LossDown == 0 && p.LossUp > 0:
		l.fail(s, "loss_up", s.first("loss_up"), "want loss_down with it")
	case p.LossDown > 0 && p.LossUp >= p.LossDown:
		l.fail(s, "loss_up", s.first("loss_up"), "want less than loss_down (%v)", p.LossDown)
	}
	switch {
	case s.has("latency_up") && p.LatencyDown == 0 && p.LatencyUp > 0:
		l.fail(s, "latency_up", s.first("latency_up"), "want latency_down with it")
	case p.LatencyDown > 0 && p.LatencyUp >= p.LatencyDown:
		l.fail(s, "latency_up", s.first("latency_up"), "want less than latency_down (%v ms)", p.LatencyDown.Milliseconds())
	}
	if p.LatencyDown >= p.Timeout {
		l.fail(s, "latency_down", s.first("latency_down"), "want less than timeout (%v ms), after which an answer is lost", p.Timeout.Milliseconds())
	}
}
