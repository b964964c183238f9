package config

import (
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// rules fills in Rules.
func (l *loader) rules() {
	use := ruleUse{numbers: map[kstate.Family]int{}, sets: map[string]setUse{}}
	for _, s := range l.of("rule") {
		r := buildRule(s)
		l.checkPorts(s, &r)
		l.checkFamily(s, &r)
		l.checkOrigin(s, &r)
		ok := l.checkPolicy(s, r)
		if ok && !s.bad {
			l.checkTogether(s, r, use)
		}
		if ok && !s.bad {
			l.config.Rules = append(l.config.Rules, r)
		}
	}
}

func buildRule(s *section) Rule {
	mark := one[markValue](s, "fwmark")
	r := Rule{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Origin: one[string](s, "origin"), Policy: one[string](s, "policy"),
		Src: Addrs{s.negated("src_ip"), many[netip.Prefix](s, "src_ip")}, Dest: Addrs{s.negated("dest_ip"), many[netip.Prefix](s, "dest_ip")},
		Sport: Ports{s.negated("src_port"), merged(many[kstate.PortRange](s, "src_port"))}, Dport: Ports{s.negated("dest_port"), merged(many[kstate.PortRange](s, "dest_port"))},
		SrcIface: Names{s.negated("src_iface"), unique(many[string](s, "src_iface"))}, DSCP: DSCPs{s.negated("dscp"), unique(many[uint8](s, "dscp"))},
		NFTSet: one[string](s, "nftset"), NFTSetNot: s.negated("nftset"),
		UID: one[kstate.UIDRange](s, "uid"), Fwmark: mark.value, Mask: mark.mask,
		Sticky: one[time.Duration](s, "sticky"), StickySet: s.has("sticky"),
	}
	for _, f := range kstate.Families {
		if one[string](s, "family") == f.String() {
			r.Family = f
		}
	}
	for _, p := range many[Proto](s, "proto") {
		if p.Number == 0 {
			r.Proto = nil
			break
		}
		if !order.Any(len(r.Proto), func(i int) bool { return r.Proto[i].Number == p.Number }) {
			r.Proto = append(r.Proto, p)
		}
	}
	return r
}

// merged sorts ranges and joins those that overlap or touch: a set in the kernel takes none twice.
func merged(rs []kstate.PortRange) []kstate.PortRange {
	order.By(rs, func(i, j int) int { return int(rs[i].Lo) - int(rs[j].Lo) })
	var out []kstate.PortRange
	for _, r := range rs {
		if n := len(out); n > 0 && int(r.Lo) <= int(out[n-1].Hi)+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out = append(out, r)
	}
	return out
}

// unique drops what is listed twice, order kept.
func unique[T comparable](vs []T) []T {
	var out []T
	for _, v := range vs {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// checkPorts refuses ports of protocols that have none. Ports without a protocol are those of tcp and udp.
func (l *loader) checkPorts(s *section, r *Rule) {
	if len(r.Sport.List) == 0 && len(r.Dport.List) == 0 {
		return
	}
	if g := s.opts["proto"]; g != nil && g.wrong {
		return
	}
	if !s.has("proto") {
		r.Proto = []Proto{{"tcp", 6}, {"udp", 17}}
		return
	}
	for _, it := range s.items("proto") {
		if !slices.Contains(withPorts, it.value.(Proto).Number) {
			l.fail(s, "proto", it, "want tcp, udp, sctp, dccp or udplite, since the rule gives ports")
		}
	}
}

// checkFamily derives the family of a rule from its matches and refuses a rule that can match nothing.
func (l *loader) checkFamily(s *section, r *Rule) {
	word, said := "family", s.first("family")
	narrow := func(option string, f kstate.Family) {
		if f == 0 || s.bad {
			return
		}
		if r.Family != 0 && r.Family != f {
			l.fail(s, option, s.first(option), "want %s, as %s in line %d has it: nothing can match both", r.Family, word, said.line)
			return
		}
		if r.Family == 0 {
			r.Family, word, said = f, option, s.first(option)
		}
	}
	narrow("src_ip", onlyFamily(r.Src.List))
	narrow("dest_ip", onlyFamily(r.Dest.List))
	if len(r.Proto) == 1 {
		switch r.Proto[0].Number {
		case protocols["icmp"]:
			narrow("proto", kstate.IPv4)
		case protocols["icmpv6"]:
			narrow("proto", kstate.IPv6)
		}
	}
}

// onlyFamily returns the family of the prefixes where all have the same, else 0.
func onlyFamily(ps []netip.Prefix) kstate.Family {
	var f kstate.Family
	for _, p := range ps {
		g := kstate.FamilyOf(p.Addr())
		if f != 0 && f != g {
			return 0
		}
		f = g
	}
	return f
}

// checkOrigin refuses what routing rules cannot express, where the rule is for the router's own traffic.
func (l *loader) checkOrigin(s *section, r *Rule) {
	if r.Origin != "forwarded" {
		for _, o := range s.raw.Options {
			if od := s.doc.Option(o.Name); od != nil && od.Not && len(od.With) == 0 && s.has(o.Name) && s.negated(o.Name) {
				l.fail(s, o.Name, s.first(o.Name), "want no negation with origin '%s', the router's own traffic is matched by routing rules, which have none", r.Origin)
			}
		}
	}
	ours := l.config.Globals.MarkMask
	if s.has("fwmark") && r.Mask == 0 {
		r.Mask = ^ours
	}
	if s.has("fwmark") && (r.Mask|r.Fwmark)&ours != 0 {
		l.fail(s, "fwmark", s.first("fwmark"), "want a mark, or mark/mask, without the bits of mark_mask (%#x)", ours)
	}
}

// checkPolicy resolves the policy of a rule.
func (l *loader) checkPolicy(s *section, r Rule) bool {
	if !s.has("policy") || slices.Contains(reservedNames, r.Policy) {
		return true
	}
	it := s.first("policy")
	if r.Policy == DefaultPolicy && l.hasDefault() {
		return true // the file's own, or the one that stands for it
	}
	if r.Policy == DefaultPolicy && l.named[DefaultPolicy] == nil {
		l.drop(s, "policy", it, "want an enabled interface, there is none that the default policy could consist of")
		return false
	}
	target, ok := l.refer(s, "policy", it)
	if !ok {
		return false
	}
	if target.doc.Type != "policy" && !one[bool](target, "enabled") {
		l.warn(s, "policy", it, "is an interface that is not enabled: the rule has no effect")
	}
	return true
}

// hasDefault says that there is a default policy, also where the file's own one is left out.
func (l *loader) hasDefault() bool {
	return order.Any(len(l.config.Policies), func(i int) bool { return l.config.Policies[i].Name == DefaultPolicy })
}
