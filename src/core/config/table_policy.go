package config

func policyDoc() SectionDoc {
	return SectionDoc{
		Type: "policy", Example: "default",
		Help: "Which WANs carry what a rule gives to it. The one named `default` carries what no rule matches; where the file has none, it consists of all interfaces by metric and weight.",
		Options: []OptionDoc{
			{Name: "interface", Kind: KindReference, List: true, Refers: wans(), Was: []string{"use_interface"}, DefaultHelp: "none",
				Help: "WANs, with their own metric and weight; also tunnels, and pseudowires and bonds with addresses of their own."},
			{Name: "member", Kind: KindReference, List: true, Refers: []string{"member"}, Was: []string{"use_member"}, DefaultHelp: "none",
				Help: "Sections `member`: WANs with a metric and weight for this policy. A policy needs at least one interface or member."},
			{Name: "balance", Kind: KindEnum, Default: "connection", Values: []string{"connection", "source", "packet"}, MarkValues: []string{"source", "packet"},
				Help: "What is spread by weight: connections, sources (a host keeps its WAN), or single packets. The last needs members without translation that lead to the same far end: pseudowires or bonds with addresses, or interfaces with snat and snat6 'none'."},
			{Name: "delay_spread", Kind: KindMillis, Default: "5", Max: 1000, With: []Condition{{Option: "balance", Values: []string{"packet"}, Useless: true}},
				Help: "How far the round-trip times of members may differ for balance 'packet', the shortest of the last 20 seconds of each. Beyond it connections are spread until they agree again: packets that overtake each other slow down every TCP connection."},
			{Name: "sticky", Kind: KindSeconds, Default: "0", Max: 604800, MarkOnly: true, Was: []string{"timeout"},
				Help: "A source keeps its WAN for so long after its last new connection. 0: off."},
			{Name: "last_resort", Kind: KindEnum, Default: "best_effort", Values: []string{"best_effort", "unreachable", "blackhole", "main"},
				Help: "When no WAN of the policy works. `best_effort`: the least bad one stays in use. `unreachable` refuses at once, `blackhole` drops, `main` goes by the main routing table."},
			{Name: "failback", Kind: KindEnum, Default: "move_udp", Values: []string{"keep", "move_udp", "move", "drain"}, MarkValues: []string{"keep", "move_udp", "drain"}, DefaultHelp: "with steering 'route' `move`", Was: []string{"flush_conntrack"},
				Help: "What becomes of connections on the backup when a better WAN is back: all stay (`keep`), UDP moves and the rest stays (`move_udp`), all move at once (`move`), or those left after drain_timeout do (`drain`). Without marks the kernel moves them all, so that they cannot stay."},
			{Name: "failback_delay", Kind: KindSeconds, Default: "0", Max: 86400, Help: "How long a WAN must be up again before the policy prefers it."},
			{Name: "drain_timeout", Kind: KindSeconds, Default: "60", Min: 1, Max: 86400, With: []Condition{{Option: "failback", Values: []string{"drain"}, Useless: true}},
				Help: "How long connections may stay on the backup with failback 'drain'."},
		},
	}
}

// wans are the types of sections that can be members of policies.
func wans() []string { return []string{"interface", "tunnel", "pseudowire", "bond"} }

func memberDoc() SectionDoc {
	return SectionDoc{
		Type: "member", Example: "wanb_backup",
		Help: "A WAN of a policy with a metric and weight of its own, as in mwan3.",
		Options: []OptionDoc{
			{Name: "interface", Kind: KindReference, Refers: wans(), Required: true, Help: "The WAN."},
			{Name: "metric", Kind: KindInt, DefaultHelp: "the interface's", Min: 1, Max: 9999, Help: "The lowest metric that works carries everything."},
			{Name: "weight", Kind: KindInt, DefaultHelp: "the interface's", Min: 1, Max: 1000, Help: "Share among members of the same metric."},
		},
	}
}

func ruleDoc() SectionDoc {
	forwarded := []Condition{{Option: "origin", Values: []string{"forwarded"}}}
	router := []Condition{{Option: "origin", Values: []string{"router"}}}
	return SectionDoc{
		Type: "rule", Example: "voip", Anonymous: true,
		Help: "Gives traffic to a policy. In file order, the first that matches wins; everything that is given must match. Of a list any item may match; with `!` before the items none may.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: the rule is passed over."},
			{Name: "origin", Kind: KindEnum, Default: "forwarded", Values: []string{"forwarded", "router", "any"},
				Help: "Whose traffic: of hosts behind the router, the router's own, or both. The router's own is matched before its source address is chosen, which rules out negation and some matches."},
			{Name: "family", Kind: KindEnum, Default: "any", Values: []string{"any", "ipv4", "ipv6"}, Help: "Follows from the addresses where these are of one family only."},
			{Name: "proto", Kind: KindProto, List: true, DefaultHelp: "all; tcp and udp where ports are given", Help: "Names or numbers: tcp udp icmp icmpv6 sctp dccp udplite esp ah gre ipip ipv6 l2tp ospf vrrp pim igmp, or all."},
			{Name: "src_ip", Kind: KindMatch, List: true, Not: true, DefaultHelp: "all", Was: []string{"src_addr"}, Help: "Source addresses or networks."},
			{Name: "dest_ip", Kind: KindMatch, List: true, Not: true, DefaultHelp: "all", Was: []string{"dest_addr", "dst_ip"}, Help: "Destination addresses or networks."},
			{Name: "src_port", Kind: KindPorts, List: true, Not: true, DefaultHelp: "all", Help: "Source ports or ranges (`80`, `1000-2000`)."},
			{Name: "dest_port", Kind: KindPorts, List: true, Not: true, DefaultHelp: "all", Was: []string{"dst_port"}, Help: "Destination ports or ranges."},
			{Name: "src_iface", Kind: KindIface, List: true, Not: true, MarkOnly: true, With: forwarded, DefaultHelp: "all", Help: "Networks or devices that the packet came in by."},
			{Name: "dscp", Kind: KindDSCP, List: true, Not: true, MarkOnly: true, With: forwarded, DefaultHelp: "all", Help: "DiffServ code points: 0 to 63, or names (cs0 to cs7, af11 to af43, ef, va, le)."},
			{Name: "nftset", Kind: KindSet, Not: true, MarkOnly: true, With: forwarded, DefaultHelp: "none", Was: []string{"ipset"},
				Help: "A set of destinations in table inet multiwan, filled by dnsmasq or by hand: NAME holds IPv4, NAME6 IPv6. See steering.md for dnsmasq."},
			{Name: "uid", Kind: KindUID, With: router, DefaultHelp: "all", Help: "User id, or a range of them (`1000-1999`), of the router's program."},
			{Name: "fwmark", Kind: KindMark, With: router, DefaultHelp: "all", Was: []string{"mark"}, Help: "Mark that the router's program sets on its sockets, `value` (in all bits but those of mark_mask) or `value/mask`."},
			{Name: "sticky", Kind: KindSeconds, DefaultHelp: "the policy's", Max: 604800, MarkOnly: true, With: forwarded, Was: []string{"timeout"}, Help: "As the policy's, for this rule alone."},
			{Name: "policy", Kind: KindReference, Refers: []string{"policy", "interface", "tunnel"}, Values: []string{"unreachable", "blackhole", "main"}, Required: true, Was: []string{"use_policy"},
				Help: "A policy, a WAN (then it alone), or `unreachable`, `blackhole`, `main` (the main routing table)."},
		},
	}
}
