package nft

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// SetRef names a set of ours.
type SetRef struct{ Family, Name string }

// step is one piece of a transaction: its text for people and its messages.
type step struct {
	text  []string
	build func(*batch)
}

// Diff returns what Apply would change, as lines in nft(8) syntax. A chain that is filled anew shows only the rules that come and go.
func Diff(want []kstate.Table, have Observed) ([]string, error) {
	steps, err := plan(want, have, nil)
	return texts(steps), err
}

// prepared is the last transaction that was planned, with what it was planned from: most looks find the ruleset and the wish as they
// were, and what differs is asked for twice, to be told and to be sent.
type prepared struct {
	want       []kstate.Table
	generation uint32
	steps      []step
}

// Diff returns what Apply would change now, as lines in nft(8) syntax.
func (c *Conn) Diff(ctx context.Context, want []kstate.Table) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, err := c.observe(ctx)
	if err != nil {
		return nil, err
	}
	steps, err := c.prepare(want, have, nil)
	return texts(steps), err
}

// prepare plans a transaction, or finds it planned already. Tables that share their memory are the same: nobody changes a plan.
func (c *Conn) prepare(want []kstate.Table, have Observed, flush []SetRef) ([]step, error) {
	if len(flush) > 0 {
		return plan(want, have, flush)
	}
	if p := &c.prepared; p.generation == have.Generation && have.Generation != 0 && slices.EqualFunc(p.want, want, shared) {
		return p.steps, nil
	}
	steps, err := plan(want, have, nil)
	if err == nil {
		c.prepared = prepared{slices.Clone(want), have.Generation, steps}
	}
	return steps, err
}

func shared(a, b kstate.Table) bool {
	return a.Key() == b.Key() && same(a.Sets, b.Sets) && same(a.Counters, b.Counters) && same(a.Chains, b.Chains)
}

// same says whether two slices are of the same memory.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func texts(steps []step) (lines []string) {
	for _, s := range steps {
		lines = append(lines, s.text...)
	}
	return lines
}

// plan orders a transaction: what goes, first users and then what they use, then what comes, the other way round.
func plan(want []kstate.Table, have Observed, flush []SetRef) ([]step, error) {
	var steps []step
	wanted := map[string]bool{}
	for _, t := range want {
		if _, err := protoOf(t.Family); err != nil || t.Name != tableName || wanted[t.Family] {
			return nil, fmt.Errorf("table %s %s is not one of ours, or stands twice", t.Family, t.Name)
		}
		wanted[t.Family] = true
		steps = append(steps, planTable(t, have.table(t.Family), flush)...)
	}
	for _, t := range have.Tables {
		if !wanted[t.Family] {
			steps = append(steps, deleteTable(t.Family))
		}
	}
	return steps, nil
}

func deleteTable(family string) step {
	return step{[]string{fmt.Sprintf("delete table %s %s", family, tableName)}, func(b *batch) { b.table(family, unix.NFT_MSG_DELTABLE) }}
}

func planTable(want kstate.Table, have *Table, flush []SetRef) []step {
	p := tablePlan{family: want.Family}
	if have == nil || have.Dormant {
		p.step(func(b *batch) { b.table(p.family, unix.NFT_MSG_NEWTABLE) }, "add table %s %s", p.family, tableName)
	}
	if have == nil {
		have = &Table{Family: want.Family}
	}
	goneSets, goneObjects := p.obsolete(want, have)
	dirty := p.clear(want, have, append(slices.Clone(goneSets), goneObjects...))
	for _, name := range goneSets {
		p.step(func(b *batch) { b.deleteSet(p.family, name) }, "delete set %s %s %s", p.family, tableName, name)
	}
	for _, o := range have.Objects {
		if slices.Contains(goneObjects, o.Name) {
			p.step(func(b *batch) { b.deleteObject(p.family, o) }, "delete %s %s %s %s", objectWord(o.Type), p.family, tableName, o.Name)
		}
	}
	p.add(want, have, goneSets)
	p.fill(want, have, dirty)
	for _, f := range flush {
		standing := order.Any(len(have.Sets), func(i int) bool { return have.Sets[i].Name == f.Name }) && !slices.Contains(goneSets, f.Name)
		if f.Family == p.family && standing {
			p.step(func(b *batch) { b.flushSet(p.family, f.Name) }, "flush set %s %s %s", p.family, tableName, f.Name)
		}
	}
	return p.steps
}

// tablePlan collects the steps of one table.
type tablePlan struct {
	family string
	steps  []step
}

func (p *tablePlan) step(build func(*batch), format string, args ...any) {
	p.steps = append(p.steps, step{[]string{fmt.Sprintf(format, args...)}, build})
}

func objectWord(typ uint32) string {
	if typ == unix.NFT_OBJECT_COUNTER {
		return "counter"
	}
	return fmt.Sprintf("object of type %d", typ)
}

// obsolete returns the names of sets and objects that are not wanted, or not as they are.
func (p *tablePlan) obsolete(want kstate.Table, have *Table) (sets, objects []string) {
	decl := map[string]string{}
	for _, s := range want.Sets {
		decl[s.Name] = s.String()
	}
	for _, s := range have.Sets {
		if decl[s.Name] != s.Decl {
			sets = append(sets, s.Name)
		}
	}
	for _, o := range have.Objects {
		if o.Type != unix.NFT_OBJECT_COUNTER || !slices.Contains(want.Counters, o.Name) {
			objects = append(objects, o.Name)
		}
	}
	return sets, objects
}

// clear empties the chains that differ and those whose rules use something that goes, and deletes those that go or hang elsewhere.
// It returns the chains that are to be filled again.
func (p *tablePlan) clear(want kstate.Table, have *Table, gone []string) (dirty map[string]bool) {
	dirty = map[string]bool{}
	var deleted []string
	chains := chainsByName(want)
	for _, h := range have.Chains {
		w, stays := chains[h.Name]
		remade := stays && w.Header() != h.Header
		if stays && !remade && slices.Equal(h.Rules, identities(w)) && !uses(h.Rules, gone) {
			continue
		}
		dirty[h.Name] = true
		if len(h.Rules) > 0 {
			p.steps = append(p.steps, step{nil, func(b *batch) { b.flushChain(p.family, h.Name) }})
		}
		if !stays || remade {
			deleted = append(deleted, h.Name)
		}
	}
	for _, name := range deleted {
		p.step(func(b *batch) { b.deleteChain(p.family, name) }, "delete chain %s %s %s", p.family, tableName, name)
	}
	return dirty
}

func chainsByName(t kstate.Table) map[string]kstate.Chain {
	m := map[string]kstate.Chain{}
	for _, c := range t.Chains {
		m[c.Name] = c
	}
	return m
}

func identities(c kstate.Chain) []string {
	ids := make([]string, 0, len(c.Rules))
	for _, r := range c.Rules {
		ids = append(ids, identity(r))
	}
	return ids
}

// uses says whether one of the rules may use one of the names. A name within another's only fills a chain once too often.
func uses(rules, names []string) bool {
	return order.Any(len(rules), func(i int) bool {
		r := rules[i]
		return order.Any(len(names), func(i int) bool {
			return strings.Contains(r, "@"+names[i]) || strings.Contains(r, `"`+names[i]+`"`) || strings.Contains(r, " … #")
		})
	})
}

// add makes sets, counters and chains that are not there.
func (p *tablePlan) add(want kstate.Table, have *Table, goneSets []string) {
	for _, s := range want.Sets {
		if slices.Contains(goneSets, s.Name) || !order.Any(len(have.Sets), func(i int) bool { return have.Sets[i].Name == s.Name }) {
			p.step(func(b *batch) { b.addSet(p.family, s) }, "add set %s %s %s", p.family, tableName, strings.TrimPrefix(s.String(), "set "))
		}
	}
	for _, name := range want.Counters {
		if !slices.Contains(have.Objects, Object{name, unix.NFT_OBJECT_COUNTER}) {
			p.step(func(b *batch) { b.addCounter(p.family, name) }, "add counter %s %s %s", p.family, tableName, name)
		}
	}
	for _, c := range want.Chains {
		if order.Any(len(have.Chains), func(i int) bool { return have.Chains[i].Name == c.Name && have.Chains[i].Header == c.Header() }) {
			continue
		}
		text := fmt.Sprintf("add chain %s %s %s", p.family, tableName, c.Name)
		if h := c.Header(); h != "" {
			text += " { " + h + " }"
		}
		p.step(func(b *batch) { b.addChain(p.family, c) }, "%s", text)
	}
}

// fill adds all rules of chains that are new or were emptied.
func (p *tablePlan) fill(want kstate.Table, have *Table, dirty map[string]bool) {
	for _, c := range want.Chains {
		i := order.First(len(have.Chains), func(i int) bool { return have.Chains[i].Name == c.Name })
		if i >= 0 && !dirty[c.Name] {
			continue
		}
		var old []string
		if i >= 0 && have.Chains[i].Header == c.Header() {
			old = have.Chains[i].Rules
		}
		p.steps = append(p.steps, step{ruleLines(p.family, c, old), func(b *batch) {
			for _, r := range c.Rules {
				b.addRule(p.family, c.Name, r)
			}
		}})
	}
}

// ruleLines says which rules of a chain come and go.
func ruleLines(family string, c kstate.Chain, old []string) []string {
	var lines []string
	where := fmt.Sprintf("rule %s %s %s ", family, tableName, c.Name)
	left := map[string]int{}
	for _, id := range old {
		left[id]++
	}
	var added []string
	for _, r := range c.Rules {
		if id := identity(r); left[id] > 0 {
			left[id]--
		} else {
			added = append(added, "add "+where+r.String())
		}
	}
	for _, id := range old {
		if left[id] > 0 {
			left[id]--
			lines = append(lines, "delete "+where+id)
		}
	}
	if lines = append(lines, added...); len(lines) == 0 && len(old) > 0 {
		lines = append(lines, fmt.Sprintf("# order of the rules of chain %s %s %s", family, tableName, c.Name))
	}
	return lines
}
