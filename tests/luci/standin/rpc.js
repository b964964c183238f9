'use strict';
'require baseclass';

let id = 1;
const words = { 1: 'Invalid command', 2: 'Invalid argument', 3: 'Method not found', 4: 'Resource not found', 5: 'No data received', 6: 'Permission denied', 7: 'Request timeout', 9: 'Unknown error' };

return baseclass.extend({
	declare: function(o) {
		return (...args) => {
			const params = {};

			(o.params ?? []).forEach((name, i) => { if (args[i] !== undefined) params[name] = args[i]; });
			return fetch(`${L.env.ubuspath}${o.object}.${o.method}`, {
				method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: id++, method: 'call', params: [ L.env.sessionid, o.object, o.method, params ] })
			}).then(res => res.json()).then(msg => {
				if (msg.error && o.reject)
					L.raise('RPCError', 'RPC call to %s/%s failed with error %d: %s', o.object, o.method, msg.error.code, msg.error.message ?? '?');

				let ret = msg.result;
				if (Array.isArray(ret)) {
					if (o.reject && ret[0] !== 0)
						L.raise('RPCError', 'RPC call to %s/%s failed with ubus code %d: %s', o.object, o.method, ret[0], words[ret[0]] ?? '?');
					ret = (ret.length > 1) ? ret[1] : ret[0];
				}
				for (let key in o.expect ?? {}) {
					if (ret != null && key !== '')
						ret = ret[key];
					if (ret == null || Object.prototype.toString.call(ret) !== Object.prototype.toString.call(o.expect[key]))
						ret = o.expect[key];
				}
				return ret;
			});
		};
	}
});
