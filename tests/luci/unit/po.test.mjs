import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { apps } from '../server.mjs';
import { parsePO } from '../po.mjs';
import { scan, template, templatePath } from '../pot.mjs';

const holes = s => Array.from(s.matchAll(/%(\d*[sdfh]|%)/g), m => m[0]).sort().join(' ');

test('the scanner finds texts and plurals', () => {
	assert.deepEqual(scan(`_('a\\'b') + N_(list.length, 'one', 'many') + x_('no')`).map(e => [ e.id, e.plural ]), [ [ 'a\'b', undefined ], [ 'one', 'many' ] ]);
});

for (const app of apps) {
	const name = basename(app);

	test(`${name}: the template has all texts (make docs)`, () => {
		assert.equal(readFileSync(templatePath(app), 'utf8'), template(app));
	});

	/* A changed help text of an option may wait for its translation: 5 of 100 at most. */
	test(`${name}: german has all texts, and the same places for values`, () => {
		const want = parsePO(template(app)).filter(e => e.id);
		const have = new Map(parsePO(readFileSync(join(app, 'po/de', basename(templatePath(app)).replace('.pot', '.po')), 'utf8')).map(e => [ e.id, e ]));
		const missing = want.filter(e => !have.get(e.id)?.strings.every(s => s)).map(e => e.id);

		assert.ok(missing.length <= want.length / 20, `not translated:\n${missing.join('\n')}`);
		for (const e of want.filter(x => !missing.includes(x.id)))
			for (const s of have.get(e.id).strings)
				assert.equal(holes(s), holes(e.plural && s === have.get(e.id).strings[1] ? e.plural : e.id), e.id);
	});
}
