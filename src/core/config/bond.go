package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// maxARPTargets is the kernel's limit (linux/if_bonding.h, BOND_MAX_ARP_TARGETS).
const maxARPTargets = 16

// bonds fills in Bonds.
func (l *loader) bonds(wires []*wire) {
	for _, s := range l.of("bond") {
		b := buildBond(s)
		l.checkName(s, append([]string{DefaultPolicy}, reservedNames...))
		b.Device = l.deviceOf(s)
		b.Attach = l.attach(s, b.Device)
		l.claim(s, b.Device)
		l.checkMonitor(s, b)
		probes := l.probesOf(s, LoopbackName)
		for _, it := range s.items("member") {
			if m, ok := l.bondMember(s, it, wires); ok {
				if !m.Pseudowire {
					m.Probes = probes
				}
				b.Members = append(b.Members, m)
			}
		}
		l.checkPrimary(s, b)
		if len(b.Members) == 0 && !s.bad {
			l.warn(s, "member", s.items("member")[0], "no usable member is left, bond left out")
			s.bad = true
		}
		if s.bad {
			continue
		}
		for _, w := range wires {
			if order.Any(len(b.Members), func(i int) bool { return b.Members[i].Pseudowire && b.Members[i].Name == w.Name }) && b.Enabled {
				w.Attach.Bond = b.Name
			}
		}
		l.config.Bonds = append(l.config.Bonds, b)
		l.joinedWAN(s, b.Enabled, b.Device, b.Attach.Addresses, b.Gateway, probes)
	}
}

func buildBond(s *section) Bond {
	b := Bond{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Mode: one[string](s, "mode"), Monitor: one[string](s, "monitor"),
		LACPRate: one[string](s, "lacp_rate"), XmitHashPolicy: one[string](s, "xmit_hash_policy"), ARPTargets: unique(many[netip.Addr](s, "arp_target")),
		ARPInterval: one[time.Duration](s, "arp_interval"), Primary: one[string](s, "primary"),
		MTU: one[sizeValue](s, "mtu").mtu(), Gateway: one[netip.Addr](s, "gateway"),
	}
	if b.Mode == "802.3ad" && s.opts["monitor"] == nil {
		b.Monitor = "lacp"
	}
	return b
}

func (l *loader) checkMonitor(s *section, b Bond) {
	lacp := b.Mode == "802.3ad"
	switch it := s.first("monitor"); {
	case s.opts["mode"] != nil && s.opts["mode"].wrong:
	case b.Monitor == "lacp" && !lacp:
		l.fail(s, "monitor", it, "want probe or arp with mode '%s': LACP belongs to mode '802.3ad'", b.Mode)
	case b.Monitor == "arp" && lacp:
		l.fail(s, "monitor", it, "want lacp or probe with mode '802.3ad', in which the kernel has no ARP monitor")
	}
	if len(b.ARPTargets) > maxARPTargets {
		l.fail(s, "arp_target", s.items("arp_target")[maxARPTargets], "want at most %d targets", maxARPTargets)
	}
}

// bondMember resolves a member. Members that cannot be are errors or warnings and are left out.
func (l *loader) bondMember(s *section, it item, wires []*wire) (BondMember, bool) {
	i := order.First(len(wires), func(i int) bool { return wires[i].Name == it.text || wires[i].Device == it.text })
	enabled := one[bool](s, "enabled") && !s.bad
	if i < 0 {
		if _, err := (&OptionDoc{Kind: KindDevice}).parse(it.text); err != nil {
			l.drop(s, "member", it, "want the name of a section pseudowire, or of a device, which has 1 - 15 characters")
			return BondMember{}, false
		}
		return BondMember{Name: it.text, Device: it.text}, !enabled || l.take(s, it, it.text)
	}
	w := wires[i]
	m := BondMember{Name: it.text, Device: w.Device, Pseudowire: true}
	switch {
	case w.bad:
		l.warn(s, "member", it, "has errors and is left out here too")
		return m, false
	case it.text != w.Name:
		l.drop(s, "member", it, "want the name of its section, pseudowire %s (line %d)", w.Name, w.Line)
		return m, false
	case !w.Enabled && enabled:
		l.warn(s, "member", it, "is a pseudowire that is not enabled (line %d): the bond runs without it", w.Line)
	}
	for _, option := range []string{"bridge", "ipaddr"} {
		if w.has(option) {
			l.drop(s, "member", it, "want a pseudowire without bridge and addresses, which belong to the bond: option %s of it is in line %d", option, w.first(option).line)
			return m, false
		}
	}
	return m, !enabled || !w.Enabled || l.take(s, it, "member "+w.Name)
}

// take refuses a member that another bond has, or this one already, and a device that is one of ours.
func (l *loader) take(s *section, it item, key string) bool {
	if owner := l.devices[key]; owner != "" {
		l.drop(s, "member", it, "want a member of one bond alone that is nothing else, %s has it too", owner)
		return false
	}
	l.devices[key] = fmt.Sprintf("bond %s (line %d)", s.raw.Name, it.line)
	return true
}

func (l *loader) checkPrimary(s *section, b Bond) {
	if b.Primary == "" || len(b.Members) == 0 || order.Any(len(b.Members), func(i int) bool { return b.Members[i].Name == b.Primary }) {
		return
	}
	var names []string
	for _, m := range b.Members {
		names = append(names, m.Name)
	}
	l.fail(s, "primary", s.first("primary"), "want one of the members (%s)%s", strings.Join(names, ", "), hint(b.Primary, names))
}

// clamps fills in Clamps.
func (l *loader) clamps() {
	for _, s := range l.of("mss_clamp") {
		c := Clamp{
			Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Bridge: one[string](s, "bridge"), Device: one[string](s, "device"),
			MSS: one[sizeValue](s, "mss").number, Subnets: unique(many[netip.Prefix](s, "subnet")),
		}
		switch {
		case s.opts["bridge"] == nil && s.opts["device"] == nil:
			l.fail(s, "bridge", item{line: s.raw.Line}, "want this option, or device")
		case s.opts["bridge"] != nil && s.opts["device"] != nil:
			l.fail(s, "device", s.first("device"), "want bridge or device, not both: bridge stands in line %d", s.first("bridge").line)
		}
		if !s.bad {
			l.config.Clamps = append(l.config.Clamps, c)
		}
	}
}

// relay6to4 is the anycast address of public relays (RFC 3068).
var relay6to4 = netip.AddrFrom4([4]byte{192, 88, 99, 1})

// tunnels fills in Tunnels, and among the interfaces the WANs that they are.
func (l *loader) tunnels() {
	for _, i := range l.config.Interfaces {
		if i.Enabled && i.Device != "" && l.devices[i.Device] == "" {
			l.devices[i.Device] = fmt.Sprintf("interface %s (line %d)", i.Name, i.Line)
		}
	}
	for _, s := range l.of("tunnel") {
		t := buildTunnel(s)
		l.checkName(s, append([]string{DefaultPolicy}, reservedNames...))
		t.Device = l.deviceOf(s)
		t.Interface, _ = l.tunnelCarrier(s)
		l.checkPrefix(s, t)
		l.checkOwnAddresses(s, t.Addresses)
		t.Probes = l.probesOf(s, BuiltinProbe)
		l.claim(s, t.Device)
		l.addInterface(s, Interface{
			Name: t.Name, Line: t.Line, Enabled: t.Enabled, Device: t.Device, Gateway6: t.Gateway, Addresses: t.Addresses, Prefixes: t.routed(),
			Families: []kstate.Family{kstate.IPv6}, Metric: t.Metric, Weight: t.Weight, SNAT: "none", SNAT6: "none", Probes: t.Probes,
		})
		if !s.bad {
			l.config.Tunnels = append(l.config.Tunnels, t)
		}
	}
}

func buildTunnel(s *section) Tunnel {
	t := Tunnel{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Type: one[string](s, "type"), Remote: one[netip.Addr](s, "remote"),
		Prefix: one[netip.Prefix](s, "prefix"), IPv4MaskLen: number(s, "ipv4masklen"), Addresses: many[netip.Prefix](s, "ipaddr"),
		Gateway: one[netip.Addr](s, "gateway"), TTL: number(s, "ttl"), MTU: number(s, "mtu"), Metric: number(s, "metric"), Weight: number(s, "weight"),
	}
	if t.Type == "6to4" && s.opts["remote"] == nil {
		t.Remote = relay6to4
	}
	return t
}

// routed is the network behind the router that the tunnel brings; that of 6to4 and 6rd depends on the IPv4 address of the moment.
func (t *Tunnel) routed() []netip.Prefix {
	if t.Type == "6in4" && t.Prefix.IsValid() {
		return []netip.Prefix{t.Prefix}
	}
	return nil
}

func (l *loader) tunnelCarrier(s *section) (string, bool) {
	if !s.has("interface") {
		return "", false
	}
	it := s.first("interface")
	target, ok := l.refer(s, "interface", it)
	switch {
	case !ok:
		s.bad = true
	case !one[bool](target, "enabled"):
		l.warn(s, "interface", it, "is not enabled: nothing carries the tunnel")
	}
	l.checkCarrier(s, it.text, kstate.IPv4)
	return it.text, ok
}

// checkPrefix wants what the type of tunnel needs.
func (l *loader) checkPrefix(s *section, t Tunnel) {
	if t.Type != "" && !t.Remote.IsValid() && s.opts["remote"] == nil {
		l.fail(s, "remote", item{line: s.raw.Line}, "want this option with type '%s'", t.Type)
	}
	if t.Type != "6rd" {
		return
	}
	if s.opts["prefix"] == nil {
		l.fail(s, "prefix", item{line: s.raw.Line}, "want this option with type '6rd': the provider's prefix")
	}
	if n := t.Prefix.Bits() + 32 - t.IPv4MaskLen; t.Prefix.IsValid() && n > 64 {
		l.fail(s, "prefix", s.first("prefix"), "want a shorter prefix or a longer ipv4masklen: with %d bits of the IPv4 address it makes a /%d, and hosts need a /64", 32-t.IPv4MaskLen, n)
	}
}
