package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Flow is the first packet of a connection, as far as rules look at it.
type Flow struct {
	Src, Dst     netip.Addr
	Proto        uint8 // IP protocol number; 0: not known, rules that name protocols do not match
	Sport, Dport uint16
	DSCP         uint8
	// Device is the input device of forwarded packets; "" matches every src_iface.
	Device string
	// Router says that the router itself sends it, Bound that its socket is bound to Src.
	Router, Bound bool
}

// Answer says where a flow goes and why.
type Answer struct {
	Rule   string `json:"rule"`   // section name of the rule that matched; "" where none did
	Policy string `json:"policy"` // policy or WAN that the rule or the default named
	State  string `json:"state"`  // of the policy: up backup best_effort unreachable blackhole main
	// Ways are the WANs that it may take, with shares; one where it is certain.
	Ways  []Way    `json:"ways"`
	Notes []string `json:"notes"`
}

// Way is one WAN that a flow may take.
type Way struct {
	_ order.Incomparable

	WAN     string     `json:"wan"`
	Percent float64    `json:"percent"`
	Mark    uint32     `json:"mark"`
	Table   uint32     `json:"table"`
	Device  string     `json:"device"`
	Gateway netip.Addr `json:"gateway"`
	SNAT    string     `json:"snat"` // "masquerade", "192.0.2.1", "none", "prefix …", "left to the firewall"
}

// Explain says where a flow goes, by the same rules that Compute turns into kernel objects.
func Explain(c *config.Config, f Facts, q Flow) Answer {
	b := newBuilder(c, f)
	b.addWANs()
	b.addPolicies()
	fam := kstate.FamilyOf(q.Dst)
	var a Answer
	if q.Router && q.Bound {
		for _, s := range b.sources(fam) {
			if s.addr == q.Src {
				a.Policy, a.State = s.w.Name, "up"
				a.Ways = []Way{b.way(s.w, fam, q, 100)}
				a.Notes = append(a.Notes, "the source is an address of "+s.w.Name+": it leaves by that wan whatever its state")
				return a
			}
		}
	}
	rule := b.firstRule(q, fam)
	a.Policy = "default"
	if rule != nil {
		a.Rule, a.Policy = rule.Name, rule.Policy
	} else if w := b.resolverOf(q.Dst, fam); w != nil && q.Router && q.Dport == dnsPort {
		a.Policy = w.Name
		a.Notes = append(a.Notes, "a resolver of "+w.Name+" is asked by it alone")
	}
	b.follow(&a, q, fam)
	if q.Router && q.Proto == 17 {
		a.Notes = append(a.Notes, "a udp socket bound to no address answers from the default's address, whichever wan the request came by")
	}
	return a
}

// Classify names the policy (or WAN) that a forwarded flow belongs to. What a connection tracking entry does not tell (input device,
// dscp, sets of names) is taken as matching only where the rule does not ask for it.
func Classify(c *config.Config, f Facts, q Flow) string {
	b := &builder{c: c, f: f}
	if r := b.firstRule(q, kstate.FamilyOf(q.Dst)); r != nil {
		return r.Policy
	}
	return "default"
}

// firstRule returns the first rule of the configuration that the flow matches, nil where none does.
func (b *builder) firstRule(q Flow, f kstate.Family) *config.Rule {
	for i := range b.c.Rules {
		r := &b.c.Rules[i]
		if r.Enabled && (r.Family == 0 || r.Family == f) && originFits(r.Origin, q.Router, b.routed) && b.flowMatches(r, q) {
			return r
		}
	}
	return nil
}

func originFits(origin string, router, routed bool) bool {
	return origin == "any" || routed && origin == "forwarded" || router == (origin == "router")
}

func (b *builder) flowMatches(r *config.Rule, q Flow) bool {
	return oneOf(r.Src.List, r.Src.Not, func(p netip.Prefix) bool { return p.Contains(q.Src) }) &&
		oneOf(r.Dest.List, r.Dest.Not, func(p netip.Prefix) bool { return p.Contains(q.Dst) }) &&
		oneOf(r.Proto, false, func(p config.Proto) bool { return p.Number == q.Proto }) &&
		oneOf(r.Sport.List, r.Sport.Not, func(p kstate.PortRange) bool { return p.Lo <= q.Sport && q.Sport <= p.Hi }) &&
		oneOf(r.Dport.List, r.Dport.Not, func(p kstate.PortRange) bool { return p.Lo <= q.Dport && q.Dport <= p.Hi }) &&
		oneOf(r.DSCP.List, r.DSCP.Not, func(d uint8) bool { return d == q.DSCP }) &&
		oneOf(b.devices(r.SrcIface.List), r.SrcIface.Not, func(d string) bool { return q.Device == "" || d == q.Device }) &&
		r.NFTSet == "" && !r.UID.Set && r.Mask == 0
}

// oneOf is the meaning of a list option: empty matches all, else any value does, or with not none.
func oneOf[T any](list []T, not bool, match func(T) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, match) != not
}

// follow fills in where the policy of an answer leads.
func (b *builder) follow(a *Answer, q Flow, f kstate.Family) {
	switch a.Policy {
	case "unreachable", "blackhole", "prohibit", "main":
		a.State = a.Policy
		return
	}
	if w := b.byName[a.Policy]; w != nil && !w.has(f) {
		a.State = "unreachable"
		a.Notes = append(a.Notes, w.Name+" is not used for "+f.String()+", and the rule allows no other")
		return
	} else if w != nil {
		a.State = "up"
		if !w.carries[f] {
			a.State = "prohibit"
			if q.Router && insists(f) {
				a.Notes = append(a.Notes, lostNote(w))
			}
		}
		a.Ways = []Way{b.way(w, f, q, 100)}
		return
	}
	p := b.policies[a.Policy]
	if p == nil {
		a.State = "main"
		a.Notes = append(a.Notes, "no policy: the main table decides")
		return
	}
	a.State = p.State[f]
	if w := b.deadEnd(p, f); w != nil && q.Router && (a.State == "unreachable" || a.State == "blackhole") {
		a.Ways = []Way{b.way(w, f, q, 100)}
		a.Notes = append(a.Notes, lostNote(w))
		return
	}
	if owner := b.owner(q.Src, f); owner != nil && !q.Router {
		translated := len(p.Active[f]) > 0 && (f == kstate.IPv6 && b.byName[p.Active[f][0].WAN].SNAT6 != "none" || b.byName[p.Active[f][0].WAN].joins)
		if !translated {
			a.Ways = []Way{b.way(owner, f, q, 100)}
			a.Notes = append(a.Notes, "the source belongs to "+owner.Name+" and is not translated: it leaves by that wan")
			return
		}
	}
	if p.Balance == "packet" && !q.Router && b.f.Apart[a.Policy][f] == 0 {
		a.Notes = append(a.Notes, "each packet is dealt out by itself")
	}
	for _, s := range p.Active[f] {
		a.Ways = append(a.Ways, b.way(b.byName[s.WAN], f, q, s.Percent))
	}
	if q.Device == "" && !q.Router && order.Any(len(b.c.Rules), func(i int) bool { return b.c.Rules[i].Enabled && b.c.Rules[i].NFTSet != "" }) {
		a.Notes = append(a.Notes, "rules with nftset were not looked at: the kernel knows what is in a set")
	}
}

// lostNote tells what becomes of the router's own IPv6 packets that would be refused, see insists.
func lostNote(w *wan) string {
	return "the router's own ipv6 packets are lost on " + w.Name + ": after a refusal the kernel would send them by another wan"
}

// owner returns the WAN that a source of a host behind us belongs to.
func (b *builder) owner(src netip.Addr, f kstate.Family) *wan {
	for _, w := range b.wans {
		if containsAddr(b.ownPrefixes(w, f), src) {
			return w
		}
	}
	return nil
}

func (b *builder) way(w *wan, f kstate.Family, q Flow, percent float64) Way {
	out := Way{WAN: w.Name, Percent: percent, Table: w.table, Device: w.dev(), Gateway: w.Side(f).Gateway, SNAT: b.translation(w, f, q)}
	if !b.routed {
		out.Mark = w.mark
	}
	return out
}

// translation says in words what becomes of the source.
func (b *builder) translation(w *wan, f kstate.Family, q Flow) string {
	if slices.Contains(ownAddrs(w, f), q.Src.String()) || q.Router && !q.Bound {
		return "none"
	}
	if f == kstate.IPv6 {
		switch {
		case w.SNAT6 == "prefix" && len(delegated(w)) > 0:
			return "prefix " + delegated(w)[0].String()
		case w.SNAT6 == "masquerade":
			return "masquerade"
		}
		return "none"
	}
	switch {
	case !private(q.Src):
		return "none"
	case w.SNAT == "address":
		return w.SNATAddr.String()
	case w.SNAT == "auto" && w.byFirewall():
		return "left to the firewall"
	case w.SNAT == "none":
		return "none"
	}
	return "masquerade"
}

// String returns the answer in a sentence or two.
func (a Answer) String() string {
	var s strings.Builder
	if a.Rule != "" {
		fmt.Fprintf(&s, "rule %s -> policy %s (%s)", a.Rule, a.Policy, a.State)
	} else {
		fmt.Fprintf(&s, "no rule -> policy %s (%s)", a.Policy, a.State)
	}
	for _, w := range a.Ways {
		fmt.Fprintf(&s, "\n  %5.1f %%  %s via %s dev %s, table %d, snat %s", w.Percent, w.WAN, w.Gateway, w.Device, w.Table, w.SNAT)
	}
	for _, n := range a.Notes {
		s.WriteString("\n  note: " + n)
	}
	return s.String()
}
