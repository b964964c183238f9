package overlay

import (
	"net/netip"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// twoWANs are the facts of a router with two lines, one bridge and a policy that uses the first line.
func twoWANs() Facts {
	line := func(device, four, six string) plan.WAN {
		return plan.WAN{Device: device, Index: 2, Up: true, Carrier: true, MTU: 1500,
			IPv4: plan.Side{Addrs: []netip.Prefix{prefix(four)}}, IPv6: plan.Side{Addrs: []netip.Prefix{prefix(six)}}}
	}
	return Facts{
		Network: plan.Network{WANs: map[string]plan.WAN{
			"wan": line("eth1", "192.0.2.2/24", "2001:db8:1::2/64"), "wanb": line("eth2", "203.0.113.2/24", "2001:db8:2::2/64"),
		}},
		Active:  map[string]map[kstate.Family][]string{"default": {kstate.IPv4: {"wan"}, kstate.IPv6: {"wan"}}},
		Devices: map[string]Device{"br-lan": {Index: 9, Up: true, Kind: "bridge", MTU: 1500}},
		SAs:     map[string]SA{}, Verdicts: map[string]plan.Verdict{},
	}
}

// settings returns a configuration that has nothing yet.
func settings() *config.Config {
	return &config.Config{Globals: config.Globals{Enabled: true, RuleBase: 6000, TableBase: 19712, MarkMask: 0x7f000000}}
}

// wirePlain is a pseudowire in clear over wan, in br-lan.
func wirePlain(name string, id uint32) config.Pseudowire {
	return config.Pseudowire{
		Name: name, Enabled: true, Device: name, Interface: "wan", Remote: addr("198.51.100.1"), Family: kstate.IPv4, Encap: "udp",
		LocalPort: 1700 + uint16(id), RemotePort: 1800 + uint16(id), Checksum: true, TunnelID: id, PeerTunnel: 100 + id, SessionID: 10 * id, PeerID: 10*id + 1,
		L2Spec: "default", Attach: config.Attach{Bridge: "br-lan", Loop: "refuse"}, MTU: config.MTU{Mode: "auto"}, Probes: []string{"loopback"},
	}
}

// secTransport is a connection over wan, in transport mode.
func secTransport(name string) config.IPsec {
	return config.IPsec{
		Name: name, Enabled: true, Interface: "wan", Mode: "transport", Remote: addr("198.51.100.1"), Family: kstate.IPv4,
		LocalID: "a.example", RemoteID: "b.example", PSK: kstate.Secret("not to be shown"),
		IKEProposals: []string{"aes128gcm16-prfsha256-x25519"}, ESPProposals: []string{"aes128gcm16-x25519"}, DPD: 10 * time.Second, Initiate: true,
	}
}

// world is one set-up.
type world struct {
	c *config.Config
	f Facts
}

// standing returns the facts after everything that the set-up wants was made.
func (w world) standing() Facts {
	f := w.f
	f.Have = Compute(w.c, w.f).Want
	return f
}

// worlds are the set-ups of the golden files.
func worlds() map[string]func() world {
	return map[string]func() world{
		"transport": transport, "moving": moving, "moved": moved, "hub": hub, "bond_backup": bondBackup, "bond_lacp": bondLACP, "taps": taps,
		"access": access, "tagged": tagged, "sit": sits, "sessions": sessions, "fail_closed": failClosed, "foreign": foreign, "loop": loops,
		"addressed": addressed, "missing": missing, "rr_dead": rrDead, "gone": gone, "arp": arp,
		"doubled": doubled, "doubled_peer": doubledPeer, "doubled_both": doubledBoth, "doubled_transport": doubledTransport, "doubled_nat": doubledNAT, "doubled_moves": doubledMoves, "doubled_class": doubledClass,
	}
}

// transport: two sites, one protected pseudowire in a bridge.
func transport() world {
	c, f := settings(), twoWANs()
	w := wirePlain("dc2", 1)
	w.IPsec = "dc2"
	c.Pseudowires, c.IPsec = []config.Pseudowire{w}, []config.IPsec{secTransport("dc2")}
	f.SAs["dc2"] = SA{Installed: true, Proposal: "AES_GCM_16-128", Local: addr("192.0.2.2"), Remote: addr("198.51.100.1")}
	return world{c, f}
}

// moving: tunnel mode between loopback addresses, the outer path by policy.
func moving() world {
	c, f := settings(), twoWANs()
	w := wirePlain("dc2", 1)
	w.Interface, w.IPsec, w.Local, w.Remote = "", "dc2", addr("172.30.201.5"), addr("172.30.201.9")
	s := secTransport("dc2")
	s.Interface, s.Policy, s.Mode = "", "default", "tunnel"
	s.LocalTS, s.RemoteTS = []netip.Prefix{prefix("172.30.201.5/32")}, []netip.Prefix{prefix("172.30.201.9/32")}
	c.Pseudowires, c.IPsec = []config.Pseudowire{w}, []config.IPsec{s}
	f.SAs["dc2"] = SA{Installed: true, Proposal: "AES_GCM_16-128", Local: addr("192.0.2.2"), Remote: addr("198.51.100.1")}
	return world{c, f}
}

// moved: the same after wan died. Only the connection's own end is another.
func moved() world {
	w := moving()
	w.f.Tables = map[string]uint32{"wan": 19713, "wanb": 19714}
	w.f = w.standing()
	w.f.Active = map[string]map[kstate.Family][]string{"default": {kstate.IPv4: {"wanb"}}}
	return w
}

// hub: three spokes by their identities; one has called, one is behind NAT, one has not called yet. A port each.
func hub() world {
	c, f := settings(), twoWANs()
	for i, name := range []string{"oslo", "rome", "wien"} {
		w := wirePlain(name, uint32(i+1))
		w.Remote, w.IPsec, w.Attach.Isolated = netip.Addr{}, name, true
		s := secTransport(name)
		s.Remote, s.Any, s.RemoteID, s.Initiate = netip.Addr{}, true, name+".example", false
		c.Pseudowires, c.IPsec = append(c.Pseudowires, w), append(c.IPsec, s)
	}
	f.SAs["oslo"] = SA{Installed: true, Proposal: "AES_GCM_16-128", Local: addr("192.0.2.2"), Remote: addr("198.51.100.7")}
	f.SAs["rome"] = SA{Installed: true, Encap: true, Proposal: "AES_CBC-256-HMAC_SHA2_256_128", Local: addr("192.0.2.2"), Remote: addr("198.51.100.8")}
	return world{c, f}
}

// pairOf returns two pseudowires over the two lines, as members of a bond.
func pairOf() []config.Pseudowire {
	a, b := wirePlain("l2a", 1), wirePlain("l2b", 2)
	b.Interface = "wanb"
	for _, w := range []*config.Pseudowire{&a, &b} {
		w.Attach = config.Attach{Bond: "ha"}
	}
	return []config.Pseudowire{a, b}
}

func bondWith(mode string) config.Bond {
	return config.Bond{
		Name: "ha", Device: "ha", Enabled: true, Mode: mode, Monitor: "probe", LACPRate: "fast", XmitHashPolicy: "layer3+4", MTU: config.MTU{Mode: "auto"},
		Members: []config.BondMember{{Name: "l2a", Device: "l2a", Pseudowire: true}, {Name: "l2b", Device: "l2b", Pseudowire: true}},
		Attach:  config.Attach{Bridge: "br-lan", Loop: "refuse"},
	}
}

// bondBackup: active-backup by our own probes; the first line is dead, the second is the smaller one.
func bondBackup() world {
	c, f := settings(), twoWANs()
	c.Pseudowires, c.Bonds = pairOf(), []config.Bond{bondWith("active-backup")}
	c.Bonds[0].Primary = "l2a"
	for i := range c.Pseudowires {
		c.Pseudowires[i].MTU.Mode = "path"
	}
	f.PathMTU = map[netip.Addr]int{addr("198.51.100.1"): 1492}
	f.Verdicts["l2a"], f.Verdicts["l2b"] = plan.Verdict{State: "down"}, plan.Verdict{State: "up"}
	return world{c, f}
}

// bondLACP: 802.3ad over pseudowires, which needs the detour; one name is too long to be prefixed.
func bondLACP() world {
	c, f := settings(), twoWANs()
	c.Pseudowires, c.Bonds = pairOf(), []config.Bond{bondWith("802.3ad")}
	c.Pseudowires[1].Device = "pseudowire_long"
	c.Bonds[0].Members[1].Device = "pseudowire_long"
	c.Bonds[0].Monitor = "lacp"
	return world{c, f}
}

// taps: OpenVPN's devices in 802.3ad, of which one is not there yet.
func taps() world {
	c, f := settings(), twoWANs()
	b := bondWith("802.3ad")
	b.Monitor, b.Attach = "lacp", config.Attach{Addresses: []netip.Prefix{prefix("10.9.0.1/30")}}
	b.Members = []config.BondMember{{Name: "tap0", Device: "tap0"}, {Name: "tap1", Device: "tap1"}}
	c.Bonds = []config.Bond{b}
	f.Devices["tap0"] = Device{Index: 20, Up: true, MTU: 1500, Kind: "tun"}
	return world{c, f}
}

// access: access ports of VLANs, one in a bridge that knows VLANs and one in a bridge that does not.
func access() world {
	c, f := settings(), twoWANs()
	a, b := wirePlain("dc2", 1), wirePlain("dc3", 2)
	a.Attach = config.Attach{Bridge: "br-vlan", VLAN: 111, VLANMode: "access"}
	b.Attach = config.Attach{Bridge: "br-lan", VLAN: 112, VLANMode: "access"}
	c.Pseudowires = []config.Pseudowire{a, b, wirePlain("dc4", 3)}
	c.Pseudowires[2].Attach.Bridge = "br-absent"
	f.Devices["br-vlan"] = Device{Index: 10, Up: true, Kind: "bridge", VLANFiltering: true}
	return world{c, f}
}

// tagged: the tag goes through the pseudowire.
func tagged() world {
	c, f := settings(), twoWANs()
	a, b := wirePlain("dc2", 1), wirePlain("pseudowire_long", 2)
	a.Attach = config.Attach{Bridge: "br-lan", VLAN: 111, VLANMode: "tagged"}
	b.Attach = config.Attach{VLAN: 7, VLANMode: "tagged", Addresses: []netip.Prefix{prefix("10.7.0.1/24")}}
	b.MTU.Mode = "path"
	c.Pseudowires = []config.Pseudowire{a, b}
	return world{c, f}
}

// sits: 6rd, 6to4 and 6in4.
func sits() world {
	c, f := settings(), twoWANs()
	c.Tunnels = []config.Tunnel{
		{Name: "sixrd", Device: "sixrd", Interface: "wan", Enabled: true, Type: "6rd", Remote: addr("192.0.2.254"), Prefix: prefix("2001:db8:8000::/33"), IPv4MaskLen: 8},
		{Name: "six4", Device: "six4", Interface: "wanb", Enabled: true, Type: "6to4"},
		{Name: "he", Device: "he", Interface: "wanb", Enabled: true, Type: "6in4", Remote: addr("198.51.100.66"), Prefix: prefix("2001:db8:77::/48"),
			Addresses: []netip.Prefix{prefix("2001:db8:76::2/64")}, Gateway: addr("2001:db8:76::1"), TTL: 255, MTU: 1400},
		{Name: "off", Device: "off", Interface: "wan", Type: "6to4"},
		{Name: "behind", Device: "behind", Interface: "nat", Enabled: true, Type: "6to4"},
		{Name: "away", Device: "away", Interface: "none", Enabled: true, Type: "6to4"},
	}
	f.WANs["nat"] = plan.WAN{Device: "eth3", IPv4: plan.Side{Addrs: []netip.Prefix{prefix("100.64.1.2/24")}}}
	return world{c, f}
}

// sessions: two sessions of one tunnel with cookies of two lengths, over IPv6 and IP.
func sessions() world {
	c, f := settings(), twoWANs()
	a := wirePlain("red", 1)
	a.Remote, a.Family, a.Encap, a.LocalPort, a.RemotePort, a.Checksum = addr("2001:db8:9::1"), kstate.IPv6, "ip", 0, 0, false
	a.Cookie, a.PeerCookie, a.Attach = "\xde\xad\xbe\xef", "\xca\xfe\xba\xbe\x00\x01\x02\x03", config.Attach{Bridge: "br-red"}
	b := a
	b.Name, b.Device, b.SessionID, b.PeerID, b.L2Spec, b.Cookie, b.PeerCookie, b.Attach = "blue", "blue", 12, 13, "none", "", "", config.Attach{Bridge: "br-lan"}
	c.Pseudowires = []config.Pseudowire{a, b}
	f.Devices["br-red"] = Device{Index: 11, Kind: "bridge"}
	return world{c, f}
}

// failClosed: the SA is gone and the line has no address: tunnel, session, blocks and guards stay.
func failClosed() world {
	w := transport()
	w.f = w.standing()
	wan := w.f.WANs["wan"]
	wan.IPv4.Addrs = nil
	w.f.WANs["wan"] = wan
	w.f.SAs["dc2"] = SA{}
	w.f.NoCharon = true
	return w
}

// foreign: a tunnel and devices of other programs are in the way.
func foreign() world {
	c, f := settings(), twoWANs()
	c.Pseudowires = []config.Pseudowire{wirePlain("dc2", 1), wirePlain("eth7", 2), wirePlain("dc4", 3), wirePlain("dc5", 3), wirePlain("dc6", 4)}
	c.Pseudowires[3].LocalPort = 1799
	c.Pseudowires[4].LocalPort = c.Pseudowires[2].LocalPort
	c.Bonds = []config.Bond{bondWith("balance-rr")}
	f.ForeignTunnels = map[uint32]bool{1: true}
	f.Devices["eth7"], f.Devices["ha"] = Device{Index: 7}, Device{Index: 8, Kind: "bond"}
	return world{c, f}
}

// loops: second ways to the same peer: refused, left to STP, in another VLAN.
func loops() world {
	c, f := settings(), twoWANs()
	for i, name := range []string{"one", "two", "three", "four", "five"} {
		w := wirePlain(name, uint32(i+1))
		switch name {
		case "three":
			w.Attach = config.Attach{Bridge: "br-stp", Loop: "stp"}
		case "four":
			w.Attach = config.Attach{Bridge: "br-stp", Loop: "stp"}
		case "five":
			w.Attach.Loop = "stp"
		}
		c.Pseudowires = append(c.Pseudowires, w)
	}
	f.Devices["br-stp"] = Device{Index: 12, Kind: "bridge", STP: true}
	return world{c, f}
}

// addressed: routed pseudowires, clamps of the file's own, the routing table as carrier, a name to resolve.
func addressed() world {
	c, f := settings(), twoWANs()
	a, b, d := wirePlain("p2p", 1), wirePlain("dc2", 2), wirePlain("far", 3)
	a.Interface, a.Attach = "", config.Attach{Addresses: []netip.Prefix{prefix("10.8.0.1/30"), prefix("fd00:8::1/64")}}
	b.Remote, b.RemoteHost, b.MTU = netip.Addr{}, "dc2.example", config.MTU{Mode: "fixed", Bytes: 1480}
	d.Remote, d.RemoteHost = netip.Addr{}, "far.example"
	c.Pseudowires = []config.Pseudowire{a, b, d}
	c.Clamps = []config.Clamp{
		{Name: "lan", Enabled: true, Bridge: "br-lan", MSS: 1420, Subnets: []netip.Prefix{prefix("10.1.0.0/24"), prefix("2001:db8:5::/64")}},
		{Name: "off", Device: "p2p"},
		{Name: "dsl", Enabled: true, Device: "eth2"},
	}
	f.Sources = map[netip.Addr]netip.Addr{addr("198.51.100.1"): addr("203.0.113.2")}
	f.Names = map[string]netip.Addr{"dc2.example": addr("198.51.100.2")}
	return world{c, f}
}

// missing: modules that cannot be had.
func missing() world {
	w := transport()
	ip := wirePlain("dc3", 2)
	ip.Encap, ip.LocalPort, ip.RemotePort, ip.Checksum = "ip", 0, 0, false
	w.c.Pseudowires = append(w.c.Pseudowires, ip, wirePlain("dc4", 4), pairOf()[1])
	w.c.Pseudowires[3].TunnelID = 9
	w.c.Pseudowires[2].Remote = addr("198.51.100.4")
	w.c.Bonds, w.c.Tunnels = []config.Bond{bondWith("balance-xor")}, sits().c.Tunnels[:1]
	w.f.Missing = map[string]bool{"l2tp_ip": true, "xfrm_user": true, "bonding": true, "sit": true, "nft_meta_bridge": true}
	return w
}

// rrDead: a dead member leaves a mode that uses all.
func rrDead() world {
	w := bondBackup()
	w.c.Bonds[0].Mode, w.c.Bonds[0].Primary = "balance-rr", ""
	return w
}

// gone: the section was deleted while its tunnel stands: it is guarded until it is gone.
func gone() world {
	w := transport()
	w.f = w.standing()
	w.c = settings()
	return w
}

// arp: the kernel's own monitor.
func arp() world {
	w := bondBackup()
	b := &w.c.Bonds[0]
	b.Monitor, b.ARPInterval, b.ARPTargets = "arp", 100*time.Millisecond, []netip.Addr{addr("10.1.0.9")}
	b.Attach = config.Attach{Addresses: []netip.Prefix{prefix("10.1.0.1/24")}}
	return w
}
