'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';
'require multiwan.states as states';

/* Who carries new connections, with the parts. */
function members(side) {
	const active = Array.isArray(side?.active) ? side.active : [];

	return active.length ? active.map(m => `${m.interface} ${format.percent(m.share)}`).join(', ') : '–';
}

function stateOf(side) {
	return side ? [ mdom.badge(states.label(side.state), states.tone(side.state)), ' ', members(side) ] : [ '–' ];
}

/* Who may carry, be it at work or not. */
function configured(policy) {
	const list = Array.isArray(policy.members) ? policy.members : [];

	return list.map(m => _('%s (metric %d, weight %d)').format(m.interface, m.metric, m.weight)).join(', ') || '–';
}

return baseclass.extend({
	members: members,

	render: function(data) {
		const all = data.status.policies ?? {};

		if (!Object.keys(all).length)
			return null;

		return mdom.part('policies', _('Policies'), [
			mdom.table(_('Policies'), [ _('Policy'), _('%s goes by').format('IPv4'), _('%s goes by').format('IPv6'), _('Members') ],
				Object.keys(all).sort().map(name => ({ key: name, cells: [
					name,
					stateOf(all[name].ipv4 ?? (all[name].ipv6 ? null : all[name])),
					stateOf(all[name].ipv6),
					configured(all[name])
				] })))
		]);
	},

	rules: function(data) {
		const rules = Array.isArray(data.status.rules) ? data.status.rules : [];

		if (!rules.length)
			return null;

		return mdom.part('rules', _('Rules'), [
			mdom.table(_('Rules'), [ _('Rule'), _('Matches'), _('Goes to'), _('Connections') ], rules.map((r, i) => ({
				key: `${r.name}-${i}`,
				cells: [
					r.enabled === false ? `${r.name} (${_('off')})` : r.name,
					(r.origin && r.origin !== 'forwarded') ? `${r.match} (${r.origin === 'router' ? _('of the router') : _('of anybody')})` : r.match,
					r.policy, (r.hits != null) ? format.count(r.hits) : null
				]
			}))),
			E('p', { 'class': 'mw-hint' }, [ _('In the order in which they are tried. Counted are connections of hosts behind the router since the rule was put in force.') ])
		]);
	}
});
