'use strict';
'require baseclass';
'require multiwan.dom as mdom';
'require multiwan.format as format';

/* The least power of ten times 1, 2 or 5 that is not below n. */
function nice(n) {
	if (!(n > 0))
		return 1;

	const p = Math.pow(10, Math.floor(Math.log10(n)));
	return [ 1, 2, 5, 10 ].map(f => f * p).find(v => v >= n * 0.999999);
}

/* Rounded to tenths, as it is written into paths. */
function tenth(n) {
	return Math.round(n * 10) / 10;
}

return baseclass.extend({
	width: 240,
	height: 48,

	/* The top of the scale: a nice number above the greatest value, so that it moves seldom. */
	top: function(values) {
		return nice(Math.max(1, ...values.filter(v => v != null)));
	},

	/* Lines through the known values, from left to right, each a list of points: a gap ends a line. */
	lines: function(values, top, width, height) {
		const step = (values.length > 1) ? width / (values.length - 1) : 0, out = [];
		let line = null;

		values.forEach((v, i) => {
			if (v == null) {
				line = null;
				return;
			}
			if (!line)
				out.push(line = []);
			line.push([ tenth(i * step), tenth(height - Math.min(v, top) / top * (height - 2) - 1) ]);
		});
		return out;
	},

	/* Bars of loss, from the top downwards, each [x, width, height]. */
	bars: function(values, width, height) {
		const step = values.length ? width / values.length : 0;

		return values.map((v, i) => (v > 0) ? [ tenth(i * step), tenth(Math.max(step, 1)), tenth(Math.max(3, v / 100 * height)) ] : null).filter(b => b);
	},

	/* In words, for those who do not see it. */
	summary: function(samples) {
		const rtt = samples.rtt.filter(v => v != null), loss = samples.loss.filter(v => v != null);
		const minutes = format.span(samples.rtt.length * samples.step);

		if (!rtt.length)
			return _('No answers in the last %s').format(minutes);

		const most = Math.max(...rtt), mean = rtt.reduce((a, b) => a + b, 0) / rtt.length;
		const lost = loss.length ? loss.reduce((a, b) => a + b, 0) / loss.length : null;
		return _('Last %s: mean %s, at most %s, loss %s').format(minutes, format.ms(mean), format.ms(most), format.percent(lost) ?? '–');
	},

	/* The round-trip time as a line and loss as bars, null without samples. */
	render: function(samples) {
		if (!samples?.rtt.length)
			return null;

		const top = this.top(samples.rtt), w = this.width, h = this.height, text = this.summary(samples);
		const svg = mdom.svg;

		return E('figure', { 'class': 'mw-spark' }, [
			svg('svg', { 'viewBox': `0 0 ${w} ${h}`, 'preserveAspectRatio': 'none', 'role': 'img', 'aria-label': text }, [
				svg('title', {}, [ text ]),
				...this.bars(samples.loss, w, h).map(b => svg('rect', { 'class': 'mw-loss', 'x': b[0], 'y': 0, 'width': b[1], 'height': b[2] })),
				...this.lines(samples.rtt, top, w, h).map(l => (l.length > 1)
					? svg('polyline', { 'points': l.map(p => p.join(',')).join(' ') })
					: svg('circle', { 'cx': l[0][0], 'cy': l[0][1], 'r': 1.5 }))
			]),
			E('figcaption', { 'aria-hidden': 'true' }, [
				E('span', {}, [ _('%s ago').format(format.span(samples.rtt.length * samples.step)) ]),
				E('span', {}, [ _('scale: %s').format(format.ms(top)) ])
			])
		]);
	}
});
