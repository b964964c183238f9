'use strict';
/* Classes, the loader of modules, elements, polling, views. */
(function(scope) {
	let serial = 0;
	const instances = new WeakMap();

	class Base {
		super(name, args) {
			const chain = this.__super ??= new Map();
			let proto = chain.get(name) ?? this.__proto(name);
			let next = Object.getPrototypeOf(proto);

			while (next && !Object.hasOwn(next, name))
				next = Object.getPrototypeOf(next);
			if (!next || typeof(next[name]) != 'function')
				return undefined;
			chain.set(name, next);
			try { return next[name].apply(this, args ?? []); }
			finally { if (proto === this.__proto(name)) chain.delete(name); else chain.set(name, proto); }
		}

		/* where a method is that the caller is in: the lowest one */
		__proto(name) {
			let p = this;
			while (!Object.hasOwn(p, name))
				p = Object.getPrototypeOf(p);
			return p;
		}

		static extend(properties) {
			const made = class extends this {};
			for (let k of Reflect.ownKeys(properties))
				Object.defineProperty(made.prototype, k, { ...Object.getOwnPropertyDescriptor(properties, k), enumerable: false, configurable: true, ...('value' in Object.getOwnPropertyDescriptor(properties, k) ? { writable: true } : {}) });
			return made;
		}

		constructor(...args) { this.__init__?.(...args); }

		varargs(args, offset, ...before) { return before.concat(Array.from(args).slice(offset)); }
	}

	const dom = {
		elem: e => e != null && typeof(e) == 'object' && 'nodeType' in e,
		parse: s => document.createRange().createContextualFragment(s).firstElementChild,
		matches: (n, s) => dom.elem(n) && n.matches?.(s),
		parent: (n, s) => n?.closest?.(s),
		append(node, children) {
			if (Array.isArray(children))
				for (let c of children)
					if (dom.elem(c))
						node.appendChild(c);
					else if (c != null)
						node.appendChild(document.createTextNode(`${c}`));
					else
						continue;
			else if (typeof(children) == 'function')
				dom.append(node, children(node));
			else if (dom.elem(children))
				node.appendChild(children);
			else if (children != null)
				node.innerHTML = `${children}`; // as dangerous as the true one, so that tests show it
			return node.lastChild;
		},
		content(node, children) {
			node.replaceChildren();
			return dom.append(node, children);
		},
		attr(node, attrs) {
			for (let k in attrs ?? {})
				if (attrs[k] == null)
					continue;
				else if (typeof(attrs[k]) == 'function')
					node.addEventListener(k, attrs[k]);
				else
					node.setAttribute(k, attrs[k]);
		},
		create(html, attrs, children) {
			if (Array.isArray(html)) {
				const fragment = document.createDocumentFragment();
				dom.append(fragment, html);
				return fragment;
			}
			if (attrs != null && (typeof(attrs) != 'object' || Array.isArray(attrs) || dom.elem(attrs)))
				[ attrs, children ] = [ null, attrs ];
			const node = html.charAt(0) === '<' ? dom.parse(html) : document.createElement(html);
			dom.attr(node, attrs);
			dom.append(node, children);
			return node;
		},
		bindClassInstance(node, inst) { instances.set(node, inst); return inst; },
		findClassInstance(node) {
			let inst = null;
			for (; node && !inst; node = node.parentNode)
				inst = instances.get(node);
			return inst;
		}
	};

	const poll = {
		queue: [], tick: 0,
		add(fn, interval) {
			const entry = { fn, interval: interval || L.env.pollinterval, busy: false };
			this.queue.push(entry);
			this.timer ??= window.setInterval(() => this.step(), 1000);
			Promise.resolve().then(() => this.run(entry));
			return true;
		},
		remove(fn) { this.queue = this.queue.filter(e => e.fn !== fn); },
		run(e) {
			if (e.busy)
				return;
			e.busy = true;
			Promise.resolve(e.fn()).finally(() => { e.busy = false; });
		},
		step() {
			this.tick++;
			for (let e of this.queue)
				if (this.tick % e.interval == 0)
					this.run(e);
		},
		active() { return this.timer != null; },
		start() {}, stop() {}
	};

	const View = Base.extend({
		__name__: 'view',
		load: function() {}, render: function() {},
		handleSave: function() { return this.eachMap(m => m.save()); },
		handleSaveApply: function(ev, mode) { return this.handleSave(ev).then(() => L.ui.changes.apply(mode == '0')); },
		handleReset: function() { return this.eachMap(m => m.reset()); },
		eachMap: fn => Promise.all(Array.from(document.querySelectorAll('#maincontent .cbi-map')).map(n => fn(dom.findClassInstance(n)))),
		appear: function() {
			const vp = document.getElementById('view');
			return Promise.resolve(this.load()).then(data => this.render(data)).then(nodes => {
				dom.content(vp, nodes);
				dom.append(vp, this.addFooter());
			});
		},
		addFooter: function() {
			const ui = L.ui, readonly = L.hasViewPermission() ? null : true;
			const button = (cls, text, name, mode) => this[name] ? E('button', {
				'class': `cbi-button ${cls}`, 'disabled': readonly, 'click': ui.createHandlerFn(this, ev => this[name](ev, mode)) }, [ text ]) : null;
			return (this.handleSave || this.handleSaveApply || this.handleReset) ? E('div', { 'class': 'cbi-page-actions' }, [
				button('cbi-button-apply', _('Save & Apply'), 'handleSaveApply', '0'), ' ',
				button('cbi-button-save', _('Save'), 'handleSave'), ' ', button('cbi-button-reset', _('Reset'), 'handleReset') ]) : E('div');
		}
	});

	const modules = { baseclass: Base, dom, poll, view: View, request: {} };

	class LuCI {
		constructor(env) {
			this.env = env;
			this.loading = {};
			this.dom = dom;
			scope.E = dom.create;
		}

		require(name) {
			if (modules[name])
				return Promise.resolve(modules[name]);
			return this.loading[name] ??= this.load(name);
		}

		async load(name) {
			const url = `${this.env.resource}/${name.replace(/\./g, '/')}.js`;
			const res = await fetch(url);
			if (!res.ok)
				throw new Error(`module ${name}: ${res.status}`);
			const source = await res.text();
			const wants = Array.from(source.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)).map(m => [ m[1], m[2] ?? m[1].replace(/[^a-zA-Z0-9_]/g, '_') ]);
			const deps = await Promise.all(wants.map(w => this.require(w[0])));
			const made = new Function('window', 'document', 'L', ...wants.map(w => w[1]), `${source}\n//# sourceURL=${url}`)(window, document, this, ...deps);
			const instance = (typeof(made) == 'function') ? new made() : made;
			if (name === 'ui')
				this.ui = instance;
			return modules[name] = instance;
		}

		resource(...parts) { return `${this.env.resource}/${parts.join('/')}`; }
		url(...parts) { return [ this.env.scriptname, ...parts ].join('/'); }
		hasViewPermission() { return !this.env.nodespec.readonly; }
		hasSystemFeature() { return true; }
		resolveDefault(value, other) { return Promise.resolve(value).catch(() => other); }
		bind(fn, self, ...args) { return fn.bind(self, ...args); }
		isObject(v) { return v != null && typeof(v) == 'object'; }
		toArray(v) { return (v == null || v === '') ? [] : Array.isArray(v) ? v : (typeof(v) == 'object') ? [ v ] : String(v).trim().split(/\s+/); }
		sortedKeys(o) { return Object.keys(o).sort(); }
		raise(type, format, ...args) { throw Object.assign(new Error(format.format(...args)), { name: type }); }
		error(type, format, ...args) { console.error(format?.format?.(...args) ?? type); this.raise(type, String(format), ...args); }
		id() { return ++serial; }
	}

	scope.LuCI = LuCI;
})(window);
