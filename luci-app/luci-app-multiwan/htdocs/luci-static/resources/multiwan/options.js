'use strict';
'require baseclass';

/* Written from the option table in src/core/config by make docs: what the
   daemon takes, its bounds and its defaults. */
return baseclass.extend({
	globals: {
		help: _('What concerns the whole program. At most one section; all of it may be missing.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: multiwan steers nothing.') },
			{ name: 'config_version', kind: 'integer', def: '1', min: 1, max: 1, help: _('The version of this file\'s form, set by the package. A program that does not know a later form says so.') },
			{ name: 'log_level', kind: 'word', def: 'notice', values: [ 'error', 'warn', 'notice', 'info', 'debug' ], help: _('The least important messages that are logged. Each single probe is debug.') },
			{ name: 'steering', kind: 'word', def: 'mark', values: [ 'mark', 'route' ], help: _('mark: connection marks by nftables. route: source rules, metrics and the kernel\'s own balancing, no marks at all.') },
			{ name: 'mark_mask', kind: 'mark mask', def: '0x7f000000', help: _('The bits of the packet and connection mark that belong to multiwan: seven or eight adjacent ones. The highest says probe, the others hold the WAN. Change it if another program uses these bits; connections then begin anew where the old and the new bits overlap.') },
			{ name: 'rule_base', kind: 'integer', def: '6000', min: 1, max: 31766, help: _('First of the 1000 priorities of ip rule that belong to multiwan. All of them lie before main (32766).') },
			{ name: 'table_base', kind: 'integer', def: '19712', min: 256, max: 4294967040, help: _('First of the 256 routing tables that belong to multiwan. 253 to 255 are the kernel\'s.') },
			{ name: 'collision', kind: 'word', def: 'move', values: [ 'move', 'refuse' ], help: _('When another program uses our rule priorities or tables: move to the next free range or refuse to start.') },
			{ name: 'hook_dir', kind: 'directory', def: '/etc/multiwan.d', help: _('Directory of executables that are run on changes. They must belong to root and be writable by nobody else.') },
			{ name: 'fixed_port', kind: 'port', list: true, def: '500 1701 4500', help: _('UDP source ports of the router\'s own programs that no translation may change (IKE, L2TP).') },
		]
	},

	interface: {
		help: _('A WAN. On OpenWrt the name is that of the interface in /etc/config/network; its IPv6 twin on the same device joins by itself. At most 61 may be enabled.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: the WAN is neither watched nor used, and policies pass over it.') },
			{ name: 'device', kind: 'device', without: _('what netifd says'), help: _('The network device, where netifd does not run. Two WANs may share one if ipaddr or gateway tell them apart.') },
			{ name: 'interface6', kind: 'name', without: _('found by the device'), help: _('The netifd interface that carries IPv6 for this WAN (wan6).') },
			{ name: 'gateway', kind: 'address', family: 'ipv4', without: _('found in the routes'), help: _('The IPv4 next hop.') },
			{ name: 'gateway6', kind: 'address', family: 'ipv6', without: _('found in the routes'), help: _('The IPv6 next hop; link-local ones are fine.') },
			{ name: 'ipaddr', kind: 'own address', list: true, without: _('all addresses of the device'), help: _('Addresses of this WAN with the length of their network (203.0.113.2/29), where a device carries several WANs. They narrow their own family alone.') },
			{ name: 'prefix', kind: 'network', list: true, without: _('delegated ones, where netifd knows them'), help: _('Networks behind the router that are routed to it by this WAN\'s provider. Hosts with such addresses leave by this WAN, untranslated.') },
			{ name: 'family', kind: 'word', list: true, values: [ 'ipv4', 'ipv6' ], without: _('those of ipaddr, else both'), help: _('The address families that this WAN is used for, as far as it has addresses.') },
			{ name: 'metric', kind: 'integer', def: '1', min: 1, max: 9999, help: _('Preference where policies name the interface itself: the lowest working metric carries everything.') },
			{ name: 'weight', kind: 'integer', def: '1', min: 1, max: 1000, help: _('Share among WANs of the same metric. With steering \'route\' at most 256.') },
			{ name: 'snat', kind: 'translation', def: 'auto', values: [ 'auto', 'masquerade', 'none' ], help: _('Source translation of IPv4 from private addresses. auto: the business of OpenWrt\'s firewall where that has the WAN in a zone, by its masq, elsewhere masquerade. An address: always that one.') },
			{ name: 'snat6', kind: 'word', def: 'none', values: [ 'none', 'prefix', 'masquerade' ], help: _('Source translation of IPv6. prefix maps to this WAN\'s prefix of the same length.') },
			{ name: 'probe', kind: 'reference', list: true, refers: [ 'probe' ], without: _('the built-in probe'), help: _('How the WAN is watched. All probes named must be content.') },
		]
	},

	probe: {
		help: _('A way to watch WANs. The same probe may serve many; each runs it bound to its own device, address and route.'),
		options: [
			{ name: 'method', kind: 'word', def: 'ping', values: [ 'ping', 'arping', 'dns', 'http', 'tcp', 'loopback' ], help: _('arping asks neighbours for their link-layer address (IPv6: by neighbour solicitation). loopback asks the far end of a pseudowire or bond member by Ethernet loopback messages (IEEE 802.1Q), without any address; multiwan or another maintenance end point of level 0 must answer there.') },
			{ name: 'target', kind: 'target', list: true, required: true, only: { method: [ 'ping', 'arping', 'dns', 'http', 'tcp' ] }, help: _('Addresses, or the word gateway; host names for dns, http and tcp, with http also host:port/path. Each family asks the targets of its own kind. Beside other targets gateway is asked for evidence only, since a gateway alone answers for ever.') },
			{ name: 'reliability', kind: 'integer', def: '1', min: 1, max: 64, help: _('How many targets must answer. At most as many as each family has.') },
			{ name: 'interval', kind: 'seconds', def: '1', min: 0.05, max: 3600, help: _('Time between two rounds of probes.') },
			{ name: 'timeout', kind: 'seconds', def: '1', min: 0.05, max: 60, help: _('After this long an answer is lost for good. Suspicion comes earlier, from the round-trip times seen.') },
			{ name: 'down', kind: 'integer', def: '10', min: 1, max: 1000, help: _('Lost probes in a row, over all targets, in the burst that confirms a suspicion.') },
			{ name: 'up', kind: 'integer', def: '5', min: 1, max: 1000, help: _('Good rounds in a row after which a WAN is up again.') },
			{ name: 'down_interval', kind: 'seconds', def: '1', min: 0.05, max: 3600, help: _('Time between two rounds while the WAN is down.') },
			{ name: 'window', kind: 'integer', def: '30', min: 2, max: 1000, help: _('Number of probes per target over which loss and latency are taken.') },
			{ name: 'loss_down', kind: 'per cent', def: '0', min: 0, max: 100, help: _('Per cent of loss from which the WAN is degraded: policies pass over it while they have a sound one. 0: loss does not count.') },
			{ name: 'loss_up', kind: 'per cent', min: 0, max: 100, without: _('half of loss_down'), help: _('Per cent of loss from which downwards it is sound again. Less than loss_down.') },
			{ name: 'latency_down', kind: 'milliseconds', def: '0', min: 0, max: 60000, help: _('Mean round-trip time from which the WAN is degraded, as with loss_down. 0: latency does not count. Less than timeout.') },
			{ name: 'latency_up', kind: 'milliseconds', min: 0, max: 60000, without: _('half of latency_down'), help: _('Mean round-trip time from which downwards it is sound again. Less than latency_down.') },
			{ name: 'size', kind: 'integer', def: '56', min: 16, max: 9000, only: { method: [ 'ping' ] }, help: _('Bytes of payload of a ping.') },
			{ name: 'port', kind: 'port', only: { method: [ 'dns', 'http', 'tcp' ] }, without: _('dns 53, http 80, tcp 443'), help: _('The port that is asked.') },
			{ name: 'query', kind: 'host name', def: 'example.com', only: { method: [ 'dns' ] }, help: _('The name that is asked for. Any answer counts, also that there is no such name.') },
			{ name: 'path', kind: 'URL path', def: '/', only: { method: [ 'http' ] }, help: _('What is asked for where the target names no path. Any status counts.') },
		]
	},

	policy: {
		help: _('Which WANs carry what a rule gives to it. The one named default carries what no rule matches; where the file has none, it consists of all interfaces by metric and weight.'),
		options: [
			{ name: 'interface', kind: 'reference', list: true, refers: [ 'interface', 'tunnel', 'pseudowire', 'bond' ], without: _('none'), help: _('WANs, with their own metric and weight; also tunnels, and pseudowires and bonds with addresses of their own.') },
			{ name: 'member', kind: 'reference', list: true, refers: [ 'member' ], without: _('none'), help: _('Sections member: WANs with a metric and weight for this policy. A policy needs at least one interface or member.') },
			{ name: 'balance', kind: 'word', def: 'connection', values: [ 'connection', 'source', 'packet' ], help: _('What is spread by weight: connections, sources (a host keeps its WAN), or single packets. The last needs members without translation that lead to the same far end: pseudowires or bonds with addresses, or interfaces with snat and snat6 \'none\'.') },
			{ name: 'delay_spread', kind: 'milliseconds', def: '5', min: 0, max: 1000, only: { balance: [ 'packet' ] }, help: _('How far the round-trip times of members may differ for balance \'packet\', the shortest of the last 20 seconds of each. Beyond it connections are spread until they agree again: packets that overtake each other slow down every TCP connection.') },
			{ name: 'sticky', kind: 'seconds', def: '0', min: 0, max: 604800, help: _('A source keeps its WAN for so long after its last new connection. 0: off.') },
			{ name: 'last_resort', kind: 'word', def: 'best_effort', values: [ 'best_effort', 'unreachable', 'blackhole', 'main' ], help: _('When no WAN of the policy works. best_effort: the least bad one stays in use. unreachable refuses at once, blackhole drops, main goes by the main routing table.') },
			{ name: 'failback', kind: 'word', def: 'move_udp', values: [ 'keep', 'move_udp', 'move', 'drain' ], without: _('with steering \'route\' move'), help: _('What becomes of connections on the backup when a better WAN is back: all stay (keep), UDP moves and the rest stays (move_udp), all move at once (move), or those left after drain_timeout do (drain). Without marks the kernel moves them all, so that they cannot stay.') },
			{ name: 'failback_delay', kind: 'seconds', def: '0', min: 0, max: 86400, help: _('How long a WAN must be up again before the policy prefers it.') },
			{ name: 'drain_timeout', kind: 'seconds', def: '60', min: 1, max: 86400, only: { failback: [ 'drain' ] }, help: _('How long connections may stay on the backup with failback \'drain\'.') },
		]
	},

	member: {
		help: _('A WAN of a policy with a metric and weight of its own, as in mwan3.'),
		options: [
			{ name: 'interface', kind: 'reference', required: true, refers: [ 'interface', 'tunnel', 'pseudowire', 'bond' ], help: _('The WAN.') },
			{ name: 'metric', kind: 'integer', min: 1, max: 9999, without: _('the interface\'s'), help: _('The lowest metric that works carries everything.') },
			{ name: 'weight', kind: 'integer', min: 1, max: 1000, without: _('the interface\'s'), help: _('Share among members of the same metric.') },
		]
	},

	rule: {
		help: _('Gives traffic to a policy. In file order, the first that matches wins; everything that is given must match. Of a list any item may match; with ! before the items none may.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: the rule is passed over.') },
			{ name: 'origin', kind: 'word', def: 'forwarded', values: [ 'forwarded', 'router', 'any' ], help: _('Whose traffic: of hosts behind the router, the router\'s own, or both. The router\'s own is matched before its source address is chosen, which rules out negation and some matches.') },
			{ name: 'family', kind: 'word', def: 'any', values: [ 'any', 'ipv4', 'ipv6' ], help: _('Follows from the addresses where these are of one family only.') },
			{ name: 'proto', kind: 'protocol', list: true, without: _('all; tcp and udp where ports are given'), help: _('Names or numbers: tcp udp icmp icmpv6 sctp dccp udplite esp ah gre ipip ipv6 l2tp ospf vrrp pim igmp, or all.') },
			{ name: 'src_ip', kind: 'address or network', list: true, not: true, without: _('all'), help: _('Source addresses or networks.') },
			{ name: 'dest_ip', kind: 'address or network', list: true, not: true, without: _('all'), help: _('Destination addresses or networks.') },
			{ name: 'src_port', kind: 'port or range', list: true, not: true, without: _('all'), help: _('Source ports or ranges (80, 1000-2000).') },
			{ name: 'dest_port', kind: 'port or range', list: true, not: true, without: _('all'), help: _('Destination ports or ranges.') },
			{ name: 'src_iface', kind: 'network or device', list: true, not: true, only: { origin: [ 'forwarded' ] }, without: _('all'), help: _('Networks or devices that the packet came in by.') },
			{ name: 'dscp', kind: 'DSCP', list: true, not: true, only: { origin: [ 'forwarded' ] }, without: _('all'), help: _('DiffServ code points: 0 to 63, or names (cs0 to cs7, af11 to af43, ef, va, le).') },
			{ name: 'nftset', kind: 'nft set', not: true, only: { origin: [ 'forwarded' ] }, without: _('none'), help: _('A set of destinations in table inet multiwan, filled by dnsmasq or by hand: NAME holds IPv4, NAME6 IPv6.') },
			{ name: 'uid', kind: 'user id', only: { origin: [ 'router' ] }, without: _('all'), help: _('User id, or a range of them (1000-1999), of the router\'s program.') },
			{ name: 'fwmark', kind: 'mark', only: { origin: [ 'router' ] }, without: _('all'), help: _('Mark that the router\'s program sets on its sockets, value (in all bits but those of mark_mask) or value/mask.') },
			{ name: 'sticky', kind: 'seconds', min: 0, max: 604800, only: { origin: [ 'forwarded' ] }, without: _('the policy\'s'), help: _('As the policy\'s, for this rule alone.') },
			{ name: 'policy', kind: 'reference', required: true, values: [ 'unreachable', 'blackhole', 'main' ], refers: [ 'policy', 'interface', 'tunnel' ], help: _('A policy, a WAN (then it alone), or unreachable, blackhole, main (the main routing table).') },
		]
	},

	pseudowire: {
		help: _('A cable to another site: an Ethernet device whose frames come out at the far end, by L2TPv3 (RFC 3931) in the kernel. The far end is configured as the mirror image.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: there is no such pseudowire.') },
			{ name: 'device', kind: 'device', without: _('the section\'s name'), help: _('The network device that the pseudowire becomes.') },
			{ name: 'interface', kind: 'reference', list: true, refers: [ 'interface', 'tunnel' ], without: _('that of the ipsec section, else the routing table decides'), help: _('The WAN that carries it. All its packets leave by that WAN with that WAN\'s address, or not at all. Several, each once, with redundancy \'duplicate\'; the first is the one that the far end knows as remote.') },
			{ name: 'policy', kind: 'reference', refers: [ 'policy' ], without: _('none'), help: _('Instead of interface: a policy that carries it, from WAN to WAN as they fail. Needs ipsec with mode \'tunnel\', and local and remote that belong to no WAN; the device stays while the outer path moves.') },
			{ name: 'local', kind: 'address', without: _('the WAN\'s'), help: _('This end\'s address. With ipsec mode \'tunnel\' the inner one.') },
			{ name: 'remote', kind: 'far end', required: true, help: _('The far end, an address or a host name, which is resolved again when the far end is silent. With ipsec mode \'tunnel\' its inner address.') },
			{ name: 'family', kind: 'word', def: 'ipv4', values: [ 'ipv4', 'ipv6' ], without: _('that of local and remote where they are addresses'), help: _('Family of the outer packets where remote is a host name.') },
			{ name: 'encap', kind: 'word', def: 'udp', values: [ 'udp', 'ip' ], help: _('What carries L2TPv3: UDP, which passes NAT, or IP protocol 115, which is 12 bytes shorter.') },
			{ name: 'local_port', kind: 'port', def: '1701', only: { encap: [ 'udp' ] }, help: _('This end\'s UDP port. No translation changes it. Two tunnels of one address need two.') },
			{ name: 'remote_port', kind: 'port', def: '1701', only: { encap: [ 'udp' ] }, help: _('The far end\'s UDP port.') },
			{ name: 'checksum', kind: 'boolean', def: '1', only: { encap: [ 'udp' ] }, help: _('UDP checksums. Off saves time on slow routers; then only the inner ones and those of IPsec protect.') },
			{ name: 'tunnel_id', kind: 'integer', required: true, min: 1, max: 4294967295, help: _('This end\'s number of the tunnel. Pseudowires with the same ends, ports and tunnel ids are sessions of one tunnel.') },
			{ name: 'peer_tunnel_id', kind: 'integer', min: 1, max: 4294967295, without: _('tunnel_id'), help: _('The far end\'s number of the tunnel.') },
			{ name: 'session_id', kind: 'integer', min: 1, max: 4294967295, without: _('tunnel_id'), help: _('This end\'s number of the session.') },
			{ name: 'peer_session_id', kind: 'integer', min: 1, max: 4294967295, without: _('peer_tunnel_id'), help: _('The far end\'s number of the session.') },
			{ name: 'cookie', kind: 'hexadecimal digits', without: _('none'), help: _('What this end wants to see in each packet: 8 or 16 digits. It keeps out strays, it protects nothing.') },
			{ name: 'peer_cookie', kind: 'hexadecimal digits', without: _('none'), help: _('What the far end wants to see.') },
			{ name: 'l2spec', kind: 'word', def: 'default', values: [ 'default', 'none' ], help: _('The L2-specific sublayer of 4 bytes. Both ends need the same.') },
			{ name: 'ipsec', kind: 'reference', refers: [ 'ipsec' ], without: _('none: frames cross the WAN in clear, and a warning says so'), help: _('The section that protects it. Then no packet ever leaves or comes in unprotected.') },
			{ name: 'redundancy', kind: 'word', def: 'none', values: [ 'none', 'duplicate' ], help: _('duplicate: each packet goes out by every path, and the far end takes the one that comes first, so that nothing is lost when a line dies. Needs ipsec, whose mode is \'tunnel\' then unless it says \'transport\', and the same at the far end.') },
			{ name: 'remote_alt', kind: 'address', list: true, family: 'ipv4', only: { redundancy: [ 'duplicate' ] }, without: _('none'), help: _('Further outer addresses of the far end, of its second WAN and so on. The copy by the second interface goes to the first of them; with one interface a copy goes to each.') },
			{ name: 'duplicate', kind: 'packets', def: 'all', values: [ 'all', 'small' ], only: { redundancy: [ 'duplicate' ] }, help: _('Which packets are copied; the others go by the first path, until that is found dead: then all are. So that it is, 16 of them a second are copied. small: those of up to 300 bytes on the wire, such as voice, keystrokes and acknowledgements. dscp ef cs5: those whose frames carry IPv4 or IPv6 with one of these DiffServ code points, also behind one 802.1Q tag; the outer packets carry the code point too.') },
			{ name: 'duplicate_rate', kind: 'integer', min: 8, max: 10000000, only: { redundancy: [ 'duplicate' ] }, without: _('none'), help: _('Limit of the copies by each path, in kbit/s. Below what the slower line carries, its queue is not full of old copies when the other line dies.') },
			{ name: 'bridge', kind: 'device', without: _('none'), help: _('The bridge that the device joins, as soon as there is one.') },
			{ name: 'vlan', kind: 'integer', min: 1, max: 4094, without: _('none'), help: _('The VLAN of the bridge that it joins.') },
			{ name: 'vlan_mode', kind: 'word', def: 'access', values: [ 'access', 'tagged' ], help: _('access: frames of that VLAN cross it without tags. tagged: with tags.') },
			{ name: 'isolated', kind: 'boolean', def: '0', help: _('On: no frames between this bridge port and other isolated ones.') },
			{ name: 'loop', kind: 'word', def: 'refuse', values: [ 'refuse', 'stp' ], help: _('A second way between the same two bridges: it is refused, or it is left to the bridge\'s spanning tree.') },
			{ name: 'ipaddr', kind: 'own address', list: true, without: _('none'), help: _('Addresses of the device\'s own, with the length of their network.') },
			{ name: 'gateway', kind: 'address', without: _('the other host of a /30, /31 or /127'), help: _('The next hop behind it, for policies that name it.') },
			{ name: 'mtu', kind: 'number', def: 'auto', min: 576, max: 9000, values: [ 'auto', 'path' ], help: _('MTU of the device. auto: 1500, so that every frame passes, the large ones in outer fragments. path: what fits without fragments. With IPv6 addresses at least 1280.') },
			{ name: 'probe', kind: 'reference', list: true, refers: [ 'probe' ], without: _('the built-in probe loopback'), help: _('How the far end is watched, through the pseudowire.') },
		]
	},

	ipsec: {
		help: _('An IPsec connection, by strongSwan (IKEv2), which protects pseudowires. One way to prove who one is must be given: psk, or cert and key.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: there is no such connection, and the pseudowires that name it wait.') },
			{ name: 'mode', kind: 'word', def: 'transport', values: [ 'transport', 'tunnel' ], without: _('tunnel where a pseudowire with redundancy \'duplicate\' uses it'), help: _('transport protects the packets of the pseudowires between the two ends. tunnel wraps packets between inner addresses, which may move from WAN to WAN.') },
			{ name: 'interface', kind: 'reference', refers: [ 'interface', 'tunnel' ], without: _('that of its pseudowires'), help: _('The WAN that carries it.') },
			{ name: 'policy', kind: 'reference', refers: [ 'policy' ], only: { mode: [ 'tunnel' ] }, without: _('that of its pseudowires'), help: _('Instead of interface: a policy that carries it, from WAN to WAN.') },
			{ name: 'local', kind: 'address', without: _('the WAN\'s, or the pseudowires\' in mode \'transport\''), help: _('This end\'s outer address.') },
			{ name: 'remote', kind: 'far end', required: true, values: [ 'any' ], help: _('The far end: an outer address, a host name, or any for a peer with changing addresses that calls us, in mode \'tunnel\'.') },
			{ name: 'family', kind: 'word', def: 'ipv4', values: [ 'ipv4', 'ipv6' ], without: _('that of local and remote where they are addresses'), help: _('Family of the outer packets where remote is a host name or any.') },
			{ name: 'local_id', kind: 'identity', without: _('the local address'), help: _('Who we are, as branch@example.com.') },
			{ name: 'remote_id', kind: 'identity', without: _('the remote address; required with remote \'any\''), help: _('Who the far end must prove to be.') },
			{ name: 'psk', kind: 'key', without: _('none'), help: _('The shared key: text, 0x and hexadecimal digits, or 0s and base64. It is shown nowhere.') },
			{ name: 'cert', kind: 'file', without: _('none'), help: _('Our certificate, PEM or DER.') },
			{ name: 'key', kind: 'file', without: _('none'), help: _('The private key of cert.') },
			{ name: 'ca', kind: 'file', without: _('those that strongSwan has'), help: _('The authority that signed the far end\'s certificate.') },
			{ name: 'ike_proposal', kind: 'proposal', list: true, def: 'aes128gcm16-prfsha256-curve25519 aes256gcm16-prfsha384-ecp384 aes128gcm16-prfsha256-ecp256 aes256-sha256-modp2048', help: _('What protects IKE, in charon\'s notation, best first.') },
			{ name: 'esp_proposal', kind: 'proposal', list: true, def: 'aes128gcm16-curve25519 aes256gcm16-ecp384 aes128gcm16-ecp256 aes128gcm16-modp2048', help: _('What protects the packets, likewise. On OpenWrt AES-GCM needs kmod-crypto-gcm.') },
			{ name: 'allow_weak', kind: 'boolean', def: '0', help: _('On: proposals may have sha1, md5, modp768, modp1024, modp1536, des, 3des, blowfish, cast128 and null, which is no encryption at all.') },
			{ name: 'local_ts', kind: 'address or network', list: true, only: { mode: [ 'tunnel' ] }, without: _('local of the pseudowires'), help: _('Inner addresses of this end.') },
			{ name: 'remote_ts', kind: 'address or network', list: true, only: { mode: [ 'tunnel' ] }, without: _('remote of the pseudowires'), help: _('Inner addresses of the far end.') },
			{ name: 'dpd', kind: 'seconds', def: '5', min: 0, max: 3600, help: _('The far end is asked for a sign of life after so long without one. 0: never.') },
			{ name: 'rekey', kind: 'seconds', def: '3600', min: 60, max: 604800, help: _('Age at which the keys of the packets are renewed. No frame is lost by that.') },
			{ name: 'ike_rekey', kind: 'seconds', def: '14400', min: 60, max: 604800, help: _('Age at which the keys of IKE are renewed.') },
			{ name: 'encap', kind: 'boolean', def: '0', help: _('On: ESP always in UDP, also where there is no NAT in between. For providers that drop ESP.') },
			{ name: 'initiate', kind: 'word', def: 'auto', values: [ 'auto', 'yes', 'no' ], help: _('Which end sets the connection up. auto: the one with the lower identity, compared as text, or with remote \'any\' the other one. Where the far end has remote \'any\', say yes here.') },
		]
	},

	bond: {
		help: _('Several pseudowires, or devices of other programs, as one device. Members carry no addresses and are in no bridge; the bond does and is.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: there is no such bond.') },
			{ name: 'device', kind: 'device', without: _('the section\'s name'), help: _('The network device of the bond.') },
			{ name: 'member', kind: 'pseudowire or device', list: true, required: true, help: _('Sections pseudowire, or devices that other programs make (OpenVPN\'s taps), which may come and go.') },
			{ name: 'mode', kind: 'word', def: 'active-backup', values: [ 'active-backup', 'balance-rr', 'balance-xor', '802.3ad', 'broadcast' ], help: _('The kernel\'s bonding modes. Both ends need modes that fit together.') },
			{ name: 'monitor', kind: 'word', def: 'probe', values: [ 'probe', 'arp', 'lacp' ], without: _('with mode \'802.3ad\' lacp'), help: _('How members are watched, whose carrier never drops: by probes through each of them, by the kernel\'s ARP monitor, or by LACP (mode \'802.3ad\' alone).') },
			{ name: 'lacp_rate', kind: 'word', def: 'fast', values: [ 'fast', 'slow' ], only: { mode: [ '802.3ad' ] }, help: _('LACP messages every second or every 30.') },
			{ name: 'xmit_hash_policy', kind: 'word', def: 'layer3+4', values: [ 'layer2', 'layer2+3', 'layer3+4', 'encap2+3', 'encap3+4', 'vlan+srcmac' ], only: { mode: [ 'balance-xor', '802.3ad' ] }, help: _('What keeps packets together on one member.') },
			{ name: 'arp_target', kind: 'address', list: true, required: true, family: 'ipv4', only: { monitor: [ 'arp' ] }, help: _('Addresses that the ARP monitor asks for, at most 16.') },
			{ name: 'arp_interval', kind: 'seconds', def: '0.1', min: 0.01, max: 60, only: { monitor: [ 'arp' ] }, help: _('Time between two questions of the ARP monitor.') },
			{ name: 'primary', kind: 'pseudowire or device', only: { mode: [ 'active-backup' ] }, without: _('none'), help: _('The member that is used while it works.') },
			{ name: 'bridge', kind: 'device', without: _('none'), help: _('The bridge that the device joins, as soon as there is one.') },
			{ name: 'vlan', kind: 'integer', min: 1, max: 4094, without: _('none'), help: _('The VLAN of the bridge that it joins.') },
			{ name: 'vlan_mode', kind: 'word', def: 'access', values: [ 'access', 'tagged' ], help: _('access: frames of that VLAN cross it without tags. tagged: with tags.') },
			{ name: 'isolated', kind: 'boolean', def: '0', help: _('On: no frames between this bridge port and other isolated ones.') },
			{ name: 'loop', kind: 'word', def: 'refuse', values: [ 'refuse', 'stp' ], help: _('A second way between the same two bridges: it is refused, or it is left to the bridge\'s spanning tree.') },
			{ name: 'ipaddr', kind: 'own address', list: true, without: _('none'), help: _('Addresses of the device\'s own, with the length of their network.') },
			{ name: 'gateway', kind: 'address', without: _('the other host of a /30, /31 or /127'), help: _('The next hop behind it, for policies that name it.') },
			{ name: 'mtu', kind: 'number', def: 'auto', min: 576, max: 9000, values: [ 'auto' ], help: _('MTU of the device. auto: that of the smallest member. With IPv6 addresses at least 1280.') },
			{ name: 'probe', kind: 'reference', list: true, refers: [ 'probe' ], without: _('the built-in probe loopback'), help: _('How members that are no pseudowires are watched, with monitor \'probe\', and the bond itself where a policy names it.') },
		]
	},

	mss_clamp: {
		help: _('Lowers the MSS that TCP connections across pseudowires announce, so that their packets need no fragments. Either bridge or device.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: nothing is lowered.') },
			{ name: 'bridge', kind: 'device', without: _('none'), help: _('A bridge with pseudowires among its ports: what enters or leaves by those.') },
			{ name: 'device', kind: 'device', without: _('none'), help: _('A device with addresses, whose traffic is routed.') },
			{ name: 'mss', kind: 'number', def: 'auto', min: 536, max: 8960, values: [ 'auto' ], help: _('For IPv4; 20 less for IPv6. auto: what the path leaves, computed anew as it changes. It is never raised.') },
			{ name: 'subnet', kind: 'address or network', list: true, without: _('all'), help: _('Only connections from or to these networks.') },
		]
	},

	tunnel: {
		help: _('An IPv6 tunnel over the IPv4 of a WAN, on plain Linux. It is a WAN of family ipv6 itself: policies may name it, and the default one has it. On OpenWrt configure it in /etc/config/network and name it as interface.'),
		options: [
			{ name: 'enabled', kind: 'boolean', def: '1', help: _('Off: there is no such tunnel, and policies pass over it.') },
			{ name: 'type', kind: 'word', required: true, values: [ '6in4', '6to4', '6rd' ], help: _('A tunnel to a broker (RFC 4213), by public relays (RFC 3056), or the provider\'s (RFC 5969).') },
			{ name: 'interface', kind: 'reference', required: true, refers: [ 'interface' ], help: _('The WAN that carries it.') },
			{ name: 'device', kind: 'device', without: _('the section\'s name'), help: _('The network device of the tunnel.') },
			{ name: 'remote', kind: 'address', family: 'ipv4', without: _('with type \'6to4\' 192.88.99.1; else required'), help: _('The far end, or the provider\'s border relay.') },
			{ name: 'prefix', kind: 'network', family: 'ipv6', only: { type: [ '6in4', '6rd' ] }, without: _('none; required with type \'6rd\''), help: _('The provider\'s prefix of 6rd, into which the IPv4 address goes, or the network that a broker routes to us.') },
			{ name: 'ipv4masklen', kind: 'integer', def: '0', min: 0, max: 31, only: { type: [ '6rd' ] }, help: _('Leading bits of the IPv4 address that all customers share and that do not go into the prefix.') },
			{ name: 'ipaddr', kind: 'own address', list: true, required: true, family: 'ipv6', only: { type: [ '6in4' ] }, help: _('Our address inside the tunnel.') },
			{ name: 'gateway', kind: 'address', family: 'ipv6', only: { type: [ '6in4' ] }, without: _('none: everything goes into the tunnel'), help: _('The far end\'s address inside the tunnel.') },
			{ name: 'ttl', kind: 'integer', def: '64', min: 1, max: 255, help: _('Time to live of the outer packets.') },
			{ name: 'mtu', kind: 'integer', min: 1280, max: 8980, without: _('the path\'s, less 20'), help: _('MTU of the device.') },
			{ name: 'metric', kind: 'integer', def: '1', min: 1, max: 9999, help: _('As an interface\'s.') },
			{ name: 'weight', kind: 'integer', def: '1', min: 1, max: 1000, help: _('As an interface\'s. With steering \'route\' at most 256.') },
			{ name: 'probe', kind: 'reference', list: true, refers: [ 'probe' ], without: _('the built-in probe of interfaces'), help: _('How it is watched. All probes named must be content.') },
		]
	},

	builtin: { name: 'builtin', targets: [ '1.1.1.1', '8.8.8.8', '2606:4700:4700::1111', '2001:4860:4860::8888', 'gateway' ], loopback: 'loopback' },

	protocols: [ 'ah', 'dccp', 'esp', 'gre', 'icmp', 'icmpv6', 'igmp', 'ipip', 'ipv6', 'ipv6-icmp', 'l2tp', 'ospf', 'pim', 'sctp', 'tcp', 'udp', 'udplite', 'vrrp' ]
});
