/* Opens pages in Debian's Chromium. */
import { chromium } from 'playwright-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, serve, real } from '../server.mjs';

export const shots = join(root, 'build/luci', real ? 'real' : 'standin');

let browser = null;

export async function start() {
	browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: [ '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage' ] });
	return browser;
}

export async function stop() {
	await browser?.close();
	browser = null;
}

/* A page with a view on a backend. What goes wrong in it is kept in page.problems. */
export async function open(backend, view, options = {}) {
	const server = await serve(backend);
	const context = await (await start()).newContext({ viewport: { width: options.width ?? 1200, height: options.height ?? 900 }, colorScheme: options.dark ? 'dark' : 'light', reducedMotion: 'reduce' });
	const page = await context.newPage();

	page.setDefaultTimeout(8000);
	page.problems = [];
	page.backend = backend;
	page.on('pageerror', e => page.problems.push(String(e.stack ?? e)));
	page.on('console', m => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) page.problems.push(m.text()); });
	page.finish = async () => { await context.close(); await server.close(); };
	await page.goto(`${server.url}/view/${view}${options.query ? `?${options.query}` : ''}`);
	return page;
}

export async function shot(page, name) {
	mkdirSync(shots, { recursive: true });
	await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
