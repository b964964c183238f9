/* A router with two WANs and a bridge, as netifd and rpcd tell of it. */
function interfaceOf(name, device, proto, extra) {
	return {
		interface: name, up: true, pending: false, available: true, autostart: true, dynamic: false, uptime: 1000, l3_device: device, device, proto,
		'ipv4-address': [], 'ipv6-address': [], 'ipv6-prefix': [], 'ipv6-prefix-assignment': [], route: [], 'dns-server': [], 'dns-search': [],
		neighbors: [], inactive: {}, data: {}, metric: 0, ...extra
	};
}

const defaultRoute = next => [ { target: '0.0.0.0', mask: 0, nexthop: next, source: '192.0.2.2/32' } ];

export const networks = {
	config: [
		{ '.type': 'interface', '.name': 'loopback', '.anonymous': false, device: 'lo', proto: 'static', ipaddr: '127.0.0.1', netmask: '255.0.0.0' },
		{ '.type': 'device', '.name': 'cfg030f15', '.anonymous': true, name: 'br-lan', type: 'bridge', ports: [ 'eth0' ] },
		{ '.type': 'interface', '.name': 'lan', '.anonymous': false, device: 'br-lan', proto: 'static', ipaddr: '192.168.1.1', netmask: '255.255.255.0' },
		{ '.type': 'interface', '.name': 'wan', '.anonymous': false, device: 'eth1', proto: 'dhcp' },
		{ '.type': 'interface', '.name': 'wan6', '.anonymous': false, device: 'eth1', proto: 'dhcpv6' },
		{ '.type': 'interface', '.name': 'lte', '.anonymous': false, device: 'wwan0', proto: 'dhcp' },
		{ '.type': 'interface', '.name': 'pw1', '.anonymous': false, proto: 'l2tpv3', peeraddr: '192.0.2.7', tunnel_id: '7' }
	],
	dump: [
		interfaceOf('loopback', 'lo', 'static'),
		interfaceOf('lan', 'br-lan', 'static', { 'ipv4-address': [ { address: '192.168.1.1', mask: 24 } ] }),
		interfaceOf('wan', 'eth1', 'dhcp', { 'ipv4-address': [ { address: '192.0.2.2', mask: 24 } ], route: defaultRoute('192.0.2.1'), metric: 10 }),
		interfaceOf('wan6', 'eth1', 'dhcpv6', { 'ipv6-address': [ { address: '2001:db8::2', mask: 64 } ], route: [ { target: '::', mask: 0, nexthop: 'fe80::1' } ] }),
		interfaceOf('lte', 'wwan0', 'dhcp', { 'ipv4-address': [ { address: '198.51.100.2', mask: 30 } ], route: defaultRoute('198.51.100.1'), metric: 20 }),
		interfaceOf('pw1', '', 'l2tpv3', { up: false, pending: true, errors: [ { subsystem: 'l2tpv3', code: 'NO_DAEMON' } ] })
	]
};

function device(name, devtype, extra) {
	return {
		name, devtype, type: 1, up: true, mtu: 1500, mac: '02:00:00:00:00:01', qlen: 1000, parent: null, wireless: false, ifindex: 2, ipaddrs: [], ip6addrs: [],
		stats: { rx_bytes: 0, tx_bytes: 0, rx_packets: 0, tx_packets: 0 }, flags: { up: true, broadcast: true, loopback: name === 'lo', multicast: true },
		link: { carrier: true, speed: 1000, duplex: 'full', changes: 1, up_count: 1, down_count: 0 }, ...extra
	};
}

export const devices = {
	lo: device('lo', 'loopback'), eth0: device('eth0', 'ethernet'), eth1: device('eth1', 'ethernet'), wwan0: device('wwan0', 'wwan'),
	'br-lan': device('br-lan', 'bridge', { bridge: true, ports: [ 'eth0' ], id: '7fff.020000000001', stp: false }), tap0: device('tap0', 'ethernet')
};
