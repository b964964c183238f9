'use strict';
'require baseclass';
'require dom';
'require rpc';
'require uci';
'require ui';

const callAccess = rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ], expect: { access: true } });
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

const Value = baseclass.extend({
	__init__: function(map, section, option, title, description) {
		Object.assign(this, { map, section, option, title, description, deps: [], keylist: [], vallist: [], rmempty: true, optional: false, default: null, data: {} });
	},
	value: function(k, v) { this.keylist.push(String(k)); this.vallist.push(String(v ?? k)); },
	depends: function(f, v) { this.deps.push(typeof(f) == 'string' ? { [f]: v } : f); },
	choices: function() { return this.keylist.length ? Object.fromEntries(this.keylist.map((k, i) => [ k, this.vallist[i] ])) : null; },
	cbid: function(sid) { return `cbid.${this.map.config}.${sid}.${this.option}`; },
	load: function(sid) { return uci.get(this.map.config, sid, this.option); },
	cfgvalue: function(sid, v) { if (arguments.length == 2) this.data[sid] = v; return this.data[sid]; },
	write: function(sid, v) { return uci.set(this.map.config, sid, this.option, v); },
	remove: function(sid) { return uci.unset(this.map.config, sid, this.option); },
	validate: () => true,
	textvalue: function(sid) { const v = this.cfgvalue(sid) ?? this.default; return (v == null) ? null : '%h'.format(Array.isArray(v) ? v.join(' ') : v); },
	field: function(sid) { return this.map.findElement('data-field', this.cbid(sid)); },
	getUIElement: function(sid) { const n = this.map.findElement('id', this.cbid(sid)); return n ? dom.findClassInstance(n) : null; },
	formvalue: function(sid) { return this.getUIElement(sid)?.getValue() ?? null; },
	isValid: function(sid) { return this.getUIElement(sid)?.isValid() ?? true; },
	isActive: function(sid) { const f = this.field(sid); return f != null && !f.classList.contains('hidden'); },
	widgetOptions: function(sid) {
		return { id: this.cbid(sid), choices: this.choices(), sort: this.keylist.length ? this.keylist : null, optional: this.optional || this.rmempty, datatype: this.datatype, placeholder: this.placeholder,
			password: this.password, validate: v => this.validate(sid, v), disabled: this.map.readonly };
	},
	renderWidget: function(sid, v) { return new ui.Textfield(v ?? this.default, this.widgetOptions(sid)).render(); },
	checkDepends: function(sid) {
		const value = name => this.section.children.find(c => c.option === name)?.activeValue(sid) ?? null;
		const active = !this.deps.length || this.deps.some(d => Object.keys(d).every(k => (value(k) ?? '') === d[k]));
		const f = this.field(sid), changed = f != null && f.classList.contains('hidden') === active;
		f?.classList.toggle('hidden', !active);
		return changed;
	},
	activeValue: function(sid) { return this.isActive(sid) ? this.formvalue(sid) : null; },
	render: function(sid, inTable) {
		const widget = this.renderWidget(sid, this.cfgvalue(sid)), id = `widget.${this.cbid(sid)}`;
		if (inTable)
			return E('div', { 'data-field': this.cbid(sid), 'data-name': this.option }, [ widget ]);
		return E('div', { 'class': 'cbi-value', 'data-field': this.cbid(sid), 'data-name': this.option }, [
			E('label', { 'class': 'cbi-value-title', 'for': id }, [ this.title ]),
			E('div', { 'class': 'cbi-value-field' }, [ widget, this.description ? E('div', { 'class': 'cbi-value-description' }, this.description) : null ])
		]);
	},
	parse: function(sid) {
		if (!this.isActive(sid))
			return this.retain || !this.field(sid) ? null : this.remove(sid);
		if (!this.isValid(sid))
			throw new TypeError(`${this.title}: ${this.getUIElement(sid).getValidationError()}`);
		const f = this.formvalue(sid), empty = (f == null || f === '' || (Array.isArray(f) && !f.length));
		if (empty || (f == this.default && (this.optional || this.rmempty))) {
			if (!this.rmempty && !this.optional)
				throw new TypeError(_('%s must not be empty').format(this.title));
			return this.remove(sid);
		}
		return same(this.cfgvalue(sid), f) ? null : this.write(sid, f);
	}
});

const Flag = Value.extend({
	__init__: function(...args) { this.super('__init__', args); Object.assign(this, { enabled: '1', disabled: '0', default: '0' }); },
	renderWidget: function(sid, v) { return new ui.Checkbox(v ?? this.default, { ...this.widgetOptions(sid), datatype: null, value_enabled: this.enabled, value_disabled: this.disabled }).render(); },
	textvalue: function(sid) { return ((this.cfgvalue(sid) ?? this.default) == this.enabled) ? _('Yes') : _('No'); },
	parse: function(sid) {
		if (!this.isActive(sid))
			return this.field(sid) ? this.remove(sid) : null;
		const f = this.formvalue(sid);
		return (f == this.default && (this.optional || this.rmempty)) ? this.remove(sid) : this.write(sid, f);
	}
});
const ListValue = Value.extend({
	renderWidget: function(sid, v) { return new ui.Select(v ?? this.default, { ...this.widgetOptions(sid), choices: this.choices() ?? {}, optional: this.optional }).render(); }
});
const MultiValue = Value.extend({
	renderWidget: function(sid, v) { return new ui.Select(v ?? this.default, { ...this.widgetOptions(sid), choices: this.choices() ?? {}, multiple: true }).render(); }
});
const DynamicList = Value.extend({
	renderWidget: function(sid, v) { return new ui.DynamicList(v ?? this.default, this.widgetOptions(sid)).render(); }
});

const Section = baseclass.extend({
	__init__: function(map, type, title, description) { Object.assign(this, { map, sectiontype: type, title, description, children: [], tabs: null }); },
	tab: function(name, title) { (this.tabs ??= []).push({ name, title }); },
	option: function(cls, name, title, description) { return this.taboption(null, cls, name, title, description); },
	taboption: function(tab, cls, name, title, description) {
		const o = new cls(this.map, this, name, title, description);
		o.tab = tab;
		this.children.push(o);
		return o;
	},
	filter: () => true,
	ids: function() { return uci.sections(this.map.config, this.sectiontype).map(s => s['.name']).filter(this.filter); },
	load: function() { for (let sid of this.ids()) for (let c of this.children) c.cfgvalue(sid, c.load(sid)); },
	shown: function() { return this.children; },
	parse: function() { for (let sid of this.ids()) for (let c of this.shown()) c.parse(sid); },
	checkDepends: function() { return this.ids().some(sid => this.shown().filter(c => c.checkDepends(sid)).length); },
	heading: function() { return [ this.title ? E('h3', {}, [ this.title ]) : null, this.description ? E('div', { 'class': 'cbi-section-descr' }, this.description) : null ]; },
	options: function(sid) {
		if (!this.tabs)
			return this.children.map(c => c.render(sid));
		return [ E('div', { 'class': 'cbi-section-node-tabbed' }, this.tabs.map(t => E('div', { 'data-tab': t.name, 'data-tab-title': t.title },
			this.children.filter(c => c.tab === t.name).map(c => c.render(sid))))) ];
	}
});
const NamedSection = Section.extend({
	__init__: function(map, sid, type, title, description) { this.super('__init__', [ map, type, title, description ]); this.section = sid; },
	ids: function() { return uci.get(this.map.config, this.section, '.type') ? [ this.section ] : []; },
	render: function() { return E('div', { 'class': 'cbi-section' }, [ ...this.heading(), E('div', {}, this.ids().flatMap(sid => this.options(sid))) ]); }
});

const GridSection = Section.extend({
	shown: function() { return this.children.filter(c => c.editable && !c.modalonly); },
	handleAdd: function(ev, name) { this.map.addedSection = uci.add(this.map.config, this.sectiontype, name); return this.renderMoreOptionsModal(this.map.addedSection); },
	handleRemove: function(sid) { uci.remove(this.map.config, sid); return this.map.save(null, true); },
	addModalOptions: function() {},
	renderSectionAdd: function() {
		const name = E('input', { 'type': 'text', 'class': 'cbi-section-create-name' });
		return E('div', { 'class': 'cbi-section-create' }, [ this.anonymous ? null : E('div', {}, [ name ]),
			E('button', { 'class': 'cbi-button cbi-button-add', 'disabled': this.map.readonly || null, 'click': ui.createHandlerFn(this, ev =>
				(this.anonymous || /^\w+$/.test(name.value)) ? this.handleAdd(ev, this.anonymous ? null : name.value) : null) }, [ this.addbtntitle ?? _('Add') ]) ]);
	},
	row: function(sid, columns) {
		const off = this.map.readonly || null;
		return E('tr', { 'class': 'tr cbi-section-table-row', 'data-sid': sid, 'draggable': this.sortable ? 'true' : null }, [
			this.anonymous ? null : E('td', { 'class': 'td cbi-section-table-titles' }, [ sid ]),
			...columns.map(c => E('td', { 'class': 'td cbi-value-field', 'data-title': c.title }, c.editable ? c.render(sid, true) : c.textvalue(sid) ?? '–')),
			E('td', { 'class': 'td cbi-section-actions' }, [
				this.sortable ? E('button', { 'class': 'cbi-button drag-handle', 'title': _('Move up'), 'disabled': off, 'click': ui.createHandlerFn(this, 'handleUp', sid) }, [ '☰' ]) : null, ' ',
				E('button', { 'class': 'cbi-button cbi-button-edit', 'click': ui.createHandlerFn(this, 'renderMoreOptionsModal', sid) }, [ _('Edit') ]), ' ',
				this.addremove ? E('button', { 'class': 'cbi-button cbi-button-remove', 'disabled': off, 'click': ui.createHandlerFn(this, 'handleRemove', sid) }, [ _('Delete') ]) : null ])
		]);
	},
	/* the true one sorts by dragging */
	handleUp: function(sid) {
		const ids = this.ids(), i = ids.indexOf(sid);
		if (i > 0) {
			uci.move(this.map.config, sid, ids[i - 1]);
			return this.map.renderContents();
		}
	},
	render: function() {
		const columns = this.children.filter(c => !c.modalonly);
		return E('div', { 'class': 'cbi-section' }, [ ...this.heading(), E('table', { 'class': 'table cbi-section-table' }, [
			E('tr', { 'class': 'tr cbi-section-table-titles' }, [ this.anonymous ? null : E('th', { 'class': 'th' }, [ _('Name') ]), ...columns.map(c => E('th', { 'class': 'th' }, [ c.title ])), E('th', { 'class': 'th' }, []) ]),
			...this.ids().map(sid => this.row(sid, columns))
		]), this.ids().length ? null : E('em', {}, [ _('This section contains no values yet') ]), this.addremove ? this.renderSectionAdd() : null ]);
	},
	renderMoreOptionsModal: function(sid) {
		const m = new Map_(this.map.config), s = m.section(NamedSection, sid, this.sectiontype);
		Object.assign(m, { parent: this.map, section_: sid, readonly: this.map.readonly });
		s.tabs = this.tabs?.slice() ?? null;
		for (let c of this.children) {
			const o = s.taboption(c.tab, c.constructor, c.option, c.title, c.description);
			for (let k of Object.keys(c))
				if (![ 'map', 'section', 'option', 'title', 'description', 'data' ].includes(k))
					o[k] = c[k];
		}
		return Promise.resolve(this.addModalOptions(s, sid)).then(() => m.render()).then(nodes => ui.showModal(this.modaltitle?.(sid) ?? sid, [ nodes,
			E('div', { 'class': 'button-row' }, [
				E('button', { 'class': 'btn cbi-button', 'click': ui.createHandlerFn(this, 'handleModalCancel', m, false) }, [ _('Dismiss') ]), ' ',
				E('button', { 'class': 'btn cbi-button cbi-button-positive', 'disabled': m.readonly || null, 'click': ui.createHandlerFn(this, 'handleModalSave', m) }, [ _('Save') ]) ])
		], 'cbi-modal'));
	},
	handleModalCancel: function(m, saving) {
		if (this.map.addedSection != null && saving !== true)
			uci.remove(this.map.config, this.map.addedSection);
		delete this.map.addedSection;
		ui.hideModal();
		return this.map.load().then(() => this.map.renderContents());
	},
	handleModalSave: function(m) { return m.save(null, true).then(() => this.handleModalCancel(m, true)).catch(() => {}); }
});

const Map_ = baseclass.extend({
	__init__: function(config, title, description) { Object.assign(this, { config, title, description, children: [], root: null, readonly: null }); },
	section: function(cls, ...args) { const s = new cls(this, ...args); this.children.push(s); return s; },
	findElement: function(attr, value) { return this.root.querySelector(`[${attr}="${value}"]`); },
	lookupOption: function(name, sid) {
		for (let s of this.children)
			for (let c of s.children)
				if (c.option === name && this.findElement('data-field', c.cbid(sid)))
					return [ c, sid ];
		return null;
	},
	load: function() {
		return Promise.all([ this.readonly ?? callAccess('uci', this.config, 'write'), uci.load(this.config) ]).then(([ may ]) => {
			if (may === false)
				this.readonly = true;
			this.children.forEach(s => s.load());
		});
	},
	render: function() { return this.load().then(() => this.renderContents()); },
	reset: function() { return this.renderContents(); },
	checkDepends: function() { for (let i = 0; i < 9 && this.children.filter(s => s.checkDepends()).length; i++); },
	renderContents: function() {
		const open = this.root?.querySelector('.cbi-tabmenu .cbi-tab')?.dataset.tab;
		this.root ??= E('div', { 'class': 'cbi-map', 'id': `cbi-${this.config}` }, []);
		dom.bindClassInstance(this.root, this);
		const nodes = this.children.map((s, i) => {
			const node = s.render();
			if (this.tabbed)
				dom.attr(node, { 'data-tab': s.sectiontype ?? String(i), 'data-tab-title': s.title });
			return node;
		});
		dom.content(this.root, [ this.title ? E('h2', {}, [ this.title ]) : null, this.description ? E('div', { 'class': 'cbi-map-descr' }, this.description) : null,
			this.tabbed ? E('div', { 'class': 'cbi-map-tabbed' }, nodes) : E('div', {}, nodes) ]);
		for (let group of this.root.querySelectorAll('.cbi-map-tabbed, .cbi-section-node-tabbed'))
			ui.tabs.initTabGroup(group.childNodes);
		if (open)
			this.root.querySelector(`.cbi-tabmenu li[data-tab="${open}"] a`)?.click();
		this.checkDepends();
		return Promise.resolve(this.root);
	},
	parse: function() { return Promise.resolve().then(() => this.children.forEach(s => s.parse())); },
	save: function(cb, silent) {
		this.checkDepends();
		return this.parse().then(cb).then(() => uci.save()).then(() => this.load()).catch(e => {
			if (!silent)
				ui.showModal(_('Save error'), [ E('p', {}, [ e.message ]) ]);
			throw e;
		}).then(() => this.renderContents());
	}
});

return baseclass.extend({ Map: Map_, NamedSection, TypedSection: NamedSection, GridSection, Value, Flag, ListValue, MultiValue, DynamicList });
