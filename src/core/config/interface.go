package config

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// MaxWANs is the number of enabled interfaces that the six bits of a mark tell apart beside the values of our own.
const MaxWANs = 61

// reservedNames mean something else where a rule names its policy.
var reservedNames = []string{"unreachable", "blackhole", "main"}

// wan is an interface section while it is checked.
type wan struct {
	*section
	Interface
}

// interfaces fills in Interfaces.
func (l *loader) interfaces() {
	var before []*wan
	for _, s := range l.of("interface") {
		w := &wan{s, buildInterface(s)}
		l.checkName(s, append([]string{DefaultPolicy}, reservedNames...))
		l.checkFamilies(w)
		l.checkOwn(w)
		for _, other := range before {
			if w.Enabled && other.Enabled && w.known() && other.known() {
				l.checkPair(w, other)
			}
		}
		before = append(before, w)
		w.Probes = l.probesOf(s, BuiltinProbe)
		l.addInterface(s, w.Interface)
	}
}

// addInterface puts a WAN into the Config if there is nothing against it.
func (l *loader) addInterface(s *section, i Interface) {
	if i.Enabled && !s.bad {
		if l.enabled++; l.enabled > MaxWANs {
			l.fail(s, "", item{line: i.Line}, "want at most %d enabled interfaces", MaxWANs)
		}
	}
	if !s.bad {
		l.config.Interfaces = append(l.config.Interfaces, i)
	}
}

// interfaceNamed finds a WAN in the Config, nil if there is none.
func (l *loader) interfaceNamed(name string) *Interface {
	for i := range l.config.Interfaces {
		if l.config.Interfaces[i].Name == name {
			return &l.config.Interfaces[i]
		}
	}
	return nil
}

func buildInterface(s *section) Interface {
	snat := one[snatValue](s, "snat")
	i := Interface{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Device: one[string](s, "device"),
		Interface6: one[string](s, "interface6"), Gateway: one[netip.Addr](s, "gateway"), Gateway6: one[netip.Addr](s, "gateway6"),
		Addresses: many[netip.Prefix](s, "ipaddr"), Prefixes: many[netip.Prefix](s, "prefix"),
		Metric: number(s, "metric"), Weight: number(s, "weight"),
		SNAT: snat.word, SNATAddr: snat.addr, SNAT6: one[string](s, "snat6"),
	}
	words := many[string](s, "family")
	for _, f := range kstate.Families {
		if s.has("family") && slices.Contains(words, f.String()) || !s.has("family") && (len(i.Addresses) == 0 || i.hasAddress(f)) {
			i.Families = append(i.Families, f)
		}
	}
	return i
}

// probesOf resolves the probes of a WAN, pseudowire or bond. What is left without any gets the built-in one: it must not go unwatched.
func (l *loader) probesOf(s *section, builtin string) []string {
	var names []string
	if s.has("probe") {
		for _, it := range s.items("probe") {
			p, ok := l.refer(s, "probe", it)
			if ok && builtin == BuiltinProbe && one[string](p, "method") == loopback {
				l.drop(s, "probe", it, "want another method than loopback: no provider answers it, only the far end of a pseudowire or bond member does")
				continue
			}
			if ok && !slices.Contains(names, it.text) {
				names = append(names, it.text)
			}
		}
	}
	if len(names) == 0 {
		names = []string{builtin}
	}
	return names
}

// checkName refuses names that mean something else.
func (l *loader) checkName(s *section, reserved []string) {
	if slices.Contains(reserved, s.raw.Name) {
		l.fail(s, "", item{text: s.raw.Name, line: s.raw.Line}, "want another name: this word has a meaning of its own in rules")
	}
}

// checkFamilies holds the options of one family against the families of the WAN.
func (l *loader) checkFamilies(w *wan) {
	if g := w.opts["family"]; g != nil && g.wrong {
		return
	}
	why := "list family excludes that"
	if !w.has("family") {
		why = "list ipaddr has no such address"
	}
	check := func(option string, it item, f kstate.Family) {
		if !slices.Contains(w.Families, f) {
			l.fail(w.section, option, it, "want family '%s' with it, %s", f, why)
		}
	}
	for _, option := range []string{"ipaddr", "prefix"} {
		for _, it := range w.items(option) {
			check(option, it, kstate.FamilyOf(it.value.(netip.Prefix).Addr()))
		}
	}
	for _, f := range kstate.Families {
		if option := gatewayOption(f); w.has(option) {
			check(option, w.first(option), f)
		}
	}
	if w.SNAT == "address" || w.SNAT == "masquerade" {
		check("snat", w.first("snat"), kstate.IPv4)
	}
	if w.SNAT6 != "none" {
		check("snat6", w.first("snat6"), kstate.IPv6)
	}
}

// checkOwn checks the addresses of a WAN among themselves.
func (l *loader) checkOwn(w *wan) {
	seen := make(map[netip.Addr]bool)
	for _, it := range w.items("ipaddr") {
		a := it.value.(netip.Prefix).Addr()
		if seen[a] {
			l.fail(w.section, "ipaddr", it, "want each address once")
		}
		seen[a] = true
	}
	for _, f := range kstate.Families {
		option, gw := gatewayOption(f), w.gatewayOf(f)
		if !gw.IsValid() {
			continue
		}
		if seen[gw] || gw == w.SNATAddr {
			l.fail(w.section, option, w.first(option), "want the address of the next hop, this is the WAN's own")
		} else if !linkLocal(gw) {
			l.checkOnLink(w, option, gw)
		}
	}
	for i, it := range w.items("prefix") {
		for _, p := range w.Prefixes[:min(i, len(w.Prefixes))] {
			if p.Overlaps(it.value.(netip.Prefix)) {
				l.fail(w.section, "prefix", it, "want networks that do not overlap, %s is listed too", p)
			}
		}
	}
	if w.SNATAddr.IsValid() && w.hasAddress(kstate.IPv4) && !w.owns(w.SNATAddr) {
		l.warn(w.section, "snat", w.first("snat"), "is none of this WAN's addresses in list ipaddr and prefix: answers may not come back")
	}
	six := order.Any(len(w.Prefixes), func(i int) bool { return w.Prefixes[i].Addr().Is6() })
	if w.SNAT6 == "prefix" && w.Device != "" && !six {
		l.fail(w.section, "snat6", w.first("snat6"), "want an IPv6 network in list prefix with it, to translate to")
	}
	if w.has("interface6") && w.Interface6 == w.Name {
		l.fail(w.section, "interface6", w.first("interface6"), "want another interface than %s itself", w.Name)
	}
}

// checkOnLink warns of a gateway outside all networks of the addresses given, where these have networks.
func (l *loader) checkOnLink(w *wan, option string, gw netip.Addr) {
	var networks []netip.Prefix
	for _, p := range w.Addresses {
		if p.Addr().BitLen() != gw.BitLen() {
			continue
		}
		if p.IsSingleIP() || p.Contains(gw) {
			return
		}
		networks = append(networks, p.Masked())
	}
	if len(networks) > 0 {
		l.warn(w.section, option, w.first(option), "lies outside the networks of list ipaddr (%s)", joinPrefixes(networks))
	}
}

func joinPrefixes(ps []netip.Prefix) string {
	s := ""
	for i, p := range ps {
		if i > 0 {
			s += ", "
		}
		s += p.String()
	}
	return s
}

// checkPair refuses two enabled WANs that no packet could tell apart. The later one in the file is left out.
func (l *loader) checkPair(w, other *wan) {
	fail := l.fail
	if other.bad {
		fail = l.drop // an error, but at boot the other one is left out and this one can run
	}
	also := fmt.Sprintf("interface %s (line %d) has it too", other.Name, other.Line)
	for _, it := range w.items("ipaddr") {
		for _, p := range other.Addresses {
			if p.Addr() == it.value.(netip.Prefix).Addr() {
				fail(w.section, "ipaddr", it, "want an address of one WAN alone, %s", also)
			}
		}
	}
	for _, it := range w.items("prefix") {
		for _, p := range other.Prefixes {
			if p.Overlaps(it.value.(netip.Prefix)) {
				fail(w.section, "prefix", it, "want a network of one WAN alone, %s of interface %s (line %d) overlaps", p, other.Name, other.Line)
			}
		}
	}
	switch {
	case w.Interface6 != "" && w.Interface6 == other.Interface6:
		fail(w.section, "interface6", w.first("interface6"), "want an interface of one WAN alone, %s", also)
	case w.Interface6 != "" && w.Interface6 == other.Name:
		fail(w.section, "interface6", w.first("interface6"), "want an interface that is no WAN of its own, see line %d", other.Line)
	case other.Interface6 != "" && other.Interface6 == w.Name:
		fail(w.section, "", item{text: w.Name, line: w.Line}, "want an interface that is not interface6 of another, see %s in line %d", other.Name, other.Line)
	}
	if w.Device == "" || w.Device != other.Device {
		return
	}
	for _, f := range w.Families {
		if slices.Contains(other.Families, f) && !w.apart(other, f) {
			fail(w.section, "device", w.first("device"),
				"want a device of one WAN alone, or list ipaddr in both or different gateways for %s: interface %s (line %d) is on it too", f, other.Name, other.Line)
			return
		}
	}
}

// known says whether what tells the WAN from others on its device could be read.
func (w *wan) known() bool {
	for _, option := range []string{"device", "ipaddr", "gateway", "gateway6", "family", "prefix", "interface6"} {
		if g := w.opts[option]; g != nil && g.wrong {
			return false
		}
	}
	return true
}

// apart says that two WANs on one device can be told apart in that family: by addresses, which differ (see checkPair), or by gateways.
func (i *Interface) apart(o *wan, f kstate.Family) bool {
	a, b := i.gatewayOf(f), o.gatewayOf(f)
	return i.hasAddress(f) && o.hasAddress(f) || a.IsValid() && b.IsValid() && a != b
}

func (i *Interface) hasAddress(f kstate.Family) bool {
	return order.Any(len(i.Addresses), func(k int) bool { return kstate.FamilyOf(i.Addresses[k].Addr()) == f })
}

// owns says that the address is one of those given for the WAN.
func (i *Interface) owns(a netip.Addr) bool {
	return order.Any(len(i.Addresses), func(k int) bool { return i.Addresses[k].Addr() == a }) ||
		order.Any(len(i.Prefixes), func(k int) bool { return i.Prefixes[k].Contains(a) })
}

// gatewayOption is the option of a family's next hop.
func gatewayOption(f kstate.Family) string {
	if f == kstate.IPv6 {
		return "gateway6"
	}
	return "gateway"
}

func (i *Interface) gatewayOf(f kstate.Family) netip.Addr {
	if f == kstate.IPv6 {
		return i.Gateway6
	}
	return i.Gateway
}
