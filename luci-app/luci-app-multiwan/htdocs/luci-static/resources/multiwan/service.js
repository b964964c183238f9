'use strict';
'require baseclass';
'require multiwan.rpc as calls';
'require uci';
'require ui';

/* Enabling: in the configuration, where that switches it off, and as a
   service, where nobody is on the bus. The first needs write access to the
   configuration, the second that of System > Startup. */
return baseclass.extend({
	/* What the session may do of both. */
	rights: function() {
		return Promise.all([
			L.resolveDefault(calls.access('uci', 'multiwan', 'write'), false),
			L.resolveDefault(calls.access('ubus', 'rc', 'init'), false)
		]).then(([ config, service ]) => ({ config, service }));
	},

	/* Whether the file says that multiwan is to steer. */
	enableConfig: function() {
		return uci.load('multiwan').then(() => {
			if (uci.get('multiwan', 'globals', '.type') == null)
				uci.add('multiwan', 'globals', 'globals');
			uci.set('multiwan', 'globals', 'enabled', '1');
			return uci.save();
		}).then(() => ui.changes.apply(true));
	},

	startService: function() {
		return calls.init('multiwan', 'enable').then(() => calls.init('multiwan', 'start'));
	}
});
