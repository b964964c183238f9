/* Writes the templates of translations out of the pages, or with --check says
   what they lack. As LuCI's own scanner: _('text'), N_(n, 'one', 'many'), titles
   of menus and descriptions of rights. */
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apps } from './server.mjs';

function files(dir) {
	try {
		return readdirSync(dir).sort().flatMap(f => statSync(join(dir, f)).isDirectory() ? files(join(dir, f)) : [ join(dir, f) ]);
	}
	catch (e) {
		if (e.code === 'ENOENT')
			return [];
		throw e;
	}
}

const text = `'((?:[^'\\\\]|\\\\.)*)'`;
const unescape = s => s.replace(/\\(.)/g, (_, c) => (c === 'n') ? '\n' : c);

/* The texts of one file: { id, plural, line }. */
export function scan(source) {
	const out = [], line = at => source.slice(0, at).split('\n').length;

	for (const m of source.matchAll(new RegExp(`\\b_\\(${text}`, 'g')))
		out.push({ id: unescape(m[1]), line: line(m.index) });
	for (const m of source.matchAll(new RegExp(`\\bN_\\([^']*?,\\s*${text},\\s*${text}`, 'g')))
		out.push({ id: unescape(m[1]), plural: unescape(m[2]), line: line(m.index) });
	return out;
}

function ofJSON(source) {
	return Array.from(source.matchAll(/"(?:title|description)": "([^"]+)"/g), m => ({ id: m[1], line: source.slice(0, m.index).split('\n').length }));
}

const quote = s => JSON.stringify(s);

/* The template of an application, sorted by text. */
export function template(app) {
	const all = new Map();

	for (const f of files(join(app, 'htdocs')).filter(x => x.endsWith('.js')).concat(files(join(app, 'root')).filter(x => x.endsWith('.json')))) {
		const source = readFileSync(f, 'utf8');
		for (const e of f.endsWith('.js') ? scan(source) : ofJSON(source)) {
			const entry = all.get(e.id) ?? { ...e, places: [] };
			entry.plural ??= e.plural;
			entry.places.push(relative(app, f));
			all.set(e.id, entry);
		}
	}
	return [ 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n' ].concat(Array.from(all.values()).sort((a, b) => a.id < b.id ? -1 : 1).map(e =>
		`#: ${Array.from(new Set(e.places)).join(' ')}\nmsgid ${quote(e.id)}\n${e.plural != null ? `msgid_plural ${quote(e.plural)}\nmsgstr[0] ""\nmsgstr[1] ""\n` : 'msgstr ""\n'}`)).join('\n');
}

export const templatePath = app => join(app, 'po/templates', `${basename(app).replace(/^luci-(app|proto)-/, '')}.pot`);

if (process.argv[1] === fileURLToPath(import.meta.url))
	for (const app of apps)
		writeFileSync(templatePath(app), template(app));
