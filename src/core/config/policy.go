package config

import (
	"slices"
	"time"
)

// DefaultPolicy is the name of the policy for what no rule matches. Config always has one unless it has no enabled interface.
const DefaultPolicy = "default"

// maxPolicies is the number of policy tables in the range of ours, those of the WANs taken off.
const maxPolicies = 190

// policies fills in Policies, the default one included.
func (l *loader) policies() {
	members := l.members()
	for _, s := range l.of("policy") {
		l.checkName(s, reservedNames)
		p := l.buildPolicy(s, members)
		if !s.bad && len(p.Members) == 0 {
			l.emptyPolicy(s)
		}
		if !s.bad && len(l.config.Policies) >= maxPolicies {
			l.fail(s, "", item{line: p.Line}, "want at most %d policies", maxPolicies)
		}
		if !s.bad {
			l.config.Policies = append(l.config.Policies, p)
		}
	}
	if !slices.ContainsFunc(l.config.Policies, func(p Policy) bool { return p.Name == DefaultPolicy }) {
		l.synthesise()
	}
}

// emptyPolicy leaves out a policy without members. Where the file names some, the reason has been reported already.
func (l *loader) emptyPolicy(s *section) {
	for _, option := range []string{"interface", "member"} {
		if s.has(option) {
			l.warn(s, option, s.items(option)[0], "no usable interface is left, policy left out")
			s.bad = true
			return
		}
	}
	l.fail(s, "interface", item{line: s.raw.Line}, "want at least one interface or member")
}

func (l *loader) buildPolicy(s *section, members map[string]Member) Policy {
	p := Policy{
		Name: s.raw.Name, Line: s.raw.Line, Balance: one[string](s, "balance"), Sticky: one[time.Duration](s, "sticky"),
		LastResort: one[string](s, "last_resort"), Failback: one[string](s, "failback"),
		FailbackDelay: one[time.Duration](s, "failback_delay"), DrainTimeout: one[time.Duration](s, "drain_timeout"),
	}
	if l.config.Globals.Steering == "route" && !s.has("failback") {
		p.Failback = "move" // the route of a connection is the route of the moment: it cannot stay
	}
	if p.Balance == "packet" {
		l.fail(s, "balance", s.first("balance"), "want connection or source: packet needs pseudowires, which this version does not have")
	}
	add := func(option string, it item, m Member) {
		if slices.ContainsFunc(p.Members, func(o Member) bool { return o.Interface == m.Interface }) {
			l.fail(s, option, it, "want each interface once in a policy (%s)", m.Interface)
			return
		}
		p.Members = append(p.Members, m)
	}
	for _, it := range s.items("interface") {
		if _, ok := l.refer(s, "interface", it); ok {
			add("interface", it, l.memberOf(it.text))
		}
	}
	for _, it := range s.items("member") {
		if _, ok := l.refer(s, "member", it); ok {
			add("member", it, members[it.text])
		}
	}
	return p
}

// members reads the sections member.
func (l *loader) members() map[string]Member {
	members := make(map[string]Member)
	for _, s := range l.of("member") {
		if !s.has("interface") {
			continue // reported as it was decoded
		}
		it := s.first("interface")
		if _, ok := l.refer(s, "interface", it); !ok {
			s.bad = true
			continue
		}
		m := l.memberOf(it.text)
		if s.has("metric") {
			m.Metric = number(s, "metric")
		}
		if s.has("weight") {
			m.Weight = number(s, "weight")
		}
		members[s.raw.Name] = m
	}
	return members
}

// memberOf is an interface as member of a policy by its own metric and weight.
func (l *loader) memberOf(name string) Member {
	i := l.config.Interfaces[slices.IndexFunc(l.config.Interfaces, func(i Interface) bool { return i.Name == name })]
	return Member{Interface: name, Metric: i.Metric, Weight: i.Weight}
}

// synthesise adds the default policy that the file does not have: all enabled interfaces, and for the rest the defaults.
func (l *loader) synthesise() {
	doc := policyDoc()
	s := emptySection(&doc, DefaultPolicy)
	p := l.buildPolicy(s, nil)
	for _, i := range l.config.Interfaces {
		if i.Enabled {
			p.Members = append(p.Members, l.memberOf(i.Name))
		}
	}
	if len(p.Members) > 0 {
		l.config.Policies = append(l.config.Policies, p)
	}
}
