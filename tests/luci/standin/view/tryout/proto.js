'use strict';
'require form';
'require network';
'require protocol.l2tpv3 as proto';
'require uci';
'require view';

/* The options of an interface as Network > Interfaces shows them. */
return view.extend({
	load: function() { return Promise.all([ network.getNetworks(), uci.load('network') ]); },

	render: function([ networks ]) {
		const net = networks.find(n => n.getName() === 'pw1');
		const m = new form.Map('network'), s = m.section(form.NamedSection, 'pw1', 'interface');

		window.tryout = {
			ifname: net.getIfname(), i18n: net.getI18n(), floating: net.isFloating(), virtual: net.isVirtual(),
			error: network.errors?.NO_DAEMON ?? net.getErrors?.()?.[0] ?? ''
		};
		s.section = 'pw1';
		s.tab('general', 'General');
		s.tab('advanced', 'Advanced');
		net.renderFormOptions(s);
		return m.render();
	},
	proto: proto
});
