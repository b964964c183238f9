package config

import (
	"strings"

	"multiwan/src/core/kstate"
)

// MaxRouterRules is how many enabled rules a family may have for the router's own traffic (with steering 'route' for any traffic): each
// takes a priority of its own.
const MaxRouterRules = 299

// ruleUse is what the enabled rules so far take together.
type ruleUse struct {
	numbers map[kstate.Family]int
	sets    map[string]setUse // by their names in the kernel
}

// setUse says for which rule a set of the kernel is, and what it holds.
type setUse struct {
	family kstate.Family
	line   int
}

// checkTogether refuses a rule that has no room beside those before it, or that would have the kernel refuse them all.
func (l *loader) checkTogether(s *section, r Rule, use ruleUse) {
	if !r.Enabled {
		return
	}
	for _, f := range kstate.Families {
		if s.bad || r.Family != 0 && r.Family != f {
			continue
		}
		if r.NFTSet != "" {
			l.checkSet(s, r, f, use.sets)
		}
		if r.Origin != "forwarded" || l.config.Globals.Steering == "route" {
			if use.numbers[f]++; use.numbers[f] > MaxRouterRules {
				l.fail(s, "", item{line: r.Line}, "want at most %d rules a family with origin 'router' or 'any' (with steering 'route' of any origin)", MaxRouterRules)
			}
		}
	}
}

// checkSet refuses a name that the other family's set of another rule has, or one of our own sets may have.
func (l *loader) checkSet(s *section, r Rule, f kstate.Family, sets map[string]setUse) {
	it := s.first("nftset")
	if strings.HasPrefix(r.NFTSet, "sticky4_") || strings.HasPrefix(r.NFTSet, "sticky6_") {
		l.fail(s, "nftset", it, "want another name, those that begin with sticky4_ and sticky6_ are multiwan's own")
		return
	}
	name := r.NFTSet
	if f == kstate.IPv6 {
		name += "6"
	}
	other, known := sets[name]
	if known && other.family != f {
		l.fail(s, "nftset", it, "want another name, the set %s of the rule in line %d is of %s and this one is of %s", name, other.line, other.family, f)
		return
	}
	sets[name] = setUse{f, r.Line}
}
