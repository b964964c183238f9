package plan

import (
	"net/netip"

	"multiwan/src/core/kstate"
)

// steeringRules plans the policy rules of docs/steering.md, in the order of evaluation, per family.
func (b *builder) steeringRules() {
	for _, f := range kstate.Families {
		if !b.anyWAN(f) {
			continue
		}
		sources := b.sources(f)
		if !b.routed {
			for _, w := range b.wans {
				if w.has(f) {
					b.addRule(b.marked(f, w.probe, w.table), prioProbe, "probes of "+w.Name)
				}
			}
		}
		b.boundSources(f, sources)
		b.addRule(kstate.Rule{Family: f, Table: kstate.TableMain, Suppress: 1}, prioMain, "connected, static and vpn routes win")
		if !b.routed {
			b.forwarded(f)
		}
		b.wanPrefixes(f)
		b.routerRules(f)
		b.resolvers(f)
		b.otherTraffic(f)
	}
}

func (b *builder) anyWAN(f kstate.Family) bool {
	for _, w := range b.wans {
		if w.has(f) {
			return true
		}
	}
	return false
}

// marked returns the rule that looks up a table for a mark, all bits of the mask compared.
func (b *builder) marked(f kstate.Family, mark, table uint32) kstate.Rule {
	return kstate.Rule{Family: f, Mark: mark, Mask: b.c.Globals.MarkMask, Table: table}
}

// source is an address of the router that belongs to one WAN.
type source struct {
	w    *wan
	addr netip.Addr
}

// sources lists the WANs' own addresses. An address that two WANs have cannot say which is meant: it gets no rules.
func (b *builder) sources(f kstate.Family) []source {
	owner, first := map[netip.Addr]*wan{}, map[netip.Addr]*wan{}
	for _, w := range b.wans {
		for _, a := range w.Side(f).Addrs {
			switch o, known := owner[a.Addr()]; {
			case !known:
				owner[a.Addr()] = w
				first[a.Addr()] = w
			case o != w:
				b.warn("interfaces %s and %s have the same address %s: traffic bound to it follows the default policy", first[a.Addr()].Name, w.Name, a.Addr())
				owner[a.Addr()] = nil
			}
		}
	}
	var out []source
	for _, w := range b.wans {
		if !w.has(f) {
			continue
		}
		for _, a := range w.Side(f).Addrs {
			if owner[a.Addr()] == w {
				out = append(out, source{w, a.Addr()})
			}
		}
	}
	return out
}

// boundSources plans the rules of the router's sockets that are bound to an address of a WAN, of replies, and of the outer packets of
// kernel tunnels.
func (b *builder) boundSources(f kstate.Family, sources []source) {
	suppress := 8 // a vpn's 0.0.0.0/1 in main does not swallow them, nor a 10.0.0.0/8 hide the LAN
	if f == kstate.IPv6 {
		suppress = 4 // 2000::/3
	}
	b.passMain(f)
	for _, s := range sources {
		from := kstate.Rule{Family: f, IIF: "lo", Src: netip.PrefixFrom(s.addr, f.Bits()), Table: s.w.table}
		local := from
		local.Table, local.Suppress = kstate.TableMain, suppress
		b.addRule(local, prioBoundLAN, "a source of "+s.w.Name+" reaches lans")
		b.addRule(from, prioBound, "a source of "+s.w.Name+" leaves by it")
	}
}

// passMain sends what goes to a WAN's connected prefix past main, whose route to it would take a source of another WAN there, to the
// rules by source: a WAN's own table knows its own prefixes, and the way to all others is its gateway. A source of no WAN comes to main
// after that.
func (b *builder) passMain(f kstate.Family) {
	if len(b.wans) < 2 {
		return
	}
	for _, w := range b.wans {
		for _, a := range w.Side(f).Addrs {
			if p := a.Masked(); w.has(f) && !p.IsSingleIP() {
				b.addRule(kstate.Rule{Family: f, IIF: "lo", Dst: p, Action: kstate.Goto, Target: b.c.Globals.RuleBase + prioBound},
					prioOtherWAN, "no source of another wan leaves by the connected route of "+w.Name)
			}
		}
	}
}

// forwarded plans what the marks of forwarded connections mean. The refusal always stands behind, so that a WAN comes and goes by one
// rule, added before and deleted after the packets are marked otherwise.
func (b *builder) forwarded(f kstate.Family) {
	refuse := func(id int, action kstate.RuleAction, why string) {
		r := b.marked(f, mark(b.c.Globals, id), 0)
		r.Action = action
		b.addRule(r, prioForwardDown, why)
	}
	for _, w := range b.wans {
		if !w.has(f) {
			continue
		}
		if w.carries[f] {
			b.addRule(b.marked(f, w.mark, w.table), prioForward, "forwarded connections on "+w.Name)
		}
		refuse(w.id, kstate.Prohibit, "answers at once while "+w.Name+" is down")
	}
	refuse(idBlackhole, kstate.Blackhole, "last resort blackhole")
	refuse(idUnreachable, kstate.Unreachable, "last resort unreachable")
}

// wanPrefixes plans the rules of hosts behind us that have addresses of a WAN.
func (b *builder) wanPrefixes(f kstate.Family) {
	for _, w := range b.wans {
		if !w.has(f) {
			continue
		}
		for _, p := range b.ownPrefixes(w, f) {
			b.addRule(kstate.Rule{Family: f, Src: p, Table: w.table}, prioPrefix, "hosts with addresses of "+w.Name)
		}
	}
}

// ownPrefixes are the prefixes whose hosts must leave by the WAN, since no other carries their sources: delegated and routed ones, and
// public connected ones. One that two WANs have belongs to none.
func (b *builder) ownPrefixes(w *wan, f kstate.Family) []netip.Prefix {
	if b.own == nil {
		b.own = map[*wan]map[kstate.Family][]netip.Prefix{}
		for _, f := range kstate.Families {
			b.shareOut(f)
		}
	}
	return b.own[w][f]
}

// shareOut finds the prefixes of one family that only one WAN has.
func (b *builder) shareOut(f kstate.Family) {
	users := map[netip.Prefix]int{}
	for _, w := range b.wans {
		for _, p := range prefixesOf(w, f) {
			users[p]++
		}
	}
	for _, w := range b.wans {
		if b.own[w] == nil {
			b.own[w] = map[kstate.Family][]netip.Prefix{}
		}
		for _, p := range prefixesOf(w, f) {
			if users[p] == 1 {
				b.own[w][f] = append(b.own[w][f], p)
			}
		}
	}
}

func prefixesOf(w *wan, f kstate.Family) []netip.Prefix {
	var out []netip.Prefix
	seen := map[netip.Prefix]bool{}
	add := func(p netip.Prefix) {
		p = p.Masked()
		if kstate.FamilyOf(p.Addr()) == f && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, p := range w.Interface.Prefixes {
		add(p)
	}
	for _, p := range w.Side(f).Prefixes {
		add(p)
	}
	for _, a := range w.Side(f).Addrs {
		if a.Bits() < f.Bits() && !private(a.Addr()) {
			add(a)
		}
	}
	return out
}

// privateNets are sources that only mean something behind the router (RFC 1918, RFC 6598, RFC 4193).
var privateNets = map[kstate.Family][]netip.Prefix{
	kstate.IPv4: {
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	},
	kstate.IPv6: {netip.MustParsePrefix("fc00::/7")},
}

func private(a netip.Addr) bool {
	for _, p := range privateNets[kstate.FamilyOf(a)] {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// otherTraffic gives what no rule named to the default policy: the router's own, in steering route everything.
func (b *builder) otherTraffic(f kstate.Family) {
	p := b.policies["default"]
	if p == nil || len(p.Active[f]) == 0 && p.State[f] != "unreachable" && p.State[f] != "blackhole" {
		return
	}
	r := kstate.Rule{Family: f, IIF: "lo", Table: p.Table}
	why := "the router's other traffic: best or balanced"
	if b.routed {
		r.IIF, why = "", "all other traffic: best or balanced"
	}
	b.addRule(r, prioRouterOthers, why)
}
