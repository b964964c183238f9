package reconcile

import (
	"context"
	"fmt"
	"strings"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

// The sizes of our ranges, and where the search for free ones ends: below the kernel's own rules of main and default, and below tables
// that others number by hash or by address.
const (
	ruleSpan  = 1000
	tableSpan = 256
	ruleEnd   = 32000
	tableEnd  = 65536
)

// numbers are the ranges that are used in place of the configured ones.
type numbers struct {
	// ForRules and ForTables are the configured ones: a decision holds only for these.
	ForRules, ForTables uint32
	Rules, Tables       uint32
	// Because names what was in the way of the configured ones; "" where nothing was.
	Because string
}

// warning says in words that the ranges moved, "" where they did not.
func (n numbers) warning() string {
	if n.Because == "" {
		return ""
	}
	return fmt.Sprintf("others use our numbers (%s): rules moved to %d, tables to %d", n.Because, n.Rules, n.Tables)
}

// ErrCollision says that others use our numbers and that the configuration refuses to move.
type ErrCollision struct{ With []string }

// Error names what collides.
func (e ErrCollision) Error() string {
	return "others use our numbers: " + strings.Join(e.With, "; ") +
		" (change rule_base or table_base of section globals, or set collision 'move')"
}

// settled says whether it was decided for this configuration which numbers are used.
func (l *Loop) settled(c *config.Config) bool {
	n := l.saved.Numbers
	return n.Rules != 0 && n.ForRules == c.Globals.RuleBase && n.ForTables == c.Globals.TableBase
}

// settleNumbers looks for foreign rules and tables in our ranges, once for each pair of configured ranges, and moves out of their way.
// For foreign marks it looks at every start, and whenever the configured mask changes.
func (l *Loop) settleNumbers(ctx context.Context, c *config.Config) error {
	g := c.Globals
	if l.settled(c) && l.maskSeen == g.MarkMask {
		return nil
	}
	rules, tables, err := l.ports.Routing.Foreign(ctx)
	if err != nil {
		return fmt.Errorf("look for foreign rules: %w", err)
	}
	if !l.settled(c) {
		if err := l.choose(g, rules, tables); err != nil {
			return err
		}
	}
	l.maskSeen, l.foreignMarks = g.MarkMask, nil
	for _, r := range rules {
		if r.Mask != 0 && r.Mask&g.MarkMask != 0 && (r.Mark&g.MarkMask != 0 || r.Mask&g.MarkMask != g.MarkMask) {
			l.foreignMarks = append(l.foreignMarks, fmt.Sprintf("another program uses bits of mark_mask %#x: ip %s", g.MarkMask, r))
		}
	}
	return nil
}

// choose takes the configured ranges, or the next ones that are free of foreign rules and tables.
func (l *Loop) choose(g config.Globals, rules []kstate.Rule, tables []uint32) error {
	n := numbers{ForRules: g.RuleBase, ForTables: g.TableBase, Rules: g.RuleBase, Tables: g.TableBase}
	var with []string
	if r, taken := ruleWithin(rules, n.Rules); taken {
		with = append(with, "ip "+r.String())
		n.Rules = free(n.Rules, ruleSpan, ruleEnd, func(base uint32) bool { _, taken := ruleWithin(rules, base); return taken })
	}
	if t, taken := tableWithin(tables, n.Tables); taken {
		with = append(with, fmt.Sprintf("routing table %d", t))
		n.Tables = free(n.Tables, tableSpan, tableEnd, func(base uint32) bool { _, taken := tableWithin(tables, base); return taken })
	}
	if len(with) > 0 && (g.Collision == "refuse" || n.Rules == 0 || n.Tables == 0) {
		return ErrCollision{With: with}
	}
	n.Because = strings.Join(with, "; ")
	l.saved.Numbers = n
	return nil
}

// refuse ends Run at the start. On a reload the configuration before it stays in force.
func (l *Loop) refuse(before *config.Config, err error) error {
	if before == nil {
		return err
	}
	l.mu.Lock()
	if l.in.config == l.config {
		l.in.config = before
	}
	l.in.mark("reload refused", true)
	l.mu.Unlock()
	if l.ports.Refused != nil {
		l.ports.Refused(l.config, err)
	}
	l.config, l.reloaded = before, false
	l.refused = []string{"the reload was refused: " + err.Error()}
	return nil
}

// free returns the first free range above base, else from the lowest of the search; 0 if there is none.
func free(base, span, end uint32, taken func(uint32) bool) uint32 {
	for b := base + span; b+span <= end; b += span {
		if !taken(b) {
			return b
		}
	}
	return 0
}

func ruleWithin(rules []kstate.Rule, base uint32) (kstate.Rule, bool) {
	for _, r := range rules {
		if r.Priority >= base && r.Priority < base+ruleSpan {
			return r, true
		}
	}
	return kstate.Rule{}, false
}

func tableWithin(tables []uint32, base uint32) (uint32, bool) {
	for _, t := range tables {
		if t >= base && t < base+tableSpan {
			return t, true
		}
	}
	return 0, false
}

// renumbered returns the configuration with the numbers that are used.
func (l *Loop) renumbered(c *config.Config) *config.Config {
	n := l.saved.Numbers
	if !l.settled(c) || n.Rules == c.Globals.RuleBase && n.Tables == c.Globals.TableBase {
		return c
	}
	moved := *c
	moved.Globals.RuleBase, moved.Globals.TableBase = n.Rules, n.Tables
	return &moved
}

// movedTo reads off our own rules and routes which ranges a predecessor had moved to.
func movedTo(c *config.Config, have kstate.State) numbers {
	g := c.Globals
	n := numbers{ForRules: g.RuleBase, ForTables: g.TableBase, Rules: g.RuleBase, Tables: g.TableBase}
	for _, r := range have.Rules {
		if r.Priority >= g.RuleBase+ruleSpan && (r.Priority-g.RuleBase)/ruleSpan*ruleSpan+g.RuleBase > n.Rules {
			n.Rules = g.RuleBase + (r.Priority-g.RuleBase)/ruleSpan*ruleSpan
		}
	}
	for _, r := range have.Routes {
		if r.Table >= g.TableBase+tableSpan {
			n.Tables = g.TableBase + (r.Table-g.TableBase)/tableSpan*tableSpan
		}
	}
	if n.Rules != g.RuleBase || n.Tables != g.TableBase {
		n.Because = "when they were chosen"
	}
	return n
}
