/* Loads modules of the pages into node: the pure ones need no browser. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import vm from 'node:vm';
import { apps, root } from '../server.mjs';

const context = vm.createContext({ window: {}, console, URL });
vm.runInContext(readFileSync(join(root, 'tests/luci/standin/cbi.js'), 'utf8'), context);

const loaded = {
	baseclass: { extend: properties => properties },
	rpc: { declare: o => Object.assign(() => Promise.reject(new Error('no bus')), { declared: o }) },
	uci: {}, ui: {}, poll: {}, dom: {}, form: { GridSection: { extend: p => p } }, 'tools.widgets': {}, view: { extend: p => p }, network: {}
};

/* The true checks of addresses that LuCI has, as far as they are needed here. */
loaded.validation = run(join(root, 'tests/luci/standin/validation.js'));

function run(file) {
	const source = readFileSync(file, 'utf8');
	const wants = Array.from(source.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)).map(m => [ m[1], m[2] ?? m[1] ]);
	const fn = vm.runInContext(`(function(L, E, ${wants.map(w => w[1]).join(', ')}) { ${source}\n})`, context, { filename: file });

	return fn({ resource: s => s, url: s => s, toArray: v => (v == null ? [] : Array.isArray(v) ? v : [ v ]) }, () => null, ...wants.map(w => module(w[0])));
}

/* One module by the name that pages require it by. */
export function module(name) {
	return loaded[name] ??= run(join(apps[0], 'htdocs/luci-static/resources', `${name.replace(/\./g, '/')}.js`));
}

/* Objects of the other context are not strictly equal to ours. */
export const plain = v => JSON.parse(JSON.stringify(v));

/* Sets translations. */
export function translate(table) {
	context.window.TR = table;
}
