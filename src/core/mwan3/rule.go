package mwan3

import (
	"strconv"
	"strings"

	"multiwan/src/core/uci"
)

// readRules writes the rules in file order, and at the end what mwan3 does with
// traffic that none of them matches.
func (im *importer) readRules(sources []*source) {
	covered := make(map[string]bool)
	for _, s := range sources {
		im.rule(s, covered)
		s.rest()
	}
	if covered["ipv4"] && covered["ipv6"] {
		return
	}
	t := newTarget("rule", im.name("unmatched"), false)
	t.option("origin", "any")
	if covered["ipv4"] {
		t.option("family", "ipv6")
	} else if covered["ipv6"] {
		t.option("family", "ipv4")
	}
	t.option("policy", "main")
	im.ruleSections = append(im.ruleSections, t.Section)
	im.notes = append(im.notes, Note{Why: "rule '" + t.Name + "' was added: mwan3 leaves what no rule matches to the main routing table; without it the policy named default, or all interfaces, would carry that"})
}

func (im *importer) rule(s *source, covered map[string]bool) {
	policy, why := im.usePolicy(s)
	if why != "" {
		s.drop("%s", why)
		return
	}
	m := s.match()
	if m.impossible != "" {
		s.drop("it matches nothing: %s", m.impossible)
		return
	}
	s.checkLength()
	enabled := s.on("enabled", true)
	if !enabled {
		s.note("enabled", s.get("enabled"), "the rule is off here and in mwan3's nftables port; older versions do not know the option")
	}
	if len(m.wrong) > 0 {
		enabled = false
		s.note("", uci.Value{}, "switched off: without %s it would match more than it should", strings.Join(m.wrong, " and "))
	}
	sticky := s.sticky(policy)
	// mwan3's rules are for the router's own traffic too. Here that is matched by
	// routing rules, which know no input interface, set or stickiness.
	switch {
	case m.srcIface != "":
		im.writeRule(s, m, policy, sticky, "forwarded", enabled)
	case m.nftset != "":
		im.writeRule(s, m, policy, sticky, "forwarded", enabled)
		s.note("ipset", s.get("ipset"), "set '%s' in table inet multiwan, and '%s6' for IPv6: fill it by dnsmasq (nftset) or by hand. The router's own traffic is not matched", m.nftset, m.nftset)
	case sticky != "":
		im.writeRule(s, m, policy, sticky, "forwarded", enabled)
		im.writeRule(s, m, policy, "", "router", enabled)
		s.note("sticky", s.get("sticky"), "for forwarded traffic; a second rule gives the router's own to the policy without it")
	default:
		im.writeRule(s, m, policy, "", "any", enabled)
		if enabled && m.everything {
			for _, family := range []string{"ipv4", "ipv6"} {
				covered[family] = covered[family] || m.family == "" || m.family == family
			}
		}
	}
}

// usePolicy says what carries the traffic, or why the rule does nothing.
func (im *importer) usePolicy(s *source) (policy, why string) {
	switch v := s.get("use_policy"); v.Text {
	case "":
		return "", "mwan3 passes over a rule without use_policy"
	case "default":
		return "main", ""
	case "unreachable", "blackhole":
		return v.Text, ""
	default:
		if policy = im.policies[v.Text]; policy == "" {
			return "", "there is no policy '" + v.Text + "', so in mwan3 the next rules decide"
		}
		return policy, ""
	}
}

// sticky returns how long a source keeps its WAN in seconds, empty: not at all.
func (s *source) sticky(policy string) string {
	v, timeout := s.get("sticky"), s.get("timeout")
	switch {
	case v.Text != "1":
		if v.Text != "" && v.Text != "0" {
			s.note("sticky", v, "not carried over: mwan3 takes only 1 and 0")
		}
		if timeout.Text != "" {
			s.note("timeout", timeout, "not carried over: without sticky it does nothing")
		}
		return ""
	case policy == "main" || policy == "unreachable" || policy == "blackhole":
		s.note("sticky", v, "not carried over: there is no WAN to keep")
		if timeout.Text != "" {
			s.note("timeout", timeout, "not carried over: there is no WAN to keep")
		}
		return ""
	}
	return strconv.Itoa(s.bounded("timeout", 600, 1, 604800))
}

func (im *importer) writeRule(s *source, m match, policy, sticky, origin string, enabled bool) {
	name := s.Name
	if origin == "router" && !s.Anonymous {
		name = im.name(name + "_router")
	}
	t := newTarget("rule", name, s.Anonymous)
	if !enabled {
		t.option("enabled", "0")
	}
	if origin != "forwarded" {
		t.option("origin", origin)
	}
	t.option("family", m.family)
	t.option("proto", m.proto)
	t.list("src_ip", m.src...)
	t.list("src_port", m.sport...)
	t.list("dest_ip", m.dest...)
	t.list("dest_port", m.dport...)
	t.option("src_iface", m.srcIface)
	t.option("nftset", m.nftset)
	t.option("sticky", sticky)
	t.option("policy", policy)
	im.ruleSections = append(im.ruleSections, t.Section)
}
