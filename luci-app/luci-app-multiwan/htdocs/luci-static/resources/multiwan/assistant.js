'use strict';
'require baseclass';
'require multiwan.grid as grid';
'require uci';
'require ui';

const CONFIG = 'multiwan';

/* The sections for what was chosen, in order of preference. Pure. */
function plan(choice) {
	const backup = (choice.mode === 'backup');
	const wans = choice.wans.map((name, i) => ({
		type: 'interface', name: name, values: { enabled: '1', metric: String(backup ? i + 1 : 1), weight: '1' }
	}));

	return [
		{ type: 'globals', name: 'globals', values: { enabled: '1' } },
		...wans,
		{ type: 'policy', name: 'default', values: { interface: choice.wans } }
	];
}

/* Puts sections into the session's configuration. */
function put(sections) {
	for (let s of sections) {
		if (uci.get(CONFIG, s.name, '.type') == null)
			uci.add(CONFIG, s.type, s.name);
		for (let key in s.values)
			uci.set(CONFIG, s.name, key, s.values[key]);
	}
}

return baseclass.extend({
	plan: plan,

	/* Interfaces of the network that can be WANs: those with a default route
	   first, as the network's metrics have them. The IPv6 twin of another joins that by itself. */
	candidates: function(networks, wans, wans6) {
		const names = list => (list ?? []).map(n => n.getName());
		const v4 = names(wans), v6 = names(wans6);
		const devices = {};

		for (let n of networks)
			if (v4.includes(n.getName()))
				devices[n.getL3Device?.()?.getName?.() ?? ''] = n.getName();

		return networks.filter(n => n.getName() !== 'loopback' && grid.nameError(n.getName(), 'interface') == null).map(n => {
			const name = n.getName(), device = n.getL3Device?.()?.getName?.() ?? n.getDevice?.()?.getName?.() ?? '';
			const twin = !v4.includes(name) && (devices[device] != null || /^wan.*6$/.test(name));
			return { name, device, proto: n.getProtocol?.() ?? '', metric: Number(n.get?.('metric')) || 0, wan: !twin && (v4.includes(name) || v6.includes(name)), twin };
		}).filter(c => !c.twin).sort((a, b) => (b.wan - a.wan) || (a.metric - b.metric) || (b.name.startsWith('wan') - a.name.startsWith('wan')) || (a.name < b.name ? -1 : 1));
	},

	/* Asks which WANs there are and how they are to be used; done() saves and applies. */
	run: function(candidates, done) {
		const order = candidates.filter(c => c.wan).map(c => c.name), error = E('p', { 'class': 'mw-error', 'role': 'alert' }, []);
		const list = E('ol', { 'class': 'mw-choice', 'aria-label': _('Order of preference') }, []);

		const draw = focus => {
			list.replaceChildren(...order.map((name, i) => E('li', {}, [
				name, ' ',
				E('button', { 'class': 'btn cbi-button', 'type': 'button', 'disabled': i ? null : true, 'aria-label': _('Prefer %s').format(name), 'click': () => {
					order.splice(i - 1, 2, order[i], order[i - 1]);
					draw(name);
				} }, [ '↑' ])
			])));
			/* the first one cannot go further up */
			if (focus != null)
				(Array.from(list.querySelectorAll('button')).find((b, i) => order[i] === focus && !b.disabled) ?? list.querySelector('button:enabled'))?.focus();
		};
		const box = c => E('li', {}, [ E('label', {}, [
			E('input', { 'type': 'checkbox', 'value': c.name, 'checked': c.wan || null, 'change': ev => {
				if (ev.target.checked)
					order.push(c.name);
				else
					order.splice(order.indexOf(c.name), 1);
				draw();
			} }),
			' ', E('b', {}, [ c.name ]), ` ${[ c.device, c.proto ].filter(x => x).join(', ')}`
		]) ]);
		const radio = (value, text, checked) => E('label', { 'class': 'mw-radio' }, [
			E('input', { 'type': 'radio', 'name': 'mw-mode', 'value': value, 'checked': checked || null, 'change': () => { preference.hidden = (value !== 'backup'); } }), ' ', text ]);
		const preference = E('div', {}, [ E('p', {}, [ _('Order of preference') ]), list ]);

		draw();
		ui.showModal(_('Set up Multi-WAN'), [
			E('fieldset', { 'class': 'mw-ask' }, [ E('legend', {}, [ _('Which of these lead to the internet?') ]), E('ul', { 'class': 'mw-plain' }, candidates.map(box)) ]),
			E('fieldset', { 'class': 'mw-ask' }, [ E('legend', {}, [ _('How are they to be used?') ]),
				radio('backup', _('The first one that works carries everything, the others wait'), true),
				radio('balance', _('All at once, new connections are spread evenly'), false) ]),
			preference, error,
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Cancel') ]), ' ',
				E('button', {
					'class': 'btn cbi-button cbi-button-positive important',
					'click': ui.createHandlerFn(this, () => {
						if (!order.length) {
							error.textContent = _('Choose at least one connection.');
							return null;
						}
						put(plan({ wans: order.slice(), mode: document.querySelector('[name="mw-mode"]:checked').value }));
						ui.hideModal();
						return done();
					})
				}, [ _('Save and apply') ])
			])
		]);
		document.querySelector('#modal_overlay input')?.focus();
	}
});
