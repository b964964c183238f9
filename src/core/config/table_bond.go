package config

import "multiwan/src/core/kstate"

func bondDoc() SectionDoc {
	mode := func(modes ...string) []Condition { return []Condition{{Option: "mode", Values: modes}} }
	arp := []Condition{{Option: "monitor", Values: []string{"arp"}}}
	options := []OptionDoc{
		{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: there is no such bond."},
		{Name: "device", Kind: KindDevice, DefaultHelp: "the section's name", Was: []string{"ifname"}, Help: "The network device of the bond."},
		{Name: "member", Kind: KindMember, List: true, Required: true, Was: []string{"slaves", "ports"}, Help: "Sections `pseudowire`, or devices that other programs make (OpenVPN's taps), which may come and go."},
		{Name: "mode", Kind: KindEnum, Default: "active-backup", Values: []string{"active-backup", "balance-rr", "balance-xor", "802.3ad", "broadcast"},
			Help: "The kernel's bonding modes. Both ends need modes that fit together."},
		{Name: "monitor", Kind: KindEnum, Default: "probe", Values: []string{"probe", "arp", "lacp"}, DefaultHelp: "with mode '802.3ad' `lacp`",
			Help: "How members are watched, whose carrier never drops: by probes through each of them, by the kernel's ARP monitor, or by LACP (mode '802.3ad' alone)."},
		{Name: "lacp_rate", Kind: KindEnum, Default: "fast", Values: []string{"fast", "slow"}, With: mode("802.3ad"), Help: "LACP messages every second or every 30."},
		{Name: "xmit_hash_policy", Kind: KindEnum, Default: "layer3+4", Values: []string{"layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"}, With: mode("balance-xor", "802.3ad"),
			Help: "What keeps packets together on one member."},
		{Name: "arp_target", Kind: KindGateway, Family: kstate.IPv4, List: true, Required: true, With: arp, Was: []string{"arp_ip_target"}, Help: "Addresses that the ARP monitor asks for, at most 16."},
		{Name: "arp_interval", Kind: KindSeconds, Default: "0.1", Min: 0.01, Max: 60, With: arp, Help: "Time between two questions of the ARP monitor."},
		{Name: "primary", Kind: KindMember, DefaultHelp: "none", With: mode("active-backup"), Help: "The member that is used while it works."},
	}
	return SectionDoc{
		Type: "bond", Example: "ha",
		Help:    "Several pseudowires, or devices of other programs, as one device. Members carry no addresses and are in no bridge; the bond does and is.",
		Options: append(options, attachOptions([]string{"auto"}, "`auto`: that of the smallest member.", "How members that are no pseudowires are watched, with monitor 'probe', and the bond itself where a policy names it.")...),
	}
}

func clampDoc() SectionDoc {
	return SectionDoc{
		Type: "mss_clamp", Example: "lan",
		Help: "Lowers the MSS that TCP connections across pseudowires announce, so that their packets need no fragments. Either `bridge` or `device`.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: nothing is lowered."},
			{Name: "bridge", Kind: KindDevice, DefaultHelp: "none", Help: "A bridge with pseudowires among its ports: what enters or leaves by those."},
			{Name: "device", Kind: KindDevice, DefaultHelp: "none", Help: "A device with addresses, whose traffic is routed."},
			{Name: "mss", Kind: KindSize, Default: "auto", Values: []string{"auto"}, Min: 536, Max: 8960, Help: "For IPv4; 20 less for IPv6. `auto`: what the path leaves, computed anew as it changes. It is never raised."},
			{Name: "subnet", Kind: KindMatch, List: true, DefaultHelp: "all", Help: "Only connections from or to these networks."},
		},
	}
}

func tunnelDoc() SectionDoc {
	of := func(types ...string) []Condition { return []Condition{{Option: "type", Values: types}} }
	return SectionDoc{
		Type: "tunnel", Example: "sixrd",
		Help: "An IPv6 tunnel over the IPv4 of a WAN, on plain Linux. It is a WAN of family ipv6 itself: policies may name it, and the default one has it. On OpenWrt configure it in /etc/config/network and name it as interface.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: there is no such tunnel, and policies pass over it."},
			{Name: "type", Kind: KindEnum, Required: true, Values: []string{"6in4", "6to4", "6rd"}, Help: "A tunnel to a broker (RFC 4213), by public relays (RFC 3056), or the provider's (RFC 5969)."},
			{Name: "interface", Kind: KindReference, Refers: []string{"interface"}, Required: true, Was: []string{"tunlink"}, Help: "The WAN that carries it."},
			{Name: "device", Kind: KindDevice, DefaultHelp: "the section's name", Help: "The network device of the tunnel."},
			{Name: "remote", Kind: KindGateway, Family: kstate.IPv4, DefaultHelp: "with type '6to4' 192.88.99.1; else required", Was: []string{"peeraddr"}, Help: "The far end, or the provider's border relay."},
			{Name: "prefix", Kind: KindNetwork, Family: kstate.IPv6, With: of("6in4", "6rd"), DefaultHelp: "none; required with type '6rd'", Was: []string{"ip6prefix"}, Help: "The provider's prefix of 6rd, into which the IPv4 address goes, or the network that a broker routes to us."},
			{Name: "ipv4masklen", Kind: KindInt, Default: "0", Max: 31, With: of("6rd"), Was: []string{"ip4prefixlen"}, Help: "Leading bits of the IPv4 address that all customers share and that do not go into the prefix."},
			{Name: "ipaddr", Kind: KindOwn, Family: kstate.IPv6, List: true, Required: true, With: of("6in4"), Was: []string{"ip6addr"}, Help: "Our address inside the tunnel."},
			{Name: "gateway", Kind: KindGateway, Family: kstate.IPv6, DefaultHelp: "none: everything goes into the tunnel", With: of("6in4"), Help: "The far end's address inside the tunnel."},
			{Name: "ttl", Kind: KindInt, Default: "64", Min: 1, Max: 255, Help: "Time to live of the outer packets."},
			{Name: "mtu", Kind: KindInt, DefaultHelp: "the path's, less 20", Min: 1280, Max: 8980, Help: "MTU of the device."},
			{Name: "metric", Kind: KindInt, Default: "1", Min: 1, Max: 9999, Help: "As an interface's."},
			{Name: "weight", Kind: KindInt, Default: "1", Min: 1, Max: 1000, Help: "As an interface's. With steering 'route' at most 256."},
			{Name: "probe", Kind: KindReference, List: true, Refers: []string{"probe"}, DefaultHelp: "the built-in probe of interfaces", Help: "How it is watched. All probes named must be content."},
		},
	}
}
