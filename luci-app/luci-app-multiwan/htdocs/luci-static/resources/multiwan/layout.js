'use strict';
'require baseclass';

/* Which options of a type are columns of its table, and which are seldom needed. All others are on the first tab of its dialogue. */
return baseclass.extend({
	order: [ 'interface', 'probe', 'policy', 'member', 'rule', 'pseudowire', 'ipsec', 'bond', 'mss_clamp' ],

	/* Set by the package, not by people. */
	hidden: [ 'config_version' ],

	globals: { columns: [], advanced: [ 'mark_mask', 'rule_base', 'table_base', 'collision', 'hook_dir', 'fixed_port', 'steering' ] },
	interface: { columns: [ 'enabled', 'device', 'metric', 'weight', 'probe' ], advanced: [ 'interface6', 'gateway', 'gateway6', 'ipaddr', 'prefix', 'family', 'snat', 'snat6' ] },
	probe: { columns: [ 'method', 'target', 'interval', 'down' ], advanced: [ 'window', 'loss_down', 'loss_up', 'latency_down', 'latency_up', 'size', 'path' ] },
	policy: { columns: [ 'interface', 'member', 'balance', 'failback' ], advanced: [ 'delay_spread', 'sticky', 'failback_delay', 'drain_timeout' ] },
	member: { columns: [ 'interface', 'metric', 'weight' ], advanced: [] },
	rule: { columns: [ 'enabled', 'proto', 'src_ip', 'dest_ip', 'dest_port', 'policy' ], advanced: [ 'origin', 'family', 'src_port', 'src_iface', 'dscp', 'nftset', 'uid', 'fwmark', 'sticky' ] },
	pseudowire: {
		columns: [ 'enabled', 'interface', 'remote', 'ipsec', 'bridge' ],
		advanced: [ 'device', 'family', 'encap', 'local_port', 'remote_port', 'checksum', 'session_id', 'peer_session_id', 'cookie', 'peer_cookie', 'l2spec',
			'redundancy', 'remote_alt', 'duplicate', 'duplicate_rate', 'vlan', 'vlan_mode', 'isolated', 'loop', 'ipaddr', 'gateway', 'mtu', 'probe' ]
	},
	ipsec: {
		columns: [ 'enabled', 'mode', 'interface', 'remote', 'remote_id' ],
		advanced: [ 'family', 'cert', 'key', 'ca', 'ike_proposal', 'esp_proposal', 'allow_weak', 'local_ts', 'remote_ts', 'dpd', 'rekey', 'ike_rekey', 'encap', 'initiate' ]
	},
	bond: {
		columns: [ 'enabled', 'member', 'mode', 'bridge' ],
		advanced: [ 'device', 'lacp_rate', 'xmit_hash_policy', 'arp_target', 'arp_interval', 'vlan', 'vlan_mode', 'isolated', 'loop', 'ipaddr', 'gateway', 'mtu', 'probe' ]
	},
	mss_clamp: { columns: [ 'enabled', 'bridge', 'device', 'mss' ], advanced: [] },
	tunnel: { columns: [ 'enabled', 'type', 'interface', 'remote' ], advanced: [ 'device', 'ttl', 'mtu', 'metric', 'weight', 'probe' ] }
});
