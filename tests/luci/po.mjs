/* Reads and writes gettext's files as far as LuCI uses them: msgid, msgctxt, plurals. */
import { readFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/* The entries of a file: { id, plural, context, strings }. */
export function parsePO(text) {
	const out = [];
	let entry = null, target = null;

	for (const line of text.split('\n')) {
		const m = /^(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?) (".*")$/.exec(line);
		const more = /^(".*")$/.exec(line);
		const add = s => {
			if (target === 'msgstr')
				entry.strings[entry.strings.length - 1] += s;
			else
				entry[target] = (entry[target] ?? '') + s;
		};

		if (m) {
			if (m[1] === 'msgctxt' || (m[1] === 'msgid' && target !== 'context')) {
				entry = { strings: [] };
				out.push(entry);
			}
			if (m[1].startsWith('msgstr')) {
				target = 'msgstr';
				entry.strings.push('');
			}
			else {
				target = { msgctxt: 'context', msgid: 'id', msgid_plural: 'plural' }[m[1]];
			}
			add(JSON.parse(m[3]));
		}
		else if (more) {
			add(JSON.parse(more[1]));
		}
	}
	return out;
}

/* As LuCI looks them up: by text, plurals by the text and the index of the form. */
export async function readPO(app, lang) {
	const dir = join(app, 'po', lang), out = {};
	let files = [];

	try { files = readdirSync(dir); } catch { return out; }
	for (const file of files) {
		for (const e of parsePO(await readFile(join(dir, file), 'utf8'))) {
			if (!e.id || !e.strings[0])
				continue;
			if (e.plural == null)
				out[e.id] = e.strings[0];
			else
				e.strings.forEach((s, i) => { out[`${e.id}\u0001${i}`] = s; });
		}
	}
	return out;
}
