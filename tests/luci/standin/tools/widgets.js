'use strict';
'require baseclass';
'require form';
'require network';

/* Choices that come from the network. */
const choose = list => form.ListValue.extend({
	renderWidget: function(sid, v) {
		this.keylist = [ '' ].concat(list(), v && !list().includes(v) ? [ v ] : []);
		this.vallist = this.keylist.map(k => k || _('unspecified'));
		return this.super('renderWidget', [ sid, v ]);
	}
});

return baseclass.extend({
	NetworkSelect: choose(() => network.names()),
	DeviceSelect: choose(() => network.devices())
});
