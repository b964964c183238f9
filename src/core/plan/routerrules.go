package plan

import (
	"net/netip"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

// routerRules plans rules of the configuration for the router's own traffic as policy rules, so that the source address is chosen by
// the route: marking in the output hook comes after that choice. In steering route they serve forwarded traffic too.
func (b *builder) routerRules(f kstate.Family) {
	offset := uint32(prioRouter)
	for _, r := range b.c.Rules {
		if !r.Enabled || r.Origin == "forwarded" && !b.routed || r.Family != 0 && r.Family != f {
			continue
		}
		for _, k := range b.expand(r, f) {
			b.addRule(k, offset, "rule "+r.Name)
			if insists(f) && k.IIF == "lo" && (r.Policy == "unreachable" || r.Policy == "blackhole") {
				b.warn("rule %s: ipv6 programs of the router that are bound to no address get past a refusal", r.Name)
			}
		}
		offset++
	}
	if f == kstate.IPv4 && !b.routed {
		b.markedLate(f)
	}
}

// markedLate lets marks lead that packets get in the output hook. Their source was chosen before, from the default route's WAN, and would
// lead back to that WAN; the translation puts it right afterwards. While no source is chosen yet, main's routes come before any mark, as
// always. IPv6 is left as it is, since a source is translated there only where that was asked for.
func (b *builder) markedLate(f kstate.Family) {
	offset := uint32(prioMarked)
	for _, r := range b.c.Rules {
		if !r.Enabled || r.Mask == 0 || r.Family != 0 && r.Family != f {
			continue
		}
		if offset == prioMarked {
			b.addRule(kstate.Rule{Family: f, IIF: "lo", Src: netip.PrefixFrom(netip.IPv4Unspecified(), 32), Action: kstate.Goto, Target: b.c.Globals.RuleBase + prioBound},
				prioMarked-1, "without a source, main's routes come before marks")
		}
		for _, k := range b.expand(r, f) {
			b.addRule(k, offset, "rule "+r.Name+", for packets marked after their source was chosen")
		}
		offset = min(offset+1, prioBound-1)
	}
}

// target fills in what a rule's policy means to a policy rule; ok is false where the rule has nothing to say for the family now.
func (b *builder) target(k kstate.Rule, name string, f kstate.Family) (kstate.Rule, bool) {
	switch name {
	case "unreachable", "blackhole", "prohibit":
		k.Action = kstate.RuleAction(name)
		return k, true
	case "main":
		k.Table = kstate.TableMain
		return k, true
	}
	if w := b.byName[name]; w != nil {
		k.Table = w.table
		if !w.carries[f] && !(k.IIF == "lo" && insists(f) && w.usable(f)) {
			k.Action, k.Table = kstate.Prohibit, 0
		}
		return k, true
	}
	if p := b.policies[name]; p != nil {
		k.Table = p.Table
		return k, p.State[f] != "main"
	}
	return k, false
}

// insists says whether programs of the router get past a refusal. Told that there is no route, the kernel's IPv6 chooses a source by
// itself and asks again with that (ip6_dst_lookup_tail of net/ipv6/ip6_output.c), and the rule of that source sends the packet out by
// whichever WAN it belongs to. So what is pinned to a WAN that is down goes on to that WAN, where it is lost, rather than to another.
func insists(f kstate.Family) bool { return f == kstate.IPv6 }

// expand multiplies a rule's lists out: a policy rule takes one value of each.
func (b *builder) expand(r config.Rule, f kstate.Family) []kstate.Rule {
	base := kstate.Rule{Family: f, IIF: "lo", UID: r.UID, Mark: r.Fwmark, Mask: r.Mask}
	if b.routed && r.Origin != "router" {
		base.IIF = ""
	}
	base.Not = r.Src.Not || r.Dest.Not || r.Sport.Not || r.Dport.Not
	base, ok := b.target(base, r.Policy, f)
	if !ok {
		return nil
	}
	out := []kstate.Rule{base}
	out = multiply(out, familyPrefixes(r.Src, f), len(r.Src.List) > 0, func(k *kstate.Rule, p netip.Prefix) { k.Src = p })
	out = multiply(out, familyPrefixes(r.Dest, f), len(r.Dest.List) > 0, func(k *kstate.Rule, p netip.Prefix) { k.Dst = p })
	protos := familyProtos(r.Proto, f)
	out = multiply(out, protos, len(r.Proto) > 0, func(k *kstate.Rule, p config.Proto) { k.IPProto = p.Number })
	out = multiply(out, r.Sport.List, len(r.Sport.List) > 0, func(k *kstate.Rule, p kstate.PortRange) { k.Sport = p })
	out = multiply(out, r.Dport.List, len(r.Dport.List) > 0, func(k *kstate.Rule, p kstate.PortRange) { k.Dport = p })
	if b.routed {
		out = multiply(out, b.devices(r.SrcIface.List), len(r.SrcIface.List) > 0, func(k *kstate.Rule, d string) { k.IIF = d })
	}
	return out
}

// multiply sets each value in a copy of each rule. given says that the configuration names values: then none left means no rule.
func multiply[T any](rules []kstate.Rule, values []T, given bool, set func(*kstate.Rule, T)) []kstate.Rule {
	if !given {
		return rules
	}
	var out []kstate.Rule
	for _, r := range rules {
		for _, v := range values {
			k := r
			set(&k, v)
			out = append(out, k)
		}
	}
	return out
}

// familyPrefixes returns the prefixes of one family.
func familyPrefixes(a config.Addrs, f kstate.Family) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range a.List {
		if kstate.FamilyOf(p.Addr()) == f {
			out = append(out, p)
		}
	}
	return out
}

// Protocol numbers that belong to one family (IANA protocol numbers).
const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// familyProtos leaves out the other family's ICMP.
func familyProtos(ps []config.Proto, f kstate.Family) []config.Proto {
	var out []config.Proto
	for _, p := range ps {
		if f == kstate.IPv4 && p.Number == protoICMPv6 || f == kstate.IPv6 && p.Number == protoICMP {
			continue
		}
		out = append(out, p)
	}
	return out
}

// devices maps the names of networks to devices.
func (b *builder) devices(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		if d := b.f.Devices[n]; d != "" {
			out[i] = d
		}
	}
	return out
}
