package mwan3

import (
	"strconv"

	"multiwan/src/core/order"
	"multiwan/src/core/uci"
)

// member is one of mwan3's member sections.
type member struct {
	*source
	half           *half // nil: leads nowhere
	metric, weight int
	needed         bool // written: some policy uses it, or it is the first choice of its WAN
}

// maxMetric is where mwan3 stops to heed members (DEFAULT_LOWEST_METRIC).
const maxMetric = 256

// readMembers reads the members; which of them are written, the policies decide.
func (im *importer) readMembers(sources []*source) {
	for _, s := range sources {
		m := &member{source: s, metric: 1, weight: 1}
		v := s.get("interface")
		m.half = im.wans[v.Text]
		m.metric = s.bounded("metric", 1, 1, 9999)
		if m.metric > maxMetric {
			s.note("metric", s.get("metric"), "works here: mwan3 passes over members with a metric above %d", maxMetric)
		}
		m.weight = s.bounded("weight", 1, 1, 1000)
		if m.half == nil {
			s.drop("interface '%s' is not carried over either", v.Text)
			continue
		}
		m.needed = !m.half.joined
		im.members[s.Name] = m
		im.memberList = append(im.memberList, m)
	}
}

// bounded reads a number, or what mwan3 takes where it is not given.
func (s *source) bounded(option string, missing, low, high int) int {
	v := s.get(option)
	if v.Text == "" {
		return missing
	}
	n, err := strconv.Atoi(v.Text)
	if err != nil {
		s.note(option, v, "%d: not a number", missing)
		return missing
	}
	if bounded := min(max(n, low), high); bounded != n {
		s.note(option, v, "%d: the option goes from %d to %d", bounded, low, high)
		n = bounded
	}
	return n
}

// readPolicies writes policies, and the members that they need.
func (im *importer) readPolicies(sources []*source) {
	for _, s := range sources {
		switch s.Name {
		case "default", "unreachable", "blackhole":
			s.drop("in mwan3 no rule can use it: the word has a meaning of its own in use_policy")
			continue
		}
		im.policy(s)
		s.rest()
	}
	for _, s := range im.memberList {
		if !s.needed {
			s.drop("'%s' is one WAN here, and another member stands for both of its families", s.half.wan)
			continue
		}
		t := newTarget("member", s.Name, false)
		t.option("interface", s.half.wan)
		t.option("metric", strconv.Itoa(s.metric))
		t.option("weight", strconv.Itoa(s.weight))
		im.memberSections = append(im.memberSections, t.Section)
		s.rest()
	}
}

func (im *importer) policy(s *source) {
	lastResort := im.lastResort(s)
	chosen := im.choose(s)
	if len(chosen) == 0 {
		s.drop("it has no member, so its rules go to '%s' at once", lastResort)
		im.policies[s.Name] = lastResort
		return
	}
	name := s.Name
	if name == "main" {
		name = im.name("main_policy")
		s.note("", uci.Value{}, "renamed '%s': 'main' has a meaning of its own in rules", name)
	}
	im.policies[s.Name] = name
	s.checkLength()
	t := newTarget("policy", name, false)
	var names []string
	failback := "keep" // mwan3 leaves connections where they are, unless told to flush
	for _, m := range chosen {
		names = append(names, m.Name)
		for _, v := range m.half.List("flush_conntrack") {
			if v.Text == "ifup" || v.Text == "connected" {
				failback = "move"
			}
		}
	}
	t.list("member", names...)
	t.option("last_resort", lastResort)
	t.option("failback", failback)
	im.policySections = append(im.policySections, t.Section)
}

func (im *importer) lastResort(s *source) string {
	switch v := s.get("last_resort"); v.Text {
	case "default":
		return "main"
	case "blackhole", "unreachable":
		return v.Text
	case "":
	default:
		s.note("last_resort", v, "unreachable: mwan3 does not know the word and takes that")
	}
	return "unreachable"
}

// choose returns the members of a policy, one for each WAN.
func (im *importer) choose(s *source) []*member {
	var chosen []*member
	for _, v := range s.list("use_member") {
		m := im.members[v.Text]
		if m == nil {
			s.note("use_member", v, "not carried over: there is no such member, or its interface is not carried over")
			continue
		}
		i := order.First(len(chosen), func(i int) bool { return chosen[i].half.wan == m.half.wan })
		if i < 0 {
			chosen = append(chosen, m)
			continue
		}
		c := chosen[i]
		switch same := c.metric == m.metric && c.weight == m.weight; {
		case c.half == m.half && !same:
			s.note("use_member", v, "not carried over: '%s' of the policy names the same interface", c.Name)
		case c.half == m.half:
		case m.half.joined:
			if !same {
				s.note("use_member", v, "not carried over: '%s' is one WAN here, with metric and weight of '%s' for both families", m.half.wan, c.Name)
			}
		default: // the IPv4 half speaks for the WAN
			if !same {
				s.note("use_member", uci.Value{Text: c.Name}, "not carried over: '%s' is one WAN here, with metric and weight of '%s' for both families", m.half.wan, m.Name)
			}
			chosen[i] = m
		}
	}
	for _, c := range chosen {
		c.needed = true
		im.checkHalves(s, c)
	}
	return chosen
}

// checkHalves notes a policy that names a WAN of two families in one of them only.
func (im *importer) checkHalves(s *source, c *member) {
	families := make(map[string]bool)
	for _, h := range im.wans {
		if h.wan == c.half.wan {
			families[h.family] = true
		}
	}
	used := make(map[string]bool)
	for _, v := range s.List("use_member") {
		if m := im.members[v.Text]; m != nil && m.half.wan == c.half.wan {
			used[m.half.family] = true
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		if families[family] && !used[family] {
			s.note("use_member", uci.Value{Text: c.Name}, "used for %s too: '%s' is one WAN here, and the policy named only its other half", family, c.half.wan)
		}
	}
}

// checkLength notes names that mwan3 refuses, so that the section works only here.
func (s *source) checkLength() {
	if len(s.Name) > 15 && !s.Anonymous {
		s.note("", uci.Value{}, "works here: mwan3 passes over names of more than 15 characters")
	}
}
