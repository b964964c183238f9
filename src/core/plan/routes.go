package plan

import (
	"net/netip"

	"multiwan/src/core/kstate"
)

// Metrics inside our tables. The refusal stands behind the live default, so that a dead line answers instead of swallowing.
const (
	metricLive    = 1
	metricRefusal = 2000
)

// wanRoutes fills the table of each WAN: its default, its own connected prefixes (rule prioOtherWAN sends sources past main's), and a
// refusal behind.
func (b *builder) wanRoutes() {
	for _, w := range b.wans {
		for _, f := range kstate.Families {
			if !w.has(f) {
				continue
			}
			b.connected(w, f)
			if w.Usable(f) {
				b.addRoute(b.via(w, f), "default of "+w.Name+"; kept while the wan is down, or no probe could tell that it is back")
			}
			b.addRoute(kstate.Route{Family: f, Table: w.table, Type: kstate.Prohibit, Dst: f.Any(), Metric: metricRefusal},
				"answers for "+w.Name+" when its default is gone")
		}
	}
}

// connected copies the WAN's own connected routes, which are there as long as its addresses: also without a gateway, as while a DHCP
// client renews.
func (b *builder) connected(w *wan, f kstate.Family) {
	if len(b.wans) < 2 || w.Index == 0 || !w.Up {
		return
	}
	seen := map[netip.Prefix]bool{}
	for _, a := range w.Side(f).Addrs {
		p := a.Masked()
		if seen[p] || p.IsSingleIP() {
			continue
		}
		seen[p] = true
		b.addRoute(kstate.Route{
			Family: f, Table: w.table, Type: kstate.Unicast, Dst: p, Metric: metricLive, Device: w.dev(), Src: a.Addr(),
		}, "connected to "+w.Name)
	}
}

// via returns a default route by a WAN's gateway, in its table.
func (b *builder) via(w *wan, f kstate.Family) kstate.Route {
	s := w.Side(f)
	return kstate.Route{
		Family: f, Table: w.table, Type: kstate.Unicast, Dst: f.Any(), Metric: metricLive,
		Gateway: s.Gateway, Device: w.dev(), OnLink: OffLink(s), Src: s.Addrs[0].Addr(),
	}
}

// OffLink says whether the gateway lies outside the WAN's connected prefixes, as with host addresses of hosters, so that the kernel
// must be told that it is there. Link-local gateways always are.
func OffLink(s Side) bool {
	if !s.Gateway.IsValid() || s.Gateway.IsLinkLocalUnicast() {
		return false
	}
	for _, a := range s.Addrs {
		if a.Masked().Contains(s.Gateway) {
			return false
		}
	}
	return true
}

// policyRoutes fills the tables of policies, which the router's own traffic uses (in steering route all traffic).
func (b *builder) policyRoutes() {
	for _, c := range b.c.Policies {
		p := b.policies[c.Name]
		if !b.tableUsed(p) {
			continue
		}
		for _, f := range kstate.Families {
			b.policyRoute(p, f)
		}
	}
}

// tableUsed says whether a rule looks into the policy's table.
func (b *builder) tableUsed(p *policy) bool {
	if p.PolicyPlan.Name == "default" || b.routed {
		return true
	}
	for _, r := range b.c.Rules {
		if r.Enabled && r.Policy == p.PolicyPlan.Name && r.Origin != "forwarded" {
			return true
		}
	}
	return false
}

func (b *builder) policyRoute(p *policy, f kstate.Family) {
	active := p.Active[f]
	r := kstate.Route{Family: f, Table: p.Table, Type: kstate.Unicast, Dst: f.Any(), Metric: metricLive}
	why := "policy " + p.PolicyPlan.Name + " is " + p.State[f]
	switch {
	case len(active) == 0 && (p.State[f] == "unreachable" || p.State[f] == "blackhole"):
		r.Type = kstate.RuleAction(p.State[f])
		if w := b.deadEnd(p, f); w != nil {
			r = b.via(w, f)
			r.Table = p.Table
			why += ": lost on " + w.Name + ", since IPv6 would try another wan after a refusal"
		}
	case len(active) == 0:
		return // main decides
	case b.routed:
		r.Nexthop = b.nexthopGroup(p, f)
	case len(active) == 1:
		r = b.via(b.byName[active[0].WAN], f)
		r.Table = p.Table
	default:
		for _, s := range hopWeights(active) {
			w := b.byName[s.WAN]
			side := w.Side(f)
			r.Hops = append(r.Hops, kstate.Hop{Gateway: side.Gateway, Device: w.dev(), OnLink: OffLink(side), Weight: s.Weight})
		}
		kstate.SortHops(r.Hops)
	}
	b.addRoute(r, why)
}

// deadEnd returns the WAN that swallows what a policy refuses to programs of the router, nil where a refusal does. In steering route
// the table serves hosts behind us too, which heed refusals.
func (b *builder) deadEnd(p *policy, f kstate.Family) *wan {
	if !insists(f) || b.routed {
		return nil
	}
	for _, m := range b.members(p, f) {
		if w := b.byName[m.Interface]; w.usable(f) {
			return w
		}
	}
	return nil
}

// hopWeights scales shares into the 1 - 256 that a nexthop takes (rtnh_hops in linux/rtnetlink.h holds weight-1 in a byte).
func hopWeights(active []Share) []Share {
	high := 0
	for _, s := range active {
		high = max(high, s.Weight)
	}
	out := make([]Share, len(active))
	for i, s := range active {
		out[i] = s
		if high > 256 {
			out[i].Weight = max(1, s.Weight*256/high)
		}
	}
	return out
}
