/* What answers the calls of pages: the daemon's, rpcd's and netifd's. Each test
   changes of it what it is about. */
import { UCI } from './uci.mjs';
import { networks, devices } from './network.mjs';

/* An error of JSON-RPC, as uhttpd makes it: -32000 object not found, -32002 access denied. */
export function rpcError(code, message) {
	return Object.assign(new Error(message), { rpc: code });
}

export class Backend {
	constructor(answers = {}) {
		this.multiwan = answers;        // method → answer, or a function of the arguments
		this.absent = false;            // nobody is on the bus as multiwan
		this.denied = () => false;      // (scope, object, function) → refused
		this.gate = null;               // a promise that answers of the daemon wait for
		this.dead = false;              // the whole router does not answer
		this.calls = [];
		this.uci = new UCI({
			multiwan: answers.config ?? [ { '.type': 'globals', '.name': 'globals', '.anonymous': false, enabled: '1', config_version: '1' } ],
			network: networks.config, luci: [], firewall: [], wireless: []
		});
	}

	async call(object, method, args) {
		this.calls.push([ object, method, args ]);
		if (object === 'multiwan') {
			await this.gate;
			if (this.absent)
				throw rpcError(-32000, 'Object not found');
			if (this.denied('ubus', object, method))
				throw rpcError(-32002, 'Access denied');
			const answer = this.multiwan[method];
			if (answer === undefined)
				return [ 3 ];
			const data = typeof answer === 'function' ? await answer(args) : answer;
			return Array.isArray(data) ? data : [ 0, data ];
		}
		if (object === 'session')
			return [ 0, { access: !this.denied(args.scope, args.object, args.function) } ];
		if (object === 'uci')
			return this.uci.call(method, args);
		return this.rest(object, method);
	}

	rest(object, method) {
		switch (`${object}.${method}`) {
		case 'network.interface.dump': return [ 0, { interface: networks.dump } ];
		case 'luci-rpc.getNetworkDevices': return [ 0, devices ];
		case 'luci-rpc.getBoardJSON': return [ 0, {} ];
		case 'luci-rpc.getWirelessDevices': return [ 0, {} ];
		case 'luci-rpc.getHostHints': return [ 0, {} ];
		case 'luci.getFeatures': return [ 0, { firewall: true, opkg: true } ];
		case 'network.get_proto_handlers': return [ 0, { static: {}, dhcp: {}, dhcpv6: {}, pppoe: {}, l2tpv3: {} } ];
		case 'network.device.status': return [ 0, {} ];
		case 'file.list': return [ 0, { entries: [] } ];
		case 'rc.init': return [ 0 ];
		}
		return [ 4 ];
	}

	/* The calls of one method, their arguments. */
	of(object, method) {
		return this.calls.filter(c => c[0] === object && c[1] === method).map(c => c[2]);
	}
}
