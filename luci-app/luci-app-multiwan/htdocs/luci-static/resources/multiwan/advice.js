'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';

/* What to do about a warning, by the code that the daemon gives it. */
function adviceOf(code) {
	switch (code) {
	case 'kernel-module':
		return _('Install the package that the message names, under System > Software. It takes effect by itself.');
	case 'fight':
		return _('Another program keeps changing this. Stop it or tell it to leave these objects alone: mwan3, pbr and scripts of your own are likely. Until then it is mended at longer and longer intervals.');
	case 'numbers-moved':
		return _('Nothing is broken. To have fixed numbers, set rule_base and table_base under General to ranges that nobody else uses.');
	case 'mark-collision':
		return _('Set mark_mask under General to bits that no other program uses, or change the mask of the other program (pbr, QoS scripts).');
	case 'hardware-offload':
		return _('Switch off hardware flow offloading under Network > Firewall, or accept that running connections may stay on a line that has failed.');
	case 'setting-changed':
		return _('Another program changed this setting of the kernel; look for it in /etc/sysctl.d and in scripts.');
	case 'delay-spread':
		return _('Give the policy members with similar round-trip times, or balance by connection.');
	case 'refusal-leak':
		return _('Programs of the router get past this rule. Use match options that are known before the source address is chosen.');
	case 'snat6-prefix':
		return _('Prefixes of the same length are needed to map them: ask the provider, or use snat6 masquerade.');
	case 'same-address':
		return _('Two WANs have the same address: give them different networks, or use one of them only.');
	case 'device-taken': case 'tunnel-id-taken':
		return _('Choose another name or number in this section, or remove the other program that made it.');
	case 'ike-absent':
		return _('Install the package multiwan-ipsec and start the service swanctl.');
	case 'bridge-port':
		return _('Make sure that the bridge exists under Network > Interfaces > Devices and that nothing else holds the device.');
	case 'mtu':
		return _('Lower the MTU in this section, or leave it to be computed.');
	case 'unprotected':
		return _('Nothing passes in clear on purpose here: look at the IPsec section and whether charon runs.');
	case 'redundancy': case 'pseudowire': case 'ipsec': case 'bond': case 'tunnel':
		return _('The message says what is missing. The section is under Network > Multi-WAN.');
	case 'far-end': case 'resolve':
		return _('Check the name, and whether the router resolves names at all (Network > DHCP and DNS).');
	case 'hook':
		return _('Look at the script in the directory of hooks: it must belong to root, be writable by nobody else, and end soon.');
	case 'path-mtu':
		return _('A firewall on the way may drop ICMP. Set the MTU of the pseudowire by hand if large packets get lost.');
	case 'operation-failed':
		return _('It is tried again by itself. If it lasts, look at System > System Log and report it with the message.');
	}
	return null;
}

/* The findings in the configuration file that concern the whole. */
function ofConfig(config) {
	const errors = config?.errors ?? [], warnings = config?.warnings ?? [], out = [];
	const line = f => [ f.section, f.option ].filter(x => x).join('.') + (f.value != null ? `: "${f.value}"` : '') + `: ${f.message}`;

	if (config?.state === 'last-good')
		out.push({ tone: 'bad', text: _('The configuration file has errors. The one before it stays in force until they are gone.'), details: errors.map(line) });
	else if (errors.length)
		out.push({ tone: 'bad', text: _('The configuration file has errors. The sections below are ignored, the others run.'), details: errors.map(line) });
	if (warnings.length)
		out.push({ tone: 'odd', text: _('The configuration file has oddities. They hinder nothing.'), details: warnings.map(line) });
	return out;
}

/* Objects that another program fights over now. */
function ofRepairs(repairs, now) {
	return (repairs ?? []).filter(r => r.rest_until > now).map(r => ({
		tone: 'odd', text: _('%s was mended %d times and rests for another %s.').format(r.object, r.count, format.span(r.rest_until - now)), advice: adviceOf('fight')
	}));
}

return baseclass.extend({
	adviceOf: adviceOf,

	/* All warnings of a status: tone, text, what to do, details. */
	list: function(status) {
		const notices = Array.isArray(status.notices) ? status.notices : (status.warnings ?? []).map(w => ({ code: 'other', message: w }));
		const fights = notices.some(n => n.code === 'fight');

		return ofConfig(status.config).concat(
			notices.map(n => ({
				tone: (n.code === 'unprotected') ? 'bad' : 'odd', text: n.message,
				section: n.section, advice: adviceOf(n.code)
			})),
			fights ? [] : ofRepairs(status.repairs, status.time));
	},

	render: function(data) {
		const list = this.list(data.status);

		if (!list.length)
			return null;

		return mdom.part('warnings', _('Warnings'), [
			E('ul', { 'class': 'mw-warnings' }, list.map((w, i) => E('li', { 'class': `alert-message ${w.tone === 'bad' ? 'danger' : 'warning'}`, 'data-key': `${i}-${w.text}` }, [
				E('p', {}, [ E('b', {}, [ w.section ? `${w.section}: ` : '' ]), w.text ]),
				w.details?.length ? E('ul', {}, w.details.map(d => E('li', {}, [ d ]))) : null,
				w.advice ? E('p', { 'class': 'mw-advice' }, [ w.advice ]) : null
			])))
		]);
	}
});
