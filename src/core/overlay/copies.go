package overlay

import (
	"fmt"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// smallPacket is the size up to which `duplicate 'small'` copies, in bytes with the outer IP header.
const smallPacket = 300

// burstShare is the part of a second's worth of copies that may go at once, and burstLeast the least: some packets of full size.
const (
	burstShare = 10
	burstLeast = 16000
)

// sampleRate is how many packets a second are copied of those that are not chosen, so that the far end sees a dead path by what runs,
// and sampleBurst how many at once.
const (
	sampleRate  = 16
	sampleBurst = 4
)

// ikePorts are those of IKE (RFC 7296 section 2, RFC 3948).
var ikePorts = []string{"500", "4500"}

// copyTable plans the rules that duplicate packets and put copies that come in back into what they were.
//
// Only what is encrypted or IKE is ever matched: ESP, and UDP from and to the ports of IKE. L2TP in clear passes the same hook before it
// is wrapped, and must not match.
//
// In the output hook a packet gets the addresses of a path, is copied, and gets its own back. So neither a mark nor a second look at the
// copy is needed, which passes the hook with addresses that no rule here knows.
func (b *builder) copyTable() *ruleset {
	r := &ruleset{table: kstate.Table{Family: "ip", Name: tableName}}
	esp := branches{prefix: "overlay_esp_"}
	ike := branches{prefix: "overlay_ike_"}
	back := branches{prefix: "overlay_back_"}
	inner := branches{prefix: "overlay_inner_"}
	classes := branches{prefix: "overlay_class_"}
	for _, x := range b.conns {
		if x.copies == nil || x.copies.alone() {
			continue
		}
		for i := range x.copies.paths {
			r.table.Counters = append(r.table.Counters, counterOf("out", x, i), counterOf("in", x, i))
		}
		for _, ends := range x.copies.pairs {
			far := ends.remote.String()
			esp.add(far, x.copyRules(ends, true)...)
			ike.add(far, x.copyRules(ends, false)...)
			x.innerRules(ends, &inner)
		}
		b.backRules(x, &back)
		x.classRules(&classes)
	}
	if len(r.table.Counters) == 0 {
		return r
	}
	all := func(string) bool { return true }
	isESP := []kstate.Match{match("meta l4proto", "esp")}
	isIKE := []kstate.Match{match("meta l4proto", "udp"), match("th sport", ikePorts...), match("th dport", ikePorts...)}
	r.chain(kstate.Chain{Name: "overlay_classes", Type: "filter", Hook: "output", Priority: prioFilter, Rules: classes.by("ip daddr", all)})
	r.chain(kstate.Chain{Name: "overlay_copies_out", Type: "filter", Hook: "output", Priority: prioFilter,
		Rules: order.Join(esp.by("ip daddr", all, isESP...), ike.by("ip daddr", all, isIKE...))})
	r.chain(kstate.Chain{Name: "overlay_copies_in", Type: "filter", Hook: "prerouting", Priority: prioFirst,
		Rules: order.Join(back.by("ip saddr", all, isESP...), back.by("ip saddr", all, isIKE...),
			inner.by("ip saddr", all, match("meta ipsec", "exists"), match("meta l4proto", "udp")))})
	for _, x := range []*branches{&esp, &ike, &back, &inner, &classes} {
		x.chains(r)
	}
	return r
}

// copyRules duplicate the packets of an SA, or of IKE between its ends. A packet that leaves by another path than the first, since the first
// is away, takes the addresses of that one; and one of an SA that has an address which the first line has lost takes the line's own.
func (x *conn) copyRules(ends pair, selected bool) []kstate.NftRule {
	var rules []kstate.NftRule
	for i, p := range x.copies.paths {
		if !p.usable() || i == 0 && !x.passed() {
			continue
		}
		m := []kstate.Match{match("ip saddr", ends.local.String())}
		if p.own || i == 0 {
			m = append(m, kstate.Match{Key: "oifname", Not: true, Values: []string{p.line.Device}}) // it goes that way itself
		}
		dup := order.Join(readdress(ends, pair{p.local, p.remote}), []kstate.Statement{{Dup: &kstate.Dup{To: p.hop(x.Family), Index: p.line.Index}}},
			readdress(pair{p.local, p.remote}, ends))
		if !selected {
			rules = append(rules, kstate.NftRule{Match: m, Do: dup})
			continue
		}
		dup = append([]kstate.Statement{{Counter: counterOf("out", x, i)}}, dup...)
		chosen := x.copies.chosen()
		rules = append(rules, limited(x.copies.limit(), order.Join(m, chosen), dup))
		for _, c := range chosen {
			c.Not = true
			rules = append(rules, limited(&kstate.Limit{Rate: sampleRate, Burst: sampleBurst, Packets: true}, append(slices.Clone(m), c), dup))
		}
	}
	for i, p := range x.copies.paths {
		do := readdress(ends, pair{p.local, p.remote})
		if i > 0 && !p.own || !p.usable() || len(do) == 0 {
			continue
		}
		if selected {
			do = append([]kstate.Statement{{Counter: counterOf("out", x, i)}}, do...)
		}
		rules = append(rules, kstate.NftRule{Match: []kstate.Match{match("ip saddr", ends.local.String()), match("oifname", p.line.Device)},
			Do: append(do, kstate.Statement{Verdict: "return"})})
	}
	return rules
}

// limited is a rule with a limit, or without.
func limited(l *kstate.Limit, m []kstate.Match, do []kstate.Statement) kstate.NftRule {
	if l != nil {
		do = append([]kstate.Statement{{Limit: l}}, do...)
	}
	return kstate.NftRule{Match: m, Do: do}
}

// limit is that of the copies by each path, none while nothing comes by the first.
func (r *copying) limit() *kstate.Limit {
	rate := uint64(r.Rate) * 125
	if rate == 0 || r.widowed {
		return nil
	}
	return &kstate.Limit{Rate: rate, Burst: max(rate/burstShare, burstLeast)}
}

// chosen matches the packets that are copied: all while nothing comes through by the first path, which alone carries the others.
func (r *copying) chosen() []kstate.Match {
	switch {
	case r.widowed:
		return nil
	case r.Copies == "small":
		return []kstate.Match{match("meta length", fmt.Sprintf("0-%d", smallPacket))}
	case r.Copies == "dscp":
		codes := make([]string, len(r.DSCP))
		for i, c := range r.DSCP {
			codes[i] = fmt.Sprint(c)
		}
		return []kstate.Match{match("dscp", codes...)}
	}
	return nil
}

// passed says whether a packet may leave past the first path, by the device of another.
func (x *conn) passed() bool {
	return order.Any(len(x.copies.paths), func(i int) bool { return x.copies.paths[i].own && x.copies.paths[i].usable() })
}

// hop is where a copy is handed to: the gateway, or on a point-to-point device the far end itself.
func (p *path) hop(f kstate.Family) string {
	if g := p.line.Side(f).Gateway; g.IsValid() {
		return g.String()
	}
	return p.remote.String()
}

// readdress turns the addresses of one pair into those of another.
func readdress(from, to pair) []kstate.Statement {
	var do []kstate.Statement
	if from.local != to.local {
		do = append(do, kstate.Statement{SetAddr: &kstate.SetAddr{Key: "ip saddr", Addr: to.local.String()}})
	}
	if from.remote != to.remote {
		do = append(do, kstate.Statement{SetAddr: &kstate.SetAddr{Key: "ip daddr", Addr: to.remote.String()}})
	}
	return do
}

// backRules count what comes by each path, and give copies the addresses that the SA and IKE know. Also those of paths that carry no copies
// of ours: the far end judges by itself. Locals that are no end of a path with that source are put back too, since the far end may pair
// them otherwise. While an SA moves, copies are those of the one that stands.
func (b *builder) backRules(x *conn, back *branches) {
	r := x.copies
	stands := r.pairs[len(r.pairs)-1]
	seen := map[pair]bool{}
	add := func(from pair, count string) {
		if seen[from] || !from.local.IsValid() || b.endsOf(x, from) {
			return
		}
		seen[from] = true
		to := stands
		for _, ends := range r.pairs {
			if ends.local == from.local {
				to = ends
			}
		}
		var do []kstate.Statement
		if count != "" {
			do = append(do, kstate.Statement{Counter: count})
		}
		do = append(do, readdress(pair{from.remote, from.local}, pair{to.remote, to.local})...) // the other way round: it comes in
		if len(do) > 0 {
			do = append(do, kstate.Statement{Verdict: "return"})
			back.add(from.remote.String(), kstate.NftRule{Match: []kstate.Match{match("ip daddr", from.local.String())}, Do: do})
		}
	}
	for i, p := range r.paths {
		add(pair{p.local, p.remote}, counterOf("in", x, i))
	}
	for _, p := range r.paths {
		for _, o := range r.paths {
			add(pair{p.local, o.remote}, "")
		}
	}
}

// innerRules are for transport mode with ESP offload: where the NIC's receive path merges packets (GRO), it decrypts them before any hook, and what
// comes up is L2TP from the address of the copy. Its UDP checksum is off.
func (x *conn) innerRules(ends pair, inner *branches) {
	if x.Mode != kstate.ModeTransport {
		return
	}
	for _, p := range x.copies.paths {
		if p.remote == ends.remote {
			continue
		}
		for _, w := range x.users {
			inner.add(p.remote.String(), kstate.NftRule{
				Match: []kstate.Match{match("ip daddr", ends.local.String()), match("th sport", fmt.Sprint(w.RemotePort)), match("th dport", fmt.Sprint(w.LocalPort))},
				Do:    []kstate.Statement{{SetAddr: &kstate.SetAddr{Key: "ip saddr", Addr: ends.remote.String()}}},
			})
		}
	}
}
