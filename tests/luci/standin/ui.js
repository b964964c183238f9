'use strict';
'require baseclass';
'require dom';
'require rpc';
'require validation';

const callApply = rpc.declare({ object: 'uci', method: 'apply', params: [ 'timeout', 'rollback' ], reject: true });
const callConfirm = rpc.declare({ object: 'uci', method: 'confirm', reject: true });

/* What all inputs have in common; changes are told to the form around them. */
const AbstractElement = baseclass.extend({
	__init__: function(value, options) { this.value = value; this.options = options ?? {}; },

	frame: function(children, cls) {
		this.node = E('div', { 'id': this.options.id, 'class': cls ?? null }, children);
		dom.bindClassInstance(this.node, this);
		for (let type of [ 'change', 'input' ])
			this.node.addEventListener(type, ev => {
				this.triggerValidation();
				if (ev.type === 'change')
					dom.findClassInstance(this.node.closest('.cbi-map')).checkDepends();
			});
		this.triggerValidation();
		return this.node;
	},

	values: function() { return L.toArray(this.getValue()); },

	/* Each value by its datatype, then all by the option's own function. */
	triggerValidation: function() {
		const o = this.options, values = this.values();

		this.error = (!values.length && o.optional === false) ? _('a value is needed') : '';
		for (let v of values)
			if (!this.error && o.datatype && !validation.check(o.datatype, String(v)))
				this.error = `${o.datatype}`;
		for (let v of values)
			if (!this.error && o.validate) {
				const r = o.validate(v);
				this.error = (r === true || r == null) ? '' : String(r);
			}
		for (let input of this.node?.querySelectorAll('input, select') ?? [])
			input.classList.toggle('cbi-input-invalid', this.error !== '');
		return !this.error;
	},
	isValid: function() { return this.triggerValidation(); },
	getValidationError: function() { return this.error; }
});

const Textfield = AbstractElement.extend({
	render: function() {
		const o = this.options;
		this.input = E('input', { 'type': o.password ? 'password' : 'text', 'class': 'cbi-input-text', 'id': `widget.${o.id}`, 'placeholder': o.placeholder, 'disabled': o.disabled ? '' : null,
			'value': this.value, 'list': o.choices ? `list.${o.id}` : null });
		return this.frame([ this.input, o.choices ? E('datalist', { 'id': `list.${o.id}` }, Object.keys(o.choices).map(k => E('option', { 'value': k }, [ o.choices[k] ]))) : null ]);
	},
	getValue: function() { return this.input.value; }
});

const Checkbox = AbstractElement.extend({
	render: function() {
		const o = this.options;
		this.input = E('input', { 'type': 'checkbox', 'id': `widget.${o.id}`, 'checked': (this.value == o.value_enabled) ? '' : null, 'disabled': o.disabled ? '' : null });
		return this.frame([ this.input ], 'cbi-checkbox');
	},
	isChecked: function() { return this.input.checked; },
	getValue: function() { return this.input.checked ? this.options.value_enabled : this.options.value_disabled; }
});

const Select = AbstractElement.extend({
	render: function() {
		const o = this.options, keys = (o.sort ?? Object.keys(o.choices)).slice();
		if ((o.optional || this.value == null) && !keys.includes('') && !o.multiple)
			keys.unshift('');
		const chosen = L.toArray(this.value);
		this.input = E('select', { 'class': 'cbi-input-select', 'id': `widget.${o.id}`, 'multiple': o.multiple ? '' : null, 'disabled': o.disabled ? '' : null }, keys.map(k => E('option', {
			'value': k, 'selected': (chosen.includes(k) || (k === '' && this.value == null)) ? '' : null }, [ o.choices[k] ?? _('-- Please choose --') ])));
		return this.frame([ this.input ]);
	},
	getValue: function() {
		return this.options.multiple ? Array.from(this.input.selectedOptions, x => x.value) : this.input.value;
	}
});

const DynamicList = AbstractElement.extend({
	render: function() {
		const o = this.options, list = E('div', { 'class': 'cbi-dynlist' }, []);
		const add = v => list.insertBefore(E('div', { 'class': 'item', 'data-value': v, 'tabindex': 0 }, [
			E('span', {}, [ v ]), E('button', { 'type': 'button', 'aria-label': `− ${v}`, 'disabled': o.disabled ? '' : null, 'click': ev => {
				ev.target.closest('.item').remove();
				list.dispatchEvent(new Event('change', { bubbles: true }));
			} }, [ '×' ]) ]), this.input);

		this.list = list;
		this.input = E('input', { 'type': 'text', 'class': 'cbi-input-text', 'id': `widget.${o.id}`, 'placeholder': o.placeholder, 'list': `list.${o.id}`, 'disabled': o.disabled ? '' : null, 'keydown': ev => {
			if (ev.key === 'Enter' && this.input.value) {
				ev.preventDefault();
				add(this.input.value);
				this.input.value = '';
				list.dispatchEvent(new Event('change', { bubbles: true }));
			}
		} });
		list.appendChild(this.input);
		L.toArray(this.value).forEach(add);
		return this.frame([ list, E('datalist', { 'id': `list.${o.id}` }, Object.keys(o.choices ?? {}).map(k => E('option', { 'value': k }, [ o.choices[k] ]))) ]);
	},
	getValue: function() { return Array.from(this.list.querySelectorAll('.item'), n => n.dataset.value).concat(this.input.value ? [ this.input.value ] : []); }
});

const tabs = {
	/* A row of tabs above panes with data-tab and data-tab-title. */
	initTabGroup(panes) {
		const list = Array.from(panes).filter(p => p.nodeType == 1 && p.hasAttribute('data-tab'));
		if (!list.length || list[0].parentNode.previousElementSibling?.matches('.cbi-tabmenu'))
			return;
		const show = pane => {
			list.forEach(p => { p.hidden = (p !== pane); });
			menu.querySelectorAll('li').forEach(li => li.classList.toggle('cbi-tab', li.dataset.tab === pane.dataset.tab));
		};
		const menu = E('ul', { 'class': 'cbi-tabmenu' }, list.map(p => E('li', { 'data-tab': p.dataset.tab }, [
			E('a', { 'href': '#', 'click': ev => { ev.preventDefault(); show(p); } }, [ p.dataset.tabTitle ]) ])));
		list[0].parentNode.parentNode.insertBefore(menu, list[0].parentNode);
		show(list[0]);
	}
};

return baseclass.extend({
	AbstractElement, Textfield, Checkbox, Select, DynamicList, tabs,

	instantiateView: function(path) {
		this.frame();
		return L.require(`view.${path.replace(/\//g, '.')}`).then(v => v.appear ? v.appear() : null).catch(e => {
			dom.content(document.getElementById('view'), E('div', { 'class': 'alert-message danger' }, [ String(e.stack ?? e) ]));
			setTimeout(() => { throw e; });
		});
	},

	frame: function() {
		if (document.getElementById('modal_overlay'))
			return;
		document.body.appendChild(E('div', { 'id': 'modal_overlay', 'tabindex': '-1' }, [ E('div', { 'class': 'modal', 'role': 'dialog', 'aria-modal': 'true' }, []) ]));
		document.addEventListener('keydown', ev => {
			if (ev.key === 'Escape' && document.body.classList.contains('modal-overlay-active'))
				document.querySelector('#modal_overlay .right > button, #modal_overlay .button-row > button')?.click();
		});
	},

	showModal: function(title, children, ...classes) {
		const dialog = document.querySelector('#modal_overlay > .modal');

		dialog.setAttribute('class', [ 'modal', ...classes ].join(' '));
		dom.content(dialog, E('h4', {}, title));
		dom.append(dialog, children);
		document.body.classList.add('modal-overlay-active');
		document.getElementById('modal_overlay').focus();
		return dialog;
	},

	hideModal: function() { document.body.classList.remove('modal-overlay-active'); },

	addNotification: function(title, children, ...classes) {
		const node = E('div', { 'class': [ 'alert-message', 'fade-in', ...classes ].join(' ') }, [ E('div', {}, []) ]);

		if (title != null)
			dom.append(node.firstElementChild, E('h4', {}, title));
		dom.append(node.firstElementChild, children);
		document.getElementById('maincontent').prepend(node);
		return node;
	},

	createHandlerFn: function(ctx, fn, ...args) {
		const f = (typeof(fn) == 'string') ? ctx[fn] : fn;

		if (typeof(f) != 'function')
			return null;
		return ev => {
			const t = ev.currentTarget;

			t.classList.add('spinning');
			t.disabled = true;
			return Promise.resolve(f.apply(ctx, args.concat([ ev ]))).finally(() => {
				t.classList.remove('spinning');
				t.disabled = false;
			});
		};
	},

	addValidator: function(field, type, optional, fn, ...events) {
		const check = () => {
			const ok = (field.value === '' || validation.check(type, field.value)) && fn(field.value) === true;
			field.classList.toggle('cbi-input-invalid', !ok);
		};
		events.forEach(e => field.addEventListener(e, check));
	},

	showIndicator: function() {}, hideIndicator: function() {}, itemlist: function() {},

	changes: {
		/* As LuCI: with a rollback that a confirmation stops, if the page still reaches the router. */
		apply: checked => callApply(checked ? L.env.apply_rollback : 0, Boolean(checked))
			.then(() => new Promise(done => setTimeout(done, 1000 * L.env.apply_holdoff)))
			.then(() => checked ? callConfirm() : null),
		revert: () => {}, init: () => {}
	}
});
