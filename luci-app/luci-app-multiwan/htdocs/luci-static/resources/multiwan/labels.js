'use strict';
'require baseclass';

/* The titles of options, and of those that mean another thing in some type of section. */
const titles = {
	allow_weak: _('Weak algorithms'), arp_interval: _('ARP interval'), arp_target: _('ARP targets'), balance: _('Balance by'), bridge: _('Bridge'),
	ca: _('Authority'), cert: _('Certificate'), checksum: _('UDP checksum'), collision: _('On a collision'), cookie: _('Cookie'),
	delay_spread: _('Spread of delays (ms)'), dest_ip: _('Destination'), dest_port: _('Destination port'), device: _('Device'), down: _('Lost probes until down'),
	down_interval: _('Interval while down (s)'), dpd: _('Dead peer detection (s)'), drain_timeout: _('Drain timeout (s)'), dscp: _('DSCP'),
	duplicate: _('Packets to copy'), duplicate_rate: _('Limit of copies (kbit/s)'), enabled: _('Enabled'), encap: _('Encapsulation'), esp_proposal: _('ESP proposals'),
	failback: _('Failback'), failback_delay: _('Failback delay (s)'), family: _('Address family'), fixed_port: _('Fixed ports'), fwmark: _('Firewall mark'),
	gateway: _('Gateway'), gateway6: _('IPv6 gateway'), hook_dir: _('Directory of hooks'), ike_proposal: _('IKE proposals'), ike_rekey: _('Renew IKE keys after (s)'),
	initiate: _('Set up by this end'), interface: _('Connection'), interface6: _('IPv6 interface'), interval: _('Interval (s)'), ipaddr: _('Addresses'), ipsec: _('IPsec'),
	ipv4masklen: _('IPv4 mask length'), isolated: _('Isolated port'), key: _('Private key'), l2spec: _('L2-specific sublayer'), lacp_rate: _('LACP rate'),
	last_resort: _('Last resort'), latency_down: _('Latency of degraded (ms)'), latency_up: _('Latency of sound (ms)'), local: _('Local address'), local_id: _('Local identity'),
	local_port: _('Local port'), local_ts: _('Local networks'), log_level: _('Log level'), loop: _('Loops'), loss_down: _('Loss of degraded (%)'), loss_up: _('Loss of sound (%)'),
	mark_mask: _('Mask of marks'), member: _('Members'), method: _('Method'), metric: _('Metric'), mode: _('Mode'), monitor: _('Monitor'), mss: _('MSS'), mtu: _('MTU'),
	nftset: _('Set of destinations'), origin: _('Origin'), path: _('Path'), peer_cookie: _('Cookie of the far end'), peer_session_id: _('Session id of the far end'),
	peer_tunnel_id: _('Tunnel id of the far end'), policy: _('Policy'), port: _('Port'), prefix: _('Prefixes'), primary: _('Primary'), probe: _('Probes'), proto: _('Protocol'),
	psk: _('Shared key'), query: _('Name to ask for'), redundancy: _('Redundancy'), rekey: _('Renew keys after (s)'), reliability: _('Targets that must answer'),
	remote: _('Far end'), remote_alt: _('Further addresses of the far end'), remote_id: _('Identity of the far end'), remote_port: _('Port of the far end'),
	remote_ts: _('Networks of the far end'), rule_base: _('First rule priority'), session_id: _('Session id'), size: _('Size (bytes)'), snat: _('IPv4 translation'),
	snat6: _('IPv6 translation'), src_iface: _('Incoming interface'), src_ip: _('Source'), src_port: _('Source port'), steering: _('Steering'), sticky: _('Sticky (s)'),
	subnet: _('Networks'), table_base: _('First routing table'), target: _('Targets'), timeout: _('Timeout (s)'), ttl: _('TTL'), tunnel_id: _('Tunnel id'), type: _('Type'),
	uid: _('User id'), up: _('Good rounds until up'), vlan: _('VLAN'), vlan_mode: _('VLAN mode'), weight: _('Weight'), window: _('Window (probes)'),
	xmit_hash_policy: _('Hash policy')
};

const others = {
	policy: { interface: _('Connections'), member: _('Members') },
	rule: { policy: _('Goes to') },
	pseudowire: { interface: _('Carried by'), policy: _('Carried by policy') },
	ipsec: { interface: _('Carried by'), policy: _('Carried by policy') },
	tunnel: { interface: _('Carried by') }
};

return baseclass.extend({
	of: function(option, type) {
		return others[type]?.[option] ?? titles[option] ?? option;
	},

	/* The title of the tab with the sections of a type. */
	tab: function(type) {
		return {
			globals: _('General'), interface: _('Interfaces'), probe: _('Probes'), policy: _('Policies'), member: _('Members'), rule: _('Rules'),
			pseudowire: _('Pseudowires'), ipsec: _('IPsec'), bond: _('Bonds'), mss_clamp: _('Clamps'), tunnel: _('IPv6 tunnels')
		}[type] ?? type;
	},

	/* The same for one section. */
	one: function(type) {
		return {
			globals: _('General'), interface: _('Interface'), probe: _('Probe'), policy: _('Policy'), member: _('Member'), rule: _('Rule'),
			pseudowire: _('Pseudowire'), ipsec: _('IPsec connection'), bond: _('Bond'), mss_clamp: _('Clamp'), tunnel: _('IPv6 tunnel')
		}[type] ?? type;
	}
});
