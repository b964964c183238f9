package config

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Smallest MTU of a link for IPv4 (RFC 791, the packet that every host must take) and for IPv6 (RFC 8200 section 5).
const (
	minMTU  = 576
	minMTU6 = 1280
)

// joins fills in what joins sites. Whatever protects a pseudowire and cannot be read takes the pseudowire with it: none runs in clear
// because of an error.
func (l *loader) joins() {
	conns := l.conns()
	wires := l.wires(conns)
	l.settle(conns)
	l.bonds(wires)
	for _, w := range wires {
		if w.bad {
			continue
		}
		l.config.Pseudowires = append(l.config.Pseudowires, w.Pseudowire)
		l.joinedWAN(w.section, w.Pseudowire.Enabled, w.Device, w.Attach.Addresses, w.Gateway, w.Probes)
		if w.Encap == "udp" {
			l.fixPorts(w.LocalPort)
		}
	}
	for _, c := range conns {
		if !c.bad {
			l.config.IPsec = append(l.config.IPsec, c.IPsec)
			l.fixPorts(500, 4500)
		}
	}
	l.clamps()
}

// fixPorts keeps translations off the router's own ports.
func (l *loader) fixPorts(ports ...uint16) {
	for _, p := range ports {
		if !slices.Contains(l.config.Globals.FixedPorts, p) {
			l.config.Globals.FixedPorts = append(l.config.Globals.FixedPorts, p)
		}
	}
}

// joinedWAN remembers the WAN that a pseudowire or bond with addresses can be. Its families are those in which a next hop is known.
func (l *loader) joinedWAN(s *section, enabled bool, device string, addresses []netip.Prefix, gateway netip.Addr, probes []string) {
	i := Interface{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: enabled, Device: device, Addresses: addresses, Metric: 1, Weight: 1,
		SNAT: "none", SNAT6: "none", Probes: probes,
	}
	for _, f := range kstate.Families {
		hop := nextHop(f, addresses, gateway)
		if !hop.IsValid() {
			continue
		}
		i.Families = append(i.Families, f)
		if f == kstate.IPv6 {
			i.Gateway6 = hop
		} else {
			i.Gateway = hop
		}
	}
	if len(i.Families) > 0 {
		l.joined[i.Name] = i
	}
}

// nextHop is the gateway where it is of the family, else the other host of a point-to-point network.
func nextHop(f kstate.Family, addresses []netip.Prefix, gateway netip.Addr) netip.Addr {
	for _, p := range addresses {
		a := p.Addr()
		if kstate.FamilyOf(a) != f {
			continue
		}
		if gateway.IsValid() && kstate.FamilyOf(gateway) == f {
			return gateway
		}
		first, free := p.Masked().Addr(), a.BitLen()-p.Bits()
		if free == 2 && a.Is4() {
			first = first.Next() // a /30 begins with its own address
		} else if free != 1 {
			continue
		}
		if a == first {
			return first.Next()
		}
		return first
	}
	return netip.Addr{}
}

// deviceOf is the device of a section: as given, or its name.
func (l *loader) deviceOf(s *section) string {
	if s.opts["device"] != nil {
		return one[string](s, "device")
	}
	if _, err := s.doc.Option("device").parse(s.raw.Name); err != nil {
		l.fail(s, "device", item{line: s.raw.Line}, "want this option: the section's name cannot be that of a device, which has 1 - 15 characters")
	}
	return s.raw.Name
}

// claim takes a device for an enabled section and refuses it where somebody else has it.
func (l *loader) claim(s *section, device string) {
	if s.bad || !one[bool](s, "enabled") {
		return
	}
	if owner := l.devices[device]; owner != "" {
		it := s.first("device")
		it.text = device
		l.fail(s, "device", it, "want a device of its own, %s has it too", owner)
		return
	}
	l.devices[device] = fmt.Sprintf("%s %s (line %d)", s.doc.Type, s.raw.Name, s.raw.Line)
}

// carrier reads the WAN or the policy that carries outer packets.
func (l *loader) carrier(s *section) (iface, policy string) {
	if s.has("interface") && s.has("policy") {
		l.fail(s, "policy", s.first("policy"), "want interface or policy, not both: interface stands in line %d", s.first("interface").line)
		return "", ""
	}
	if s.has("interface") {
		it := s.first("interface")
		target, ok := l.refer(s, "interface", it)
		switch {
		case !ok:
			s.bad = true
		case !one[bool](target, "enabled"):
			l.warn(s, "interface", it, "is not enabled: nothing carries the %s", s.doc.Type)
		}
		return it.text, ""
	}
	if !s.has("policy") {
		return "", ""
	}
	it := s.first("policy")
	if it.text == DefaultPolicy && l.hasDefault() {
		return "", it.text
	}
	target, ok := l.refer(s, "policy", it)
	switch {
	case !ok:
		s.bad = true
	case l.namesJoin(target):
		l.fail(s, "policy", it, "want a policy of interfaces, this one (line %d) has pseudowires or bonds among its members", target.raw.Line)
	}
	return "", it.text
}

// checkCarrier refuses a WAN that is not used for the family of the outer packets.
func (l *loader) checkCarrier(s *section, name string, f kstate.Family) {
	if i := l.interfaceNamed(name); i != nil && f != 0 && !s.bad && !slices.Contains(i.Families, f) {
		it := s.first("interface")
		it.text = name
		l.fail(s, "interface", it, "want an interface that is used for %s, the family of the outer packets, unlike this one (line %d)", f, i.Line)
	}
}

// family is that of the outer packets: the ends', or as given.
func (l *loader) family(s *section) kstate.Family {
	var f kstate.Family
	said := ""
	hold := func(option string, g kstate.Family) {
		if f != 0 && f != g {
			l.fail(s, option, s.first(option), "want %s, as %s has it", f, said)
		} else if f == 0 {
			f, said = g, fmt.Sprintf("%s in line %d", option, s.first(option).line)
		}
	}
	local, remote := one[netip.Addr](s, "local"), one[endValue](s, "remote").addr
	if local.IsValid() {
		hold("local", kstate.FamilyOf(local))
	}
	if remote.IsValid() {
		hold("remote", kstate.FamilyOf(remote))
	}
	if local.IsValid() && local == remote {
		l.fail(s, "remote", s.first("remote"), "want the address of the far end, this is local")
	}
	if s.has("family") || f == 0 {
		g := kstate.IPv4
		if one[string](s, "family") == kstate.IPv6.String() {
			g = kstate.IPv6
		}
		hold("family", g)
	}
	return f
}

// attach reads where a device of ours goes.
func (l *loader) attach(s *section, device string) Attach {
	a := Attach{
		Bridge: one[string](s, "bridge"), VLAN: number(s, "vlan"), VLANMode: one[string](s, "vlan_mode"), Isolated: one[bool](s, "isolated"),
		Loop: one[string](s, "loop"), Addresses: many[netip.Prefix](s, "ipaddr"),
	}
	for _, option := range []string{"vlan", "vlan_mode", "isolated", "loop"} {
		if s.has(option) && a.Bridge == "" && s.opts["bridge"] == nil {
			l.fail(s, option, s.first(option), "want option bridge with it")
		}
	}
	if s.has("vlan_mode") && s.has("bridge") && s.opts["vlan"] == nil {
		l.fail(s, "vlan_mode", s.first("vlan_mode"), "want option vlan with it")
	}
	if a.Bridge != "" && a.Bridge == device {
		l.fail(s, "bridge", s.first("bridge"), "want the device of a bridge, this is the %s's own", s.doc.Type)
	}
	if a.Bridge != "" && len(a.Addresses) > 0 {
		l.fail(s, "ipaddr", s.first("ipaddr"), "want no addresses on a bridge port, those of bridge %s serve (line %d)", a.Bridge, s.first("bridge").line)
	}
	l.checkOwnAddresses(s, a.Addresses)
	if m := one[sizeValue](s, "mtu"); m.word == "" && m.number < minMTU6 && order.Any(len(a.Addresses), func(i int) bool { return isIPv6(a.Addresses[i]) }) {
		l.fail(s, "mtu", s.first("mtu"), "want at least %d with IPv6 addresses", minMTU6)
	}
	return a
}

func isIPv6(p netip.Prefix) bool { return p.Addr().Is6() }

// checkOwnAddresses holds addresses against each other and against the gateway.
func (l *loader) checkOwnAddresses(s *section, addresses []netip.Prefix) {
	for i, it := range s.items("ipaddr") {
		if order.Any(i, func(k int) bool { return addresses[k].Addr() == addresses[i].Addr() }) {
			l.fail(s, "ipaddr", it, "want each address once")
		}
	}
	gw := one[netip.Addr](s, "gateway")
	if !gw.IsValid() {
		return
	}
	it := s.first("gateway")
	switch {
	case len(addresses) == 0 && s.opts["ipaddr"] == nil:
		l.fail(s, "gateway", it, "want list ipaddr with it")
	case order.Any(len(addresses), func(i int) bool { return addresses[i].Addr() == gw }):
		l.fail(s, "gateway", it, "want the address of the next hop, this is our own")
	case len(addresses) > 0 && !linkLocal(gw) && !order.Any(len(addresses), func(i int) bool { return addresses[i].Contains(gw) }):
		l.fail(s, "gateway", it, "want an address in a network of list ipaddr (%s)", joinPrefixes(addresses))
	}
}
