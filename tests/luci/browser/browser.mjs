/* Opens pages in Debian's Chromium. */
import { chromium } from 'playwright-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, serve, real } from '../server.mjs';

export const shots = join(root, 'build/luci', real ? 'real' : 'standin');

let browser = null;

/* One for all tests of a file, be it asked for by two at once. */
export function start() {
	return browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', args: [ '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions', '--mute-audio' ] });
}

export async function stop() {
	await (await browser)?.close();
	browser = null;
}

/* A page with a view on a backend. What goes wrong in it is kept in page.problems. */
export async function open(backend, view, options = {}) {
	const server = await serve(backend);
	const context = await (await start()).newContext({ viewport: { width: options.width ?? 1200, height: options.height ?? 900 }, colorScheme: options.dark ? 'dark' : 'light', reducedMotion: 'reduce' });
	const page = await context.newPage();

	page.setDefaultTimeout(45000);
	page.problems = [];
	page.backend = backend;
	page.on('pageerror', e => page.problems.push(String(e.stack ?? e)));
	page.on('console', m => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) page.problems.push(m.text()); });
	if (options.clock)
		await page.clock.install();
	page.finish = async () => { await context.close(); await server.close(); };
	await page.goto(`${server.url}/view/${view}${options.query ? `?${options.query}` : ''}`);
	return page;
}

/* Waits until a function of the test is true: for what no selector tells. */
export async function until(fn, what) {
	for (let i = 0; i < 1600; i++) {
		if (await fn())
			return;
		await new Promise(done => setTimeout(done, 25));
	}
	throw new Error(`waited in vain: ${what ?? fn}`);
}

/* Declares a test of a view: opens it on a backend, runs the body, wants no error on the page. */
export function declare(test, view, name, backend, options, body) {
	test(`${view}: ${name}`, async () => {
		const page = await open(backend(), view, options);
		try {
			await body(page, page.backend);
			if (page.problems.length)
				throw new Error(page.problems.join('\n'));
		}
		finally {
			await page.finish();
		}
	});
}

export async function shot(page, name) {
	mkdirSync(shots, { recursive: true });
	const [ width, height ] = await page.evaluate(() => [ innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight) ]);
	await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, animations: 'disabled', clip: { x: 0, y: 0, width, height: Math.min(height, 2600) } });
}
