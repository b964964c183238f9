package overlay

import (
	"fmt"
	"net/netip"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
	"multiwan/src/core/plan"
)

// relay6to4 is the anycast address of 6to4 relays (RFC 3068), where the file names no other.
var relay6to4 = netip.AddrFrom4([4]byte{192, 88, 99, 1})

// prioUnused is the offset of the rules that refuse the unused part of a tunnel's prefix: behind main (400), whose LAN routes know the
// used part, and in front of the marks (500), by which such packets would go back into the tunnel.
const prioUnused = 450

// hopLimit of outer packets (peers drop what comes with too little left).
const hopLimit = 64

// wantSit plans the IPv6 tunnels.
func (b *builder) wantSit() {
	for _, t := range b.c.Tunnels {
		if !t.Enabled {
			continue
		}
		p := TunnelPlan{Name: t.Name, Device: t.Device, State: Ready, WAN: t.Interface, Remote: t.Remote}
		c := b.carry(t.Interface, "", kstate.IPv4, b.sitLocal(t.Device))
		p.Local = c.local
		_, foreign := b.f.Devices[t.Device]
		switch why := b.lacking("sit"); {
		case why != "":
			p.State, p.Reason = Waiting, why
		case foreign:
			p.State, p.Reason = Refused, fmt.Sprintf("device %s is that of another program", t.Device)
			b.warn("tunnel %s: device %s exists and is not ours, it is left alone: choose another device", t.Name, t.Device)
		case !c.local.IsValid():
			p.State, p.Reason = Waiting, c.why
		case t.Type == "6to4" && (c.local.IsPrivate() || sharedSpace.Contains(c.local)):
			p.State, p.Reason = Refused, fmt.Sprintf("6to4 needs a public address, interface %s has %s", t.Interface, c.local)
			b.warn("tunnel %s: %s", t.Name, p.Reason)
		default:
			b.wantTunnel6(t, &p)
		}
		b.plan.Tunnels = append(b.plan.Tunnels, p)
	}
}

// sharedSpace is what carrier-grade NAT uses inside (RFC 6598).
var sharedSpace = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)

func (b *builder) sitLocal(device string) netip.Addr {
	for _, l := range b.f.Have.Links {
		if l.Name == device && l.Sit != nil {
			return l.Sit.Local
		}
	}
	return netip.Addr{}
}

func (b *builder) wantTunnel6(t config.Tunnel, p *TunnelPlan) {
	a := &kstate.SitAttrs{Local: p.Local, TTL: t.TTL}
	if a.TTL == 0 {
		a.TTL = hopLimit
	}
	switch t.Type {
	case "6in4":
		a.Remote = t.Remote
	case "6rd":
		a.Prefix = t.Prefix.Masked()
		if t.IPv4MaskLen > 0 {
			a.RelayPrefix = netip.PrefixFrom(p.Local, t.IPv4MaskLen).Masked()
		}
	}
	if far := relayOf(t); far.IsValid() {
		p.Remote = far
		b.plan.Remotes = append(b.plan.Remotes, far)
	}
	p.MTU, p.How = mtu.Sit(b.pathOf(t.Interface, p.Remote))
	if t.MTU != 0 {
		p.MTU, p.How = t.MTU, fmt.Sprintf("%d as configured", t.MTU)
	}
	p.Prefix = prefixOf(t, p.Local)
	b.wantLink(kstate.Link{Name: t.Device, Kind: kstate.KindSit, MTU: p.MTU, Up: true, Alias: kstate.AliasPrefix + t.Name, Sit: a},
		fmt.Sprintf("tunnel %s over %s; mtu: %s", t.Name, t.Interface, p.How))
	for _, own := range tunnelAddrs(t, p.Prefix) {
		x := kstate.Address{Device: t.Device, Prefix: own}
		b.plan.Want.Addrs = append(b.plan.Want.Addrs, x)
		b.plan.Why[x.Key()] = "address of tunnel " + t.Name
	}
	if p.Prefix.IsValid() && !p.Prefix.IsSingleIP() {
		r := kstate.Rule{Family: kstate.IPv6, Priority: b.c.Globals.RuleBase + prioUnused, Dst: p.Prefix.Masked(), Action: kstate.Unreachable}
		b.plan.Rules = append(b.plan.Rules, r)
		b.plan.Why[r.Key()] = fmt.Sprintf("what no network uses of the prefix of tunnel %s must not go back into it", t.Name)
	}
}

// relayOf is the IPv4 address that everything goes to which is not for another customer of the same prefix.
func relayOf(t config.Tunnel) netip.Addr {
	if t.Type == "6to4" && !t.Remote.IsValid() {
		return relay6to4
	}
	return t.Remote
}

// tunnelAddrs are the router's own addresses in a tunnel: the given ones, else the first of the prefix, as a host so that no connected
// route claims the rest of it.
func tunnelAddrs(t config.Tunnel, prefix netip.Prefix) []netip.Prefix {
	switch {
	case len(t.Addresses) > 0 || t.Type == "6in4":
		return t.Addresses
	case !prefix.IsValid():
		return nil
	}
	raw := prefix.Masked().Addr().As16()
	raw[15] |= 1
	return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom16(raw), 128)}
}

// NetworkOf returns the network as core/plan should see it: each enabled tunnel is a WAN of family ipv6 whose device facts are the kernel's,
// with the gateway and the prefixes that follow from the IPv4 address of the WAN below. net is not changed.
func NetworkOf(c *config.Config, net plan.Network) plan.Network {
	if len(c.Tunnels) == 0 {
		return net
	}
	out := net
	out.WANs = make(map[string]plan.WAN, len(net.WANs))
	for name, w := range net.WANs {
		out.WANs[name] = w
	}
	for _, t := range c.Tunnels {
		if !t.Enabled {
			continue
		}
		w := out.WANs[t.Name]
		if w.Device == "" {
			w.Device = t.Device
		}
		w.PointToPoint = true
		var v4 netip.Addr
		if below := net.WANs[t.Interface].IPv4.Addrs; len(below) > 0 {
			v4 = below[0].Addr()
		}
		if p := prefixOf(t, v4); p.IsValid() && (v4.IsValid() || t.Type == "6in4") {
			w.IPv6.Prefixes = append([]netip.Prefix{p.Masked()}, w.IPv6.Prefixes...)
		}
		w.IPv6.Gateway = gatewayOf(t)
		out.WANs[t.Name] = w
	}
	return out
}

// gatewayOf is the next hop inside a tunnel: of 6to4 and 6rd the relay as an IPv4-compatible address (RFC 4291 2.5.5.1), which is how the kernel
// is told the outer destination.
func gatewayOf(t config.Tunnel) netip.Addr {
	if t.Type == "6in4" {
		return t.Gateway
	}
	far := relayOf(t)
	if !far.Is4() {
		return netip.Addr{}
	}
	var raw [16]byte
	four := far.As4()
	copy(raw[12:], four[:])
	return netip.AddrFrom16(raw)
}

// prefixOf derives what an IPv4 address gives of IPv6: the prefix of 6to4 or 6rd, else the configured one.
func prefixOf(t config.Tunnel, v4 netip.Addr) netip.Prefix {
	bits := func(p netip.Prefix, skip int) netip.Prefix {
		raw, four := p.Masked().Addr().As16(), v4.As4()
		at := p.Bits()
		for i := skip; i < 32; i, at = i+1, at+1 {
			if at < 128 && four[i/8]&(0x80>>(i%8)) != 0 {
				raw[at/8] |= 0x80 >> (at % 8)
			}
		}
		return netip.PrefixFrom(netip.AddrFrom16(raw), min(at, 128))
	}
	switch {
	case t.Type == "6in4" || !v4.Is4():
		return t.Prefix
	case t.Type == "6to4":
		return bits(netip.MustParsePrefix("2002::/16"), 0)
	case !t.Prefix.IsValid():
		return netip.Prefix{}
	}
	return bits(t.Prefix, t.IPv4MaskLen)
}
