package plan

import (
	"net/netip"

	"multiwan/src/core/kstate"
)

// leaks drops what the kernel does not translate although its WAN does: forwarded packets that belong to no connection any more, such as
// the FIN of one that was evicted. They would leave with their private source, which the provider drops and which is nobody's business.
func (r *ruleset) leaks() {
	var rules []kstate.NftRule
	r.plan.Private, r.plan.Plain = map[kstate.Family][]netip.Prefix{}, map[kstate.Family][]uint32{}
	for _, f := range kstate.Families {
		if devices := r.translating(f); len(devices) > 0 {
			r.plan.Private[f] = privateNets[f]
			rules = append(rules, kstate.NftRule{
				Match: []kstate.Match{match("ct state", "invalid"), match("oifname", devices...), match(addrKey(f, "saddr"), prefixes(privateNets[f])...)},
				Do:    verdict("drop"),
			})
		}
	}
	r.base("forward", "filter", "forward", prioMangle, rules)
}

// translating are the devices of which every WAN translates private sources of a family.
func (r *ruleset) translating(f kstate.Family) []string {
	plain := map[string]bool{"": true}
	for _, w := range r.wans {
		if !r.translatesPrivate(w, f) {
			plain[w.dev()] = true
			r.plan.Plain[f] = append(r.plan.Plain[f], w.mark)
		}
	}
	var devices []string
	for _, w := range r.wans {
		if !plain[w.dev()] {
			plain[w.dev()] = true // once
			devices = append(devices, w.dev())
		}
	}
	return devices
}

func (r *ruleset) translatesPrivate(w *wan, f kstate.Family) bool {
	if f == kstate.IPv6 {
		return w.SNAT6 == "masquerade" || w.SNAT6 == "prefix" && len(delegated(w)) > 0
	}
	return w.SNAT == "masquerade" || w.SNAT == "address" || w.SNAT == "auto" && w.Firewall != LeavesAlone
}
