package plan

import (
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Nexthop objects of steering route: ids are global in a namespace, so ours sit high and apart.
const (
	nexthopBase = 0x4d570000 // "MW"
	groupBase   = 0x4d578000
	// A group of 128 buckets keeps shares within a per cent; a bucket may move after a minute without a packet, so live flows stay.
	groupBuckets = 128
	groupIdle    = 60
)

// nexthopGroup plans the resilient group of a policy (kernel 5.13 and later) and returns its id. Healthy flows do not move when a
// member goes or comes: only the buckets of the member that is gone are dealt out again.
func (b *builder) nexthopGroup(p *policy, f kstate.Family) uint32 {
	g := kstate.Nexthop{ID: groupBase + uint32(p.id)*2 + odd(f), Buckets: groupBuckets, IdleTimer: groupIdle}
	for _, s := range hopWeights(p.Active[f]) {
		g.Group = append(g.Group, kstate.NexthopMember{ID: b.nexthop(b.byName[s.WAN], f), Weight: s.Weight})
	}
	order.By(g.Group, func(i, j int) int { return int(g.Group[i].ID) - int(g.Group[j].ID) })
	b.plan.Want.Nexthops = append(b.plan.Want.Nexthops, g)
	b.plan.Why[g.Key()] = "members of policy " + p.PolicyPlan.Name
	return g.ID
}

// nexthop plans the single way out by a WAN, once, and returns its id.
func (b *builder) nexthop(w *wan, f kstate.Family) uint32 {
	s := w.Side(f)
	n := kstate.Nexthop{ID: nexthopBase + uint32(w.id)*2 + odd(f), Family: f, Gateway: s.Gateway, Device: w.dev(), OnLink: OffLink(s)}
	if _, dup := b.plan.Why[n.Key()]; !dup {
		b.plan.Want.Nexthops = append(b.plan.Want.Nexthops, n)
		b.plan.Why[n.Key()] = "way out by " + w.Name
	}
	return n.ID
}

func odd(f kstate.Family) uint32 {
	if f == kstate.IPv6 {
		return 1
	}
	return 0
}
