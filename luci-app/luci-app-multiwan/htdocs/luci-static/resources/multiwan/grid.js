'use strict';
'require baseclass';
'require form';
'require multiwan.field as field';
'require multiwan.findings as findings';
'require multiwan.labels as labels';
'require multiwan.layout as layout';
'require multiwan.options as options';
'require uci';
'require ui';

const CONFIG = 'multiwan';

/* Words of the configuration that cannot be names: true, or what is wrong. */
function nameError(name, type) {
	const reserved = [ 'unreachable', 'blackhole', 'main' ].concat(type === 'policy' ? [] : [ 'default' ]);

	if (uci.get(CONFIG, name, '.type') != null)
		return _('There is a section %s already; names stand once in the file, whatever their type.').format(name);
	if (reserved.includes(name) && [ 'interface', 'tunnel', 'pseudowire', 'bond', 'policy' ].includes(type))
		return _('%s has a meaning of its own and cannot be a name.').format(name);
	return null;
}

/* Names that a new section may want to have: interfaces are called as in the network. */
function suggest(create, names) {
	const input = create.querySelector('.cbi-section-create-name');

	if (!input)
		return;
	input.setAttribute('aria-label', _('Name'));
	input.setAttribute('placeholder', _('Name'));
	/* who chooses a name with the mouse presses no key, which LuCI waits for */
	input.addEventListener('input', () => input.dispatchEvent(new Event('keyup')));
	if (names.length) {
		input.setAttribute('list', 'mw-names');
		create.appendChild(E('datalist', { 'id': 'mw-names' }, names.map(n => E('option', { 'value': n }, []))));
	}
}

const Grid = form.GridSection.extend({
	handleAdd: function(ev, name) {
		const problem = (name != null) ? nameError(name, this.sectiontype) : null;

		if (problem) {
			ui.addNotification(null, E('p', {}, [ problem ]), 'warning');
			return Promise.resolve();
		}
		return this.super('handleAdd', [ ev, name ]);
	},

	renderSectionAdd: function(extra) {
		const node = this.super('renderSectionAdd', [ extra ]);

		suggest(node, (this.suggestions ?? []).filter(n => uci.get(CONFIG, n, '.type') == null));
		return node;
	},

	/* The dialogue saves through the daemon's check, too. */
	addModalOptions: function(section, sid) {
		const map = section.map, report = this.report;

		map.save = () => findings.save(map, sid, report);
	}
});

return baseclass.extend({
	nameError: nameError,

	/* Adds the table of all sections of a type, with a dialogue for each. */
	add: function(map, type, report, suggestions) {
		const plan = layout[type], all = options[type].options;
		const s = map.section(Grid, type, labels.tab(type), options[type].help);

		s.anonymous = false;
		s.addremove = true;
		s.sortable = (type === 'rule');
		s.nodescriptions = true;
		s.report = report;
		s.suggestions = suggestions;
		s.addbtntitle = _('Add');
		s.modaltitle = sid => `${labels.one(type)} ${sid}`;
		s.tab('general', _('General settings'));
		if (plan.advanced.length)
			s.tab('advanced', _('Advanced settings'));

		for (let o of all.filter(x => plan.columns.includes(x.name)).sort((a, b) => plan.columns.indexOf(a.name) - plan.columns.indexOf(b.name)))
			this.column(field.add(s, 'general', type, o), o);
		for (let o of all.filter(x => !plan.columns.includes(x.name) && !layout.hidden.includes(x.name)))
			field.add(s, plan.advanced.includes(o.name) ? 'advanced' : 'general', type, o).modalonly = true;
		return s;
	},

	/* An option in a table: what is not there is what the daemon takes instead. */
	column: function(f, o) {
		f.editable = (o.name === 'enabled');
		if (o.kind !== 'boolean')
			f.textvalue = function(sid) {
				const value = L.toArray(this.cfgvalue(sid)).join(' ');
				return (value !== '') ? [ value ] : E('em', {}, [ field.absence(o) ?? '–' ]);
			};
	},

	/* Adds the one section of globals. */
	globals: function(map) {
		const s = map.section(form.NamedSection, 'globals', 'globals', labels.tab('globals'), options.globals.help);

		s.addremove = false;
		s.tab('general', _('General settings'));
		s.tab('advanced', _('Advanced settings'));
		for (let o of options.globals.options.filter(x => !layout.hidden.includes(x.name)))
			field.add(s, layout.globals.advanced.includes(o.name) ? 'advanced' : 'general', 'globals', o);
		return s;
	}
});
