package overlay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Hook priorities (linux/netfilter_ipv4.h, linux/netfilter_bridge.h). Sources are bound in front of the translation of core/plan (90).
const (
	prioFilter = 0
	prioMangle = -150
	prioBind   = 89
	prioFirst  = -300
)

// tableName is the name of all our tables.
const tableName = "multiwan"

// clamped counts the SYNs whose MSS was lowered.
const clamped = "clamped"

// ruleset collects the chains of one table.
type ruleset struct{ table kstate.Table }

// chain adds a chain if it has rules.
func (r *ruleset) chain(c kstate.Chain) {
	if len(c.Rules) > 0 {
		r.table.Chains = append(r.table.Chains, c)
	}
}

// wantTables plans guards, bindings and clamps of table inet multiwan, the clamps of table bridge multiwan, and
// the copies of table ip multiwan, since only tables of one family have them.
func (b *builder) wantTables() {
	inet := &ruleset{table: kstate.Table{Family: "inet", Name: tableName}}
	b.guards(inet)
	b.bindings(inet)
	b.clampRouted(inet)
	bridge := &ruleset{table: kstate.Table{Family: "bridge", Name: tableName}}
	b.clampBridges(bridge)
	for _, r := range []*ruleset{inet, bridge, b.copyTable()} {
		if len(r.table.Chains) > 0 {
			b.plan.Tables = append(b.plan.Tables, r.table)
		}
	}
}

// Merge returns base with the chains, sets and counters of more put into the tables of the same key. Neither is changed. Names of chains
// differ: those of this package begin with overlay_.
func Merge(base, more []kstate.Table) []kstate.Table {
	out := slices.Clone(base)
	for _, t := range more {
		i := order.First(len(out), func(i int) bool { return out[i].Key() == t.Key() })
		if i < 0 {
			out = append(out, t)
			continue
		}
		o := &out[i]
		o.Sets, o.Counters, o.Chains = order.Join(o.Sets, t.Sets), order.Join(o.Counters, t.Counters), order.Join(o.Chains, t.Chains)
		order.By(o.Chains, func(i, j int) int { return baseFirst(o.Chains[i], o.Chains[j]) })
	}
	return out
}

// baseFirst puts base chains first, then all by name, as core/plan does.
func baseFirst(x, y kstate.Chain) int {
	if (x.Hook == "") != (y.Hook == "") {
		if x.Hook != "" {
			return -1
		}
		return 1
	}
	return strings.Compare(x.Name, y.Name)
}

// guarded are the tunnels whose packets must be under IPsec: those that are wanted so, and those that stand so until they are gone.
func (b *builder) guarded() []kstate.Tunnel {
	var out []kstate.Tunnel
	seen := map[kstate.Tunnel]bool{}
	for _, o := range []kstate.Overlay{b.plan.Want, b.f.Have} {
		blocks := make(map[kstate.Block]bool, len(o.Blocks))
		for _, x := range o.Blocks {
			blocks[x] = true
		}
		for _, t := range o.Tunnels {
			if x := t.Blocks(); blocks[x[0]] && blocks[x[1]] && !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	order.By(out, func(i, j int) int {
		x, y := out[i], out[j]
		return cmp.Or(cmp.Compare(x.ID, y.ID), x.Local.Compare(y.Local), x.Remote.Compare(y.Remote), cmp.Compare(x.RemotePort, y.RemotePort))
	})
	return out
}

// guards drop the outer packets of protected pseudowires that are in clear, in both directions. They are the second guard: the blocks of
// XFRM stand without them, and they without the blocks. Every packet of the router comes by: what is under IPsec goes on after the first match, and
// a map finds the rules of a far end for the rest.
func (b *builder) guards(r *ruleset) {
	in := branches{prefix: "overlay_in_"}
	out := branches{prefix: "overlay_out_"}
	for _, t := range b.guarded() {
		far := t.Remote.String()
		out.add(far, kstate.NftRule{Match: outer(t), Do: verdict("drop")})
		in.add(far, kstate.NftRule{Match: outer(reversed(t)), Do: verdict("drop")})
	}
	r.chain(kstate.Chain{Name: "overlay_guard_in", Type: "filter", Hook: "input", Priority: prioFilter, Rules: in.byAddress("saddr", match("meta ipsec", "missing"))})
	r.chain(kstate.Chain{Name: "overlay_guard_out", Type: "filter", Hook: "output", Priority: prioFilter, Rules: out.byAddress("daddr", match("rt ipsec", "missing"))})
	in.chains(r)
	out.chains(r)
}

// branches are chains that a verdict map leads to, by a value of the packet.
type branches struct {
	prefix string // of the chains' names
	values []string
	rules  map[string][]kstate.NftRule
}

// add puts a rule into the chain of a value.
func (x *branches) add(value string, rules ...kstate.NftRule) {
	if len(rules) == 0 {
		return
	}
	if x.rules == nil {
		x.rules = map[string][]kstate.NftRule{}
	}
	if x.rules[value] == nil {
		x.values = append(x.values, value)
	}
	x.rules[value] = append(x.rules[value], rules...)
}

func (x *branches) name(value string) string { return x.prefix + strings.ReplaceAll(value, ":", "_") }

// chains adds the chains to a table.
func (x *branches) chains(r *ruleset) {
	for _, v := range x.values {
		r.chain(kstate.Chain{Name: x.name(v), Rules: x.rules[v]})
	}
}

// by returns a rule that leads to the chains by a key, none where there are none.
func (x *branches) by(key string, of func(value string) bool, first ...kstate.Match) []kstate.NftRule {
	vm := &kstate.Vmap{Key: key}
	for _, v := range x.values {
		if of(v) {
			vm.Elems = append(vm.Elems, kstate.VmapElem{Value: v, Verdict: "jump " + x.name(v)})
		}
	}
	if len(vm.Elems) == 0 {
		return nil
	}
	return []kstate.NftRule{{Match: first, Do: []kstate.Statement{{Vmap: vm}}}}
}

// byAddress leads by the address of one side what one more match finds.
func (x *branches) byAddress(side string, more kstate.Match) []kstate.NftRule {
	four := func(v string) bool { return !strings.Contains(v, ":") }
	six := func(v string) bool { return !four(v) }
	return order.Join(x.by("ip "+side, four, match("meta nfproto", "ipv4"), more), x.by("ip6 "+side, six, match("meta nfproto", "ipv6"), more))
}

// byDevice leads by the devices of a packet that are known in a hook.
func (x *branches) byDevice(hook string, first ...kstate.Match) []kstate.NftRule {
	all := func(string) bool { return true }
	switch hook {
	case "prerouting", "input":
		return x.by("iifname", all, first...)
	case "output", "postrouting":
		return x.by("oifname", all, first...)
	}
	return order.Join(x.by("iifname", all, first...), x.by("oifname", all, first...))
}

// bindings give outer packets their own source by name, so that no masquerade after them changes it: a binding that is made cannot be made
// again, while an accept would not stop the chains of others. In tunnel mode this holds for the inner packet too, which would otherwise
// fall out of its selectors.
func (b *builder) bindings(r *ruleset) {
	var rules []kstate.NftRule
	seen := map[string]bool{}
	self := func(m []kstate.Match, t kstate.Tunnel, ports bool) {
		nat := &kstate.NAT{Kind: "self", Family: t.Family()}
		if !ports {
			nat.Kind, nat.Addr = "snat", t.Local.String()
		}
		rule := kstate.NftRule{Match: m, Do: []kstate.Statement{{NAT: nat}}}
		if key := rule.String(); !seen[key] {
			seen[key] = true
			rules = append(rules, rule)
		}
	}
	for _, t := range b.plan.Want.Tunnels {
		self(outer(t), t, t.Encap == kstate.EncapUDP)
	}
	for _, x := range b.conns {
		if x.local.IsValid() && x.remote.IsValid() && kstate.FamilyOf(x.local) == kstate.FamilyOf(x.remote) {
			t := kstate.Tunnel{Local: x.local, Remote: x.remote}
			self(append(ends(t), match("meta l4proto", "esp")), t, false)
		}
	}
	r.chain(kstate.Chain{Name: "overlay_bind", Type: "nat", Hook: "postrouting", Priority: prioBind, Rules: rules})
}

// outer matches the outer packets of a tunnel on their way out: exactly its ends, protocol and ports.
func outer(t kstate.Tunnel) []kstate.Match {
	m := ends(t)
	if t.Encap != kstate.EncapUDP {
		return append(m, match("meta l4proto", fmt.Sprint(kstate.ProtoL2TP)))
	}
	return append(m, match("meta l4proto", "udp"), match("th sport", fmt.Sprint(t.LocalPort)), match("th dport", fmt.Sprint(t.RemotePort)))
}

func ends(t kstate.Tunnel) []kstate.Match {
	ip := "ip"
	if t.Family() == kstate.IPv6 {
		ip = "ip6"
	}
	return []kstate.Match{match(ip+" saddr", t.Local.String()), match(ip+" daddr", t.Remote.String())}
}

// reversed is the tunnel as the far end has it, as far as addresses and ports go.
func reversed(t kstate.Tunnel) kstate.Tunnel {
	t.Local, t.Remote, t.LocalPort, t.RemotePort = t.Remote, t.Local, t.RemotePort, t.LocalPort
	return t
}

func match(key string, values ...string) kstate.Match { return kstate.Match{Key: key, Values: values} }

func verdict(v string) []kstate.Statement { return []kstate.Statement{{Verdict: v}} }
