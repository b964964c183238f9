'use strict';
'require baseclass';
'require multiwan.rpc as calls';
'require uci';

const CONFIG = 'multiwan';

function quoted(text) {
	return `'${String(text).replace(/'/g, `'\\''`)}'`;
}

/* Sections in the language of configuration files. The changes of a session are
   rpcd's: the daemon has to be told what the file would be. */
function toText(sections) {
	return sections.map(s => {
		const name = (s['.anonymous'] || !s['.name']) ? '' : ` ${quoted(s['.name'])}`;
		const lines = [ `config ${s['.type']}${name}` ];

		for (let key of Object.keys(s).filter(k => !k.startsWith('.')))
			if (Array.isArray(s[key]))
				lines.push(...s[key].map(v => `\tlist ${key} ${quoted(v)}`));
			else if (s[key] != null)
				lines.push(`\toption ${key} ${quoted(s[key])}`);
		return lines.join('\n') + '\n';
	}).join('\n');
}

/* The id of the section that a finding is about: its name, or the n-th of a type. */
function sectionOf(finding, sections) {
	const m = /^@([^[]+)\[(\d+)\]$/.exec(finding.section ?? '');

	if (!m)
		return finding.section || null;
	return sections.filter(s => s['.type'] === m[1])[Number(m[2])]?.['.name'] ?? null;
}

return baseclass.extend({
	toText: toText,
	sectionOf: sectionOf,

	/* Sections in their order, with what the form has changed. Each option is
	   asked for by itself: a section as a whole does not know of options that
	   are deleted, and asking for it would mix the changes into what was read. */
	sections: function() {
		return uci.sections(CONFIG).map(s => {
			const out = {};

			for (let key in s)
				out[key] = key.startsWith('.') ? s[key] : uci.get(CONFIG, s['.name'], key);
			return out;
		}).sort((a, b) => (a['.index'] ?? 0) - (b['.index'] ?? 0));
	},

	/* Asks the daemon: { errors, warnings } with the ids of sections, or { failed } where it cannot be asked. */
	ask: function() {
		const sections = this.sections();

		return calls.check(toText(sections)).then(answer => ({
			errors: (answer.errors ?? []).map(f => Object.assign({}, f, { sid: sectionOf(f, sections) })),
			warnings: (answer.warnings ?? []).map(f => Object.assign({}, f, { sid: sectionOf(f, sections) }))
		})).catch(error => ({ errors: [], warnings: [], failed: error }));
	}
});
