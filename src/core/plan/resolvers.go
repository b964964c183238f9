package plan

import (
	"net/netip"

	"multiwan/src/core/kstate"
)

// dnsPort is that of questions to resolvers (RFC 1035).
const dnsPort = 53

// resolvers keeps the router's questions to a resolver on the WAN that announced it: others than its own customers it may refuse. While the
// WAN is down a question is refused at once, so that who asks turns to the next resolver, if another WAN that works has one. Rules of
// the configuration come before, and where main has a route to a resolver that is not its default, as in the LAN, that wins as ever.
func (b *builder) resolvers(f kstate.Family) {
	for _, w := range b.wans {
		for _, a := range w.Side(f).DNS {
			if b.resolverOf(a, f) != w {
				continue
			}
			k := kstate.Rule{Family: f, IIF: "lo", Dst: netip.PrefixFrom(a, f.Bits()), Dport: kstate.PortRange{Lo: dnsPort, Hi: dnsPort}, Table: w.table}
			if w.carries[f] {
				b.addRule(k, prioResolver, "a resolver of "+w.Name)
				continue
			}
			k.Table, k.Action = 0, kstate.Prohibit
			offset := uint32(prioResolver)
			for _, own := range w.Side(f).Addrs {
				if own.Masked().Contains(a) {
					offset = prioResolverDown // main's connected route would lead there
				}
			}
			b.addRule(k, offset, "a resolver of "+w.Name+", which is down: the next one is asked at once")
		}
	}
}

// resolverOf returns the WAN that questions to a resolver are kept on, nil where they go as all else does: two WANs announced it, its WAN
// is down and there is no other resolver, or a refusal would not help.
func (b *builder) resolverOf(a netip.Addr, f kstate.Family) *wan {
	var owner *wan
	others := false // another WAN that works has a resolver
	for _, w := range b.wans {
		for _, x := range w.Side(f).DNS {
			if x != a {
				continue
			}
			if owner != nil && owner != w {
				return nil
			}
			owner = w
		}
	}
	switch {
	case owner == nil || !owner.has(f) || a.IsLinkLocalUnicast():
		return nil
	case owner.carries[f]:
		return owner
	}
	for _, w := range b.wans {
		for _, g := range kstate.Families {
			others = others || w != owner && w.carries[g] && len(w.Side(g).DNS) > 0
		}
	}
	if insists(f) || !others {
		return nil
	}
	return owner
}
