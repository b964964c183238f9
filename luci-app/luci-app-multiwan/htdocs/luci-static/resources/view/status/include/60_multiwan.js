'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.reasons as reasons';
'require multiwan.rpc as calls';
'require multiwan.states as states';

return baseclass.extend({
	title: _('Multi-WAN'),

	load: function() {
		return calls.status().catch(error => calls.isAbsent(error) ? { absent: true } : null);
	},

	/* A box for each WAN; nothing for those who may not see it. */
	render: function(status) {
		const wans = status?.interfaces ?? {}, names = Object.keys(wans).sort();

		if (status?.absent)
			return E('p', {}, [ _('The daemon is not running, or restarts just now.'), ' ', E('a', { 'href': L.url('admin/status/multiwan') }, [ _('Details') ]) ]);
		if (!names.length)
			return null;

		mdom.stylesheet();
		return E('div', {}, [
			E('div', { 'class': 'mw-tiles' }, names.map(name => E('div', { 'class': `mw-tile mw-${states.tone(wans[name].state)}` }, [
				E('b', {}, [ name ]), ' ', mdom.badge(states.label(wans[name].state), states.tone(wans[name].state)),
				E('div', {}, [ [
					wans[name].since ? _('for %s').format(format.span(status.time - wans[name].since)) : null,
					format.ms(states.rtt(wans[name])), (wans[name].loss != null) ? _('%s loss').format(format.percent(wans[name].loss)) : null
				].filter(t => t).join(' · ') ]),
				(wans[name].state !== 'up' && wans[name].reason) ? E('div', { 'class': 'mw-hint' }, [ reasons.words(wans[name].reason) ]) : null
			]))),
			E('a', { 'href': L.url('admin/status/multiwan') }, [ (status.warnings ?? []).length
				? N_(status.warnings.length, '%d warning', '%d warnings').format(status.warnings.length) : _('Details') ])
		]);
	}
});
