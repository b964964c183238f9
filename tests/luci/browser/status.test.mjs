import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { declare, shot, stop, until } from './browser.mjs';
import { Backend } from '../data/backend.mjs';
import { daemon, hostile, recorded, status } from '../data/status.mjs';


const ready = page => page.waitForSelector('.mw-card');

const onStatus = (...args) => declare(test, 'multiwan/status', ...args);

describe('status', { concurrency: 2 }, () => {

after(stop);

onStatus('ten WANs and 200 changes', () => new Backend(daemon(10)), {}, async page => {
	await ready(page);
	assert.equal(await page.locator('.mw-card').count(), 10);
	assert.equal(await page.locator('.mw-spark polyline').count() >= 10, true);
	assert.equal(await page.locator('.mw-chart').count(), 2);
	assert.equal(await page.locator('.mw-rows li').count(), 20);
	const card = page.locator('.mw-card').first();
	for (const text of [ 'cable', 'Up', '8 ms', '0.4 %', 'Since', 'probes are answered', '192.0.2.2/24', '2001:db8:0::2/64', '192.0.2.1', 'eth0', 'of the traffic' ])
		assert.ok((await card.innerText()).includes(text), text);
	const history = page.locator('section[data-key=history]');
	assert.equal(await history.locator('table').first().locator('.tr').count(), 21);
	await history.locator('details[data-key=older] > summary').click();
	assert.equal(await history.locator('table').nth(1).locator('> *').count() > 0, true);
	assert.match(await history.innerText(), /180 older changes/);
	await shot(page, 'status-light');
});

onStatus('policies, joined sites, rules and warnings', () => new Backend(daemon(3)), {}, async page => {
	await ready(page);
	const text = id => page.locator(`section[data-key=${id}]`).innerText();
	const has = async (id, ...words) => { const t = await text(id); for (const w of words) assert.ok(t.includes(w), `${id}: ${w}`); };
	await has('policies', 'default', 'cable 75 %, dsl 25 %', 'On backup', 'cable 100 %', 'cable (metric 1, weight 3), dsl (metric 2, weight 3)');
	await has('sites', 'pw_cable', 'protected', 'dc_cable', '1500 / IPv4 1369, IPv6 1349', '↓ 500 B ↑ 600 B', 'wan', 'ha', 'active-backup', 'Retrying', 'Refused');
	await has('rules', 'voip', '17', 'of the router');
	await has('warnings', 'wan.weight: "0": want 1 to 1000', 'The sections below are ignored', 'kmod-l2tp-eth', 'Install the package', 'Another program keeps changing', 'hardware flow offloading');
});

onStatus('the documents of the daemon\'s own tests', () => new Backend({ ...daemon(1), status: recorded.status() }), {}, async page => {
	await ready(page);
	assert.match(await page.locator('.mw-card[data-key=lte]').innerText(), /taken down by hand\s+Comes back by itself in 1 min/);
	assert.match(await page.locator('section[data-key=warnings]').innerText(), /The one before it stays in force/);
});

onStatus('hostile texts stay texts', () => new Backend(daemon(3, hostile)), {}, async page => {
	await ready(page);
	await page.locator('.mw-card button', { hasText: 'Probe now' }).first().click();
	await page.waitForSelector('#modal_overlay table');
	await page.keyboard.press('Escape');
	await page.locator('.mw-card button', { hasText: 'Take down' }).first().click();
	await page.waitForSelector('#mw-down-for');
	assert.equal(await page.evaluate(() => window.hacked), undefined);
	assert.equal(await page.locator('img').count(), 0);
	assert.ok((await page.locator('.mw-card h4').first().innerText()).includes('<img src=x'));
});

onStatus('narrow and dark', () => new Backend(daemon(5)), { width: 360, height: 740, dark: true }, async page => {
	await ready(page);
	await page.locator('section[data-key=explain]').scrollIntoViewIfNeeded();
	assert.deepEqual(await page.evaluate(() => document.documentElement.scrollWidth), 360);
	const wide = await page.evaluate(() => Array.from(document.querySelectorAll('#view *')).filter(n => n.getBoundingClientRect().right > innerWidth + 1 && !n.closest('.mw-unseen, svg')).map(n => n.className || n.nodeName));
	assert.deepEqual(wide, []);
	await shot(page, 'status-narrow-dark');
});

onStatus('what is unfolded stays in its card and is readable', () => new Backend(daemon(3)), {}, async page => {
	await ready(page);
	await page.evaluate(() => document.querySelectorAll('.mw-card details').forEach(d => { d.open = true; }));
	const out = await page.evaluate(() => Array.from(document.querySelectorAll('.mw-card details *')).filter(n => {
		const card = n.closest('.mw-card').getBoundingClientRect(), box = n.getBoundingClientRect();
		return box.left < card.left || box.right > card.right;
	}).map(n => n.outerHTML.slice(0, 80)));
	assert.deepEqual(out, []);
	assert.equal(await page.locator('.mw-card details table').count(), 0, 'a table has no room there');
	assert.match(await page.locator('.mw-card details[data-key=probes]').first().innerText(), /\d+ of \d+ answered · .* ms · .* % loss/);
	const ends = await page.evaluate(() => {
		const chart = document.querySelector('.mw-chart'), svg = chart.querySelector('svg').getBoundingClientRect();
		const marks = Array.from(chart.querySelectorAll('.mw-axis span'), n => { const b = n.getBoundingClientRect(); return (b.left + b.right) / 2; });
		return [ marks[0] - svg.left, marks[marks.length - 1] - svg.right ].map(Math.abs);
	});
	assert.ok(Math.max(...ends) < 4, `the axis ends where the rows do: ${ends}`);
});

onStatus('dark', () => new Backend(daemon(3)), { dark: true }, async page => {
	await ready(page);
	const [ fore, line ] = await page.evaluate(() => [ getComputedStyle(document.body).color, getComputedStyle(document.querySelector('.mw-spark polyline')).stroke ]);
	assert.equal(line, fore, 'graphs have the colour of text');
	await shot(page, 'status-dark');
});

onStatus('narrow and light', () => new Backend(daemon(3)), { width: 360, height: 740 }, async page => {
	await ready(page);
	await shot(page, 'status-narrow');
});

onStatus('the page follows the daemon, keeps the focus and tells changes', () => new Backend(daemon(2)), {}, async (page, backend) => {
	await ready(page);
	const button = page.locator('.mw-card[data-key=cable] button').first();
	await page.locator('.mw-card[data-key=cable] details[data-key=probes] > summary').click();
	await button.focus();
	backend.multiwan.status.interfaces.cable = { ...backend.multiwan.status.interfaces.cable, state: 'down', reason: '10 probes lost in a row' };
	await page.waitForSelector('.mw-card[data-key=cable].mw-bad');
	assert.match(await page.locator('.mw-card[data-key=cable] .mw-now').innerText(), /^– round trip/, 'what was measured before is no round-trip time of a line that is down');
	assert.equal(await button.evaluate(n => n === document.activeElement), true);
	assert.equal(await page.locator('.mw-card[data-key=cable] details[data-key=probes]').getAttribute('open'), '');
	assert.match(await page.locator('[aria-live].mw-unseen').textContent(), /cable: Down. 10 probes lost in a row/);
});

onStatus('polls every three seconds, and only while it is seen', () => new Backend(daemon(1)), { clock: true }, async (page, backend) => {
	await ready(page);
	const rounds = () => backend.of('multiwan', 'status').length;
	const settled = () => new Promise(done => setTimeout(done, 200)); // no timer of the page: those stand still
	await page.clock.pauseAt(Date.now() + 60000); // from here on time is the test's
	await settled();
	const begin = rounds();
	for (let i = 1; i < 4; i++) {
		await page.clock.runFor(3000);
		await until(() => rounds() >= begin + i, `round ${i}`);
		await settled();
		assert.equal(rounds(), begin + i);
	}
	await page.evaluate(() => Object.defineProperty(document, 'hidden', { get: () => true, configurable: true }));
	await page.clock.runFor(12000);
	await settled();
	assert.equal(rounds(), begin + 3);
	await page.evaluate(() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); });
	await until(() => rounds() === begin + 4, 'a look when it is seen again');
	assert.equal(backend.of('multiwan', 'series').filter(a => a.seconds === 86400).length, 1, 'the day is asked for once');
});

onStatus('a daemon that stops and comes back', () => new Backend(daemon(2)), {}, async (page, backend) => {
	await ready(page);
	backend.absent = true;
	await page.waitForSelector('[data-key=absent]');
	assert.match(await page.locator('#mw-notice').innerText(), /not running, or restarts just now/);
	assert.equal(await page.locator('.mw-card').count(), 2, 'what was known stays');
	await shot(page, 'status-absent');
	await page.locator('#mw-notice button', { hasText: 'Enable and start' }).click();
	await until(() => backend.of('rc', 'init').length === 2);
	assert.deepEqual(backend.of('rc', 'init').map(a => a.action), [ 'enable', 'start' ]);
	backend.absent = false;
	await page.waitForSelector('#mw-notice:empty', { state: 'attached' });
	assert.equal(await page.locator('.mw-stale').count(), 0);
});

onStatus('a daemon that was never there, and nobody may start it', () => {
	const b = new Backend(daemon(1));
	b.absent = true;
	b.denied = (scope, object) => object === 'rc';
	return b;
}, {}, async page => {
	await page.waitForSelector('[data-key=absent]');
	assert.match(await page.locator('#mw-notice').innerText(), /System > Startup/);
	assert.equal(await page.locator('#mw-notice button').count(), 0);
});

onStatus('slow answers are waited for, not piled up', () => {
	const b = new Backend(daemon(1));
	b.gate = new Promise(done => { b.open = done; });
	return b;
}, { clock: true }, async (page, backend) => {
	await until(() => backend.of('multiwan', 'status').length === 1);
	assert.match(await page.locator('#mw-body').innerText(), /Asking the daemon/);
	await page.clock.runFor(12000);
	assert.equal(backend.of('multiwan', 'status').length, 1);
	backend.open();
	await page.waitForSelector('.mw-card');
});

onStatus('calls that fail leave the rest', () => new Backend({ ...daemon(2), series: [ 9 ], history: [ 7 ], explain: [ 2 ] }), {}, async page => {
	await ready(page);
	assert.equal(await page.locator('.mw-spark').count(), 0);
	assert.match(await page.locator('section[data-key=history]').innerText(), /Nothing has changed/);
	await page.fill('#mw-source', '192.168.1.20');
	await page.fill('#mw-destination', '1.1.1.1');
	await page.click('.mw-explain button');
	await page.waitForSelector('text=/could not be found out/');
});

onStatus('an error of the daemon is shown as it is', () => new Backend({ ...daemon(1), status: [ 9 ] }), {}, async page => {
	await page.waitForSelector('[data-key=failed]');
	assert.match(await page.locator('#mw-notice').innerText(), /does not answer/);
});

onStatus('switched off in the configuration', () => {
	const b = new Backend(daemon(2));
	for (const w of Object.values(b.multiwan.status.interfaces))
		Object.assign(w, { state: 'disabled', reason: 'multiwan is disabled in the configuration' });
	b.uci.live.multiwan[0].enabled = b.uci.staged.multiwan[0].enabled = '0';
	return b;
}, {}, async (page, backend) => {
	await ready(page);
	assert.equal(await page.locator('.mw-card button').count(), 0, 'nothing to take down or to probe');
	await page.locator('#mw-notice button', { hasText: 'Enable and apply' }).click();
	await until(() => backend.uci.live.multiwan[0].enabled !== '0');
	assert.equal(backend.uci.calls.find(c => c[0] === 'apply')[1].rollback, true);
});

onStatus('taking down asks, and bringing up follows', () => new Backend(daemon(2)), {}, async (page, backend) => {
	await ready(page);
	await page.locator('.mw-card[data-key=cable] button', { hasText: 'Take down' }).click();
	await page.waitForSelector('#mw-down-for');
	assert.deepEqual(backend.of('multiwan', 'down'), []);
	await page.locator('.modal button', { hasText: 'Cancel' }).click();
	await page.locator('.mw-card[data-key=cable] button', { hasText: 'Take down' }).click();
	await page.selectOption('#mw-down-for', '3600');
	await page.locator('.modal button', { hasText: 'Take down' }).click();
	await until(() => backend.of('multiwan', 'down').length);
	assert.deepEqual(backend.of('multiwan', 'down').map(a => [ a.interface, a.seconds ]), [ [ 'cable', 3600 ] ]);
	Object.assign(backend.multiwan.status.interfaces.cable, { state: 'disabled', forced: 'down', reason: 'taken down by hand', since: 0 });
	const card = page.locator('.mw-card[data-key=cable]');
	await until(async () => /Stays so until somebody brings it up/.test(await card.innerText()));
	assert.ok(!/1970|Since/.test(await card.locator('.mw-why').innerText()), 'no time where none is known');
	await until(() => page.evaluate(() => /Bring up: cable/.test(document.activeElement.getAttribute('aria-label'))), 'the focus is on what came in place of the button');
	await page.locator('.mw-card[data-key=cable] button', { hasText: 'Bring up' }).click();
	await until(() => backend.of('multiwan', 'up').length);
	assert.deepEqual(backend.of('multiwan', 'up').map(a => a.interface), [ 'cable' ]);
	await page.waitForFunction(() => document.activeElement.closest('.mw-card')?.dataset.key === 'cable');
});

onStatus('who may not write has no buttons', () => Object.assign(new Backend(daemon(2)), { denied: (scope, object, fn) => fn === 'down' }), {}, async page => {
	await ready(page);
	assert.equal(await page.locator('.mw-card button').count(), 0);
});

onStatus('where does it go, by keyboard', () => new Backend({ ...daemon(1), explain: a => ({
	source: a.source, destination: a.destination, protocol: a.protocol, port: a.port, origin: 'forwarded', rule: 'voip', match: 'udp <b>', policy: 'default', state: 'up',
	ways: [ { interface: 'cable', share: 100, mark: '0x1', table: 1, device: 'eth1', gateway: '192.0.2.1', snat: '', kernel: { type: 'unicast', device: 'eth1' }, agrees: true } ], agrees: true, notes: [ 'a note' ]
}) }), {}, async (page, backend) => {
	await ready(page);
	await page.focus('#mw-source');
	await page.keyboard.type('192.168.1.20');
	await page.keyboard.press('Enter');
	assert.equal(await page.locator('#mw-destination').evaluate(n => n === document.activeElement), true);
	assert.equal(await page.locator('#mw-destination').getAttribute('aria-invalid'), 'true');
	await page.keyboard.type('192.0.2.99');
	await page.keyboard.press('Tab');
	await page.keyboard.type('udp');
	await page.keyboard.press('Tab');
	await page.keyboard.type('5060');
	await page.keyboard.press('Enter');
	await page.waitForSelector('.mw-answer table');
	assert.match(await page.locator('.mw-answer').innerText(), /Rule voip matches \(udp <b>\)/);
	assert.match(await page.locator('.mw-answer').innerText(), /unchanged/);
	const [ asked ] = backend.of('multiwan', 'explain');
	assert.deepEqual([ asked.source, asked.destination, asked.protocol, asked.port ], [ '192.168.1.20', '192.0.2.99', 'udp', 5060 ]);
	const seen = () => page.backend.of('multiwan', 'status').length, before = seen();
	await until(() => seen() > before + 1);
	assert.equal(await page.inputValue('#mw-source'), '192.168.1.20', 'polls leave what was typed');
	await shot(page, 'status-explain');
	const tops = () => page.locator('.mw-explain').locator('input, select').evaluateAll(list => new Set(list.map(n => Math.round(n.getBoundingClientRect().top))).size);
	assert.equal(await tops(), 1);
	await page.fill('#mw-destination', 'www.example.com');
	await page.keyboard.press('Enter');
	await page.waitForSelector('#mw-destination-error:not(:empty)');
	assert.equal(await page.locator('.mw-answer').count(), 0, 'the answer to another question is gone');
	assert.equal(await tops(), 1, 'an error moves no field');
});

onStatus('everything has a name for screen readers', () => new Backend(daemon(3)), {}, async page => {
	await ready(page);
	const nameless = await page.evaluate(() => Array.from(document.querySelectorAll('#view button, #view input, #view select, #view svg[role=img], #view table, #view article')).filter(n => {
		const id = n.getAttribute('aria-labelledby');
		return !(n.getAttribute('aria-label') || n.textContent.trim() || n.labels?.length || (id && document.getElementById(id)?.textContent));
	}).map(n => n.outerHTML.slice(0, 100)));
	assert.deepEqual(nameless, []);
	const ids = await page.evaluate(() => { const all = Array.from(document.querySelectorAll('[id]'), n => n.id); return all.filter((x, i) => all.indexOf(x) !== i); });
	assert.deepEqual(ids, []);
});

onStatus('no configured WAN', () => new Backend({ ...daemon(1), status: { ...status(1), interfaces: {}, policies: {}, rules: [] }, history: { history: [] } }), {}, async page => {
	await page.waitForSelector('section[data-key=wans]');
	assert.match(await page.locator('section[data-key=wans]').innerText(), /None is configured yet/);
});

});
