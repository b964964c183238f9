import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { open, shot, stop } from './browser.mjs';
import { Backend } from '../data/backend.mjs';
import { daemon, hostile } from '../data/status.mjs';
import { networks } from '../data/network.mjs';

/* A page around what is no view of its own: a protocol, a tile of the overview. */
async function on(view, backend, options, body) {
	const page = await open(backend, view, options);
	try {
		await body(page);
		assert.deepEqual(page.problems, []);
	}
	finally {
		await page.finish();
	}
}

describe('other pages', { concurrency: 2 }, () => {

after(stop);

test('proto l2tpv3: options of the handler on two tabs, with its bounds', async () => {
	await on('tryout/proto', new Backend(daemon(1)), {}, async page => {
		await page.waitForSelector('[data-field="cbid.network.pw1.peeraddr"]');
		const at = option => page.locator(`[data-field="cbid.network.pw1.${option}"]`);
		const tabs = await page.evaluate(() => Object.fromEntries(Array.from(document.querySelectorAll('[data-field]'), n => [ n.dataset.field.split('.')[3], n.closest('[data-tab]').dataset.tab ])));
		assert.deepEqual(Object.keys(tabs).filter(o => tabs[o] === 'general').sort(), [ 'ip6addr', 'ipaddr', 'ipsec', 'peer_tunnel_id', 'peeraddr', 'tunlink', 'tunnel_id' ]);
		assert.deepEqual(Object.keys(tabs).filter(o => tabs[o] === 'advanced').sort(),
			[ 'cookie', 'dport', 'encap', 'l2spec_type', 'localaddr', 'mtu', 'peer_cookie', 'peer_session_id', 'probe', 'session_id', 'sport' ]);
		assert.equal(await at('tunnel_id').locator('input').inputValue(), '7');
		await at('tunnel_id').locator('input').fill('4294967296');
		await at('tunnel_id').locator('input').blur();
		assert.ok(await at('tunnel_id').locator('.cbi-input-invalid').count());
		await shot(page, 'proto');
	});
});

test('proto l2tpv3: devices and errors in words', async () => {
	await on('tryout/proto', new Backend(daemon(1)), {}, async page => {
		await page.waitForSelector('[data-field="cbid.network.pw1.peeraddr"]');
		const facts = await page.evaluate(() => window.tryout);
		assert.equal(facts.ifname, 'l2-pw1');
		assert.equal(facts.i18n, 'L2TPv3 pseudowire');
		assert.equal(facts.floating && facts.virtual, true);
		assert.match(facts.error, /does not run/);
	});
});

test('overview: a tile with each WAN', async () => {
	await on('tryout/tile', new Backend(daemon(10)), { width: 360 }, async page => {
		await page.waitForSelector('.mw-tile');
		assert.equal(await page.locator('.mw-tile').count(), 10);
		assert.match(await page.locator('.mw-tile').first().innerText(), /cable\s+Up\s+for .* · .* ms · .* % loss/);
		assert.match(await page.locator('.mw-tiles + a').innerText(), /3 warnings/);
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
		await shot(page, 'tile');
	});
});

test('overview: a word where the daemon does not run, and none for those who may not see it', async () => {
	await on('tryout/tile', Object.assign(new Backend(daemon(1)), { absent: true }), {}, async page => {
		await page.waitForSelector('text=/The daemon is not running/');
		assert.equal(await page.locator('.mw-tile').count(), 0);
	});
	await on('tryout/tile', new Backend({ ...daemon(1), status: [ 6 ] }), {}, async page => {
		await page.waitForSelector('#empty');
	});
});

test('overview: hostile texts stay texts', async () => {
	await on('tryout/tile', new Backend(daemon(2, hostile)), {}, async page => {
		await page.waitForSelector('.mw-tile');
		assert.equal(await page.locator('img').count(), 0);
		assert.equal(await page.evaluate(() => window.hacked), undefined);
	});
});

test('german: the status page speaks it', async () => {
	await on('multiwan/status', new Backend(daemon(2)), { query: 'lang=de' }, async page => {
		await page.waitForSelector('.mw-card');
		const text = await page.locator('#view').innerText();
		for (const word of [ 'Internetverbindungen', 'Zeitachse', 'Verlauf', 'Warnungen', 'Wohin geht es?' ])
			assert.ok(text.includes(word), word);
		await shot(page, 'status-german');
	});
});

test('the network that tests have has the protocol', () => assert.ok(networks.config.some(s => s.proto === 'l2tpv3')));

});
