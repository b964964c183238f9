'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.rpc as calls';
'require multiwan.states as states';
'require ui';
'require validation';

const protocols = [ 'tcp', 'udp', 'icmp', 'icmpv6', 'esp', 'gre' ];

function isAddress(text) {
	return (validation.parseIPv4(text) ?? validation.parseIPv6(text)) != null;
}

/* A labelled field with a place for what is wrong with it. */
function field(id, label, input) {
	input.setAttribute('id', id);
	input.setAttribute('aria-describedby', `${id}-error`);
	return E('div', { 'class': 'mw-field' }, [
		E('label', { 'for': id }, [ label ]), input, E('span', { 'id': `${id}-error`, 'class': 'mw-error', 'role': 'alert' }, [])
	]);
}

return baseclass.extend({
	/* What is wrong with the values, by field; nothing: they can be asked. */
	problems: function(v) {
		const out = {};

		if (!isAddress(v.source))
			out.source = _('An IPv4 or IPv6 address is needed');
		if (!isAddress(v.destination))
			out.destination = _('An IPv4 or IPv6 address is needed');
		else if (!out.source && v.source.includes(':') !== v.destination.includes(':'))
			out.destination = _('Both addresses must be of the same family');
		if (v.port !== '' && !(/^\d+$/.test(v.port) && v.port >= 1 && v.port <= 65535))
			out.port = _('A port is a number from 1 to 65535');
		else if (v.port !== '' && v.protocol !== 'tcp' && v.protocol !== 'udp')
			out.port = _('Ports belong to TCP or UDP');
		return out;
	},

	/* What becomes of the source address. */
	source: function(snat) {
		switch (snat) {
		case '': case 'none': case undefined: case null: return _('unchanged');
		case 'masquerade': return _('the address of the WAN');
		}
		return snat;
	},

	way: function(w) {
		const kernel = w.kernel ?? {};

		return { key: w.interface, cells: [
			w.interface, format.percent(w.share), w.device, w.gateway || _('directly'), this.source(w.snat),
			[ mdom.badge(w.agrees ? _('agrees') : _('differs'), w.agrees ? 'good' : 'bad'), ' ',
				[ kernel.type, kernel.device, kernel.gateway, kernel.error ].filter(x => x).join(' ') ]
		] };
	},

	/* The answer in words. */
	answer: function(e) {
		const ways = Array.isArray(e.ways) ? e.ways : [];
		const kernel = e.kernel ?? {};

		return E('div', { 'class': 'mw-answer' }, [
			E('p', {}, [
				e.rule ? _('Rule %s matches (%s)').format(e.rule, e.match ?? '') : _('No rule matches'), ', ',
				(e.policy === 'main') ? _('so it goes by the main routing table.')
					: _('so it goes to %s').format(e.policy || '–') + (e.state ? ` (${states.label(e.state)}).` : '.')
			]),
			ways.length
				? mdom.table(_('Ways'), [ _('By way of'), _('Share'), _('Device'), _('Next hop'), _('Source becomes'), _('Kernel') ], ways.map(w => this.way(w)))
				: E('p', {}, [ _('The kernel says: %s').format([ kernel.type, kernel.device, kernel.gateway, kernel.error ].filter(x => x).join(' ') || '–') ]),
			...(e.notes ?? []).map(n => E('p', { 'class': 'mw-hint' }, [ n ]))
		]);
	},

	ask: function(form, result) {
		const v = {};

		for (let name of [ 'source', 'destination', 'protocol', 'port' ])
			v[name] = form.querySelector(`[name="${name}"]`).value.trim();

		const problems = this.problems(v);
		for (let input of form.querySelectorAll('[name]')) {
			const text = problems[input.name] ?? '';
			input.setAttribute('aria-invalid', text ? 'true' : 'false');
			form.querySelector(`#${input.id}-error`).textContent = text;
		}

		const wrong = form.querySelector('[aria-invalid="true"]');
		if (wrong) {
			result.replaceChildren();
			wrong.focus();
			return Promise.resolve();
		}

		return calls.explain(v.source, v.destination, v.protocol || null, v.port ? Number(v.port) : null).then(
			e => result.replaceChildren(this.answer(e)),
			error => result.replaceChildren(E('p', { 'class': 'mw-error' }, [ _('It could not be found out: %s').format(error.message ?? error) ])));
	},

	/* Made once: what was typed must not be lost to the next poll. */
	render: function() {
		const result = E('div', { 'aria-live': 'polite' }, []);
		const input = (name, attrs) => E('input', Object.assign({ 'type': 'text', 'class': 'cbi-input-text', 'name': name, 'autocomplete': 'off', 'spellcheck': 'false' }, attrs));
		const form = E('form', { 'class': 'mw-explain' }, [
			field('mw-source', _('Source'), input('source', { 'placeholder': '192.168.1.20' })),
			field('mw-destination', _('Destination'), input('destination', { 'placeholder': '192.0.2.1' })),
			field('mw-protocol', _('Protocol'), E('select', { 'class': 'cbi-input-select', 'name': 'protocol' }, [
				E('option', { 'value': '' }, [ _('any') ]),
				...protocols.map(p => E('option', { 'value': p }, [ p ]))
			])),
			field('mw-port', _('Port'), input('port', { 'placeholder': '443', 'inputmode': 'numeric' })),
			E('button', { 'class': 'btn cbi-button cbi-button-action', 'type': 'submit' }, [ _('Where does it go?') ])
		]);
		const handler = ui.createHandlerFn(this, () => this.ask(form, result));

		form.addEventListener('submit', ev => {
			ev.preventDefault();
			handler({ currentTarget: form.querySelector('button'), target: form.querySelector('button'), preventDefault: () => {} });
		});
		return mdom.part('explain', _('Where does it go?'), [ form, result ]);
	}
});
