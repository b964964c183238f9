/* Writes the pictures of docs/luci.md. With LUCI_BASE and LUCI_THEME (see
   server.mjs) they show the true forms and the true theme. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, stop } from './browser/browser.mjs';
import { Backend } from './data/backend.mjs';
import { daemon, status, series, history } from './data/status.mjs';
import { root } from './server.mjs';

const dir = join(root, 'docs/luci');
const section = (type, name, values) => ({ '.type': type, '.name': name, '.anonymous': false, ...values });

/* Two WANs, of which the second has failed. */
function home() {
	const doc = status(2), dsl = doc.interfaces.dsl;

	Object.assign(dsl, { state: 'down', reason: '10 probes lost in a row', since: doc.time - 300, loss: 100 });
	delete dsl.rtt_ms;
	Object.assign(dsl.ipv4, { state: 'down', carries: false, loss: 100 });
	doc.policies.default = { state: 'up', active: [], members: [], ipv4: { state: 'up', active: [ { interface: 'cable', share: 100 } ] }, ipv6: { state: 'up', active: [ { interface: 'cable', share: 100 } ] } };
	doc.notices = [ { code: 'hardware-offload', message: 'the firewall offloads flows to hardware' } ];
	const b = new Backend({ ...daemon(2), status: doc, history: { history: history(6, [ 'dsl' ]) } });
	b.multiwan.series = a => series(doc, a.seconds > 600 ? 300 : 5, a.seconds > 600 ? 288 : 120);
	return b;
}

const configured = () => new Backend({ ...daemon(2), config: [
	section('globals', 'globals', { enabled: '1' }), section('interface', 'wan', { metric: '1' }), section('interface', 'lte', { metric: '2', probe: [ 'slow' ] }),
	section('probe', 'slow', { target: [ '1.1.1.1', '9.9.9.9' ], interval: '5' }), section('policy', 'default', { interface: [ 'wan', 'lte' ] }),
	section('rule', 'voip', { proto: [ 'udp' ], dest_port: [ '5060-5061' ], policy: 'wan' })
], check: a => ({ warnings: [], errors: /weight '700'/.test(a.text) ? [ { line: 4, section: 'wan', option: 'weight', value: '700', message: 'with steering \'route\' want 1 to 256' } ] : [] }) });

async function picture(name, backend, view, options, act) {
	const page = await open(backend, view, { width: 900, height: 700, ...options });

	await act(page);
	await page.screenshot({ path: join(dir, `${name}.png`), animations: 'disabled' });
	await page.finish();
}

mkdirSync(dir, { recursive: true });
await picture('status', home(), 'multiwan/status', {}, page => page.waitForSelector('.mw-card'));
await picture('timeline', home(), 'multiwan/status', { dark: true, height: 520 }, async page => {
	await page.waitForSelector('.mw-card');
	await page.evaluate(() => document.querySelector('section[data-key=timeline]').scrollIntoView());
});
await picture('narrow', home(), 'multiwan/status', { width: 360, height: 740 }, page => page.waitForSelector('.mw-card'));
await picture('assistant', new Backend({ ...daemon(1), config: [ section('globals', 'globals', { enabled: '0' }) ] }), 'multiwan/config', { height: 560 }, async page => {
	await page.locator('#mw-offer button').click();
	await page.waitForSelector('#modal_overlay fieldset');
});
await picture('error', configured(), 'multiwan/config', {}, async page => {
	await page.locator('#cbi-multiwan > .cbi-tabmenu a', { hasText: 'Interfaces' }).click();
	await page.locator('.cbi-section-table-row[data-sid="wan"] button', { hasText: 'Edit' }).click();
	await page.locator('#modal_overlay [data-field="cbid.multiwan.wan.weight"] input').fill('700');
	await page.locator('#modal_overlay .button-row button', { hasText: 'Save' }).click();
	await page.waitForSelector('#mw-finding-wan-weight');
});
await stop();
