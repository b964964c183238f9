/* ESLint over the pages and their tests, as tests: one for each file. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { root } from './server.mjs';

const eslint = new ESLint({ cwd: root, overrideConfigFile: fileURLToPath(new URL('eslint.config.mjs', import.meta.url)) });
const results = await eslint.lintFiles([ 'luci-app', 'tests/luci' ]);

for (const r of results)
	test(`lint ${relative(root, r.filePath)}`, () => {
		assert.deepEqual(r.messages.map(m => `${m.line}:${m.column} ${m.message} (${m.ruleId})`), []);
	});

test('lint finds the pages', () => assert.ok(results.length > 30, `${results.length} files`));
