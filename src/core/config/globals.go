package config

import (
	"fmt"
	"slices"
)

// foreignPriorities are rule priorities that other programs use. A base that overlaps them works until that program runs.
var foreignPriorities = []struct {
	lo, hi uint32
	who    string
}{
	{220, 220, "strongSwan's rule"},
	{1000, 3999, "the rules of mwan3, which deletes whatever it finds there"},
	{5210, 5270, "Tailscale's rules"},
	{10000, 10000, "netifd's rules"},
	{20000, 20000, "netifd's rules"},
	{29000, 31000, "pbr's rules"},
}

// priorities is how many rule priorities are ours from rule_base on.
const priorities = 1000

// globals fills in Globals: an option with an error has its default, but where `enabled` cannot be read nothing is started on a guess.
func (l *loader) globals() {
	doc := globalsDoc()
	s := emptySection(&doc, "globals")
	for i, found := range l.of("globals") {
		if i > 0 {
			l.fail(found, "", item{line: found.raw.Line}, "want one section globals, the first is in line %d", s.raw.Line)
			continue
		}
		s = found
	}
	g := &l.config.Globals
	*g = Globals{
		Enabled: one[bool](s, "enabled"), LogLevel: one[string](s, "log_level"), Steering: one[string](s, "steering"),
		MarkMask: one[uint32](s, "mark_mask"), RuleBase: uint32(one[int64](s, "rule_base")), TableBase: uint32(one[int64](s, "table_base")),
		Collision: one[string](s, "collision"), HookDir: one[string](s, "hook_dir"), FixedPorts: unique(many[uint16](s, "fixed_port")),
	}
	if en := s.opts["enabled"]; en != nil && en.wrong {
		g.Enabled = false
	}
	for _, f := range foreignPriorities {
		if g.RuleBase <= f.hi && f.lo < g.RuleBase+priorities {
			where := fmt.Sprint(f.lo)
			if f.hi != f.lo {
				where = fmt.Sprintf("%d - %d", f.lo, f.hi)
			}
			l.warn(s, "rule_base", s.first("rule_base"), "%d - %d overlaps %s at %s", g.RuleBase, g.RuleBase+priorities-1, f.who, where)
		}
	}
}

// checkSteering refuses, with steering 'route', what only marks can do.
func (l *loader) checkSteering() {
	if l.config.Globals.Steering != "route" {
		return
	}
	for _, s := range l.sections {
		for _, o := range s.raw.Options {
			od := s.doc.Option(o.Name)
			if od == nil || !s.has(o.Name) {
				continue
			}
			it := s.first(o.Name)
			switch {
			case od.MarkOnly && it.value != any(zeroDuration):
				l.fail(s, o.Name, it, "want no such option with steering 'route', which cannot do it (globals.steering)")
			case slices.Contains(od.MarkValues, it.text):
				l.fail(s, o.Name, it, "want %s with steering 'route', which cannot do this (globals.steering)", orList(without(od.Values, od.MarkValues)))
			case od.Not && s.negated(o.Name):
				l.fail(s, o.Name, it, "want no negation with steering 'route', whose routing rules have none (globals.steering)")
			case od.Name == "weight" && number(s, "weight") > maxRouteWeight:
				l.fail(s, o.Name, it, "want a weight 1 - %d with steering 'route', the most that the kernel's nexthops take (globals.steering)", maxRouteWeight)
			}
		}
	}
}

// maxRouteWeight is the kernel's limit (linux/nexthop.h, nexthop_grp.weight plus one).
const maxRouteWeight = 256

func without(words, gone []string) []string {
	var left []string
	for _, w := range words {
		if !slices.Contains(gone, w) {
			left = append(left, w)
		}
	}
	return left
}
