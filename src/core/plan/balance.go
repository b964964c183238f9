package plan

import (
	"fmt"
	"math"
	"strconv"

	"multiwan/src/core/kstate"
)

// policyChain is the chain of a policy for one family: sources that stick to a WAN first, then the choice by weight.
func (r *ruleset) policyChain(p *policy, f kstate.Family, sticky float64) string {
	name := "policy" + short(f) + "_" + chainName(p.PolicyPlan.Name, p.id)
	seconds := int(math.Ceil(sticky)) // a set's timeout is in whole seconds here, and none would be for ever
	if sticky != p.Sticky.Seconds() {
		name = fmt.Sprintf("policy%ss%d_%s", short(f), seconds, chainName(p.PolicyPlan.Name, p.id)) // no policy can be called so that this is its own
	}
	return r.chain(name, func() []kstate.NftRule {
		active := p.Active[f]
		if len(active) == 0 {
			switch p.State[f] {
			case "unreachable":
				return []kstate.NftRule{{Do: verdict("goto " + r.refusal("unreachable", idUnreachable))}}
			case "blackhole":
				return []kstate.NftRule{{Do: verdict("goto " + r.refusal("blackhole", idBlackhole))}}
			}
			return nil
		}
		if r.sprays(p, f) {
			return []kstate.NftRule{{Do: []kstate.Statement{{SetMark: r.connection(r.flag)}, {Verdict: "goto " + r.sprayChain(p, f)}}}}
		}
		var rules []kstate.NftRule
		target := func(w *wan) string { return r.useChain(w, f) }
		if sticky > 0 {
			target = func(w *wan) string { return r.stickyChain(p, w, f, seconds) }
			for _, s := range active {
				if len(active) == 1 {
					break // the choice below is the same
				}
				w := r.byName[s.WAN]
				rules = append(rules, kstate.NftRule{
					Match: []kstate.Match{match(addrKey(f, "saddr"), r.stickySet(p, w, f, seconds))}, Do: verdict("goto " + target(w)),
				})
			}
		}
		return append(rules, r.choice(p, f, active, target))
	})
}

// choice picks among the active WANs.
func (r *ruleset) choice(p *policy, f kstate.Family, active []Share, target func(*wan) string) kstate.NftRule {
	if len(active) == 1 {
		return kstate.NftRule{Do: verdict("goto " + target(r.byName[active[0].WAN]))}
	}
	seq := sequence(active)
	vm := &kstate.Vmap{Key: "numgen inc", Mod: uint32(len(seq))}
	if p.Balance == "source" {
		vm.Key = "jhash " + addrKey(f, "saddr")
	}
	for i, name := range seq {
		vm.Elems = append(vm.Elems, kstate.VmapElem{Value: strconv.Itoa(i), Verdict: "goto " + target(r.byName[name])})
	}
	return kstate.NftRule{Do: []kstate.Statement{{Vmap: vm}}}
}

// maxSequence bounds the length of a balancing sequence; weights are scaled to fit.
const maxSequence = 256

// sequence deals the slots of one round out to the WANs by weight, spread evenly (smooth weighted round robin, as nginx does), so that
// three connections in a row do not meet the same WAN where another one's turn is due.
func sequence(active []Share) []string {
	total := 0
	for _, s := range active {
		total += s.Weight
	}
	weights := make([]int, len(active))
	sum := 0
	for i, s := range active {
		weights[i] = s.Weight
		if total > maxSequence {
			weights[i] = max(1, (s.Weight*maxSequence+total/2)/total)
		}
		sum += weights[i]
	}
	credit := make([]int, len(active))
	out := make([]string, sum)
	for n := range out {
		best := 0
		for i := range credit {
			credit[i] += weights[i]
			if credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= sum
		out[n] = active[best].WAN
	}
	return out
}

// stickySet holds the sources that stick to a WAN.
func (r *ruleset) stickySet(p *policy, w *wan, f kstate.Family, seconds int) string {
	s := kstate.Set{Name: stickyName(p, w, f, seconds), Type: "ipv4_addr", Timeout: seconds, Dynamic: true}
	if f == kstate.IPv6 {
		s.Type = "ipv6_addr"
	}
	return r.set(s)
}

func stickyName(p *policy, w *wan, f kstate.Family, seconds int) string {
	return fmt.Sprintf("sticky%s_%d_%d_%ds", short(f), w.id, p.id, seconds)
}

// StickySets names the sets that hold sources sticking to a WAN, so that they can be forgotten when it goes down.
func StickySets(p *Plan, id int, f kstate.Family) []string {
	var out []string
	prefix := fmt.Sprintf("sticky%s_%d_", short(f), id)
	for _, t := range p.Want.Tables {
		for _, s := range t.Sets {
			if len(s.Name) > len(prefix) && s.Name[:len(prefix)] == prefix {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// stickyChain remembers the source and marks the packet.
func (r *ruleset) stickyChain(p *policy, w *wan, f kstate.Family, seconds int) string {
	name := fmt.Sprintf("stick%s_%s_%d_%ds", short(f), w.chain, p.id, seconds)
	return r.chain(name, func() []kstate.NftRule {
		r.stickySet(p, w, f, seconds)
		return []kstate.NftRule{
			{Do: []kstate.Statement{{Update: &kstate.Update{Set: stickyName(p, w, f, seconds), Key: addrKey(f, "saddr")}}}},
			{Do: verdict("goto " + r.useChain(w, f))},
		}
	})
}
