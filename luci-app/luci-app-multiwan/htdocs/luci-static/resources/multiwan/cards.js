'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.reasons as reasons';
'require multiwan.series as series';
'require multiwan.sparkline as sparkline';
'require multiwan.states as states';

/* One family of a WAN in a line: its state where it differs, its address, its next hop. */
function family(wan, side, label) {
	if (!side)
		return [];

	return [
		[ label, [
			(side.state !== wan.state) ? mdom.badge(states.label(side.state), states.tone(side.state)) : null,
			side.address || _('no address'),
			side.carries === false && wan.state !== 'disabled' ? E('small', {}, [ ' ', _('carries nothing new') ]) : null
		] ],
		[ _('%s gateway').format(label), side.gateway ]
	];
}

function probes(wan) {
	const list = Array.isArray(wan.probes) ? wan.probes : [];

	if (!list.length)
		return null;

	return E('details', { 'data-key': 'probes' }, [
		E('summary', {}, [ _('Probes') ]),
		E('ul', { 'class': 'mw-plain' }, list.map((p, i) => E('li', { 'data-key': `${p.name}-${p.family}-${p.target}-${i}` }, [
			E('div', {}, [ E('b', {}, [ p.target ]), ' ', E('small', {}, [ `${p.name} · ${p.method}` ]) ]),
			E('div', {}, [ [
				_('%d of %d answered').format(p.answers ?? 0, p.sent ?? 0), format.ms(p.rtt_ms), (p.loss != null) ? _('%s loss').format(format.percent(p.loss)) : null
			].filter(t => t).join(' · ') ]),
			p.failure ? E('div', { 'class': 'mw-hint' }, [ _('Last failure: %s').format(reasons.words(p.failure)) ]) : null
		])))
	]);
}

return baseclass.extend({
	/* When and why: the reason is the daemon's, with the evidence of the last transition below it. */
	why: function(name, wan, data) {
		const last = (data.history ?? []).filter(t => t.interface === name).pop();

		return E('div', { 'class': 'mw-why', 'data-key': 'why' }, [
			E('p', {}, [ [
				wan.since ? _('Since %s (%s)').format(format.time(wan.since, data.status.time), format.span(data.status.time - wan.since)) : null,
				wan.reason ? reasons.words(wan.reason) : null
			].filter(t => t).join(': ') ]),
			wan.forced === 'down' ? E('p', {}, [ wan.forced_until
				? _('Comes back by itself in %s').format(format.span(wan.forced_until - data.status.time))
				: _('Stays so until somebody brings it up') ]) : null,
			last?.evidence?.length ? E('details', { 'data-key': 'evidence' }, [
				E('summary', {}, [ _('What the probes saw') ]),
				this.evidence(last.evidence)
			]) : null
		]);
	},

	/* The probes that led to a transition. */
	evidence: function(list) {
		return E('ol', { 'class': 'mw-evidence' }, list.map(e => E('li', {}, [
			format.time(e.time), ' ', e.target ?? '', ': ',
			(e.rtt_ms != null) ? format.ms(e.rtt_ms) + (e.late ? ` (${_('late')})` : '') : reasons.words(e.failure ?? 'no answer'),
			e.detail ? ` – ${e.detail}` : ''
		])));
	},

	card: function(name, wan, data) {
		const share = data.shares?.[name], rate = data.rates?.[name];

		return E('article', { 'class': `mw-card mw-${states.tone(wan.state)}`, 'data-key': name, 'aria-labelledby': `mw-wan-${name}` }, [
			E('header', { 'data-key': 'head' }, [
				E('h4', { 'id': `mw-wan-${name}` }, [ name ]),
				mdom.badge(states.label(wan.state), states.tone(wan.state))
			]),
			E('p', { 'class': 'mw-now', 'data-key': 'now' }, [
				E('span', {}, [ E('b', {}, [ format.ms(states.rtt(wan)) ?? '–' ]), ' ', _('round trip') ]),
				E('span', {}, [ E('b', {}, [ format.percent(wan.loss) ?? '–' ]), ' ', _('loss') ]),
				E('span', {}, [ E('b', {}, [ format.percent(share) ?? '–' ]), ' ', _('of the traffic') ])
			]),
			sparkline.render(series.of(data.series, name)),
			this.why(name, wan, data),
			mdom.facts([
				[ _('Device'), [ wan.device || '–', (wan.carrier === false) ? ` (${_('no carrier')})` : '', wan.mtu ? ` · MTU ${wan.mtu}` : '' ] ],
				...family(wan, wan.ipv4, 'IPv4'),
				...family(wan, wan.ipv6, 'IPv6'),
				[ _('Now'), rate ? `↓ ${format.rate(rate.rx)} ↑ ${format.rate(rate.tx)}` : null ],
				[ _('Metric, weight'), `${wan.metric ?? '–'}, ${wan.weight ?? '–'}` ]
			]),
			probes(wan),
			(data.writable && (wan.state !== 'disabled' || wan.forced)) ? this.buttons(name, wan, data.actions) : null
		]);
	},

	/* Handlers take the name alone: a kept element has the handlers of its first day. */
	buttons: function(name, wan, actions) {
		const held = wan.forced === 'down';

		return E('div', { 'class': 'mw-buttons', 'data-key': held ? 'held' : 'free' }, [
			E('button', { 'class': 'btn cbi-button', 'click': actions.probe(name), 'aria-label': `${_('Probe now')}: ${name}` }, [ _('Probe now') ]),
			held
				? E('button', { 'class': 'btn cbi-button cbi-button-positive', 'click': actions.up(name), 'aria-label': `${_('Bring up')}: ${name}` }, [ _('Bring up') ])
				: E('button', { 'class': 'btn cbi-button cbi-button-negative', 'click': actions.down(name), 'aria-label': `${_('Take down…')} ${name}` }, [ _('Take down…') ])
		]);
	},

	render: function(data) {
		const wans = data.status.interfaces ?? {}, names = Object.keys(wans).sort((a, b) =>
			((wans[a].metric ?? 0) - (wans[b].metric ?? 0)) || (a < b ? -1 : 1));

		return mdom.part('wans', _('Internet connections'), [ names.length
			? E('div', { 'class': 'mw-cards' }, names.map(n => this.card(n, wans[n], data)))
			: E('p', {}, [ _('None is configured yet.'), ' ', E('a', { 'href': L.url('admin/network/multiwan') }, [ _('Set up') ]) ]) ]);
	}
});
