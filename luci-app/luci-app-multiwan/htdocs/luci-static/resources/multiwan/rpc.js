'use strict';
'require baseclass';
'require rpc';

/* The calls of the daemon's ubus object that the pages make, and no others: a
   test holds these, the access lists and the published signatures together.
   All reject where the call fails, so that a page can tell nothing from no
   answer. */
return baseclass.extend({
	status: rpc.declare({ object: 'multiwan', method: 'status', expect: { '': {} }, reject: true }),

	history: rpc.declare({ object: 'multiwan', method: 'history', params: [ 'last' ], expect: { history: [] }, reject: true }),

	series: rpc.declare({ object: 'multiwan', method: 'series', params: [ 'seconds' ], expect: { '': {} }, reject: true }),

	explain: rpc.declare({
		object: 'multiwan', method: 'explain',
		params: [ 'source', 'destination', 'protocol', 'port' ],
		expect: { '': {} }, reject: true
	}),

	probe: rpc.declare({ object: 'multiwan', method: 'probe', params: [ 'interface' ], expect: { probe: [] }, reject: true }),

	down: rpc.declare({ object: 'multiwan', method: 'down', params: [ 'interface', 'seconds' ], reject: true }),

	up: rpc.declare({ object: 'multiwan', method: 'up', params: [ 'interface' ], reject: true }),

	check: rpc.declare({ object: 'multiwan', method: 'check', params: [ 'text' ], expect: { '': {} }, reject: true }),

	/* Whether the session may do a thing: rpcd answers this to everybody. */
	access: rpc.declare({
		object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ],
		expect: { access: false }
	}),

	/* As System > Startup does, by the access that its own group grants. */
	init: rpc.declare({ object: 'rc', method: 'init', params: [ 'name', 'action' ], reject: true }),

	/* Whether an error says that nobody is on the bus under that name. */
	isAbsent: function(error) {
		return /-32000|Object not found|code 4:/.test(String(error?.message ?? error));
	},

	/* Whether an error says that the session may not, or is over. */
	isDenied: function(error) {
		return /-32002|Access denied|code 6:/.test(String(error?.message ?? error));
	}
});
