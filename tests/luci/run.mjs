/* Runs ESLint, the unit tests and the browser tests, and tells them as
   `go test -json` does: tests/report counts them. A test that is skipped fails. */
import { run } from 'node:test';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const files = [ 'lint.mjs', ...[ 'unit', 'browser' ].flatMap(dir => readdirSync(join(here, dir)).filter(f => f.endsWith('.test.mjs')).map(f => join(dir, f))) ].map(f => join(here, f));
const chosen = process.argv.length > 2 ? files.filter(f => process.argv.slice(2).some(a => f.includes(a))) : files;
const Package = 'multiwan/tests/luci';
const begin = Date.now();
let failed = 0, passed = 0;

const say = event => process.stdout.write(`${JSON.stringify({ Package, ...event })}\n`);

/* A file or a group is no test, unless it fails by itself. */
const isGroup = data => files.some(f => data.name === f || data.name === relative(process.cwd(), f)) || data.details?.type === 'suite' || [ 'status', 'configuration', 'other pages' ].includes(data.name);

function cause(error) {
	const inner = error?.cause ?? error;
	return `${inner?.message ?? inner}\n${inner?.stack ?? ''}\n`;
}

const stream = run({ files: chosen, concurrency: 2, timeout: 600000 });

stream.on('test:pass', data => {
	if (isGroup(data))
		return;
	const skipped = data.skip !== undefined || data.todo !== undefined;
	skipped ? failed++ : passed++;
	if (skipped)
		say({ Action: 'output', Test: data.name, Output: 'skipped\n' });
	say({ Action: skipped ? 'fail' : 'pass', Test: data.name, Elapsed: (data.details?.duration_ms ?? 0) / 1000 });
});
stream.on('test:fail', data => {
	if (isGroup(data) && /subtests? failed/.test(String(data.details?.error?.message ?? data.details?.error?.cause)))
		return;
	failed++;
	say({ Action: 'output', Test: data.name, Output: cause(data.details?.error) });
	say({ Action: 'fail', Test: data.name, Elapsed: (data.details?.duration_ms ?? 0) / 1000 });
});
stream.on('end', () => {
	if (!passed && !failed)
		failed++;
	say({ Action: failed ? 'fail' : 'pass', Elapsed: (Date.now() - begin) / 1000 });
	process.exitCode = failed ? 1 : 0;
});
stream.resume();
