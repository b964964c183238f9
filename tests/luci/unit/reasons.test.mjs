import test, { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apps, root } from '../server.mjs';
import { module, translate } from './load.mjs';
import { readPO } from '../po.mjs';

const reasons = module('multiwan.reasons');
const go = file => readFileSync(join(root, 'src', file), 'utf8');

afterEach(() => translate({}));

test('what the daemon says is known in german', async () => {
	const texts = [
		...go('core/health/state.go').matchAll(/ Failure = "(.+)"/g), ...go('core/plan/facts.go').matchAll(/return "([a-z ]+)"/g),
		...go('core/health/machine.go').matchAll(/reason(?: :?=|:|, reason :?= \w+,) "(.+?)"/g), ...go('core/health/machine.go').matchAll(/^\t\treturn "(.+)"/gm)
	].map(m => m[1]);

	assert.ok(texts.length >= 17, texts.join('\n'));
	translate(await readPO(apps[0], 'de'));
	for (const t of texts)
		assert.notEqual(reasons.words(t), t);
	assert.equal(reasons.words('builtin: 49 probes in a row lost in 1865 ms'), 'builtin: 49 Proben nacheinander verloren, in 1865 ms');
	assert.equal(reasons.words('far: loss 40 %, latency 12 ms'), 'far: Verlust 40 %, Laufzeit 12 ms');
});

test('the forms with numbers are the daemon\'s', () => {
	assert.ok(go('core/health/suspicion.go').includes('"%d probes in a row lost in %d ms"'));
	assert.ok(go('core/health/quality.go').includes('"loss %.0f %%, latency %d ms"'));
});

test('english and what is not known stay as they are', () => {
	for (const t of [ 'probes are answered', 'builtin: 49 probes in a row lost in 1865 ms', 'far: loss 40 %, latency 12 ms', 'something: else', 'unheard of', '' ])
		assert.equal(reasons.words(t), t);
	assert.equal(reasons.words(null), '');
});
