'use strict';
'require baseclass';
'require multiwan.cards as cards';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.reasons as reasons';
'require multiwan.states as states';

const first = 20;

return baseclass.extend({
	/* A transition has no number of its own. */
	key: function(t) {
		return `${t.time}-${t.interface}-${t.family}-${t.to}`;
	},

	row: function(t, now) {
		const evidence = Array.isArray(t.evidence) ? t.evidence : [];

		return { key: this.key(t), cells: [
			format.time(t.time, now),
			[ t.interface ?? '', ' ', E('small', {}, [ { ipv4: 'IPv4', ipv6: 'IPv6' }[t.family] ?? t.family ?? '' ]) ],
			[ states.label(t.from), ' → ', mdom.badge(states.label(t.to), states.tone(t.to)) ],
			[
				reasons.words(t.reason),
				t.held ? ` (${_('held down for %s').format(format.span(t.held))})` : '',
				evidence.length ? E('details', { 'data-key': 'evidence' }, [
					E('summary', {}, [ N_(evidence.length, '%d probe', '%d probes').format(evidence.length) ]),
					cards.evidence(evidence)
				]) : null
			]
		] };
	},

	/* The newest first; all but the first twenty are folded away. */
	render: function(data) {
		const list = (data.history ?? []).slice().reverse(), now = data.status.time;
		const titles = [ _('Time'), _('What'), _('Change'), _('Why') ];

		if (!list.length)
			return mdom.part('history', _('History'), [ E('p', {}, [ _('Nothing has changed since the daemon began.') ]) ]);

		return mdom.part('history', _('History'), [
			mdom.table(_('History'), titles, list.slice(0, first).map(t => this.row(t, now))),
			(list.length > first) ? E('details', { 'data-key': 'older' }, [
				E('summary', {}, [ N_(list.length - first, '%d older change', '%d older changes').format(list.length - first) ]),
				mdom.table(_('Older changes'), titles, list.slice(first).map(t => this.row(t, now)))
			]) : null
		]);
	}
});
