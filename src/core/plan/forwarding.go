package plan

import (
	"net/netip"
	"slices"
	"strconv"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

// forwardedRules gives new connections from inside to policies: the rules in file order, the first that matches wins, then default.
func (r *ruleset) forwardedRules() []kstate.NftRule {
	rules := []kstate.NftRule{{Match: []kstate.Match{match("fib daddr type", "local", "broadcast", "multicast")}, Do: verdict("return")}}
	for _, c := range r.c.Rules {
		if c.Enabled && c.Origin != "router" {
			rules = append(rules, r.rule(c)...)
		}
	}
	if p := r.policies["default"]; p != nil {
		rules = append(rules, kstate.NftRule{Do: verdict("goto " + r.bothFamilies(p, p.Sticky.Seconds()))})
	}
	return rules
}

// CounterOf is the name of the counter that a rule of the configuration counts the new forwarded connections in that it takes.
func CounterOf(r config.Rule) string { return "rule_" + chainName(r.Name, r.Line) }

// rule builds the rules of one rule of the configuration, one for each family that it can match.
func (r *ruleset) rule(c config.Rule) []kstate.NftRule {
	var out []kstate.NftRule
	for _, f := range kstate.Families {
		if c.Family != 0 && c.Family != f || !r.anyWAN(f) {
			continue
		}
		ms, ok := r.matches(c, f)
		if !ok {
			continue
		}
		name := CounterOf(c)
		if !r.made["counter "+name] {
			r.made["counter "+name] = true
			r.table.Counters = append(r.table.Counters, name)
		}
		do := []kstate.Statement{{Counter: name}, {Verdict: r.ruleVerdict(c, f)}}
		if p := r.policies[c.Policy]; p != nil && p.Balance == "packet" { // every packet comes here
			out = append(out, kstate.NftRule{Match: append(slices.Clip(ms), match("ct state", "new")), Do: do[:1]})
			do = do[1:]
		}
		out = append(out, kstate.NftRule{Match: ms, Do: do})
	}
	return out
}

// matches turns a rule's options into matches for one family; ok is false where the rule cannot match the family.
func (r *ruleset) matches(c config.Rule, f kstate.Family) (ms []kstate.Match, ok bool) {
	ms = []kstate.Match{match("meta nfproto", f.String())}
	add := func(key string, negate, given bool, values []string) {
		switch {
		case !given || negate && len(values) == 0:
		case len(values) == 0:
			ok = false
		default:
			ms = append(ms, kstate.Match{Key: key, Not: negate, Values: values})
		}
	}
	ok = true
	add("iifname", c.SrcIface.Not, len(c.SrcIface.List) > 0, r.devices(c.SrcIface.List))
	add("meta l4proto", false, len(c.Proto) > 0, texts(familyProtos(c.Proto, f), func(p config.Proto) string { return strconv.Itoa(int(p.Number)) }))
	add(addrKey(f, "saddr"), c.Src.Not, len(c.Src.List) > 0, prefixTexts(c.Src, f))
	add(addrKey(f, "daddr"), c.Dest.Not, len(c.Dest.List) > 0, prefixTexts(c.Dest, f))
	add("th sport", c.Sport.Not, len(c.Sport.List) > 0, texts(c.Sport.List, kstate.PortRange.String))
	add("th dport", c.Dport.Not, len(c.Dport.List) > 0, texts(c.Dport.List, kstate.PortRange.String))
	add("dscp", c.DSCP.Not, len(c.DSCP.List) > 0, texts(c.DSCP.List, func(d uint8) string { return strconv.Itoa(int(d)) }))
	if c.NFTSet != "" {
		set := kstate.Set{Name: c.NFTSet, Type: "ipv4_addr", Interval: true}
		if f == kstate.IPv6 {
			set.Name, set.Type = c.NFTSet+"6", "ipv6_addr"
		}
		ms = append(ms, kstate.Match{Key: addrKey(f, "daddr"), Not: c.NFTSetNot, Values: []string{r.set(set)}})
	}
	return ms, ok
}

func texts[T any](in []T, text func(T) string) []string {
	var out []string
	for _, v := range in {
		out = append(out, text(v))
	}
	return out
}

// prefixTexts returns the prefixes of the family as nft writes them: an address without its full length. What another prefix of the
// list holds is left out, since an interval set refuses overlaps.
func prefixTexts(a config.Addrs, f kstate.Family) []string {
	var out []string
	all := familyPrefixes(a, f)
	for i, p := range all {
		if held(p, i, all) {
			continue
		}
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
		} else {
			out = append(out, p.Masked().String())
		}
	}
	return out
}

// held says whether another prefix of the list contains the i-th, or is the same and comes before it.
func held(p netip.Prefix, i int, all []netip.Prefix) bool {
	for j, q := range all {
		if j != i && q.Masked().Contains(p.Addr()) && (q.Bits() < p.Bits() || q.Bits() == p.Bits() && j < i) {
			return true
		}
	}
	return false
}

// ruleVerdict leads to the chain of the rule's policy.
func (r *ruleset) ruleVerdict(c config.Rule, f kstate.Family) string {
	switch c.Policy {
	case "main":
		return "return"
	case "blackhole":
		return "goto " + r.refusal("blackhole", idBlackhole)
	case "unreachable", "prohibit":
		return "goto " + r.refusal("unreachable", idUnreachable)
	}
	if w := r.byName[c.Policy]; w != nil {
		if !w.has(f) {
			return "goto " + r.refusal("unreachable", idUnreachable) // it alone, and it never carries the family
		}
		return "goto " + r.useChain(w, f)
	}
	p := r.policies[c.Policy]
	if p == nil {
		return "return" // its WAN is disabled: as if the rule were not there would send it elsewhere
	}
	sticky := p.Sticky
	if c.StickySet {
		sticky = c.Sticky
	}
	return "goto " + r.policyChain(p, f, sticky.Seconds())
}

// refusal marks packets for the rules that refuse them after LAN and VPN routes had their turn.
func (r *ruleset) refusal(name string, id int) string {
	return r.chain("refuse_"+name, func() []kstate.NftRule { return []kstate.NftRule{r.setMark(mark(r.c.Globals, id))} })
}

// bothFamilies is the chain of a policy that sends each family to its own.
func (r *ruleset) bothFamilies(p *policy, sticky float64) string {
	return r.chain("policy_"+chainName(p.PolicyPlan.Name, p.id), func() []kstate.NftRule {
		var out []kstate.NftRule
		for _, f := range kstate.Families {
			if r.anyWAN(f) {
				out = append(out, kstate.NftRule{Match: []kstate.Match{match("meta nfproto", f.String())}, Do: verdict("goto " + r.policyChain(p, f, sticky))})
			}
		}
		return out
	})
}

// useChain marks a packet as the WAN's, unless its source is an address that only another WAN carries: untranslated it would be dropped
// by the provider (RFC 2827), so it leaves by its own WAN or not at all. No provider looks into what joins sites.
func (r *ruleset) useChain(w *wan, f kstate.Family) string {
	plain := r.markChain(w)
	if f == kstate.IPv6 && w.SNAT6 != "none" || w.joins {
		return plain
	}
	owners := r.ownerChain(f)
	if owners == "" {
		return plain
	}
	return r.chain("use"+short(f)+"_"+w.chain, func() []kstate.NftRule {
		return []kstate.NftRule{{Do: verdict("jump " + owners)}, {Do: verdict("goto " + plain)}}
	})
}

// ownerChain is the chain that marks a packet by the WAN that its source belongs to; "" where no WAN has prefixes of its own.
func (r *ruleset) ownerChain(f kstate.Family) string {
	name := "owner" + short(f)
	if r.made["chain "+name] {
		return name
	}
	vm := &kstate.Vmap{Key: addrKey(f, "saddr")}
	var inner []kstate.NftRule // prefixes inside one of another WAN: a map cannot hold both
	for _, w := range r.wans {
		for _, p := range r.ownPrefixes(w, f) {
			to := "goto " + r.markChain(w)
			if r.insideAnother(p, f) {
				inner = append(inner, kstate.NftRule{Match: []kstate.Match{match(addrKey(f, "saddr"), p.String())}, Do: verdict(to)})
			} else {
				vm.Elems = append(vm.Elems, kstate.VmapElem{Value: p.String(), Verdict: to})
			}
		}
	}
	if len(vm.Elems) == 0 {
		return ""
	}
	return r.chain(name, func() []kstate.NftRule {
		return append(inner, kstate.NftRule{Match: []kstate.Match{match("meta nfproto", f.String())}, Do: []kstate.Statement{{Vmap: vm}}})
	})
}

// insideAnother says whether a longer-reaching own prefix of any WAN contains p.
func (r *ruleset) insideAnother(p netip.Prefix, f kstate.Family) bool {
	for _, w := range r.wans {
		for _, q := range r.ownPrefixes(w, f) {
			if q.Bits() < p.Bits() && q.Contains(p.Addr()) {
				return true
			}
		}
	}
	return false
}

// short is the family's digit in the names of chains and sets.
func short(f kstate.Family) string {
	if f == kstate.IPv6 {
		return "6"
	}
	return "4"
}
