import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { declare, shot, stop, until } from './browser.mjs';
import { Backend } from '../data/backend.mjs';
import { daemon, hostile } from '../data/status.mjs';
import { real } from '../server.mjs';


const section = (type, name, values) => ({ '.type': type, '.name': name, '.anonymous': false, ...values });

/* A file as a person wrote it: words that the form would write otherwise, and options that it does not know. */
const written = () => [
	section('globals', 'globals', { enabled: 'yes', config_version: '1', future: 'kept' }),
	section('interface', 'wan', { metric: '1', mine: 'kept', probe: 'slow' }),
	section('interface', 'lte', { metric: '2', enabled: 'on', weight: '1' }),
	section('probe', 'slow', { method: 'ping', target: '1.1.1.1 gateway', interval: '2.5', size: '100' }),
	section('policy', 'default', { interface: [ 'wan', 'lte' ], failback: 'keep' }),
	section('rule', 'voip', { proto: 'udp', dest_port: '5060:5070,80', src_ip: '! 10.0.0.1 10.0.0.2', policy: 'default' }),
	section('rule', 'tv', { src_ip: [ '192.168.1.9' ], policy: 'lte' }),
	section('rule', 'work', { dest_ip: '10.1.0.0/16', policy: 'unreachable' }),
	section('ipsec', 'dc', { remote: '192.0.2.7', psk: 'top secret words', esp_proposal: [ 'aes128gcm16-curve25519' ] }),
	section('pseudowire', 'far', { remote: '192.0.2.7', tunnel_id: '7', ipsec: 'dc', bridge: 'br-lan', cookie: '0011223344556677' }),
	section('bond', 'ha', { member: [ 'far', 'tap0' ], mode: 'active-backup' }),
	section('mss_clamp', 'lan', { bridge: 'br-lan' })
];

const backend = (config = written(), more = {}) => new Backend({ ...daemon(1), config, ...more });
const onConfig = (...args) => declare(test, 'multiwan/config', ...args);

const ready = page => page.waitForSelector('#cbi-multiwan .cbi-tabmenu');
const tab = (page, title) => page.locator('#cbi-multiwan > .cbi-tabmenu > li > a', { hasText: new RegExp(`^${title}$`) }).click();
const field = (page, sid, option, inside = '') => page.locator(`#modal_overlay [data-field="cbid.multiwan.${sid}.${option}"] ${inside}`);
const save = page => page.locator('.cbi-page-actions .cbi-button-save').click();
const dialogSave = page => page.locator('#modal_overlay .button-row button', { hasText: 'Save' }).click();

async function edit(page, title, sid) {
	await tab(page, title);
	await page.locator(`.cbi-section-table-row[data-sid="${sid}"] button`, { hasText: 'Edit' }).click();
	await page.waitForSelector(`#modal_overlay [data-field^="cbid.multiwan.${sid}."]`);
}

async function advanced(page) {
	await page.locator('#modal_overlay .cbi-tabmenu a', { hasText: 'Advanced settings' }).click();
}

const writes = b => b.uci.calls.filter(c => [ 'set', 'add', 'delete', 'order', 'rename' ].includes(c[0]));

describe('configuration', { concurrency: 2 }, () => {

after(stop);

onConfig('all tabs, and a table in each', () => backend(), {}, async page => {
	await ready(page);
	assert.deepEqual((await page.locator('#cbi-multiwan > .cbi-tabmenu > li').allInnerTexts()).map(t => t.trim()),
		[ 'General', 'Interfaces', 'Probes', 'Policies', 'Members', 'Rules', 'Pseudowires', 'IPsec', 'Bonds', 'Clamps' ]);
	await tab(page, 'Rules');
	const row = await page.locator('.cbi-section-table-row[data-sid="voip"]').innerText();
	for (const text of [ 'udp', '5060-5070 80', '!10.0.0.1 !10.0.0.2', 'default' ])
		assert.ok(row.includes(text), text);
	await shot(page, 'config-rules');
});

onConfig('saving without a change writes nothing', () => backend(), {}, async (page, b) => {
	await ready(page);
	const before = JSON.stringify(b.uci.staged.multiwan);
	await save(page);
	await until(() => b.of('multiwan', 'check').length);
	await page.waitForFunction(() => !document.querySelector('.cbi-page-actions .spinning'));
	for (const c of writes(b))
		assert.equal(c[0], 'set', `only what says the same: ${JSON.stringify(c)}`);
	assert.equal(JSON.stringify(b.uci.staged.multiwan), before);
});

onConfig('a change is checked, then saved; what the page does not know stays', () => backend(), {}, async (page, b) => {
	await ready(page);
	await edit(page, 'Interfaces', 'wan');
	await field(page, 'wan', 'weight', 'input').fill('5');
	await dialogSave(page);
	await until(() => writes(b).length);
	const [ asked ] = b.of('multiwan', 'check');
	assert.ok(asked.text.includes('config interface \'wan\'\n'), asked.text);
	assert.match(asked.text, /option weight '5'/);
	assert.match(asked.text, /option future 'kept'/);
	const wan = b.uci.section('multiwan', 'wan');
	assert.deepEqual([ wan.weight, wan.mine, wan.metric ], [ '5', 'kept', '1' ]);
	assert.equal(b.uci.section('multiwan', 'globals').future, 'kept');
	assert.equal(b.uci.section('multiwan', 'voip').dest_port, '5060:5070,80', 'as it was written');
});

onConfig('an option that is emptied is gone from what is checked, and from the file', () => backend(), {}, async (page, b) => {
	await ready(page);
	await edit(page, 'Interfaces', 'wan');
	await field(page, 'wan', 'metric', 'input').fill('');
	await dialogSave(page);
	await until(() => writes(b).length);
	assert.ok(!/interface 'wan'\n\toption metric/.test(b.of('multiwan', 'check')[0].text), b.of('multiwan', 'check')[0].text);
	assert.equal(b.uci.section('multiwan', 'wan').metric, undefined);
	assert.equal(b.uci.section('multiwan', 'wan').mine, 'kept');
});

const weight7 = a => ({ warnings: [], errors: /weight '7'/.test(a.text) ? [ { line: 5, section: 'wan', option: 'weight', value: '7', message: 'want <b>another</b>' } ] : [] });

onConfig('errors appear at the fields of a dialogue and nothing is saved', () => backend(written(), { check: weight7 }), {}, async (page, b) => {
	await ready(page);
	await edit(page, 'Interfaces', 'wan');
	await field(page, 'wan', 'weight', 'input').fill('7');
	await dialogSave(page);
	await page.waitForSelector('#mw-finding-wan-weight');
	assert.equal(await field(page, 'wan', 'weight', '.mw-error').innerText(), '"7": want <b>another</b>');
	assert.match(await page.locator('#modal_overlay #mw-stays').innerText(), /Not saved:\s+Interface wan, Weight: "7": want <b>another<\/b>/);
	assert.equal(await page.locator('#mw-errors').count(), 0, 'what a dialogue says does not outlive it');
	assert.equal(await field(page, 'wan', 'weight', 'input').first().getAttribute('aria-invalid'), 'true');
	await shot(page, 'config-error');
	await field(page, 'wan', 'weight', 'input').fill('8');
	assert.equal(await field(page, 'wan', 'weight', '.mw-error').count(), 0, 'another value');
	assert.equal(await field(page, 'wan', 'weight', 'input').first().getAttribute('aria-invalid'), null);
	await field(page, 'wan', 'weight', 'input').fill('7');
	await page.locator('#modal_overlay .button-row button', { hasText: 'Dismiss' }).click();
	await until(async () => !(await page.locator('body.modal-overlay-active').count()));
	await save(page);
	await until(() => b.of('multiwan', 'check').length === 2);
	assert.ok(!b.of('multiwan', 'check')[1].text.includes('weight \'7\''), 'a dismissed dialogue leaves nothing');
	assert.equal(b.uci.section('multiwan', 'wan').weight, undefined);
});

onConfig('a dialogue that lacks something says what', () => backend(), {}, async (page, b) => {
	await ready(page);
	await tab(page, 'Probes');
	const create = page.locator('[data-tab="probe"] .cbi-section-create');
	await create.locator('input').pressSequentially('quick');
	await create.locator('button').click();
	await page.waitForSelector('#modal_overlay [data-field="cbid.multiwan.quick.target"]');
	await dialogSave(page);
	await page.waitForSelector('#modal_overlay #mw-stays');
	assert.match(await page.locator('#mw-stays').innerText(), /Targets/);
	assert.equal(await page.locator('#mw-stays').evaluate(n => n === document.activeElement), true);
	assert.deepEqual(b.of('multiwan', 'check'), []);
});

onConfig('errors of the whole stand in the way of saving', () => backend(written(), { check: () => ({ warnings: [], errors: [
	{ line: 3, section: 'globals', option: 'mark_mask', value: '0x1', message: 'want seven or eight adjacent bits' }, { line: 9, section: 'lte', message: 'a WAN too many' } ] }) }), {}, async (page, b) => {
	await ready(page);
	await page.locator('[data-field="cbid.multiwan.globals.log_level"] select').selectOption('debug');
	await save(page);
	await page.waitForSelector('#mw-errors.alert-message');
	const text = await page.locator('#mw-errors').innerText();
	assert.match(text, /General globals, Mask of marks: "0x1": want seven or eight/);
	assert.match(text, /Interface lte: a WAN too many/);
	assert.ok(await page.locator('[data-field="cbid.multiwan.globals.mark_mask"] .mw-error').count());
	assert.deepEqual(writes(b), []);
	assert.deepEqual(b.uci.calls.filter(c => c[0] === 'apply'), []);
});

onConfig('warnings do not', () => backend(written(), { check: () => ({ errors: [], warnings: [ { line: 3, section: 'far', message: 'is odd' } ] }) }), {}, async page => {
	await ready(page);
	await save(page);
	await page.waitForSelector('#mw-warnings.alert-message');
	assert.equal(await page.locator('#mw-errors.alert-message').count(), 0);
});

onConfig('without a daemon it is said that nothing was checked', () => Object.assign(backend(), { absent: true }), {}, async page => {
	await ready(page);
	await save(page);
	await page.waitForSelector('#mw-unchecked');
	assert.match(await page.locator('#mw-unchecked').innerText(), /nothing was checked/);
});

onConfig('bounds are the daemon\'s, before it is asked', () => backend(), {}, async (page, b) => {
	await ready(page);
	await edit(page, 'Interfaces', 'wan');
	const input = field(page, 'wan', 'weight', 'input');
	assert.equal(await input.getAttribute('placeholder'), '1');
	for (const bad of [ '0', '1001', '1.5', 'x' ]) {
		await input.fill(bad);
		await input.blur();
		await page.waitForSelector('#modal_overlay [data-field="cbid.multiwan.wan.weight"] .cbi-input-invalid');
	}
	await dialogSave(page);
	assert.deepEqual(b.of('multiwan', 'check'), []);
});

onConfig('fields that would be refused are hidden', () => backend(), {}, async page => {
	await ready(page);
	await edit(page, 'Probes', 'slow');
	await advanced(page);
	const hidden = option => field(page, 'slow', option).evaluate(n => n.classList.contains('hidden'));
	assert.deepEqual([ await hidden('size'), await hidden('query'), await hidden('port') ], [ false, true, true ]);
	await page.locator('#modal_overlay .cbi-tabmenu a', { hasText: 'General settings' }).click();
	await field(page, 'slow', 'method', 'select').selectOption('dns');
	assert.deepEqual([ await hidden('size'), await hidden('query'), await hidden('port'), await hidden('target') ], [ true, false, false, false ]);
	await field(page, 'slow', 'method', 'select').selectOption('loopback');
	assert.equal(await hidden('target'), true);
});

onConfig('secrets are password fields and in no list', () => backend(), {}, async page => {
	await ready(page);
	assert.ok(!(await page.content()).includes('top secret words'), 'not on the page');
	await edit(page, 'IPsec', 'dc');
	assert.equal(await field(page, 'dc', 'psk', 'input').first().getAttribute('type'), 'password');
	assert.ok(!(await page.locator('body').innerText()).includes('top secret words'));
	await shot(page, 'config-ipsec');
});

onConfig('references are choices', () => backend(), {}, async page => {
	await ready(page);
	await edit(page, 'Rules', 'tv');
	const options = await field(page, 'tv', 'policy', 'option').evaluateAll(list => list.map(o => o.value));
	for (const want of [ 'default', 'wan', 'lte', 'unreachable', 'blackhole', 'main' ])
		assert.ok(options.includes(want), want);
	assert.ok(!options.includes('slow'));
});

onConfig('new sections have names that nobody has', () => backend(), {}, async (page, b) => {
	await ready(page);
	await tab(page, 'Members');
	const create = page.locator('[data-tab="member"] .cbi-section-create');
	const add = async name => {
		await create.locator('input').pressSequentially(name);
		await create.locator('button').click();
	};
	await add('default');
	await page.waitForSelector('.alert-message.warning');
	assert.match(await page.locator('.alert-message.warning').first().innerText(), /There is a section default already/);
	await create.locator('input').fill('');
	await add('lte_backup');
	await page.waitForSelector('#modal_overlay [data-field="cbid.multiwan.lte_backup.interface"]');
	await field(page, 'lte_backup', 'interface', 'select').selectOption('lte');
	await field(page, 'lte_backup', 'metric', 'input').fill('9');
	await dialogSave(page);
	await until(() => b.uci.section('multiwan', 'lte_backup'));
	const made = b.uci.section('multiwan', 'lte_backup');
	assert.deepEqual([ made['.type'], made.interface, made.metric ], [ 'member', 'lte', '9' ]);
});

onConfig('interfaces are called as in the network', () => backend(), {}, async page => {
	await ready(page);
	await tab(page, 'Interfaces');
	const names = await page.locator('#mw-names option').evaluateAll(list => list.map(o => o.value));
	assert.deepEqual(names.sort(), [ 'pw1', 'wan6' ], 'but for names that are taken: wan, lte, and lan by the clamp');
	const keyups = await page.locator('[data-tab="interface"] .cbi-section-create-name').evaluate(input => {
		let n = 0;
		input.addEventListener('keyup', () => n++);
		input.dispatchEvent(new InputEvent('input'));
		return n;
	});
	assert.equal(keyups, 1, 'a name that is chosen by the mouse counts as typed');
});

if (!real)
	onConfig('rules are sorted', () => backend(), {}, async (page, b) => {
		await ready(page);
		await tab(page, 'Rules');
		await page.locator('.cbi-section-table-row[data-sid="work"] .drag-handle').click();
		await page.waitForFunction(() => document.querySelector('[data-tab="rule"] .cbi-section-table-row:nth-of-type(3)')?.dataset.sid === 'work');
		await save(page);
		await until(() => b.uci.calls.some(c => c[0] === 'order'));
		assert.deepEqual(b.uci.staged.multiwan.filter(s => s['.type'] === 'rule').map(s => s['.name']), [ 'voip', 'work', 'tv' ]);
		assert.match(b.of('multiwan', 'check')[0].text, /rule 'voip'[^]*rule 'work'[^]*rule 'tv'/, 'the check has the order, too');
	});

onConfig('who may only read changes nothing', () => Object.assign(backend(), { denied: (scope, object, fn) => fn === 'write' }), { query: 'readonly=1' }, async page => {
	await ready(page);
	assert.equal(await page.locator('.cbi-page-actions .cbi-button-save').isDisabled(), true);
	await edit(page, 'Interfaces', 'wan');
	assert.equal(await page.locator('#modal_overlay .button-row button', { hasText: 'Save' }).isDisabled(), true);
});

onConfig('hostile values stay texts', () => backend(written().map(s => Object.fromEntries(Object.entries(s).map(([ k, v ]) =>
	[ k, k.startsWith('.') ? v : Array.isArray(v) ? v.map(hostile) : hostile(v) ])))), {}, async page => {
	await ready(page);
	for (const [ title, sid ] of [ [ 'Interfaces', 'wan' ], [ 'Rules', 'voip' ], [ 'IPsec', 'dc' ], [ 'Pseudowires', 'far' ] ]) {
		await edit(page, title, sid);
		await page.locator('#modal_overlay .button-row button', { hasText: 'Dismiss' }).click();
		await until(async () => !(await page.locator('body.modal-overlay-active').count()));
	}
	assert.equal(await page.evaluate(() => window.hacked), undefined);
	assert.equal(await page.locator('img[src="x"]').count(), 0);
});

onConfig('narrow', () => backend(), { width: 360, height: 740, dark: true }, async page => {
	await ready(page);
	await tab(page, 'Interfaces');
	await shot(page, 'config-narrow-dark');
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
});

onConfig('the assistant sets up a backup', () => backend([ section('globals', 'globals', { enabled: '0', config_version: '1' }) ]), {}, async (page, b) => {
	await page.locator('#mw-offer button').click();
	await page.waitForSelector('#modal_overlay fieldset');
	const boxes = await page.locator('#modal_overlay input[type=checkbox]').evaluateAll(list => list.map(i => [ i.value, i.checked ]));
	assert.deepEqual(boxes.filter(x => x[1]).map(x => x[0]).sort(), [ 'lte', 'wan' ], 'those with a default route');
	assert.ok(!boxes.some(x => x[0] === 'wan6'), 'the twin joins by itself');
	await page.locator('#modal_overlay input[value=balance]').check();
	assert.equal(await page.locator('#modal_overlay .mw-choice').isVisible(), false, 'without an order where all are used');
	await page.locator('#modal_overlay input[value=backup]').check();
	await page.locator('#modal_overlay .mw-choice button:enabled').click();
	assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /Prefer/, 'who goes on by keyboard stays in the list');
	const first = (await page.locator('#modal_overlay .mw-choice li').first().innerText()).trim();
	if (!first.startsWith('wan'))
		await page.locator('#modal_overlay .mw-choice button[aria-label="Prefer wan"]').click();
	await shot(page, 'assistant');
	await page.locator('#modal_overlay button', { hasText: 'Save and apply' }).click();
	await until(() => b.uci.calls.some(c => c[0] === 'apply'), 'applied');
	assert.equal(b.uci.calls.find(c => c[0] === 'apply')[1].rollback, true);
	const live = Object.fromEntries(b.uci.live.multiwan.map(s => [ s['.name'], s ]));
	assert.notEqual(live.globals.enabled, '0');
	assert.deepEqual([ live.wan['.type'], live.wan.metric, live.lte.metric ], [ 'interface', '1', '2' ]);
	assert.deepEqual(live.default.interface, [ 'wan', 'lte' ]);
	assert.match(b.of('multiwan', 'check')[0].text, /config policy 'default'/, 'checked before');
});

onConfig('after a change that cuts the router off nothing confirms, and the old configuration comes back', () => backend(), {}, async (page, b) => {
	await ready(page);
	await edit(page, 'Interfaces', 'wan');
	await field(page, 'wan', 'metric', 'input').fill('3');
	await dialogSave(page);
	await until(() => b.uci.section('multiwan', 'wan').metric === '3');
	const call = b.uci.call.bind(b.uci);
	b.uci.call = (method, a) => { const r = call(method, a); if (method === 'apply') setTimeout(() => { b.dead = true; }, 50); return r; };
	await page.locator('.cbi-page-actions .cbi-button-apply').first().click();
	await until(() => b.dead, 'applied, and cut off');
	await new Promise(done => setTimeout(done, 1500));
	assert.equal(b.uci.live.multiwan.find(s => s['.name'] === 'wan').metric, '3');
	assert.ok(b.uci.rollback >= 90, `${b.uci.rollback} s`);
	assert.ok(!b.uci.calls.some(c => c[0] === 'confirm'));
	b.uci.call('rollback', {}); // what rpcd does then
	assert.equal(b.uci.live.multiwan.find(s => s['.name'] === 'wan').metric, '1');
	page.problems.length = 0;
});

});
