package config

import "multiwan/src/core/kstate"

func globalsDoc() SectionDoc {
	return SectionDoc{
		Type: "globals", Example: "globals", Anonymous: true,
		Help: "What concerns the whole program. At most one section; all of it may be missing.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: multiwan steers nothing."},
			{Name: "config_version", Kind: KindInt, Default: "1", Min: 1, Max: 1,
				Help: "The version of this file's form, set by the package. A program that does not know a later form says so."},
			{Name: "log_level", Kind: KindEnum, Default: "notice", Values: []string{"error", "warn", "notice", "info", "debug"}, Was: []string{"loglevel"},
				Help: "The least important messages that are logged. Each single probe is `debug`."},
			{Name: "steering", Kind: KindEnum, Default: "mark", Values: []string{"mark", "route"},
				Help: "`mark`: connection marks by nftables. `route`: source rules, metrics and the kernel's own balancing, no marks at all; see the table at the end for what that cannot do."},
			{Name: "mark_mask", Kind: KindMask, Default: "0x7f000000", Was: []string{"mmx_mask", "fw_mask"},
				Help: "The bits of the packet and connection mark that belong to multiwan: seven or eight adjacent ones. The highest says probe, the others hold the WAN. Change it if another program uses these bits; connections then begin anew where the old and the new bits overlap."},
			{Name: "rule_base", Kind: KindInt, Default: "6000", Min: 1, Max: 31766,
				Help: "First of the 1000 priorities of `ip rule` that belong to multiwan. All of them lie before main (32766)."},
			{Name: "table_base", Kind: KindInt, Default: "19712", Min: 256, Max: 4294967040,
				Help: "First of the 256 routing tables that belong to multiwan. 253 to 255 are the kernel's."},
			{Name: "collision", Kind: KindEnum, Default: "move", Values: []string{"move", "refuse"},
				Help: "When another program uses our rule priorities or tables: `move` to the next free range or `refuse` to start."},
			{Name: "hook_dir", Kind: KindDir, Default: "/etc/multiwan.d",
				Help: "Directory of executables that are run on changes. They must belong to root and be writable by nobody else."},
			{Name: "fixed_port", Kind: KindPort, List: true, Default: "500 1701 4500",
				Help: "UDP source ports of the router's own programs that no translation may change (IKE, L2TP)."},
		},
	}
}

func interfaceDoc() SectionDoc {
	return SectionDoc{
		Type: "interface", Example: "wan",
		Help: "A WAN. On OpenWrt the name is that of the interface in /etc/config/network; its IPv6 twin on the same device joins by itself. At most 61 may be enabled.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: the WAN is neither watched nor used, and policies pass over it."},
			{Name: "device", Kind: KindDevice, DefaultHelp: "what netifd says", Was: []string{"ifname"},
				Help: "The network device, where netifd does not run. Two WANs may share one if `ipaddr` or `gateway` tell them apart."},
			{Name: "interface6", Kind: KindName, DefaultHelp: "found by the device", Help: "The netifd interface that carries IPv6 for this WAN (`wan6`)."},
			{Name: "gateway", Kind: KindGateway, Family: kstate.IPv4, DefaultHelp: "found in the routes", Help: "The IPv4 next hop."},
			{Name: "gateway6", Kind: KindGateway, Family: kstate.IPv6, DefaultHelp: "found in the routes", Help: "The IPv6 next hop; link-local ones are fine."},
			{Name: "ipaddr", Kind: KindOwn, List: true, DefaultHelp: "all addresses of the device", Was: []string{"src_ip"},
				Help: "Addresses of this WAN with the length of their network (`203.0.113.2/29`), where a device carries several WANs. They narrow their own family alone."},
			{Name: "prefix", Kind: KindNetwork, List: true, DefaultHelp: "delegated ones, where netifd knows them", Was: []string{"ip6prefix"},
				Help: "Networks behind the router that are routed to it by this WAN's provider. Hosts with such addresses leave by this WAN, untranslated."},
			{Name: "family", Kind: KindEnum, List: true, DefaultHelp: "those of ipaddr, else both", Values: []string{"ipv4", "ipv6"},
				Help: "The address families that this WAN is used for, as far as it has addresses."},
			{Name: "metric", Kind: KindInt, Default: "1", Min: 1, Max: 9999,
				Help: "Preference where policies name the interface itself: the lowest working metric carries everything."},
			{Name: "weight", Kind: KindInt, Default: "1", Min: 1, Max: 1000,
				Help: "Share among WANs of the same metric. With steering 'route' at most 256."},
			{Name: "snat", Kind: KindSNAT, Default: "auto", Values: []string{"auto", "masquerade", "none"},
				Help: "Source translation of IPv4 from private addresses. `auto`: the business of OpenWrt's firewall where that has the WAN in a zone, by its `masq`, elsewhere `masquerade`. An address: always that one."},
			{Name: "snat6", Kind: KindEnum, Default: "none", Values: []string{"none", "prefix", "masquerade"},
				Help: "Source translation of IPv6. `prefix` maps to this WAN's prefix of the same length."},
			{Name: "probe", Kind: KindReference, List: true, Refers: []string{"probe"}, DefaultHelp: "the built-in probe, see below", Was: []string{"track_ip", "track_method"},
				Help: "How the WAN is watched. All probes named must be content."},
		},
	}
}

func probeDoc() SectionDoc {
	withPort := []Condition{{Option: "method", Values: []string{"dns", "http", "tcp"}}}
	return SectionDoc{
		Type: "probe", Example: "internet",
		Help: "A way to watch WANs. The same probe may serve many; each runs it bound to its own device, address and route.",
		Options: []OptionDoc{
			{Name: "method", Kind: KindEnum, Default: "ping", Values: []string{"ping", "arping", "dns", "http", "tcp", loopback}, Was: []string{"track_method"},
				Help: "`arping` asks neighbours for their link-layer address (IPv6: by neighbour solicitation). `loopback` asks the far end of a pseudowire or bond member by Ethernet loopback messages (IEEE 802.1Q), without any address; multiwan or another maintenance end point of level 0 must answer there."},
			{Name: "target", Kind: KindTarget, List: true, Required: true, With: []Condition{{Option: "method", Values: []string{"ping", "arping", "dns", "http", "tcp"}}}, Was: []string{"track_ip", "track_gateway", "host"},
				Help: "Addresses, or the word `gateway`; host names for dns, http and tcp, with `http` also `host:port/path`. Each family asks the targets of its own kind. Beside other targets `gateway` is asked for evidence only, since a gateway alone answers for ever."},
			{Name: "reliability", Kind: KindInt, Default: "1", Min: 1, Max: 64, Help: "How many targets must answer. At most as many as each family has."},
			{Name: "interval", Kind: KindSeconds, Default: "1", Min: 0.05, Max: 3600, Help: "Time between two rounds of probes."},
			{Name: "timeout", Kind: KindSeconds, Default: "1", Min: 0.05, Max: 60,
				Help: "After this long an answer is lost for good. Suspicion comes earlier, from the round-trip times seen."},
			{Name: "down", Kind: KindInt, Default: "10", Min: 1, Max: 1000, Help: "Lost probes in a row, over all targets, in the burst that confirms a suspicion."},
			{Name: "up", Kind: KindInt, Default: "5", Min: 1, Max: 1000, Help: "Good rounds in a row after which a WAN is up again."},
			{Name: "down_interval", Kind: KindSeconds, Default: "1", Min: 0.05, Max: 3600, Was: []string{"failure_interval", "recovery_interval"}, Help: "Time between two rounds while the WAN is down."},
			{Name: "window", Kind: KindInt, Default: "30", Min: 2, Max: 1000, Help: "Number of probes per target over which loss and latency are taken."},
			{Name: "loss_down", Kind: KindPercent, Default: "0", Max: 100, Was: []string{"failure_loss"}, Help: "Per cent of loss from which the WAN is degraded: policies pass over it while they have a sound one. 0: loss does not count."},
			{Name: "loss_up", Kind: KindPercent, DefaultHelp: "half of loss_down", Max: 100, Was: []string{"recovery_loss"}, Help: "Per cent of loss from which downwards it is sound again. Less than loss_down."},
			{Name: "latency_down", Kind: KindMillis, Default: "0", Max: 60000, Was: []string{"failure_latency", "max_latency"}, Help: "Mean round-trip time from which the WAN is degraded, as with loss_down. 0: latency does not count. Less than timeout."},
			{Name: "latency_up", Kind: KindMillis, DefaultHelp: "half of latency_down", Max: 60000, Was: []string{"recovery_latency"}, Help: "Mean round-trip time from which downwards it is sound again. Less than latency_down."},
			{Name: "size", Kind: KindInt, Default: "56", Min: 16, Max: 9000, With: []Condition{{Option: "method", Values: []string{"ping"}}}, Help: "Bytes of payload of a ping."},
			{Name: "port", Kind: KindPort, DefaultHelp: "dns 53, http 80, tcp 443", With: withPort, Help: "The port that is asked."},
			{Name: "query", Kind: KindHost, Default: "example.com", With: []Condition{{Option: "method", Values: []string{"dns"}}}, Help: "The name that is asked for. Any answer counts, also that there is no such name."},
			{Name: "path", Kind: KindPath, Default: "/", With: []Condition{{Option: "method", Values: []string{"http"}}}, Help: "What is asked for where the target names no path. Any status counts."},
		},
	}
}
