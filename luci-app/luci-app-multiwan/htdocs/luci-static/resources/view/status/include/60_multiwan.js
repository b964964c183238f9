'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.rpc as calls';
'require multiwan.states as states';

return baseclass.extend({
	title: _('Multi-WAN'),

	load: function() {
		return L.resolveDefault(calls.status(), null);
	},

	/* A box for each WAN; nothing where the daemon does not run. */
	render: function(status) {
		const wans = status?.interfaces ?? {}, names = Object.keys(wans).sort();

		if (!names.length)
			return null;

		mdom.stylesheet();
		return E('div', {}, [
			E('div', { 'class': 'mw-tiles' }, names.map(name => E('div', { 'class': `mw-tile mw-${states.tone(wans[name].state)}` }, [
				E('b', {}, [ name ]), ' ', mdom.badge(states.label(wans[name].state), states.tone(wans[name].state)),
				E('div', {}, [ format.span(status.time - wans[name].since), ' · ', format.ms(wans[name].rtt_ms) ?? '–', ' · ', format.percent(wans[name].loss) ?? '–' ])
			]))),
			E('a', { 'href': L.url('admin/status/multiwan') }, [ (status.warnings ?? []).length
				? N_(status.warnings.length, '%d warning', '%d warnings').format(status.warnings.length) : _('Details') ])
		]);
	}
});
