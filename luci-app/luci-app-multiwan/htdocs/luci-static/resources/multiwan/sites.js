'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.states as states';

function head(name, x) {
	return [
		E('span', {}, [ name ]), ' ', mdom.badge(states.label(x.state), states.tone(x.state)),
		x.reason ? E('div', { 'class': 'mw-hint' }, [ x.reason ]) : null
	];
}

/* What protects a pseudowire, in words. */
function protection(w) {
	if (!w.protected)
		return [ mdom.badge(_('in clear'), 'odd') ];

	switch (w.guard) {
	case 'protected': return [ mdom.badge(_('protected'), 'good'), ' ', w.ipsec ?? '' ];
	case 'waiting': return [ mdom.badge(_('dropped until there is an SA'), 'odd'), ' ', w.ipsec ?? '' ];
	case 'blocked': return [ mdom.badge(_('dropped'), 'bad'), ' ', w.ipsec ?? '' ];
	case 'clear': return [ mdom.badge(_('no policy stands in the way'), 'bad'), ' ', w.ipsec ?? '' ];
	}
	return [ w.ipsec ?? '' ];
}

function traffic(t) {
	if (!t)
		return '–';

	const bad = (t.rx_errors ?? 0) + (t.tx_errors ?? 0);
	return `↓ ${format.bytes(t.rx_bytes)} ↑ ${format.bytes(t.tx_bytes)}${bad ? ` · ${N_(bad, '%d error', '%d errors').format(bad)}` : ''}`;
}

function sizes(x) {
	const mss = [ x.mss4 ? `IPv4 ${x.mss4}` : null, x.mss6 ? `IPv6 ${x.mss6}` : null ].filter(s => s).join(', ');

	return `${x.mtu || '–'} / ${mss || _('no clamp')}`;
}

/* Paths of a pseudowire whose packets are duplicated. */
function paths(w) {
	const list = w.redundancy?.paths ?? [];

	return list.length ? E('ul', { 'class': 'mw-plain' }, list.map(p => E('li', {}, [
		`${p.interface}: ${p.state}${p.delivered != null ? `, ${format.percent(p.delivered)}` : ''}${p.reason ? ` – ${p.reason}` : ''}`
	]))) : null;
}

return baseclass.extend({
	pseudowires: function(all) {
		return mdom.table(_('Pseudowires'),
			[ _('Pseudowire'), _('By way of'), _('IPsec'), _('MTU / MSS'), _('Round trip, loss'), _('Traffic') ],
			Object.keys(all).sort().map(name => {
				const w = all[name];
				return { key: name, cells: [
					head(name, w),
					[ w.interface || w.policy || _('the routing table'), ` → ${w.remote || '–'}`, w.attached ? E('div', { 'class': 'mw-hint' }, [ _('in %s').format(w.attached) ]) : null,
						w.detached ? E('div', { 'class': 'mw-hint' }, [ w.detached ]) : null, paths(w) ],
					protection(w), sizes(w),
					`${format.ms(w.rtt_ms) ?? '–'}, ${format.percent(w.loss) ?? '–'}`,
					traffic(w.traffic)
				] };
			}));
	},

	ipsec: function(all, now) {
		return mdom.table(_('IPsec'),
			[ _('Connection'), _('Between'), _('Algorithms'), _('Established'), _('Traffic') ],
			Object.keys(all).sort().map(name => {
				const c = all[name];
				return { key: name, cells: [
					head(name, c), `${c.local || '–'} ↔ ${c.remote || '–'}`,
					[ c.ike_proposal ?? '–', c.esp_proposal ? E('div', {}, [ c.esp_proposal ]) : null ],
					c.established ? format.span(now - c.established) : '–',
					(c.bytes_in != null || c.bytes_out != null) ? `↓ ${format.bytes(c.bytes_in)} ↑ ${format.bytes(c.bytes_out)}` : '–'
				] };
			}));
	},

	bonds: function(all) {
		return mdom.table(_('Bonds'),
			[ _('Bond'), _('Mode'), _('Members'), _('MTU / MSS') ],
			Object.keys(all).sort().map(name => {
				const b = all[name];
				return { key: name, cells: [
					head(name, b), `${b.mode ?? '–'} (${b.monitor ?? '–'})`,
					[ E('ul', { 'class': 'mw-plain' }, (b.members ?? []).map(m => E('li', {}, [
						m.name, ' ', (b.active ?? []).includes(m.name) ? mdom.badge(_('carries'), 'good') : m.works === false ? mdom.badge(_('out'), 'bad') : mdom.badge(_('ready'), 'idle'),
						m.reason ? ` ${m.reason}` : ''
					]))) ],
					sizes(b)
				] };
			}));
	},

	tunnels: function(all) {
		return mdom.table(_('IPv6 tunnels'), [ _('Tunnel'), _('By way of'), _('Prefix'), _('MTU') ],
			Object.keys(all).sort().map(name => ({ key: name, cells: [
				head(name, all[name]), all[name].interface, all[name].prefix, all[name].mtu
			] })));
	},

	render: function(data) {
		const s = data.status, some = x => x && Object.keys(x).length;
		const tables = [
			some(s.pseudowires) ? this.pseudowires(s.pseudowires) : null,
			some(s.ipsec) ? this.ipsec(s.ipsec, s.time) : null,
			some(s.bonds) ? this.bonds(s.bonds) : null,
			some(s.tunnels) ? this.tunnels(s.tunnels) : null
		].filter(t => t);

		return tables.length ? mdom.part('sites', _('Joined sites'), tables) : null;
	}
});
