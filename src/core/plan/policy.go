package plan

import (
	"math"
	"slices"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// policy is a configured policy with its resolution.
type policy struct {
	config.Policy
	PolicyPlan
	id int
}

// addPolicies decides which WANs carry each policy, per family, and from that which WANs carry anything.
func (b *builder) addPolicies() {
	for _, c := range b.c.Policies {
		id := b.f.PolicyIDs[c.Name]
		p := &policy{Policy: c, id: id, PolicyPlan: PolicyPlan{
			Name: c.Name, Table: b.c.Globals.TableBase + policyTableOffset + uint32(id),
			Active: map[kstate.Family][]Share{}, State: map[kstate.Family]string{},
		}}
		b.policies[c.Name] = p
		for _, f := range kstate.Families {
			p.Active[f], p.State[f] = b.resolve(p, f)
			if d := b.f.Apart[c.Name][f]; d > 0 && c.Balance == "packet" {
				b.warn("policy %s: the %s round-trip times of its members differ by %v, more than delay_spread: connections are spread in place of packets",
					c.Name, f, d.Round(time.Millisecond))
			}
		}
	}
	for _, w := range b.wans {
		for _, f := range kstate.Families {
			w.carries[f] = b.healthy(w, f)
		}
	}
	for _, p := range b.policies {
		for _, f := range kstate.Families {
			for _, s := range p.Active[f] {
				b.byName[s.WAN].carries[f] = true
			}
		}
	}
}

// resolve picks the members of the lowest metric that work, degraded ones only where no other does. Where none works at all, the last
// resort decides.
func (b *builder) resolve(p *policy, f kstate.Family) ([]Share, string) {
	members := b.members(p, f)
	best := lowestMetric(members)
	working := order.Without(members, func(m config.Member) bool { return !b.healthy(b.byName[m.Interface], f) })
	sound := order.Without(working, func(m config.Member) bool { return !b.f.Health[m.Interface][f].Sound() })
	if len(sound) > 0 {
		working = sound
	}
	ready := order.Without(working, func(m config.Member) bool { return b.f.HeldBack[p.PolicyPlan.Name][m.Interface] })
	if len(ready) == 0 {
		ready = working // nothing else works: a delayed failback would be an outage
	}
	if len(ready) > 0 {
		low := lowestMetric(ready)
		state := "up"
		if low != best {
			state = "backup"
		}
		return shares(order.Without(ready, func(m config.Member) bool { return m.Metric != low })), state
	}
	if p.LastResort != "best_effort" {
		return nil, p.LastResort
	}
	left := shares(b.leastBad(p, f, members))
	if len(left) == 0 {
		return nil, "none"
	}
	return left, "best_effort"
}

// members returns the members of a policy whose WAN is enabled for the family.
func (b *builder) members(p *policy, f kstate.Family) []config.Member {
	var ms []config.Member
	for _, m := range p.Members {
		if w := b.byName[m.Interface]; w != nil && w.has(f) {
			ms = append(ms, m)
		}
	}
	return ms
}

// leastBad picks the members that stay in use although no probe is answered (promise P3): what was in use until now, so that nothing
// moves for nothing; else the one that answered last; else the preferred one. A WAN that cannot send at all does not count.
func (b *builder) leastBad(p *policy, f kstate.Family, members []config.Member) []config.Member {
	members = order.Without(members, func(m config.Member) bool { return !b.byName[m.Interface].usable(f) })
	active := b.f.Active[p.PolicyPlan.Name][f]
	if kept := order.Without(members, func(m config.Member) bool { return !slices.Contains(active, m.Interface) }); len(kept) > 0 {
		return kept
	}
	if len(members) == 0 {
		return nil
	}
	order.By(members, func(i, j int) int {
		x, y := members[i], members[j]
		gx, gy := b.f.Health[x.Interface][f].LastGood, b.f.Health[y.Interface][f].LastGood
		if c := gy.Compare(gx); c != 0 {
			return c
		}
		return x.Metric - y.Metric
	})
	return members[:1]
}

func lowestMetric(ms []config.Member) int {
	low := math.MaxInt
	for _, m := range ms {
		low = min(low, m.Metric)
	}
	return low
}

// shares turns weights into the smallest integers of the same ratio, and per cent.
func shares(ms []config.Member) []Share {
	total, div := 0, 0
	for _, m := range ms {
		total += m.Weight
		div = gcd(div, m.Weight)
	}
	var out []Share
	for _, m := range ms {
		out = append(out, Share{WAN: m.Interface, Weight: m.Weight / div, Percent: 100 * float64(m.Weight) / float64(total)})
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
