'use strict';
'require baseclass';
'require form';
'require network';

/* Choices that come from the network. */
const choose = list => form.ListValue.extend({
	/* as the true ones: the choices are there once it is loaded */
	load: function(sid) {
		this.names = list();
		return this.super('load', [ sid ]);
	},
	renderWidget: function(sid, v) {
		if (!this.names)
			throw new TypeError('not loaded');
		this.keylist = [ '' ].concat(this.names, v && !this.names.includes(v) ? [ v ] : []);
		this.vallist = this.keylist.map(k => k || _('unspecified'));
		return this.super('renderWidget', [ sid, v ]);
	}
});

return baseclass.extend({
	NetworkSelect: choose(() => network.names()),
	DeviceSelect: choose(() => network.devices())
});
