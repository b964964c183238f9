/* rpcd's uci object in memory: a configuration in force, and staged changes. */
export class UCI {
	constructor(configs) {
		this.live = structuredClone(configs);
		this.staged = structuredClone(configs);
		this.previous = null;
		this.calls = [];
		this.next = 1;
	}

	section(config, name) {
		return this.staged[config]?.find(s => s['.name'] === name);
	}

	/* [status, data] as a call of ubus answers */
	call(method, a) {
		this.calls.push([ method, a ]);
		const list = this.staged[a.config];

		switch (method) {
		case 'get': {
			if (!list)
				return [ 4 ];
			const values = {};
			list.forEach((s, i) => { values[s['.name']] = { ...s, '.index': i }; });
			return [ 0, { values } ];
		}
		case 'set':
			Object.assign(this.section(a.config, a.section), a.values);
			return [ 0 ];
		case 'add': {
			const name = a.name || `cfg${String(this.next++).padStart(2, '0')}abcd`;
			list.push({ '.type': a.type, '.name': name, '.anonymous': !a.name, ...(a.values ?? {}) });
			return [ 0, { section: name } ];
		}
		case 'delete':
			if (a.options || a.option)
				for (const o of a.options ?? [ a.option ])
					delete this.section(a.config, a.section)?.[o];
			else
				this.staged[a.config] = list.filter(s => s['.name'] !== a.section);
			return [ 0 ];
		case 'order':
			this.staged[a.config] = [ ...a.sections.map(n => this.section(a.config, n)).filter(s => s), ...list.filter(s => !a.sections.includes(s['.name'])) ];
			return [ 0 ];
		case 'changes': {
			const changes = {};
			for (const c in this.staged)
				if (JSON.stringify(this.staged[c]) !== JSON.stringify(this.live[c]))
					changes[c] = [ [ 'set', 'globals', 'enabled', '1' ] ];
			return [ 0, a.config ? { changes: changes[a.config] ?? [] } : { changes } ];
		}
		case 'apply':
			this.previous = this.live;
			this.live = structuredClone(this.staged);
			this.rollback = a.rollback ? a.timeout : 0;
			return [ 0 ];
		case 'confirm':
			this.previous = null;
			return [ 0 ];
		case 'rollback':
			this.live = this.previous ?? this.live;
			this.staged = structuredClone(this.live);
			return [ 0 ];
		case 'revert':
			this.staged[a.config] = structuredClone(this.live[a.config]);
			return [ 0 ];
		}
		return [ 3 ];
	}
}
