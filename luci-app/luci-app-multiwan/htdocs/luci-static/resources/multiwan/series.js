'use strict';
'require baseclass';
'require multiwan.states as states';

/* The longer list of a sample's side, and numbers or null out of it. */
function numbers(list) {
	return Array.isArray(list) ? list.map(n => (typeof(n) == 'number' && isFinite(n)) ? n : null) : [];
}

/* Changes of state as pairs of time and state, in order. */
function changesOf(side) {
	return (Array.isArray(side?.changes) ? side.changes : [])
		.filter(c => Array.isArray(c) && c[0] > 0)
		.map(c => [ Number(c[0]), states.ofLetter(c[1]) ])
		.sort((a, b) => a[0] - b[0]);
}

function mean(list) {
	return list.length ? list.reduce((a, b) => a + b, 0) / list.length : 0;
}

return baseclass.extend({
	/* The samples of a WAN out of the answer of `series`: those of the family
	   that knows more. null where there are none. */
	of: function(answer, name) {
		const wan = answer?.interfaces?.[name];

		if (!wan)
			return null;

		const sides = [ wan.ipv4, wan.ipv6 ].filter(s => s).map(s => ({ rtt: numbers(s.rtt_ms), loss: numbers(s.loss), state: String(s.state ?? '') }));
		const known = s => s.rtt.filter(n => n !== null).length;
		const best = sides.reduce((a, b) => (a && known(a) >= known(b)) ? a : b, null);

		if (!best)
			return null;
		return { step: answer.step || 5, time: answer.time || 0, rtt: best.rtt, loss: best.loss, state: best.state, rx: numbers(wan.rx), tx: numbers(wan.tx) };
	},

	/* Changes of state of each family: { ipv4: [[time, state]…], ipv6: … }. */
	changes: function(answer, name) {
		const wan = answer?.interfaces?.[name], out = {};

		for (let family of [ 'ipv4', 'ipv6' ])
			if (wan?.[family])
				out[family] = changesOf(wan[family]);
		return out;
	},

	/* Bytes a second of each WAN, in both directions, over the last minute. */
	rates: function(answer) {
		const out = {}, samples = Math.max(1, Math.round(60 / (answer?.step || 5)));

		for (let name in answer?.interfaces ?? {}) {
			const wan = answer.interfaces[name];
			const last = list => mean(numbers(list).filter(n => n !== null).slice(-samples));
			out[name] = { rx: last(wan.rx), tx: last(wan.tx) };
		}
		return out;
	},

	/* The part of each WAN in all traffic of the last minute, in per cent. Without traffic nobody has a part. */
	shares: function(answer) {
		const rates = this.rates(answer), out = {};
		const total = Object.values(rates).reduce((sum, r) => sum + r.rx + r.tx, 0);

		for (let name in rates)
			if (total > 0)
				out[name] = 100 * (rates[name].rx + rates[name].tx) / total;
		return out;
	}
});
