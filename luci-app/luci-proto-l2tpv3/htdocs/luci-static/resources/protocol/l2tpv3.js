'use strict';
'require form';
'require network';
'require tools.widgets as widgets';

network.registerPatternVirtual(/^l2-.+$/);

/* What the handler and the daemon report to netifd. */
network.registerErrorCode('NO_DAEMON', _('The service multiwan does not run: start it under System > Startup'));
network.registerErrorCode('DISABLED', _('Multi-WAN is switched off: enable it under Network > Multi-WAN'));
network.registerErrorCode('CONFIG', _('The options do not make a pseudowire: the log says which and why'));
network.registerErrorCode('REFUSED', _('The pseudowire cannot be as configured: Status > Multi-WAN says why'));
network.registerErrorCode('WAITING', _('The pseudowire waits for a connection, an address or IPsec: it comes up by itself'));
network.registerErrorCode('KERNEL_MODULE', _('A kernel module is missing: install kmod-l2tp, kmod-l2tp-eth and kmod-l2tp-ip'));

/* A number that L2TPv3 has for both ends. */
function number(s, tab, name, title, help, other) {
	const o = s.taboption(tab, form.Value, name, title, help);

	o.datatype = 'and(uinteger,range(1,4294967295))';
	if (other) {
		o.optional = true;
		o.placeholder = other;
	}
	else {
		o.rmempty = false;
	}
	return o;
}

function cookie(s, name, title, help) {
	const o = s.taboption('advanced', form.Value, name, title, help);

	o.optional = true;
	o.placeholder = _('none');
	o.validate = (sid, value) => (value == '' || value == null || /^([0-9a-fA-F]{8}|[0-9a-fA-F]{16})$/.test(value)) ? true : _('8 or 16 hexadecimal digits are needed');
	return o;
}

function port(s, name, title) {
	const o = s.taboption('advanced', form.Value, name, title);

	o.optional = true;
	o.placeholder = '1701';
	o.datatype = 'and(port,min(1))';
	o.depends('encap', 'udp');
	o.depends('encap', '');
	return o;
}

return network.registerProtocol('l2tpv3', {
	getI18n: function() {
		return _('L2TPv3 pseudowire');
	},

	/* The daemon calls the device so; what the kernel cuts off is cut off. */
	getIfname: function() {
		return this._ubus('l3_device') || `l2-${this.sid}`.slice(0, 15);
	},

	getPackageName: function() {
		return 'multiwan-l2tpv3';
	},

	isFloating: function() {
		return true;
	},

	isVirtual: function() {
		return true;
	},

	getDevices: function() {
		return null;
	},

	containsDevice: function(ifname) {
		return (network.getIfnameOf(ifname) == this.getIfname());
	},

	renderFormOptions: function(s) {
		let o;

		o = s.taboption('general', form.Value, 'peeraddr', _('Far end'), _('Its address, or a host name that is resolved again when it is silent.'));
		o.datatype = 'host';
		o.rmempty = false;

		number(s, 'general', 'tunnel_id', _('Tunnel id'), _('This end\'s number of the tunnel.'));
		number(s, 'general', 'peer_tunnel_id', _('Tunnel id of the far end'), _('The far end\'s number of the tunnel.'), _('as the tunnel id'));

		o = s.taboption('general', widgets.NetworkSelect, 'tunlink', _('Carried by'), _('The WAN that carries it. All its packets leave by that WAN, or not at all. Without one the routing table decides.'));
		o.exclude = s.section;
		o.nocreate = true;
		o.optional = true;

		o = s.taboption('general', form.Value, 'ipsec', _('IPsec'), _('The name of a section ipsec under Network > Multi-WAN that protects it. Without one frames cross the WAN in clear.'));
		o.datatype = 'uciname';
		o.optional = true;

		o = s.taboption('general', form.DynamicList, 'ipaddr', _('IPv4 addresses'), _('Addresses of the device\'s own, with the length of their network. A port of a bridge needs none.'));
		o.datatype = 'cidr4';
		o.optional = true;

		o = s.taboption('general', form.DynamicList, 'ip6addr', _('IPv6 addresses'));
		o.datatype = 'cidr6';
		o.optional = true;

		o = s.taboption('advanced', form.Value, 'localaddr', _('Local address'));
		o.datatype = 'ipaddr("nomask")';
		o.placeholder = _('that of the WAN');
		o.optional = true;

		o = s.taboption('advanced', form.ListValue, 'encap', _('Encapsulation'), _('UDP passes NAT; IP protocol 115 is 12 bytes shorter.'));
		o.value('udp', 'UDP');
		o.value('ip', 'IP');
		o.default = 'udp';

		port(s, 'sport', _('Local port'));
		port(s, 'dport', _('Port of the far end'));
		number(s, 'advanced', 'session_id', _('Session id'), _('This end\'s number of the session.'), _('as the tunnel id'));
		number(s, 'advanced', 'peer_session_id', _('Session id of the far end'), _('The far end\'s number of the session.'), _('as the tunnel id of the far end'));
		cookie(s, 'cookie', _('Cookie'), _('What this end wants to see in each packet. It keeps out strays, it protects nothing.'));
		cookie(s, 'peer_cookie', _('Cookie of the far end'), _('What the far end wants to see.'));

		o = s.taboption('advanced', form.ListValue, 'l2spec_type', _('L2-specific sublayer'), _('Both ends need the same.'));
		o.value('default', _('4 bytes'));
		o.value('none', _('none'));
		o.default = 'default';

		o = s.taboption('advanced', form.Value, 'mtu', _('MTU'), _('auto: 1500, so that every frame passes, the large ones in outer fragments. path: what fits without fragments.'));
		o.value('auto');
		o.value('path');
		o.optional = true;
		o.placeholder = 'auto';
		o.validate = (sid, value) => (value == '' || value == null || value === 'auto' || value === 'path' || (/^\d+$/.test(value) && value >= 576 && value <= 9000))
			? true : _('auto, path or a number from 576 to 9000');

		o = s.taboption('advanced', form.DynamicList, 'probe', _('Probes'), _('Names of probes under Network > Multi-WAN. Without one the far end is asked by loopback messages, which multiwan answers there.'));
		o.datatype = 'uciname';
		o.optional = true;
	}
});
