/* Answers of the daemon: the recorded ones of its own tests, and generated ones of any size. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../server.mjs';

const file = name => JSON.parse(readFileSync(join(root, 'src/core/status/testdata', name), 'utf8'));

/* The documents that the daemon's own contract test holds, at the time of now. */
export const recorded = { status: () => file('status.json'), sites: () => file('sites.json') };

export const now = 1790000000;

/* A generator of numbers below 1 that gives the same ones every time. */
function random(seed) {
	let x = seed;
	return () => (x = (x * 1103515245 + 12345) % 2147483648) / 2147483648;
}

const kinds = [ 'up', 'up', 'up', 'suspect', 'degraded', 'down', 'waiting', 'disabled', 'up', 'down' ];
const letter = { up: 'u', suspect: 's', degraded: 'g', down: 'd', waiting: 'w', disabled: 'x' };

function side(state, address, gateway, ms) {
	return {
		state, since: now - 5000, reason: state === 'up' ? 'probes are answered' : '10 probes lost in a row', address, gateway, carries: state === 'up',
		...(state === 'up' ? { rtt_ms: ms, jitter_ms: 1, loss: 0.4 } : { loss: 100 }), last_good: now - 1
	};
}

function wan(i, name, text) {
	const state = kinds[i % kinds.length], ms = 8 + 17 * i;
	const reason = state === 'up' ? 'probes are answered' : state === 'down' ? '10 probes lost in a row' : state === 'degraded' ? 'loss of 12 % at or above 10 %' : 'answers are overdue';

	return {
		state, since: now - 700 * (i + 1), reason: text(reason), device: text(`eth${i}`), ifindex: i + 2, carrier: state !== 'waiting', mtu: 1500,
		metric: i + 1, weight: 1, ...(state === 'disabled' ? { forced: 'down', forced_until: now + 600 } : {}),
		ipv4: { ...side(state, text(`192.0.2.${i + 2}/24`), text('192.0.2.1'), ms), reason: text(reason) },
		...(i % 2 ? {} : { ipv6: side(state, text(`2001:db8:${i}::2/64`), text('fe80::1'), ms) }),
		...(state === 'up' ? { rtt_ms: ms, loss: 0.4 } : { loss: 100 }),
		probes: [ '1.1.1.1', '8.8.8.8', 'gateway' ].map(target => ({
			name: text('internet'), method: 'ping', family: 'ipv4', target: text(target), state: state, ...(state === 'up' ? { rtt_ms: ms } : {}), loss: state === 'up' ? 0 : 100,
			sent: 1000, answers: state === 'up' ? 998 : 12, last_good: now - 2, ...(state === 'down' ? { failure: text('timeout') } : {})
		})),
		mark: '0x1000000', table: 19713 + i
	};
}

/* A status with n WANs. Each text of it goes through `text`, that tests may make hostile. */
export function status(n, text = s => s) {
	const names = Array.from({ length: n }, (_, i) => text([ 'cable', 'dsl', 'lte', 'fibre', 'sat' ][i] ?? `wan${i}`));
	const doc = { ...recorded.status(), config: { ...recorded.status().config, state: 'ok', errors: [], warnings: [] }, warnings: [], notices: [], repairs: [] };

	doc.interfaces = Object.fromEntries(names.map((name, i) => [ name, wan(i, name, text) ]));
	doc.policies = {
		[text('default')]: {
			state: 'up', active: [ { interface: names[0], share: 75 }, { interface: names[1] ?? names[0], share: 25 } ], members: names.slice(0, 2).map((name, i) => ({ interface: name, metric: i + 1, weight: 3 })),
			ipv4: { state: 'up', active: [ { interface: names[0], share: 75 }, { interface: names[1] ?? names[0], share: 25 } ] },
			ipv6: { state: 'backup', active: [ { interface: names[0], share: 100 } ] }
		}
	};
	doc.rules = doc.rules.map(r => ({ ...r, name: text(r.name), match: text(r.match), policy: text(r.policy) }));
	return doc;
}

/* The same with joined sites and warnings. */
export function full(n, text = s => s) {
	const doc = status(n, text), sites = deep(recorded.sites(), text);

	for (const part of [ 'pseudowires', 'ipsec', 'bonds', 'tunnels' ])
		doc[part] = sites[part];
	doc.notices = [
		{ code: 'fight', message: text('-4 rule pref 6400: changed by others 7 times, rests for 12 s') },
		{ code: 'kernel-module', section: text('pseudowire dc2a'), message: text('kernel module l2tp_eth is missing, on OpenWrt install kmod-l2tp-eth') },
		{ code: 'hardware-offload', message: text('the firewall offloads flows to hardware') }
	];
	doc.warnings = doc.notices.map(x => x.message);
	doc.config = deep({ ...recorded.status().config, state: 'errors' }, text);
	return doc;
}

/* The answer of `series` that goes with a status. */
export function series(doc, step, n) {
	const out = { schema: 1, time: now, step, interfaces: {} }, r = random(7);

	Object.entries(doc.interfaces).forEach(([ name, w ], k) => {
		const of = s => {
			const l = letter[s.state], states = [], rtt = [], loss = [];
			for (let i = 0; i < n; i++) {
				const bad = l !== 'u' && i > n - 8;
				states.push(bad ? l : 'u');
				rtt.push(bad && l === 'd' ? null : Math.round((10 + 15 * k + 6 * r() + (r() > 0.96 ? 30 : 0)) * 10) / 10);
				loss.push(bad && l === 'd' ? 100 : (r() > 0.95 ? 10 : 0));
			}
			const changes = [ [ now - 86000, 'w' ], [ now - 85990, 'u' ], [ now - 50000 - 900 * k, 'd' ], [ now - 49000 - 900 * k, 'u' ], [ now - 1500, 'g' ], [ now - 1300, 'u' ] ];
			if (l !== 'u')
				changes.push([ now - 300, l ]);
			return { state: states.join(''), rtt_ms: rtt, loss, changes };
		};
		out.interfaces[name] = {
			ipv4: of(w.ipv4), ...(w.ipv6 ? { ipv6: of(w.ipv6) } : {}),
			rx: Array.from({ length: n }, () => Math.round(1e6 * r() / (k + 1))), tx: Array.from({ length: n }, () => Math.round(2e5 * r() / (k + 1)))
		};
	});
	return out;
}

/* n transitions with evidence, the oldest first. */
export function history(n, names, text = s => s) {
	return Array.from({ length: n }, (_, i) => ({
		time: now - (n - i) * 300 + 0.25, interface: names[i % names.length], family: i % 3 ? 'ipv4' : 'ipv6',
		from: i % 2 ? 'down' : 'up', to: i % 2 ? 'up' : 'down', reason: text(i % 2 ? '5 good rounds' : '10 probes lost in a row'),
		...(i % 20 == 0 ? { held: 30 } : {}),
		evidence: [
			{ time: now - (n - i) * 300 - 1, probe: text('internet'), target: text('1.1.1.1'), failure: text('timeout'), detail: text('no answer in 1 s'), burst: true },
			{ time: now - (n - i) * 300 - 1, probe: text('internet'), target: text('gateway'), rtt_ms: 1.2, late: true }
		]
	}));
}

/* Everything that the status page asks of a daemon with n WANs. */
export function daemon(n, text) {
	const doc = full(n, text), list = history(200, Object.keys(doc.interfaces), text);

	return {
		status: doc, history: { history: list },
		series: a => series(doc, a.seconds > 600 ? 300 : 5, a.seconds > 600 ? 288 : 120),
		probe: { probe: [ { interface: 'cable', family: 'ipv4', target: '1.1.1.1', sent: 5, received: 5, loss: 0, min_ms: 9.5, mean_ms: 10.5, max_ms: 12.5 } ] },
		down: { down: true }, up: { up: true }, check: { errors: [], warnings: [] }
	};
}

/* Applies text to each string value, and to the keys of tables that are names. */
export function deep(value, text, named) {
	if (typeof value === 'string')
		return named ? value : text(value);
	if (Array.isArray(value))
		return value.map(v => deep(v, text));
	if (value && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([ k, v ]) => [ k, deep(v, text, [ 'state', 'guard', 'family', 'code', 'encap', 'mode', 'monitor' ].includes(k)) ]));
	return value;
}

/* Markup that would show itself, in every text. */
export const hostile = s => `<img src=x onerror="window.hacked=1"><b>${s}</b>"'&amp;`;
