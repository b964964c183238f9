'use strict';
'require form';
'require multiwan.assistant as assistant';
'require multiwan.dom as mdom';
'require multiwan.findings as findings';
'require multiwan.grid as grid';
'require multiwan.layout as layout';
'require multiwan.rpc as calls';
'require network';
'require uci';
'require ui';
'require view';

return view.extend({
	load: function() {
		return Promise.all([
			uci.load('multiwan'),
			L.resolveDefault(network.getNetworks(), []),
			L.resolveDefault(network.getWANNetworks?.(), []),
			L.resolveDefault(network.getWAN6Networks?.(), [])
		]);
	},

	render: function([ , networks, wans, wans6 ]) {
		mdom.stylesheet();
		this.networks = networks.map(n => n.getName()).filter(n => n !== 'loopback');
		this.facts = assistant.candidates(networks, wans, wans6);
		this.findings = E('div', { 'aria-live': 'assertive' }, []);

		/* the one section that the form cannot add by itself */
		if (uci.get('multiwan', 'globals', '.type') == null)
			uci.add('multiwan', 'globals', 'globals');

		const report = answer => this.report(answer);
		const m = this.map = new form.Map('multiwan');

		m.tabbed = true;
		grid.globals(m);
		for (let type of layout.order)
			grid.add(m, type, report, (type === 'interface') ? this.networks : []);
		if (uci.sections('multiwan', 'tunnel').length)
			grid.add(m, 'tunnel', report, []);

		/* the head is not the form's, so that what is found stands below it */
		return m.render().then(nodes => E('div', { 'class': 'mw-form' }, [
			E('h2', { 'name': 'content' }, [ _('Multi-WAN') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('Several internet connections at once, and cables to other sites. The daemon checks all of it before it is saved.'), ' ',
				E('a', { 'href': L.url('admin/status/multiwan') }, [ _('See the status') ])
			]),
			this.findings,
			uci.sections('multiwan', 'interface').length ? null : this.offer(),
			nodes
		]));
	},

	/* An empty configuration is what most begin with. */
	offer: function() {
		return E('div', { 'class': 'alert-message notice', 'id': 'mw-offer' }, [
			E('p', {}, [ _('Nothing is configured yet. The assistant asks two questions and is done.') ]),
			E('button', {
				'class': 'btn cbi-button cbi-button-action', 'disabled': this.map.readonly || null,
				'click': ui.createHandlerFn(this, () => assistant.run(this.facts, () => this.takeOver()))
			}, [ _('Set up…') ])
		]);
	},

	/* The form shows what the assistant has put into the configuration, or it would write its own values over that. */
	takeOver: function() {
		document.getElementById('mw-offer')?.remove();
		return this.map.load().then(() => this.map.reset()).then(() => this.handleSaveApply(null, '0'));
	},

	/* What the daemon found, above the form and at its fields. */
	report: function(answer, sid) {
		const nodes = [];

		if (answer.failed)
			nodes.push(E('div', { 'class': 'alert-message warning', 'id': 'mw-unchecked' }, [ E('p', {}, [
				calls.isAbsent(answer.failed) ? _('The daemon is not running, so nothing was checked. What is wrong shows when it starts.')
					: `${_('The daemon could not check this:')} ${answer.failed.message ?? answer.failed}` ]) ]));
		nodes.push(
			findings.list('mw-errors', (sid == null) ? _('Not saved: the daemon would refuse this.') : _('The daemon objects to this.'), answer.errors, 'danger'),
			findings.list('mw-warnings', _('The daemon takes this, but:'), answer.warnings, 'warning'));
		this.findings.replaceChildren(...nodes);
	},

	/* Rejects where nothing was saved. */
	save: function() {
		return findings.save(this.map, null, answer => this.report(answer)).catch(error => {
			const errors = document.getElementById('mw-errors');

			if (errors?.classList.contains('alert-message'))
				errors.focus();
			else
				ui.addNotification(null, E('p', {}, [ _('Not saved:'), ' ', String(error?.message ?? error) ]), 'danger');
			throw error;
		});
	},

	handleSave: function() {
		return this.save().catch(() => {});
	},

	handleSaveApply: function(ev, mode) {
		return this.save().then(() => ui.changes.apply(mode == '0'), () => {});
	},

	handleReset: function() {
		this.findings.replaceChildren();
		return this.map.reset();
	}
});
