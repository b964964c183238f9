'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.series as series';
'require multiwan.states as states';

/* Pieces [from, to, state] between from and to, out of changes [time, state] in order. Before the first change nothing is known. */
function pieces(changes, from, to) {
	const out = [];
	let at = from, state = 'unknown';

	for (let [ time, next ] of changes) {
		const end = Math.min(Math.max(time, from), to);
		if (end > at)
			out.push([ at, end, state ]);
		at = Math.max(at, end);
		state = next;
	}
	if (to > at)
		out.push([ at, to, state ]);
	return out;
}

/* The better state of several rows of pieces over the same span, equal neighbours in one. */
function merge(rows) {
	if (!rows.length)
		return [];

	const cuts = Array.from(new Set(rows.flatMap(r => r.flatMap(p => [ p[0], p[1] ])))).sort((a, b) => a - b);
	const out = [];

	for (let i = 0; i + 1 < cuts.length; i++) {
		const at = cuts[i], state = rows.map(r => r.find(p => p[0] <= at && at < p[1])?.[2] ?? 'unknown').reduce((a, b) => states.better(a, b));
		const last = out[out.length - 1];

		if (last?.[2] === state)
			last[1] = cuts[i + 1];
		else
			out.push([ at, cuts[i + 1], state ]);
	}
	return out;
}

return baseclass.extend({
	pieces: pieces,
	merge: merge,

	/* Changes of each family of a WAN out of the history. What the first
	   transition left lasted since the daemon began, or longer than the history
	   goes back. */
	fromHistory: function(history, name, status) {
		const wan = status.interfaces?.[name] ?? {}, out = {};

		for (let family of [ 'ipv4', 'ipv6' ]) {
			const mine = history.filter(t => t.interface === name && t.family === family).sort((a, b) => a.time - b.time);
			const start = (history.length >= 200 && history[0].time > 0) ? Math.max(history[0].time, status.started ?? 0) : status.started ?? 0;

			if (!wan[family] && !mine.length)
				continue;
			out[family] = mine.map(t => [ t.time, t.to ]);
			if (mine.length && mine[0].from && mine[0].from !== 'new' && start < mine[0].time)
				out[family].unshift([ start, mine[0].from ]);
			if (!mine.length && wan[family]?.since)
				out[family].push([ wan[family].since, wan[family].state ]);
		}
		return out;
	},

	/* The row of a WAN: of the series where that knows changes, else of the history. */
	row: function(data, name, from, to) {
		let changes = series.changes(data.day, name);

		if (!Object.values(changes).some(c => c.length))
			changes = this.fromHistory(data.history ?? [], name, data.status);
		return merge(Object.values(changes).map(c => pieces(c, from, to)));
	},

	/* How long it was known, up and down, how often it failed. */
	measure: function(row) {
		const out = { known: 0, good: 0, down: 0, failures: 0 };

		for (let [ from, to, state ] of row) {
			if (state === 'unknown' || state === 'disabled')
				continue;
			out.known += to - from;
			if (state === 'up' || state === 'suspect' || state === 'degraded')
				out.good += to - from;
			if (state === 'down') {
				out.down += to - from;
				out.failures++;
			}
		}
		return out;
	},

	/* In words, for those who do not see it and as the end of the row. */
	summary: function(row) {
		const m = this.measure(row);

		if (!m.known)
			return _('not known');
		if (!m.failures)
			return _('no failure');
		return N_(m.failures, '%d failure, %s down', '%d failures, %s down').format(m.failures, format.span(m.down));
	},

	/* Marks of the time axis: [position in per cent, text]. */
	marks: function(from, to) {
		const hours = (to - from) > 2 * 3600, every = hours ? 6 * 3600 : 15 * 60, out = [];

		for (let back = to - from; back > 0; back -= every)
			out.push([ 100 * (to - back - from) / (to - from), hours ? _('−%d h').format(back / 3600) : _('−%d min').format(back / 60) ]);
		out.push([ 100, _('now') ]);
		return out;
	},

	chart: function(title, key, data, span) {
		const to = data.status.time, from = to - span, svg = mdom.svg;
		const names = Object.keys(data.status.interfaces ?? {}).sort();

		return E('div', { 'class': 'mw-chart', 'data-key': key }, [
			E('h4', {}, [ title ]),
			E('ul', { 'class': 'mw-rows' }, names.map(name => {
				const row = this.row(data, name, from, to), text = this.summary(row);

				return E('li', { 'data-key': name }, [
					E('span', { 'class': 'mw-row-name' }, [ name ]),
					svg('svg', { 'viewBox': '0 0 1000 20', 'preserveAspectRatio': 'none', 'role': 'img', 'aria-label': `${name}: ${text}` },
						row.map(([ a, b, state ]) => this.bar(1000 * (a - from) / span, 1000 * (b - from) / span, state,
							_('%s from %s to %s').format(states.label(state), format.time(a, to), format.time(b, to))))),
					E('span', { 'class': 'mw-row-text', 'aria-hidden': 'true' }, [ text ])
				]);
			})),
			E('div', { 'class': 'mw-axis', 'aria-hidden': 'true' }, this.marks(from, to).map(m =>
				E('span', { 'style': `left:${m[0].toFixed(1)}%` }, [ m[1] ])))
		]);
	},

	/* What is bad is taller too, so that colours are not all. A failure of seconds is still seen in a day. */
	bar: function(x, end, state, text) {
		const tall = { good: 8, odd: 14, bad: 20, idle: 4 }[states.tone(state)];

		return mdom.svg('rect', {
			'class': `mw-bar mw-${states.tone(state)}`, 'x': x.toFixed(1), 'y': (20 - tall) / 2,
			'width': Math.max(end - x, (state === 'down') ? 3 : 0.5).toFixed(1), 'height': tall
		}, [ mdom.svg('title', {}, [ text ]) ]);
	},

	render: function(data) {
		if (!Object.keys(data.status.interfaces ?? {}).length)
			return null;

		return mdom.part('timeline', _('Timeline'), [
			this.chart(_('Last hour'), 'hour', data, 3600),
			this.chart(_('Last day'), 'day', data, 86400),
			E('p', { 'class': 'mw-legend', 'aria-hidden': 'true' }, [ 'up', 'degraded', 'down', 'unknown' ].flatMap(s =>
				[ E('span', { 'class': `mw-key mw-${states.tone(s)}` }, []), states.label(s), ' ' ]))
		]);
	}
});
