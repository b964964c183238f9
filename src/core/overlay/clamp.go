package overlay

import (
	"fmt"
	"net/netip"
	"strconv"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
)

// holding is a device whose TCP connections are held to a size: a port of a bridge, or a device with addresses.
type holding struct {
	*outlet
	device string
	bridge string // "" is routed
}

// sizes are the MSS by family; 0 needs no clamp.
type sizes [2]int

// clampBridges holds what crosses the pseudowire ports of bridges, in both directions: forwarded frames, and those of the router itself. Our
// own probes of the far end stop here, they are nobody else's business: every CFM frame of level 0 and version 0, which the first byte says.
// The answers are addressed to the device that asked, whose address the bridge does not know where that is no port of it: a pseudowire
// with a detour.
func (b *builder) clampBridges(r *ruleset) {
	var ports []string
	clamps := branches{prefix: "overlay_clamp_"}
	for _, h := range b.held {
		if h.bridge == "" {
			continue
		}
		ports = append(ports, h.device)
		for _, c := range b.clampsOf(func(c config.Clamp) bool { return c.Bridge == h.bridge }) {
			s := b.fit(c, h)
			h.out.note(s)
			clamps.add(h.device, clampRules(s, c.Subnets, "meta protocol", "ip", "ip6")...)
		}
	}
	if len(ports) == 0 || b.lacking("nft_meta_bridge") != "" {
		return
	}
	r.chain(kstate.Chain{Name: "overlay_probes", Type: "filter", Hook: "prerouting", Priority: prioFirst, Rules: []kstate.NftRule{{
		Match: []kstate.Match{match("ether type", "0x8902"), match("@nh,0,8", "0"), match("iifname", ports...)}, Do: verdict("drop"),
	}}})
	clamps.hang(r, prioFilter, "forward", "input", "output")
}

// clampRouted holds what goes through devices with addresses, forwarded or the router's own.
func (b *builder) clampRouted(r *ruleset) {
	clamps := branches{prefix: "overlay_clamp_"}
	seen := map[string]bool{}
	for _, h := range b.held {
		if h.bridge != "" {
			continue
		}
		seen[h.device] = true
		for _, c := range b.clampsOf(func(c config.Clamp) bool { return c.Device == h.device }) {
			s := b.fit(c, h)
			h.out.note(s)
			clamps.add(h.device, clampRules(s, c.Subnets, "meta nfproto", "ipv4", "ipv6")...)
		}
	}
	for _, c := range b.c.Clamps {
		if c.Enabled && c.Device != "" && !seen[c.Device] {
			clamps.add(c.Device, clampRules(b.foreignSize(c), c.Subnets, "meta nfproto", "ipv4", "ipv6")...)
		}
	}
	clamps.hang(r, prioMangle, "prerouting", "postrouting")
}

// hang leads SYN and SYN-ACK from hooks to the clamps of their devices.
func (x *branches) hang(r *ruleset, prio int, hooks ...string) {
	if len(x.values) == 0 {
		return
	}
	r.table.Counters = append(r.table.Counters, clamped)
	for _, hook := range hooks {
		r.chain(kstate.Chain{Name: "overlay_" + hook, Type: "filter", Hook: hook, Priority: prio, Rules: x.byDevice(hook, syn())})
	}
	x.chains(r)
}

// clampsOf returns the sections that are about a device; where the file has none, what stands for it: all connections, size computed.
func (b *builder) clampsOf(about func(config.Clamp) bool) []config.Clamp {
	var out []config.Clamp
	named := false
	for _, c := range b.c.Clamps {
		if about(c) {
			named = true
			if c.Enabled {
				out = append(out, c)
			}
		}
	}
	if !named {
		out = append(out, config.Clamp{})
	}
	return out
}

// fit says to what size a clamp holds connections through a device. Through a whole port of a bridge tagged frames may pass, which are
// four bytes longer; through an access port none do, through a sub-interface only such.
func (b *builder) fit(c config.Clamp, h holding) sizes {
	fits := h.port.Tagged
	if h.VLAN == 0 && h.bridge == "" || h.VLAN != 0 && h.VLANMode == "access" {
		fits = h.port.MSS
	}
	four, six := fits[kstate.IPv4], fits[kstate.IPv6]
	switch {
	case c.MSS == 0 && h.port.Whole:
		return sizes{}
	case c.MSS == 0:
		return sizes{four, six}
	}
	if c.MSS > four {
		b.warn("mss_clamp %s: mss %d is more than %d, which is what fits through %s %s: larger packets go in fragments", c.Name, c.MSS, four, h.kind, h.name)
	}
	return sizes{c.MSS, c.MSS - 20}
}

// foreignSize is the size for a device that is not ours.
func (b *builder) foreignSize(c config.Clamp) sizes {
	if c.MSS != 0 {
		return sizes{c.MSS, c.MSS - 20}
	}
	bytes := b.f.Devices[c.Device].MTU
	for _, w := range b.f.WANs {
		if w.Device == c.Device && w.MTU > 0 {
			bytes = w.MTU
		}
	}
	for _, l := range b.plan.Want.Links {
		if l.Name == c.Device {
			bytes = l.MTU
		}
	}
	if bytes == 0 {
		b.warn("mss_clamp %s: device %s does not exist yet, its size is not known", c.Name, c.Device)
		return sizes{}
	}
	return sizes{mtu.MSS(bytes, kstate.IPv4), mtu.MSS(bytes, kstate.IPv6)}
}

// note keeps the smallest size for the status.
func (a *attachment) note(s sizes) {
	if s[0] > 0 && (a.mss4 == 0 || s[0] < a.mss4) {
		a.mss4, a.mss6 = s[0], s[1]
	}
}

// clampRules lower the MSS of SYN and SYN-ACK. Where subnets are given, one end lies in one of them.
func clampRules(s sizes, subnets []netip.Prefix, key, four, six string) []kstate.NftRule {
	var out []kstate.NftRule
	for i, f := range kstate.Families {
		if s[i] <= 0 {
			continue
		}
		value := map[kstate.Family]string{kstate.IPv4: four, kstate.IPv6: six}[f]
		for _, narrow := range within(f, subnets) {
			m := append([]kstate.Match{match(key, value)}, narrow...)
			m = append(m, kstate.Match{Key: "tcp option maxseg size", Over: true, Values: []string{strconv.Itoa(s[i])}})
			out = append(out, kstate.NftRule{Match: m, Do: []kstate.Statement{{Counter: clamped}, {MSS: &kstate.MSS{Size: s[i]}}}})
		}
	}
	return out
}

// within are the matches of which one has to hold: none at all without subnets; nothing where they are all of the other family.
func within(f kstate.Family, subnets []netip.Prefix) [][]kstate.Match {
	if len(subnets) == 0 {
		return [][]kstate.Match{nil}
	}
	var list []string
	for _, p := range subnets {
		if kstate.FamilyOf(p.Addr()) == f {
			list = append(list, p.String())
		}
	}
	if len(list) == 0 {
		return nil
	}
	ip := map[kstate.Family]string{kstate.IPv4: "ip", kstate.IPv6: "ip6"}[f]
	return [][]kstate.Match{{match(fmt.Sprintf("%s saddr", ip), list...)}, {match(fmt.Sprintf("%s daddr", ip), list...)}}
}

// syn matches SYN and SYN-ACK: the SYN flag without RST.
func syn() kstate.Match { return kstate.Match{Key: "tcp flags", Mask: 0x06, Values: []string{"syn"}} }
