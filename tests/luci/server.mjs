/* A web server in the place of uhttpd, rpcd and LuCI's dispatcher: it gives the
   page around a view, the resources of our applications, and of a runtime: the
   stand-in, or with LUCI_BASE=…/luci-static/resources the true one (and
   LUCI_THEME=…/luci-static with the theme bootstrap). Calls go to a backend. */
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPO } from './po.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
export const root = join(here, '../..');
export const apps = [ 'luci-app-multiwan', 'luci-proto-l2tpv3' ].map(a => join(root, 'luci-app', a));
export const base = process.env.LUCI_BASE || join(here, 'standin');
export const real = Boolean(process.env.LUCI_BASE);

const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' };

async function resource(path, res) {
	const dirs = [ ...apps.map(a => join(a, 'htdocs/luci-static/resources')), base, ...(process.env.LUCI_THEME ? [ join(process.env.LUCI_THEME, 'resources') ] : []), join(here, 'standin') ];

	for (const dir of dirs) {
		try {
			const data = await readFile(join(dir, path));
			res.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/plain', 'cache-control': 'no-store' });
			res.end(data);
			return;
		}
		catch (e) {
			if (e.code !== 'ENOENT' && e.code !== 'EISDIR')
				throw e;
		}
	}
	res.writeHead(404);
	res.end();
}

async function translations(lang) {
	if (!lang || lang === 'en')
		return 'window.TR = {};';

	const all = {};
	for (const app of apps)
		Object.assign(all, await readPO(app, lang));
	return `window.TR = {}; for (const [k, v] of Object.entries(${JSON.stringify(all)})) TR[sfh(k)] = v;`;
}

function page(view, query) {
	const env = {
		media: '/luci-static/bootstrap', resource: '/luci-static/resources', scriptname: '/cgi-bin/luci', pathinfo: '', documentroot: '/www',
		requestpath: [ 'admin', ...view.split('/') ], dispatchpath: [ 'admin', ...view.split('/') ], pollinterval: 5, ubuspath: '/ubus/',
		sessionid: '0123456789abcdef0123456789abcdef', token: null, nodespec: { satisfied: true, readonly: query.get('readonly') === '1' },
		apply_rollback: 90, apply_holdoff: 1, apply_timeout: 5, apply_display: 1
	};

	return `<!DOCTYPE html>
<html lang="${query.get('lang') === 'de' ? 'de' : 'en'}">
<head>
<meta charset="utf-8"><title>Router</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script>
const dark = matchMedia('(prefers-color-scheme: dark)').matches;
document.documentElement.setAttribute('data-darkmode', dark);
</script>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${process.env.LUCI_THEME ? '/luci-static/bootstrap/cascade.css' : '/luci-static/resources/theme.css'}">
${process.env.LUCI_THEME ? '<link rel="stylesheet" media="only screen and (max-device-width: 854px)" href="/luci-static/bootstrap/mobile.css">' : ''}
<script src="/luci-static/resources/cbi.js"></script>
<script>${query.get('_tr')}</script>
</head>
<body class="lang_en" data-page="admin-${view.replace(/\//g, '-')}">
<header><a class="brand" href="/">Router</a><ul class="nav" id="topmenu"></ul><div id="indicators" class="pull-right"></div></header>
<div id="maincontent" class="container">
<div id="tabmenu" style="display:none"></div>
<script src="/luci-static/resources/luci.js"></script>
<script>L = new LuCI(${JSON.stringify(env)})</script>
<div id="view"><div class="spinning">Loading view…</div>
<script>L.require('ui').then(ui => ui.instantiateView(${JSON.stringify(view)}))</script>
</div></div></body></html>`;
}

async function call(message, backend) {
	const reply = { jsonrpc: '2.0', id: message.id };

	if (message.method === 'list')
		return { ...reply, result: {} };
	try {
		const [ , object, method, args ] = message.params;
		return { ...reply, result: await backend.call(object, method, args ?? {}) };
	}
	catch (e) {
		if (!e.rpc)
			throw e;
		return { ...reply, error: { code: e.rpc, message: e.message } };
	}
}

async function body(req) {
	let text = '';
	for await (const chunk of req)
		text += chunk;
	return text;
}

/* Serves on a free port of the loopback. The backend may be changed at any time. */
export async function serve(backend) {
	const self = { backend };
	const server = createServer(async (req, res) => {
		const url = new URL(req.url, 'http://localhost');

		try {
			if (url.pathname.startsWith('/ubus')) {
				const message = JSON.parse(await body(req));
				if (self.backend.dead) {
					res.destroy();
					return;
				}
				const reply = Array.isArray(message) ? await Promise.all(message.map(m => call(m, self.backend))) : await call(message, self.backend);
				res.writeHead(200, { 'content-type': 'application/json' });
				res.end(JSON.stringify(reply));
			}
			else if (url.pathname.startsWith('/luci-static/bootstrap/') && process.env.LUCI_THEME) {
				const data = await readFile(join(process.env.LUCI_THEME, normalize(url.pathname.slice(12))));
				res.writeHead(200, { 'content-type': types[extname(url.pathname)] ?? 'text/plain' });
				res.end(data);
			}
			else if (url.pathname.startsWith('/luci-static/resources/')) {
				await resource(normalize(url.pathname.slice(23)), res);
			}
			else if (url.pathname.startsWith('/view/')) {
				url.searchParams.set('_tr', await translations(url.searchParams.get('lang')));
				res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
				res.end(page(url.pathname.slice(6), url.searchParams));
			}
			else if (url.pathname.startsWith('/cgi-bin/luci/admin/uci/') && !self.backend.dead) {
				/* what the dispatcher of the true LuCI makes of Save & Apply */
				const what = url.pathname.split('/').at(-1);
				self.backend.uci.call(what === 'confirm' ? 'confirm' : 'apply', { rollback: what === 'apply_rollback', timeout: 90 });
				res.writeHead(200, { 'content-type': 'application/json' });
				res.end('{"token":"0123"}');
			}
			else if (self.backend.dead) {
				res.destroy();
			}
			else {
				res.writeHead(200, { 'content-type': 'text/plain' });
				res.end('');
			}
		}
		catch (e) {
			res.writeHead(500);
			res.end(String(e.stack));
		}
	});

	await new Promise(done => server.listen(0, '127.0.0.1', done));
	self.url = `http://127.0.0.1:${server.address().port}`;
	self.close = () => new Promise(done => { server.close(done); server.closeAllConnections(); });
	return self;
}
