package plan

import (
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Policies with balance packet. A connection that is given to one has the flag alone in its mark: it belongs to no WAN, nothing evicts it,
// and each of its packets asks the rules again. There is no translation on the way, so it does not matter which member brings a packet.

// sprays says whether the policy spreads packets rather than connections now.
func (r *ruleset) sprays(p *policy, f kstate.Family) bool {
	return p.Balance == "packet" && len(p.Active[f]) > 0 && r.f.Apart[p.PolicyPlan.Name][f] == 0
}

// sprayed has packets of connections that belong to no WAN spread: the answers to those that came in by a member, and all of those that a
// policy with balance packet was given before. The latter are new to the rules each time, so that a change holds for the next packet.
func (r *ruleset) sprayed() []kstate.NftRule {
	if !order.Any(len(r.c.Policies), func(i int) bool { return r.c.Policies[i].Balance == "packet" }) {
		return nil
	}
	var rules []kstate.NftRule
	for _, f := range kstate.Families {
		came := kstate.Vmap{Key: "ct mark", Mask: r.wmask | r.flag}
		seen := map[string]bool{}
		for _, c := range r.c.Policies {
			p := r.policies[c.Name]
			if !r.sprays(p, f) {
				continue
			}
			for _, m := range r.members(p, f) {
				if !seen[m.Interface] {
					seen[m.Interface] = true
					came.Elems = append(came.Elems, kstate.VmapElem{Value: hex(r.byName[m.Interface].probe), Verdict: "goto " + r.sprayChain(p, f)})
				}
			}
		}
		if len(came.Elems) > 0 {
			rules = append(rules, kstate.NftRule{
				Match: []kstate.Match{match("meta nfproto", f.String()), match("ct direction", "reply")}, Do: []kstate.Statement{{Vmap: &came}},
			})
		}
	}
	return append(rules, kstate.NftRule{
		Match: []kstate.Match{match("ct direction", "original"), masked("ct mark", r.wmask|r.flag, r.flag)},
		Do:    []kstate.Statement{{SetMark: r.connection(0)}, {Verdict: "goto " + r.chain("forwarded", r.forwardedRules)}},
	})
}

// connection sets our part of a connection's mark.
func (r *ruleset) connection(value uint32) *kstate.SetMark {
	return &kstate.SetMark{Key: "ct mark", Value: value, Mask: r.c.Globals.MarkMask}
}

// sprayChain deals packets out among the active members.
func (r *ruleset) sprayChain(p *policy, f kstate.Family) string {
	return r.chain("spray"+short(f)+"_"+chainName(p.PolicyPlan.Name, p.id), func() []kstate.NftRule {
		return []kstate.NftRule{r.choice(p, f, p.Active[f], func(w *wan) string { return r.useChain(w, f) })}
	})
}

// For how long round-trip times must differ by more than a policy's delay_spread, and by less than three quarters of it, to count.
const (
	apartAfter    = 3 * time.Second
	togetherAfter = 10 * time.Second
)

// Spread finds the policies with balance packet whose members have round-trip times too different for that. The zero value is ready.
type Spread struct {
	apart map[policySide]time.Duration
	since map[policySide]time.Time // when measurements began to say otherwise
}

// policySide is one family of a policy.
type policySide struct {
	policy string
	family kstate.Family
}

// Judge takes the round-trip times of the moment; rtt returns 0 where none is known. It returns whether Apart has changed.
func (s *Spread) Judge(c []config.Policy, p *Plan, rtt func(wan string, f kstate.Family) time.Duration, now time.Time) (changed bool) {
	if s.apart == nil {
		s.apart, s.since = map[policySide]time.Duration{}, map[policySide]time.Time{}
	}
	for i, c := range c {
		if c.Balance != "packet" || i >= len(p.Policies) {
			continue
		}
		for _, f := range kstate.Families {
			at := policySide{c.Name, f}
			differ, known := difference(p.Policies[i].Active[f], func(wan string) time.Duration { return rtt(wan, f) })
			was := s.apart[at] > 0
			limit, wait := c.DelaySpread, apartAfter
			if was {
				limit, wait = limit*3/4, togetherAfter
			}
			if !known || differ > limit == was {
				delete(s.since, at)
				continue
			}
			if s.since[at].IsZero() {
				s.since[at] = now
			}
			if now.Sub(s.since[at]) < wait {
				continue
			}
			delete(s.since, at)
			if delete(s.apart, at); !was {
				s.apart[at] = differ
			}
			changed = true
		}
	}
	return changed
}

// difference is that between the largest and the smallest round-trip time, of which two must be known.
func difference(active []Share, rtt func(wan string) time.Duration) (d time.Duration, known bool) {
	var low, high time.Duration
	for _, s := range active {
		t := rtt(s.WAN)
		if t == 0 {
			continue
		}
		known = low != 0
		if low == 0 || t < low {
			low = t
		}
		high = max(high, t)
	}
	return high - low, known
}

// Apart returns what Facts.Apart wants.
func (s *Spread) Apart() map[string]map[kstate.Family]time.Duration {
	out := map[string]map[kstate.Family]time.Duration{}
	for at, d := range s.apart {
		if out[at.policy] == nil {
			out[at.policy] = map[kstate.Family]time.Duration{}
		}
		out[at.policy][at.family] = d
	}
	return out
}
