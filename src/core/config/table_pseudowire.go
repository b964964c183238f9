package config

import "multiwan/src/core/kstate"

func pseudowireDoc() SectionDoc {
	udp := []Condition{{Option: "encap", Values: []string{"udp"}}}
	const ids = 4294967295
	options := []OptionDoc{
		{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: there is no such pseudowire."},
		{Name: "device", Kind: KindDevice, DefaultHelp: "the section's name", Was: []string{"ifname"}, Help: "The network device that the pseudowire becomes."},
		{Name: "interface", Kind: KindReference, List: true, Refers: []string{"interface", "tunnel"}, DefaultHelp: "that of the ipsec section, else the routing table decides",
			Help: "The WAN that carries it. All its packets leave by that WAN with that WAN's address, or not at all. Several, each once, with `redundancy 'duplicate'`; the first is the one that the far end knows as `remote`."},
		{Name: "policy", Kind: KindReference, Refers: []string{"policy"}, DefaultHelp: "none",
			Help: "Instead of `interface`: a policy that carries it, from WAN to WAN as they fail. Needs `ipsec` with mode 'tunnel', and `local` and `remote` that belong to no WAN; the device stays while the outer path moves."},
		{Name: "local", Kind: KindGateway, DefaultHelp: "the WAN's", Was: []string{"ipaddr_local", "localaddr"}, Help: "This end's address. With ipsec mode 'tunnel' the inner one."},
		{Name: "remote", Kind: KindEnd, Required: true, Was: []string{"peeraddr", "peer"}, Help: "The far end, an address or a host name, which is resolved again when the far end is silent. With ipsec mode 'tunnel' its inner address."},
		{Name: "family", Kind: KindEnum, Default: "ipv4", Values: []string{"ipv4", "ipv6"}, DefaultHelp: "that of `local` and `remote` where they are addresses",
			Help: "Family of the outer packets where `remote` is a host name."},
		{Name: "encap", Kind: KindEnum, Default: "udp", Values: []string{"udp", "ip"}, Help: "What carries L2TPv3: UDP, which passes NAT, or IP protocol 115, which is 12 bytes shorter."},
		{Name: "local_port", Kind: KindPort, Default: "1701", With: udp, Was: []string{"udp_sport"}, Help: "This end's UDP port. No translation changes it. Two tunnels of one address need two."},
		{Name: "remote_port", Kind: KindPort, Default: "1701", With: udp, Was: []string{"udp_dport"}, Help: "The far end's UDP port."},
		{Name: "checksum", Kind: KindBool, Default: "1", With: udp, Help: "UDP checksums. Off saves time on slow routers; then only the inner ones and those of IPsec protect."},
		{Name: "tunnel_id", Kind: KindInt, Required: true, Min: 1, Max: ids, Help: "This end's number of the tunnel. Pseudowires with the same ends, ports and tunnel ids are sessions of one tunnel."},
		{Name: "peer_tunnel_id", Kind: KindInt, DefaultHelp: "tunnel_id", Min: 1, Max: ids, Help: "The far end's number of the tunnel."},
		{Name: "session_id", Kind: KindInt, DefaultHelp: "tunnel_id", Min: 1, Max: ids, Help: "This end's number of the session."},
		{Name: "peer_session_id", Kind: KindInt, DefaultHelp: "peer_tunnel_id", Min: 1, Max: ids, Help: "The far end's number of the session."},
		{Name: "cookie", Kind: KindCookie, DefaultHelp: "none", Help: "What this end wants to see in each packet: 8 or 16 digits. It keeps out strays, it protects nothing."},
		{Name: "peer_cookie", Kind: KindCookie, DefaultHelp: "none", Help: "What the far end wants to see."},
		{Name: "l2spec", Kind: KindEnum, Default: "default", Values: []string{"default", "none"}, Was: []string{"l2spec_type"}, Help: "The L2-specific sublayer of 4 bytes. Both ends need the same."},
		{Name: "ipsec", Kind: KindReference, Refers: []string{"ipsec"}, Guard: "its frames would cross the WAN in clear", DefaultHelp: "none: frames cross the WAN in clear, and a warning says so", Help: "The section that protects it. Then no packet ever leaves or comes in unprotected."},
	}
	twice := []Condition{{Option: "redundancy", Values: []string{"duplicate"}}}
	options = append(options,
		OptionDoc{Name: "redundancy", Kind: KindEnum, Default: "none", Values: []string{"none", "duplicate"},
			Help: "`duplicate`: each packet goes out by every path, and the far end takes the one that comes first, so that nothing is lost when a line dies. Needs `ipsec`, whose mode is 'tunnel' then unless it says 'transport', and the same at the far end."},
		OptionDoc{Name: "remote_alt", Kind: KindGateway, List: true, With: twice, Family: kstate.IPv4, DefaultHelp: "none",
			Help: "Further outer addresses of the far end, of its second WAN and so on. The copy by the second `interface` goes to the first of them; with one `interface` a copy goes to each."},
		OptionDoc{Name: "duplicate", Kind: KindCopies, Default: "all", Values: []string{"all", "small"}, With: twice,
			Help: "Which packets are copied; the others go by the first path, until that is found dead: then all are. So that it is, 16 of them a second are copied. `small`: those of up to 300 bytes on the wire, such as voice, keystrokes and acknowledgements. `dscp ef cs5`: those whose frames carry IPv4 or IPv6 with one of these DiffServ code points, also behind one 802.1Q tag; the outer packets carry the code point too."},
		OptionDoc{Name: "duplicate_rate", Kind: KindInt, DefaultHelp: "none", Min: 8, Max: 10000000, With: twice,
			Help: "Limit of the copies by each path, in kbit/s. Below what the slower line carries, its queue is not full of old copies when the other line dies."})
	return SectionDoc{
		Type: "pseudowire", Example: "dc2a",
		Help:    "A cable to another site: an Ethernet device whose frames come out at the far end, by L2TPv3 (RFC 3931) in the kernel. The far end is configured as the mirror image.",
		Options: append(options, attachOptions([]string{"auto", "path"}, "`auto`: 1500, so that every frame passes, the large ones in outer fragments. `path`: what fits without fragments.", "How the far end is watched, through the pseudowire.")...),
	}
}

// attachOptions are those that say where a device of ours goes.
func attachOptions(sizes []string, size, watched string) []OptionDoc {
	return []OptionDoc{
		{Name: "bridge", Kind: KindDevice, DefaultHelp: "none", Help: "The bridge that the device joins, as soon as there is one."},
		{Name: "vlan", Kind: KindInt, DefaultHelp: "none", Min: 1, Max: 4094, Help: "The VLAN of the bridge that it joins."},
		{Name: "vlan_mode", Kind: KindEnum, Default: "access", Values: []string{"access", "tagged"}, Help: "`access`: frames of that VLAN cross it without tags. `tagged`: with tags."},
		{Name: "isolated", Kind: KindBool, Default: "0", Help: "On: no frames between this bridge port and other isolated ones."},
		{Name: "loop", Kind: KindEnum, Default: "refuse", Values: []string{"refuse", "stp"}, Help: "A second way between the same two bridges: it is refused, or it is left to the bridge's spanning tree."},
		{Name: "ipaddr", Kind: KindOwn, List: true, DefaultHelp: "none", Help: "Addresses of the device's own, with the length of their network."},
		{Name: "gateway", Kind: KindGateway, DefaultHelp: "the other host of a /30, /31 or /127", Help: "The next hop behind it, for policies that name it."},
		{Name: "mtu", Kind: KindSize, Default: "auto", Values: sizes, Min: minMTU, Max: 9000, Help: "MTU of the device. " + size + " With IPv6 addresses at least 1280."},
		{Name: "probe", Kind: KindReference, List: true, Refers: []string{"probe"}, DefaultHelp: "the built-in probe `loopback`, see probe", Help: watched},
	}
}
