'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.rpc as calls';
'require ui';

/* An error of a call in a notification; its text may come from anywhere. */
function failed(text, error) {
	ui.addNotification(null, E('p', {}, [ text, ' ', String(error?.message ?? error) ]), 'danger');
}

/* The results of bursts of probes. */
function bursts(list) {
	return mdom.table(_('Probes'), [ _('Target'), _('Answers'), _('Least'), _('Mean'), _('Most'), _('Loss') ], list.map((b, i) => ({
		key: String(i),
		cells: [
			[ b.target ?? '', b.error ? E('div', { 'class': 'mw-hint' }, [ b.error ]) : null ],
			`${b.received ?? 0} / ${b.sent ?? 0}`, format.ms(b.min_ms), format.ms(b.mean_ms), format.ms(b.max_ms), format.percent(b.loss)
		]
	})));
}

function dialog(title, children, buttons) {
	ui.showModal([ title ], children.concat([ E('div', { 'class': 'right' }, [ ...buttons ]) ]));
	document.querySelector('#modal_overlay .modal button')?.focus();
}

function dismiss(text) {
	return E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ text ]);
}

return baseclass.extend({
	bursts: bursts,

	/* What the buttons of cards do. Each takes the name of a WAN and gives the
	   handler of a button; done is called with it after a change. */
	create: function(done) {
		return {
			probe: name => ui.createHandlerFn(this, () => calls.probe(name).then(
				list => dialog(_('Probes of %s').format(name), [ bursts(list) ], [ dismiss(_('Dismiss')) ]),
				error => failed(_('Probing failed:'), error))),

			up: name => ui.createHandlerFn(this, () => calls.up(name).then(() => done(name), error => failed(_('It could not be brought up:'), error))),

			down: name => ui.createHandlerFn(this, () => this.confirmDown(name, done))
		};
	},

	/* Asks before it takes a WAN down, and for how long. */
	confirmDown: function(name, done) {
		const spans = [ [ 300, _('5 minutes') ], [ 3600, _('1 hour') ], [ 28800, _('8 hours') ], [ 0, _('until it is brought up by hand') ] ];
		const select = E('select', { 'class': 'cbi-input-select', 'id': 'mw-down-for' }, spans.map(s => E('option', { 'value': s[0] }, [ s[1] ])));

		dialog(_('Take %s down').format(name), [
			E('p', {}, [ _('%s carries no new connections, and those that it has are ended.').format(name), ' ',
				_('Where no other one works it goes on carrying.') ]),
			E('p', {}, [ E('label', { 'for': 'mw-down-for' }, [ _('For how long?') ]), ' ', select ])
		], [
			dismiss(_('Cancel')), ' ',
			E('button', {
				'class': 'btn cbi-button cbi-button-negative important',
				'click': ui.createHandlerFn(this, () => calls.down(name, Number(select.value)).then(
					() => { ui.hideModal(); return done(name); },
					error => { ui.hideModal(); failed(_('It could not be taken down:'), error); }))
			}, [ _('Take down') ])
		]);
	}
});
