import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { module, plain } from './load.mjs';
import { apps } from '../server.mjs';

const values = module('multiwan.values'), check = module('multiwan.check'), assistant = module('multiwan.assistant'), options = module('multiwan.options');
const layout = module('multiwan.layout'), labels = module('multiwan.labels'), field = module('multiwan.field'), explain = module('multiwan.explain'), advice = module('multiwan.advice');

test('booleans as the daemon reads them', () => {
	for (const [ v, want ] of [ [ 'yes', '1' ], [ 'ON', '1' ], [ 'enabled', '1' ], [ 'off', '0' ], [ 'false', '0' ], [ '0', '0' ], [ 'maybe', 'maybe' ], [ null, null ] ])
		assert.equal(values.flag(v), want);
});

test('lists as the daemon reads them', () => {
	const ports = { kind: 'port or range', not: true }, net = { kind: 'address or network', not: true };
	assert.deepEqual(plain(values.list('80,443 1000:2000', ports)), [ '80', '443', '1000-2000' ]);
	assert.deepEqual(plain(values.list('!80,443', ports)), [ '!80', '!443' ]);
	assert.deepEqual(plain(values.list('! 10.0.0.0/8 10.1.0.1', net)), [ '!10.0.0.0/8', '!10.1.0.1' ]);
	assert.deepEqual(plain(values.list([ 'wan', 'lte' ], { kind: 'reference' })), [ 'wan', 'lte' ]);
	assert.equal(values.list(null, net), null);
});

test('equal values are equal however they are written', () => {
	assert.ok(values.same('a', [ 'a' ]));
	assert.ok(values.same(null, ''));
	assert.ok(!values.same([ 'a', 'b' ], [ 'b', 'a' ]));
});

test('bounds of numbers are those of the table', () => {
	for (const type of Object.keys(options).filter(t => options[t].options))
		for (const o of options[type].options.filter(x => x.max != null)) {
			assert.equal(values.check(o, String(o.max)), true, `${type}.${o.name} ${o.max}`);
			assert.equal(values.check(o, String(o.min)), true, `${type}.${o.name} ${o.min}`);
			assert.notEqual(values.check(o, String(o.max + 1)), true, `${type}.${o.name} above`);
			assert.notEqual(values.check(o, String(o.min - 1)), true, `${type}.${o.name} below`);
			if (o.kind === 'integer')
				assert.notEqual(values.check(o, `${o.min}.5`), true, `${type}.${o.name} broken`);
		}
});

test('every default of the table passes its own field', () => {
	for (const type of Object.keys(options).filter(t => options[t].options))
		for (const o of options[type].options.filter(x => x.def != null && !x.list))
			assert.equal(values.check(o, o.def), true, `${type}.${o.name}: ${o.def}`);
});

test('every option of the table is on a page, once, with a title of its own', () => {
	for (const type of layout.order.concat('globals', 'tunnel')) {
		const names = options[type].options.map(o => o.name);
		for (const part of [ 'columns', 'advanced' ])
			for (const name of layout[type][part])
				assert.ok(names.includes(name), `${type}.${name} of the layout is no option`);
		assert.equal(new Set(layout[type].columns.concat(layout[type].advanced)).size, layout[type].columns.length + layout[type].advanced.length, type);
		for (const name of names.filter(n => !layout.hidden.includes(n)))
			assert.notEqual(labels.of(name, type), name, `${type}.${name} has no title`);
		assert.notEqual(labels.tab(type), type);
	}
});

test('an absent option says what the daemon takes', () => {
	assert.equal(field.absence({ def: '5' }), '5');
	assert.equal(field.absence({ without: 'the WAN\'s' }), 'the WAN\'s');
	assert.equal(field.helpOf({ help: 'H.', def: 'a', without: 'b with c' }), 'H. Without: a; b with c.');
});

test('secrets are no columns', () => {
	for (const type of layout.order)
		for (const name of layout[type].columns)
			assert.notEqual(options[type].options.find(o => o.name === name).kind, 'key');
});

test('conditions name options and values that there are', () => {
	for (const type of Object.keys(options).filter(t => options[t].options))
		for (const o of options[type].options)
			for (const [ name, words ] of Object.entries(o.only ?? {})) {
				const other = options[type].options.find(x => x.name === name);
				assert.ok(words.every(w => other.values.includes(w)), `${type}.${o.name} with ${name}`);
			}
});

test('the text for the daemon has every value, quoted', () => {
	const text = check.toText([
		{ '.type': 'globals', '.name': 'globals', '.anonymous': false, '.index': 0, enabled: '1' },
		{ '.type': 'ipsec', '.name': 'dc', '.anonymous': false, psk: 'it\'s "me"', ike_proposal: [ 'a', 'b c' ], gone: null },
		{ '.type': 'rule', '.name': 'cfg0abc', '.anonymous': true, policy: 'wan' }
	]);
	assert.equal(text, 'config globals \'globals\'\n\toption enabled \'1\'\n\nconfig ipsec \'dc\'\n\toption psk \'it\'\\\'\'s "me"\'\n' +
		'\tlist ike_proposal \'a\'\n\tlist ike_proposal \'b c\'\n\nconfig rule\n\toption policy \'wan\'\n');
});

test('findings find their sections', () => {
	const sections = [ { '.type': 'rule', '.name': 'a' }, { '.type': 'wan', '.name': 'w' }, { '.type': 'rule', '.name': 'cfg1' } ];
	assert.equal(check.sectionOf({ section: 'w' }, sections), 'w');
	assert.equal(check.sectionOf({ section: '@rule[1]' }, sections), 'cfg1');
	assert.equal(check.sectionOf({ section: '@rule[9]' }, sections), null);
	assert.equal(check.sectionOf({}, sections), null);
});

test('the assistant plans backup and balance', () => {
	const backup = assistant.plan({ wans: [ 'wan', 'lte' ], mode: 'backup' }), balance = assistant.plan({ wans: [ 'wan', 'lte' ], mode: 'balance' });
	assert.deepEqual(plain(backup.filter(s => s.type === 'interface').map(s => s.values.metric)), [ '1', '2' ]);
	assert.deepEqual(plain(balance.filter(s => s.type === 'interface').map(s => s.values.metric)), [ '1', '1' ]);
	assert.deepEqual(plain(backup.at(-1)), { type: 'policy', name: 'default', values: { interface: [ 'wan', 'lte' ] } });
});

test('questions of where it goes are checked', () => {
	const ask = (source, destination, protocol = '', port = '') => Object.keys(explain.problems({ source, destination, protocol, port }));
	assert.deepEqual(ask('192.168.1.2', '1.1.1.1', 'tcp', '443'), []);
	assert.deepEqual(ask('fd00::2', '2606:4700::1'), []);
	assert.deepEqual(ask('x', '1.1.1.1'), [ 'source' ]);
	assert.deepEqual(ask('192.168.1.2', 'fd00::1'), [ 'destination' ]);
	assert.deepEqual(ask('192.168.1.2', '1.1.1.1', 'icmp', '1'), [ 'port' ]);
	assert.deepEqual(ask('192.168.1.2', '1.1.1.1', 'udp', '70000'), [ 'port' ]);
});

test('warnings are told with what to do', () => {
	const list = advice.list({
		time: 100, config: { state: 'last-good', errors: [ { section: 'wan', option: 'weight', value: '0', message: 'want 1 to 1000' } ], warnings: [] },
		notices: [ { code: 'kernel-module', section: 'bond ha', message: 'm' }, { code: 'new-code', message: 'n' } ], repairs: [ { object: 'o', count: 7, rest_until: 130 }, { object: 'p', count: 1 } ]
	});
	assert.equal(list.length, 4);
	assert.equal(list[0].details[0], 'wan.weight: "0": want 1 to 1000');
	assert.ok(list[1].advice.includes('package'));
	assert.equal(list[2].advice, null);
	assert.ok(list[3].text.startsWith('o was mended 7 times'));
	assert.equal(advice.list({ time: 1, warnings: [ 'old' ] })[0].text, 'old', 'a daemon without codes');
});

/* docs/status.md lists the codes; each that people can do something about has advice. */
test('codes of warnings have advice', () => {
	const text = readFileSync(join(apps[0], '../../docs/status.md'), 'utf8');
	const codes = Array.from((text.split('## Codes of warnings')[1] ?? '').split('\n## ')[0].matchAll(/`([a-z0-9-]+)`(?=[,:])/g)).map(m => m[1]);
	const without = codes.filter(c => advice.adviceOf(c) == null);

	assert.deepEqual(without.filter(c => ![ 'netifd', 'ubus', 'watch', 'prober', 'pass', 'swanctl', 'other' ].includes(c)), []);
});

test('modules are small', () => {
	const dir = join(apps[0], 'htdocs/luci-static/resources/multiwan');
	for (const f of readdirSync(dir))
		assert.ok(readFileSync(join(dir, f), 'utf8').split('\n').length <= 300, f);
});
