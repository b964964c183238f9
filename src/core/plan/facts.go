package plan

import (
	"net/netip"
	"time"

	"multiwan/src/core/kstate"
)

// Network is what is known of the configured WANs from outside: filled by kernel/facts on plain Linux, by openwrt/netifd on OpenWrt.
type Network struct {
	// WANs by the name of their interface section. A WAN whose device is absent has an entry with Index 0.
	WANs map[string]WAN
	// Devices maps names of netifd networks that rules name in src_iface to devices; a name that is missing is taken as a device.
	Devices map[string]string
}

// Firewall is what OpenWrt's firewall does with the IPv4 sources of what leaves by a WAN: snat 'auto' is its business.
type Firewall int

const (
	// NoFirewall: there is none, or none that knows the WAN.
	NoFirewall Firewall = iota
	// Masquerades: it translates all of them.
	Masquerades
	// LeavesAlone: it translates none, or some only, as its configuration says.
	LeavesAlone
)

// WAN is the device and the addresses of one WAN.
type WAN struct {
	Device  string
	Index   int  // interface index, 0 while the device is absent
	Up      bool // administratively up
	Carrier bool
	// PointToPoint devices (ppp, tun, wireguard) have no link-layer addresses to resolve: a route needs no gateway.
	PointToPoint bool
	MTU          int
	Firewall     Firewall
	IPv4, IPv6   Side
}

// Side is one family of a WAN.
type Side struct {
	// Addrs are the WAN's own addresses of global scope with the length of their connected prefix, the preferred source first.
	Addrs []netip.Prefix
	// Gateway is the next hop; invalid where there is none (point-to-point) or none is known yet.
	Gateway netip.Addr
	// Prefixes are whole prefixes behind us that belong to this WAN: delegated IPv6 prefixes, routed IPv4 nets.
	Prefixes []netip.Prefix
	// DNS are the resolvers that this WAN announced.
	DNS []netip.Addr
}

// Side returns the WAN's side of a family.
func (w WAN) Side(f kstate.Family) Side {
	if f == kstate.IPv4 {
		return w.IPv4
	}
	return w.IPv6
}

// Missing says in words what keeps the WAN from sending packets of the family, "" if nothing does.
func (w WAN) Missing(f kstate.Family) string {
	s := w.Side(f)
	switch {
	case w.Index == 0:
		return "no device"
	case !w.Up:
		return "device is switched off"
	case !w.Carrier:
		return "no carrier"
	case len(s.Addrs) == 0:
		return "no address"
	case !s.Gateway.IsValid() && !w.PointToPoint:
		return "no gateway"
	}
	return ""
}

// Usable says whether packets of the family can be sent by this WAN at all: device up, an address, and a gateway where one is needed.
func (w WAN) Usable(f kstate.Family) bool {
	s := w.Side(f)
	return w.Index != 0 && w.Up && len(s.Addrs) > 0 && (s.Gateway.IsValid() || w.PointToPoint)
}

// Verdict is what health says of one family of a WAN.
type Verdict struct {
	// State is one of core/health's: up suspect degraded down disabled waiting. Only "down", "disabled" and "waiting" keep new traffic off.
	State string
	// LastGood is when a probe was last answered; the zero time: never. It ranks the members of a policy whose WANs are all down.
	LastGood time.Time
}

// Carries says whether the verdict lets new traffic onto the WAN.
func (v Verdict) Carries() bool {
	return v.State == "up" || v.State == "suspect" || v.State == "degraded"
}

// Sound says whether the WAN works as it should. One that is degraded carries traffic only where a policy has nothing better.
func (v Verdict) Sound() bool { return v.State == "up" || v.State == "suspect" }

// Facts is everything but the configuration that the plan depends on.
type Facts struct {
	Network
	// Health by WAN and family. A missing verdict is "waiting".
	Health map[string]map[kstate.Family]Verdict
	// IDs are the stable ids of WANs, 1 - 61, that marks and tables are made of. Every enabled interface of the configuration has one.
	IDs map[string]int
	// PolicyIDs are the stable ids of policies, from 1, that policy tables are made of.
	PolicyIDs map[string]int
	// RPFilter is net.ipv4.conf.DEV.rp_filter as it would be without us, by device, "all" included.
	RPFilter map[string]int
	// Active is what each policy used until now, by policy and family: for failback delays and for the last WAN that is not taken away.
	Active map[string]map[kstate.Family][]string
	// HeldBack are the WANs that are up again but whose failback delay has not passed, by policy.
	HeldBack map[string]map[string]bool
	// Apart has the policies with balance packet whose members' round-trip times differ by more than delay_spread, and by how much: see
	// Spread. Connections are spread then.
	Apart map[string]map[kstate.Family]time.Duration
}
