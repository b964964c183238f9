package config

import (
	"time"

	"multiwan/src/core/order"
)

// DefaultPolicy is the name of the policy for what no rule matches. Config always has one unless it has no enabled interface
// or tunnel: pseudowires and bonds lead to other sites, they carry it only where the file says so.
const DefaultPolicy = "default"

// maxPolicies is the number of policy tables in the range of ours, those of the WANs taken off.
const maxPolicies = 190

// policies fills in Policies, the default one included. It runs twice: for policies of WANs alone, which pseudowires may need, and, with
// joined, for those that name pseudowires and bonds.
func (l *loader) policies(joined bool) {
	l.readMembers(joined)
	waits := false
	for _, s := range l.of("policy") {
		if l.namesJoin(s) != joined {
			waits = waits || s.raw.Name == DefaultPolicy
			continue
		}
		l.checkName(s, reservedNames)
		p := l.buildPolicy(s)
		if !s.bad && len(p.Members) == 0 {
			l.emptyPolicy(s)
		}
		l.checkPacket(s, p)
		if !s.bad && len(l.config.Policies) >= maxPolicies {
			l.fail(s, "", item{line: p.Line}, "want at most %d policies", maxPolicies)
		}
		if !s.bad {
			l.config.Policies = append(l.config.Policies, p)
		}
	}
	if (joined || !waits) && !l.hasDefault() {
		l.synthesise()
	}
}

// isJoin says that the name is that of a pseudowire or bond.
func (l *loader) isJoin(name string) bool {
	s := l.named[name]
	return s != nil && (s.doc.Type == "pseudowire" || s.doc.Type == "bond")
}

// namesJoin says that a policy has a pseudowire or bond among its members.
func (l *loader) namesJoin(s *section) bool {
	direct, members := s.items("interface"), s.items("member")
	return order.Any(len(direct), func(i int) bool { return l.isJoin(direct[i].text) }) ||
		order.Any(len(members), func(i int) bool {
			m := l.named[members[i].text]
			return m != nil && m.doc.Type == "member" && l.isJoin(one[string](m, "interface"))
		})
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

func (l *loader) buildPolicy(s *section) Policy {
	p := Policy{
		Name: s.raw.Name, Line: s.raw.Line, Balance: one[string](s, "balance"), Sticky: one[time.Duration](s, "sticky"),
		LastResort: one[string](s, "last_resort"), Failback: one[string](s, "failback"),
		FailbackDelay: one[time.Duration](s, "failback_delay"), DrainTimeout: one[time.Duration](s, "drain_timeout"),
		DelaySpread: one[time.Duration](s, "delay_spread"),
	}
	if l.config.Globals.Steering == "route" && !s.has("failback") {
		p.Failback = "move" // the route of a connection is the route of the moment: it cannot stay
	}
	add := func(option string, it item, m Member) {
		if order.Any(len(p.Members), func(i int) bool { return p.Members[i].Interface == m.Interface }) {
			l.fail(s, option, it, "want each interface once in a policy (%s)", m.Interface)
			return
		}
		p.Members = append(p.Members, m)
	}
	for _, it := range s.items("interface") {
		if m, ok := l.wan(s, it); ok {
			add("interface", it, m)
		}
	}
	for _, it := range s.items("member") {
		if _, ok := l.refer(s, "member", it); ok {
			add("member", it, l.members[it.text])
		}
	}
	return p
}

// readMembers reads the sections member of WANs or, with joined, those of pseudowires and bonds.
func (l *loader) readMembers(joined bool) {
	for _, s := range l.of("member") {
		if !s.has("interface") || l.isJoin(s.first("interface").text) != joined {
			continue // reported as it was decoded, or not its turn
		}
		m, ok := l.wan(s, s.first("interface"))
		if !ok {
			s.bad = true
			continue
		}
		if s.has("metric") {
			m.Metric = number(s, "metric")
		}
		if s.has("weight") {
			m.Weight = number(s, "weight")
		}
		l.members[s.raw.Name] = m
	}
}

// wan resolves an option interface of a policy or member, with the WAN's own metric and weight. A pseudowire or bond that is named for the
// first time becomes a WAN by that.
func (l *loader) wan(s *section, it item) (Member, bool) {
	target, ok := l.refer(s, "interface", it)
	if !ok {
		return Member{}, false
	}
	if l.isJoin(it.text) && l.interfaceNamed(it.text) == nil {
		i, ok := l.joined[it.text]
		if !ok {
			l.drop(s, "interface", it, "want a %s with addresses of its own and a next hop: list ipaddr with a /30, /31 or /127, or option gateway with it (line %d)", target.doc.Type, target.raw.Line)
			return Member{}, false
		}
		l.addInterface(target, i)
		if target.bad {
			return Member{}, false
		}
	}
	i := l.interfaceNamed(it.text)
	return Member{Interface: i.Name, Metric: i.Metric, Weight: i.Weight}, true
}

// checkPacket refuses what would break connections whose packets go by several ways.
func (l *loader) checkPacket(s *section, p Policy) {
	if p.Balance != "packet" {
		return
	}
	if p.Sticky > 0 {
		l.fail(s, "sticky", s.first("sticky"), "want no stickiness with balance 'packet', which uses all members at once")
	}
	if p.Failback != "move_udp" && l.config.Globals.Steering != "route" {
		l.fail(s, "failback", s.first("failback"), "want no option failback with balance 'packet', whose connections belong to no member")
	}
	for _, m := range p.Members {
		it := s.first("balance")
		i := l.interfaceNamed(m.Interface)
		switch {
		case l.named[m.Interface].doc.Type == "tunnel":
			l.fail(s, "balance", it, "want connection or source with tunnel %s among the members: its provider takes the addresses of its own prefix alone", i.Name)
		case i.SNAT != "none" || i.SNAT6 != "none":
			l.fail(s, "balance", it, "want connection or source, or only members without translation: interface %s (line %d) has snat '%s' and snat6 '%s', and a connection cannot have two source addresses", i.Name, i.Line, i.SNAT, i.SNAT6)
		}
	}
}

// synthesise adds the default policy that the file does not have: all enabled interfaces and tunnels, and for the rest the
// defaults.
func (l *loader) synthesise() {
	doc := policyDoc()
	s := emptySection(&doc, DefaultPolicy)
	p := l.buildPolicy(s)
	for _, i := range l.config.Interfaces {
		if i.Enabled && !l.isJoin(i.Name) {
			p.Members = append(p.Members, Member{Interface: i.Name, Metric: i.Metric, Weight: i.Weight})
		}
	}
	if len(p.Members) > 0 {
		l.config.Policies = append(l.config.Policies, p)
	}
}
