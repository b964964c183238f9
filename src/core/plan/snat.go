package plan

import (
	"net/netip"
	"strconv"

	"multiwan/src/core/kstate"
)

// forwardedPorts is where translated connections from a fixed port go, so that they never hold the port of a program of the router.
var forwardedPorts = kstate.PortRange{Lo: 32768, Hi: 60999}

// snat plans source translation by outgoing WAN.
func (r *ruleset) snat() {
	var rules []kstate.NftRule
	for _, f := range kstate.Families {
		vm := r.byDevice("snat"+short(f), "oifname", func(w *wan) (string, []kstate.NftRule) { return r.snatChain(w, f) })
		if len(vm.Elems) > 0 {
			rules = append(rules, kstate.NftRule{Match: []kstate.Match{match("meta nfproto", f.String())}, Do: []kstate.Statement{{Vmap: vm}}})
		}
	}
	r.base("source_nat", "nat", "postrouting", prioSNAT, rules)
}

// snatChain is the translation of one WAN and family; on a shared device the mark, or the router's own address, says which WAN it is.
func (r *ruleset) snatChain(w *wan, f kstate.Family) (string, []kstate.NftRule) {
	if !w.has(f) || f == kstate.IPv6 && w.SNAT6 == "none" {
		return "", nil // not ours, or nobody translates: there is nothing to keep ports from
	}
	rules := r.ownSources(w, f)
	if f == kstate.IPv4 {
		rules = append(rules, r.snat4(w)...)
	} else {
		rules = append(rules, r.snat6(w)...)
	}
	if len(rules) == 0 {
		return "", nil
	}
	own := ownAddrs(w, f)
	if len(own) == 0 {
		rules = heldUp(rules)
	}
	name := r.chain("snat"+short(f)+"_"+w.chain, func() []kstate.NftRule { return rules })
	var shared []kstate.NftRule
	if len(own) > 0 {
		shared = []kstate.NftRule{{Match: []kstate.Match{match(addrKey(f, "saddr"), own...)}, Do: verdict("goto " + name)}}
	}
	if !r.routed {
		shared = append(shared, kstate.NftRule{Match: []kstate.Match{masked("meta mark", r.wmask, w.mark)}, Do: verdict("goto " + name)})
	}
	return name, shared
}

// heldUp drops what rules would translate, while the WAN has no address to translate it to. Where its device has a route all the same,
// a connection would leave untranslated and stay so for as long as it sends, also when the address is back.
func heldUp(rules []kstate.NftRule) []kstate.NftRule {
	all := rules[len(rules)-1] // those before it are for some ports
	return []kstate.NftRule{{Match: all.Match, Do: verdict("drop")}}
}

// ownSources binds what the router sends from the WAN's own address: fixed ports to themselves, so that no later masquerade moves
// them (an accept would not stop fw4's), the rest as it is. What carries the address of another WAN (programs whose packets are marked
// after their source was chosen) is translated below like a private source.
func (r *ruleset) ownSources(w *wan, f kstate.Family) []kstate.NftRule {
	own := ownAddrs(w, f)
	if len(own) == 0 {
		return nil
	}
	from := match(addrKey(f, "saddr"), own...)
	var rules []kstate.NftRule
	if ports := r.fixedPorts(); len(ports) > 0 {
		rules = append(rules, kstate.NftRule{
			Match: []kstate.Match{from, match("meta l4proto", "udp"), match("th sport", ports...)},
			Do:    []kstate.Statement{{NAT: &kstate.NAT{Kind: "self", Family: f}}},
		})
	}
	return append(rules, kstate.NftRule{Match: []kstate.Match{from}, Do: verdict("return")})
}

func (r *ruleset) fixedPorts() []string {
	return texts(r.c.Globals.FixedPorts, func(p uint16) string { return strconv.Itoa(int(p)) })
}

func ownAddrs(w *wan, f kstate.Family) []string {
	return texts(w.Side(f).Addrs, func(p netip.Prefix) string { return p.Addr().String() })
}

// snat4 translates private sources and misplaced own addresses.
func (r *ruleset) snat4(w *wan) []kstate.NftRule {
	nat := kstate.NAT{Kind: "masquerade", Family: kstate.IPv4}
	switch w.SNAT {
	case "none":
		return nil
	case "auto":
		if rules, left := r.leftToFirewall(w, nat); left {
			return rules
		}
	case "address":
		nat.Kind, nat.Addr = "snat", w.SNATAddr.String()
	}
	from := prefixes(privateNets[kstate.IPv4])
	from = append(from, r.strayAddrs(w, kstate.IPv4, privateNets[kstate.IPv4])...)
	return r.translate(match("ip saddr", from...), w.named(nat))
}

// leftToFirewall is what stays to be done where the firewall translates, or shall not: the router's own addresses of other WANs must not leave here,
// and hosts must not get the fixed ports that the firewall would let them keep. What has no address to be translated to it cannot hold back.
func (r *ruleset) leftToFirewall(w *wan, nat kstate.NAT) (rules []kstate.NftRule, left bool) {
	own := len(w.IPv4.Addrs) > 0
	if !w.byFirewall() || w.Firewall == Masquerades && !own {
		return nil, false
	}
	if stray := r.strayAddrs(w, kstate.IPv4, nil); len(stray) > 0 && own {
		rules = r.translate(match("ip saddr", stray...), w.named(nat))
	}
	if w.Firewall == Masquerades {
		rules = append(rules, r.move(match("ip saddr", prefixes(privateNets[kstate.IPv4])...), nat)...)
	}
	return rules, true
}

// byFirewall says whether OpenWrt's firewall decides on the translation with snat 'auto'. It cannot tell WANs on one device apart.
func (w *wan) byFirewall() bool {
	return w.Firewall == LeavesAlone || w.Firewall == Masquerades && !w.shared
}

// named replaces masquerade by the WAN's own address where others share its device, of which the kernel would take any address, and in
// IPv6, where the kernel takes one of another device in the moment between the loss of the WAN's and our answer to that.
func (w *wan) named(nat kstate.NAT) kstate.NAT {
	if own := w.Side(nat.Family).Addrs; (w.shared || nat.Family == kstate.IPv6) && nat.Kind == "masquerade" && len(own) > 0 {
		nat.Kind, nat.Addr = "snat", own[0].Addr().String()
	}
	return nat
}

// snat6 translates only where asked: sources of other WANs and of nobody (unique local addresses).
func (r *ruleset) snat6(w *wan) []kstate.NftRule {
	from := prefixes(privateNets[kstate.IPv6])
	switch w.SNAT6 {
	case "masquerade":
		for _, o := range r.wans {
			if o != w {
				from = append(from, prefixes(r.ownPrefixes(o, kstate.IPv6))...)
			}
		}
		from = append(from, r.strayAddrs(w, kstate.IPv6, r.allPrefixes6())...)
		return r.translate(match("ip6 saddr", from...), w.named(kstate.NAT{Kind: "masquerade", Family: kstate.IPv6}))
	case "prefix":
		return r.mapPrefix(w)
	}
	return nil
}

// mapPrefix maps the delegated prefixes of other WANs, and unique local addresses, onto the WAN's own of the same length.
func (r *ruleset) mapPrefix(w *wan) []kstate.NftRule {
	own := delegated(w)
	if len(own) == 0 {
		r.warn("interface %s: snat6 prefix needs a delegated prefix and there is none: nothing is translated", w.Name)
		return nil
	}
	from := prefixes(privateNets[kstate.IPv6])
	for _, o := range r.wans {
		if o == w {
			continue
		}
		for _, p := range delegated(o) {
			if p.Bits() != own[0].Bits() {
				r.warn("interface %s: snat6 prefix cannot map %s of %s onto %s: the lengths differ", w.Name, p, o.Name, own[0])
				continue
			}
			from = append(from, p.String())
		}
	}
	return []kstate.NftRule{{
		Match: []kstate.Match{match("ip6 saddr", from...)},
		Do:    []kstate.Statement{{NAT: &kstate.NAT{Kind: "prefix", Addr: own[0].String(), Family: kstate.IPv6}}},
	}}
}

// delegated are the prefixes for hosts behind us, the connected one not counted.
func delegated(w *wan) []netip.Prefix {
	var out []netip.Prefix
	for _, ps := range [][]netip.Prefix{w.Interface.Prefixes, w.IPv6.Prefixes} {
		for _, p := range ps {
			if kstate.FamilyOf(p.Addr()) == kstate.IPv6 {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}

// translate translates what m matches; fixed UDP ports of hosts behind us are moved out of the way of the router's own.
func (r *ruleset) translate(m kstate.Match, nat kstate.NAT) []kstate.NftRule {
	return append(r.move(m, nat), kstate.NftRule{Match: []kstate.Match{m}, Do: []kstate.Statement{{NAT: &nat}}})
}

// move translates what m matches and has a fixed UDP port of the router's, to another port.
func (r *ruleset) move(m kstate.Match, nat kstate.NAT) []kstate.NftRule {
	ports := r.fixedPorts()
	if len(ports) == 0 {
		return nil
	}
	nat.Port = forwardedPorts
	return []kstate.NftRule{{
		Match: []kstate.Match{m, match("meta l4proto", "udp"), match("th sport", ports...)},
		Do:    []kstate.Statement{{NAT: &nat}},
	}}
}

// strayAddrs are the router's own addresses on other WANs that the prefixes do not cover yet.
func (r *ruleset) strayAddrs(w *wan, f kstate.Family, covered []netip.Prefix) []string {
	own := map[netip.Addr]bool{}
	for _, a := range w.Side(f).Addrs {
		own[a.Addr()] = true
	}
	var out []string
	for _, s := range r.sources(f) {
		if s.w == w || own[s.addr] || containsAddr(covered, s.addr) {
			continue
		}
		out = append(out, s.addr.String())
	}
	return out
}

func (r *ruleset) allPrefixes6() []netip.Prefix {
	out := append([]netip.Prefix{}, privateNets[kstate.IPv6]...)
	for _, o := range r.wans {
		out = append(out, r.ownPrefixes(o, kstate.IPv6)...)
	}
	return out
}

func containsAddr(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(ps []netip.Prefix) []string {
	return texts(ps, netip.Prefix.String)
}
