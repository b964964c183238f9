package plan

import (
	"fmt"
	"strings"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Hook priorities (linux/netfilter_ipv4.h): marks are set after connection tracking (-200) and before fw4's mangle (-150), sources are
// translated before fw4's masquerade (100), whose later binding is then none.
const (
	prioMangle = -160
	prioSNAT   = 90
)

// tableName is the name of our tables; dnsmasq and users fill sets in them by it.
const tableName = "multiwan"

// ruleset collects the chains and sets of table inet multiwan.
type ruleset struct {
	*builder
	table kstate.Table
	made  map[string]bool // chains and sets that stand already
	wmask uint32          // bits of the WAN id
	flag  uint32          // inbound, in a connection's mark
}

// wantTable plans table inet multiwan.
func (b *builder) wantTable() {
	r := &ruleset{
		builder: b, table: kstate.Table{Family: "inet", Name: tableName}, made: map[string]bool{},
		wmask: WANMask(b.c.Globals.MarkMask), flag: FlagMask(b.c.Globals.MarkMask),
	}
	if !b.routed {
		r.prerouting()
		r.postrouting()
	}
	r.leaks()
	r.snat()
	if len(r.table.Chains) == 0 {
		return
	}
	order.By(r.table.Chains, func(i, j int) int { return compareChains(r.table.Chains[i], r.table.Chains[j]) })
	b.plan.Want.Tables = append(b.plan.Want.Tables, r.table)
}

// compareChains puts base chains first, then all by name.
func compareChains(x, y kstate.Chain) int {
	if (x.Hook == "") != (y.Hook == "") {
		if x.Hook != "" {
			return -1
		}
		return 1
	}
	return strings.Compare(x.Name, y.Name)
}

// chain adds a chain, unless one of that name stands, and returns its name.
func (r *ruleset) chain(name string, fill func() []kstate.NftRule) string {
	if r.made["chain "+name] {
		return name
	}
	r.made["chain "+name] = true
	rules := fill()
	r.table.Chains = append(r.table.Chains, kstate.Chain{Name: name, Rules: rules})
	return name
}

// base adds a base chain if it has rules.
func (r *ruleset) base(name, kind, hook string, prio int, rules []kstate.NftRule) {
	if len(rules) > 0 {
		r.table.Chains = append(r.table.Chains, kstate.Chain{Name: name, Type: kind, Hook: hook, Priority: prio, Rules: rules})
	}
}

// set adds a set, unless it stands, and returns "@name".
func (r *ruleset) set(s kstate.Set) string {
	if !r.made["set "+s.Name] {
		r.made["set "+s.Name] = true
		r.table.Sets = append(r.table.Sets, s)
	}
	return "@" + s.Name
}

// prerouting marks what comes in: connections that have their WAN keep it, new ones from outside get the WAN that they came by, new
// ones from inside are given to a policy.
func (r *ruleset) prerouting() {
	if len(r.wans) == 0 {
		return
	}
	known := kstate.Vmap{Key: "ct mark", Mask: r.wmask}
	for _, w := range r.wans {
		known.Elems = append(known.Elems, kstate.VmapElem{Value: hex(w.mark), Verdict: "goto " + r.markChain(w)})
	}
	rules := []kstate.NftRule{
		{Match: []kstate.Match{match("iifname", "lo")}, Do: verdict("return")},
	}
	rules = append(rules, r.sprayed()...)
	rules = append(rules, kstate.NftRule{Do: []kstate.Statement{{Vmap: &known}}})
	rules = append(rules, r.adopt()...)
	if in := r.byDevice("in", "iifname", r.inbound); len(in.Elems) > 0 {
		rules = append(rules, kstate.NftRule{Match: []kstate.Match{match("ct state", "new")}, Do: []kstate.Statement{{Vmap: in}}})
	}
	rules = append(rules, kstate.NftRule{Match: []kstate.Match{match("ct state", "new")}, Do: verdict("goto " + r.chain("forwarded", r.forwardedRules))})
	r.base("prerouting", "filter", "prerouting", prioMangle, rules)
}

// adopt gives connections that were translated to a WAN's address before we came (or by other hands) the mark of that WAN.
func (r *ruleset) adopt() []kstate.NftRule {
	var out []kstate.NftRule
	for _, f := range kstate.Families {
		vm := &kstate.Vmap{Key: "ct reply " + addrKey(f, "daddr")}
		for _, s := range r.sources(f) {
			vm.Elems = append(vm.Elems, kstate.VmapElem{Value: s.addr.String(), Verdict: "goto " + r.markChain(s.w)})
		}
		if len(vm.Elems) > 0 {
			out = append(out, kstate.NftRule{
				Match: []kstate.Match{match("meta nfproto", f.String()), match("ct state", "established", "related"), match("ct direction", "original"), match("ct status", "snat")},
				Do:    []kstate.Statement{{Vmap: vm}},
			})
		}
	}
	return out
}

// markChain is the chain that marks a packet as the WAN's, foreign bits kept. Nothing is asked of the packet after that.
func (r *ruleset) markChain(w *wan) string {
	return r.chain("mark_"+w.chain, func() []kstate.NftRule { return []kstate.NftRule{r.setMark(w.mark)} })
}

func (r *ruleset) setMark(value uint32) kstate.NftRule {
	set := &kstate.SetMark{Key: "meta mark", Value: value, Mask: r.c.Globals.MarkMask}
	return kstate.NftRule{Do: []kstate.Statement{{SetMark: set}, {Verdict: "accept"}}}
}

// byDevice builds the verdict map from devices to a chain for each WAN. Where WANs share a device, each builds rules of a common chain.
func (r *ruleset) byDevice(purpose, key string, one func(w *wan) (name string, shared []kstate.NftRule)) *kstate.Vmap {
	vm := &kstate.Vmap{Key: key}
	common := map[string][]kstate.NftRule{}
	var devices []string
	for _, w := range r.wans {
		name, shared := one(w)
		if w.dev() == "" || name == "" {
			continue
		}
		if !w.shared {
			vm.Elems = append(vm.Elems, kstate.VmapElem{Value: w.dev(), Verdict: "goto " + name})
			continue
		}
		if common[w.dev()] == nil {
			devices = append(devices, w.dev())
		}
		common[w.dev()] = append(common[w.dev()], shared...)
	}
	for i, d := range devices {
		name := r.chain(fmt.Sprintf("%sdev_%d", purpose, i+1), func() []kstate.NftRule { return common[d] })
		vm.Elems = append(vm.Elems, kstate.VmapElem{Value: d, Verdict: "goto " + name})
	}
	return vm
}

// inbound marks the connections that came in by a WAN, so that replies leave by it. The flag keeps them out of failbacks.
func (r *ruleset) inbound(w *wan) (string, []kstate.NftRule) {
	name := r.chain("in_"+w.chain, func() []kstate.NftRule {
		return []kstate.NftRule{{Do: []kstate.Statement{{SetMark: r.connection(w.mark | r.flag)}}}}
	})
	var shared []kstate.NftRule
	for _, f := range kstate.Families {
		own := ownAddrs(w, f)
		for _, p := range r.ownPrefixes(w, f) {
			own = append(own, p.String())
		}
		if len(own) > 0 {
			shared = append(shared, kstate.NftRule{
				Match: []kstate.Match{match("meta nfproto", f.String()), match(addrKey(f, "daddr"), own...)}, Do: verdict("goto " + name),
			})
		}
	}
	return name, shared
}

// postrouting writes the WAN into the connection's mark, where a packet really leaves by it: connections between LANs, to the router or
// into a VPN never carry it, and eviction by mark is exact.
func (r *ruleset) postrouting() {
	out := r.byDevice("out", "oifname", r.outbound)
	if len(out.Elems) > 0 {
		r.base("postrouting", "filter", "postrouting", prioMangle, []kstate.NftRule{{
			Match: []kstate.Match{match("ct direction", "original"), masked("meta mark", r.flag, 0)}, Do: []kstate.Statement{{Vmap: out}},
		}})
	}
}

// outbound writes the WAN's mark. A connection that has another WAN's keeps it where it is translated to an address of that: if it leaves
// by this one, somebody took our rules away for a moment, and it works again only by its own.
func (r *ruleset) outbound(w *wan) (string, []kstate.NftRule) {
	set := []kstate.Statement{{SetMark: r.connection(w.mark)}}
	name := r.chain("out_"+w.chain, func() []kstate.NftRule {
		return []kstate.NftRule{
			{Match: []kstate.Match{masked("ct mark", r.wmask|r.flag, 0)}, Do: set},
			{Match: []kstate.Match{not(masked("ct mark", r.wmask, w.mark)), masked("ct mark", r.flag, 0), not(match("ct status", "snat"))}, Do: set},
		}
	})
	shared := []kstate.NftRule{{Match: []kstate.Match{masked("meta mark", r.wmask, w.mark)}, Do: verdict("goto " + name)}}
	for _, f := range kstate.Families {
		own := ownAddrs(w, f)
		if len(own) > 0 {
			shared = append(shared, kstate.NftRule{
				Match: []kstate.Match{match("meta nfproto", f.String()), match(addrKey(f, "saddr"), own...)}, Do: verdict("goto " + name),
			})
		}
	}
	return name, shared
}

// Small constructors, so that rules read like nft.

func match(key string, values ...string) kstate.Match { return kstate.Match{Key: key, Values: values} }

func masked(key string, mask, value uint32) kstate.Match {
	return kstate.Match{Key: key, Mask: mask, Values: []string{hex(value)}}
}

func not(m kstate.Match) kstate.Match {
	m.Not = true
	return m
}

func verdict(v string) []kstate.Statement { return []kstate.Statement{{Verdict: v}} }

func hex(v uint32) string { return fmt.Sprintf("%#08x", v) }

// addrKey returns "ip saddr", "ip6 daddr" and the like.
func addrKey(f kstate.Family, side string) string {
	if f == kstate.IPv6 {
		return "ip6 " + side
	}
	return "ip " + side
}
