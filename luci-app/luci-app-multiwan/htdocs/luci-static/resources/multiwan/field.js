'use strict';
'require baseclass';
'require form';
'require multiwan.labels as labels';
'require multiwan.options as options';
'require multiwan.values as values';
'require tools.widgets as widgets';
'require uci';

const CONFIG = 'multiwan';

/* The datatype that LuCI checks each value by, where it has one. */
function datatypeOf(o) {
	const plain = { ipv4: 'ip4addr("nomask")', ipv6: 'ip6addr("nomask")' }[o.family] ?? 'ipaddr("nomask")';
	const cidr = { ipv4: 'cidr4', ipv6: 'cidr6' }[o.family] ?? 'cidr';

	switch (o.kind) {
	case 'address': return plain;
	case 'own address': case 'network': return cidr;
	case 'address or network': return o.not ? 'neg(or(ipaddr("nomask"),cidr))' : 'or(ipaddr("nomask"),cidr)';
	case 'port': return 'and(port,min(1))';
	case 'port or range': return o.not ? 'neg(portrange)' : 'portrange';
	case 'host name': return 'hostname';
	case 'far end': return 'host';
	}
	return null;
}

/* The class of form that an option is. */
function widgetOf(o) {
	if (o.kind === 'boolean')
		return form.Flag;
	if (o.list && o.kind === 'word')
		return form.MultiValue;
	if (o.list)
		return form.DynamicList;
	if (o.kind === 'word')
		return form.ListValue;
	if (o.kind === 'reference')
		return form.ListValue;
	if (o.kind === 'device')
		return widgets.DeviceSelect;
	if (o.kind === 'name')
		return widgets.NetworkSelect;
	return form.Value;
}

/* Words that an option may have, beside what else it takes. */
function choicesOf(o) {
	const out = (o.values ?? []).map(v => [ v, v ]);

	if (o.kind === 'protocol')
		out.push(...Array.from(new Set([ 'all', 'tcp', 'udp', 'icmp', 'icmpv6' ].concat(options.protocols)), p => [ p, p ]));
	if (o.kind === 'target')
		out.push([ 'gateway', _('the gateway of the WAN') ], ...options.builtin.targets.filter(t => t !== 'gateway').map(t => [ t, t ]));
	return out;
}

/* Sections that an option may name. */
function namesOf(o) {
	const types = (o.kind === 'pseudowire or device') ? [ 'pseudowire' ] : o.refers ?? [];
	const out = types.flatMap(type => uci.sections(CONFIG, type).map(s => s['.name']));

	if (o.refers?.includes('probe'))
		out.push(options.builtin.name, options.builtin.loopback);
	return Array.from(new Set(out));
}

/* Hidden where the option would be refused. An option that has a default of its
   own may be left out: then it may well be the value that is asked for. */
function dependsOn(field, o, all) {
	let sets = [ {} ];

	for (let name in o.only ?? {}) {
		const other = all.find(x => x.name === name);
		const open = (other?.without && !other.required) ? [ '' ] : [];
		sets = sets.flatMap(set => o.only[name].concat(open).map(v => Object.assign({}, set, { [name]: v })));
	}
	if (o.only)
		sets.forEach(set => field.depends(set));
}

/* Sections come and go while the page is open, so they are looked up at each rendering. */
function followNames(field, o) {
	field.load = function(sid) {
		const fixed = choicesOf(o);
		let names = namesOf(o).map(n => [ n, n ]);
		const value = read(o, sid);

		for (let v of L.toArray(value))
			if (!names.concat(fixed).some(n => n[0] === v))
				names.push([ v, _('%s (missing)').format(v) ]);
		this.keylist = [];
		this.vallist = [];
		if (!o.list && !o.required)
			this.value('', _('none'));
		for (let [ key, label ] of names.concat(fixed))
			this.value(key, label);
		return value;
	};
}

/* A value as the form needs it. */
function read(o, sid) {
	const raw = uci.get(CONFIG, sid, o.name);

	if (o.kind === 'boolean')
		return values.flag(raw);
	return o.list ? values.list(raw, o) : raw;
}

/* What says the same as before stays in the file as it was written. */
function writeOnlyChanges(field, o) {
	field.write = (sid, value) => values.same(read(o, sid), value) ? null : uci.set(CONFIG, sid, o.name, value);
	field.remove = function(sid) {
		if (this.isActive(sid) && values.same(read(o, sid), this.formvalue(sid)))
			return null;
		return uci.unset(CONFIG, sid, o.name);
	};
}

/* What a missing option means, for the field while it is empty. */
function absence(o) {
	if (o.list && o.def)
		return o.def.split(' ').length > 3 ? null : o.def;
	return o.def ?? o.without ?? null;
}

function helpOf(o) {
	const without = (o.without && o.def != null)
		? _('Without: %s; %s.').format(o.def, o.without) : (o.without && o.without !== _('none')) ? _('Without: %s.').format(o.without) : null;
	return [ o.help, without ].filter(t => t).join(' ');
}

return baseclass.extend({
	datatypeOf: datatypeOf,
	choicesOf: choicesOf,
	helpOf: helpOf,
	absence: absence,

	/* Adds an option of a type of section to a section of the form. */
	add: function(section, tab, type, o) {
		const field = section.taboption(tab, widgetOf(o), o.name, labels.of(o.name, type), helpOf(o));

		field.rmempty = !o.required;
		field.optional = !o.required;
		if (o.kind !== 'device' && o.kind !== 'name') // these look at the network when they are loaded
			field.load = sid => read(o, sid);
		field.datatype = datatypeOf(o);
		field.placeholder = absence(o);

		if (o.kind === 'boolean')
			field.default = o.def ?? '0';
		else if (o.kind === 'word' && !o.list)
			this.word(field, o);
		else if (o.kind === 'reference' || o.kind === 'pseudowire or device')
			followNames(field, o);
		else
			choicesOf(o).forEach(c => field.value?.(c[0], c[1]));

		if (o.kind === 'key')
			field.password = true;
		if (o.kind === 'name')
			field.nocreate = true;
		if (o.kind === 'device')
			field.noaliases = true;
		if (o.kind !== 'boolean')
			field.validate = (sid, value) => values.check(o, value);
		if (o.kind === 'far end' && o.values)
			field.datatype = 'or(host,"any")';

		dependsOn(field, o, options[type].options);
		writeOnlyChanges(field, o);
		return field;
	},

	/* One of some words. Where a missing option means another thing at other places, it can be left out. */
	word: function(field, o) {
		if (o.without || (!o.def && !o.required)) {
			field.value('', _('default: %s').format(o.def ?? o.without));
		}
		else if (o.def) {
			field.default = o.def;
			field.optional = false;
		}
		o.values.forEach(v => field.value(v, v));
	}
});
