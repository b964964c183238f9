'use strict';
'require baseclass';
'require rpc';

const call = (method, params, expect) => rpc.declare({ object: 'uci', method, params, expect, reject: true });
const callGet = call('get', [ 'config' ], { values: {} });
const callAdd = call('add', [ 'config', 'type', 'name', 'values' ], { section: '' });
const callSet = call('set', [ 'config', 'section', 'values' ]);
const callDelete = call('delete', [ 'config', 'section', 'options' ]);
const callOrder = call('order', [ 'config', 'sections' ]);

const own = (o, k) => Object.hasOwn(o ?? {}, k);

return baseclass.extend({
	__init__: function() {
		this.state = { newidx: 0, values: {}, creates: {}, changes: {}, deletes: {}, reorder: {} };
		this.loaded = {};
	},

	load: function(configs) {
		const list = Array.isArray(configs) ? configs : [ configs ];
		return Promise.all(list.map(c => this.loaded[c] ??= callGet(c).then(v => { this.state.values[c] = v; }))).then(() => list);
	},

	unload: function(configs) {
		for (let c of L.toArray(configs)) {
			delete this.loaded[c];
			for (let part of [ 'values', 'creates', 'changes', 'deletes', 'reorder' ])
				delete this.state[part][c];
		}
	},

	add: function(conf, type, name) {
		const sid = name || `new${(++this.state.newidx).toString(16)}0000`;
		(this.state.creates[conf] ??= {})[sid] = { '.type': type, '.name': sid, '.create': name, '.anonymous': !name, '.index': 1000 + this.state.newidx };
		return sid;
	},

	remove: function(conf, sid) {
		if (own(this.state.creates[conf], sid))
			delete this.state.creates[conf][sid];
		else
			(this.state.deletes[conf] ??= {})[sid] = true;
		delete this.state.changes[conf]?.[sid];
	},

	/* A section as a whole: as the true one, it mixes the changes into what was read. */
	whole: function(conf, sid) {
		const s = this.state, base = s.creates[conf]?.[sid] ?? s.values[conf]?.[sid];

		if (base == null || s.deletes[conf]?.[sid] === true)
			return null;
		Object.assign(base, s.changes[conf]?.[sid]);
		for (let k in s.deletes[conf]?.[sid] ?? {})
			delete base[k];
		return base;
	},

	get: function(conf, sid, opt) {
		if (opt == null)
			return this.whole(conf, sid);

		const s = this.state, deleted = s.deletes[conf]?.[sid];
		const base = s.creates[conf]?.[sid] ?? s.values[conf]?.[sid];

		if (base == null || deleted === true)
			return null;
		if (own(s.changes[conf]?.[sid], opt))
			return s.changes[conf][sid][opt];
		return deleted?.[opt] ? null : base[opt] ?? null;
	},

	set: function(conf, sid, opt, val) {
		const s = this.state;

		if (val == null || val === '')
			return this.unset(conf, sid, opt);
		if (own(s.creates[conf], sid))
			s.creates[conf][sid][opt] = val;
		else {
			((s.changes[conf] ??= {})[sid] ??= {})[opt] = val;
			delete s.deletes[conf]?.[sid]?.[opt];
		}
	},

	unset: function(conf, sid, opt) {
		const s = this.state;

		delete s.changes[conf]?.[sid]?.[opt];
		if (own(s.creates[conf], sid))
			delete s.creates[conf][sid][opt];
		else if (s.values[conf]?.[sid]?.[opt] != null)
			((s.deletes[conf] ??= {})[sid] ??= {})[opt] = true;
	},

	sections: function(conf, type, cb) {
		const s = this.state, ids = Object.keys(s.values[conf] ?? {}).concat(Object.keys(s.creates[conf] ?? {}));
		/* as the true one, without a look at deleted options */
		const one = id => (s.deletes[conf]?.[id] === true) ? null : { ...(s.values[conf]?.[id] ?? s.creates[conf]?.[id]), ...(s.changes[conf]?.[id] ?? {}) };
		const list = ids.map(one).filter(x => x && (!type || x['.type'] === type)).sort((a, b) => a['.index'] - b['.index']);
		if (cb)
			list.forEach(x => cb(x, x['.name']));
		return list;
	},

	move: function(conf, a, b, after) {
		const list = this.sections(conf), from = list.findIndex(x => x['.name'] === a), [ moved ] = list.splice(from, 1);
		list.splice(list.findIndex(x => x['.name'] === b) + (after ? 1 : 0), 0, moved);
		list.forEach((x, i) => {
			const base = this.state.creates[conf]?.[x['.name']] ?? this.state.values[conf][x['.name']];
			base['.index'] = i;
		});
		this.state.reorder[conf] = true;
		return true;
	},

	save: async function() {
		const s = this.state, touched = new Set();

		for (let conf in s.creates)
			for (let sid in s.creates[conf]) {
				const { '.type': type, '.create': name, ...rest } = s.creates[conf][sid];
				const values = Object.fromEntries(Object.entries(rest).filter(e => !e[0].startsWith('.')));
				await callAdd(conf, type, name, values);
				touched.add(conf);
			}
		for (let conf in s.changes)
			for (let sid in s.changes[conf])
				if (Object.keys(s.changes[conf][sid]).length) {
					await callSet(conf, sid, s.changes[conf][sid]);
					touched.add(conf);
				}
		for (let conf in s.deletes)
			for (let sid in s.deletes[conf]) {
				const d = s.deletes[conf][sid];
				if (d === true || Object.keys(d).length) {
					await callDelete(conf, sid, d === true ? undefined : Object.keys(d));
					touched.add(conf);
				}
			}
		for (let conf in s.reorder)
			if (s.reorder[conf]) {
				await callOrder(conf, this.sections(conf).map(x => x['.name']));
				touched.add(conf);
			}
		for (let conf of touched)
			this.unload(conf);
		await this.load(Array.from(touched));
	}
});
