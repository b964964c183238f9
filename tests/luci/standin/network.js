'use strict';
'require baseclass';
'require rpc';
'require uci';

const callDump = rpc.declare({ object: 'network.interface', method: 'dump', expect: { interface: [] } });
const callDevices = rpc.declare({ object: 'luci-rpc', method: 'getNetworkDevices', expect: { '': {} } });

const protocols = {}, errors = {}, patterns = [];
const Protocol = baseclass.extend({
	__init__: function(name) { this.sid = name; },
	_ubus: function(key) { return this.state?.[key]; },
	get: function(key) { return uci.get('network', this.sid, key); },
	getName: function() { return this.sid; },
	getProtocol: function() { return this.get('proto'); },
	getL3Device: function() { const d = this._ubus('l3_device'); return d ? { getName: () => d } : null; },
	getDevice: function() { return this.getL3Device(); }
});
let state = [], devices = {};

return baseclass.extend({
	protocols, errors, patterns,
	load: function() {
		return this.loading ??= Promise.all([ callDump(), callDevices(), uci.load('network') ]).then(([ dump, devs ]) => { state = dump; devices = devs; });
	},
	names: () => uci.sections('network', 'interface').map(s => s['.name']),
	devices: () => Object.keys(devices),
	make: function(name) {
		const n = new (protocols[uci.get('network', name, 'proto')] ?? Protocol)(name);
		n.state = state.find(s => s.interface === name);
		return n;
	},
	getNetworks: function() { return this.load().then(() => this.names().map(n => this.make(n))); },
	withDefault: function(target) { return this.load().then(() => state.filter(s => s.route?.some(r => r.target === target && r.mask === 0)).map(s => this.make(s.interface))); },
	getWANNetworks: function() { return this.withDefault('0.0.0.0'); },
	getWAN6Networks: function() { return this.withDefault('::'); },
	getIfnameOf: v => String(v),
	registerProtocol: (name, properties) => protocols[name] = Protocol.extend(properties),
	registerPatternVirtual: p => { patterns.push(p); },
	registerErrorCode: (code, text) => { errors[code] = text; }
});
