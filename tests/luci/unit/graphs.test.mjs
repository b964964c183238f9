import test from 'node:test';
import assert from 'node:assert/strict';
import { module, plain } from './load.mjs';
import { series as made, status, history, now } from '../data/status.mjs';

const series = module('multiwan.series'), sparkline = module('multiwan.sparkline'), timeline = module('multiwan.timeline');

test('scales are nice numbers', () => {
	for (const [ v, want ] of [ [ [ null ], 1 ], [ [ 0.3 ], 1 ], [ [ 12 ], 20 ], [ [ 20 ], 20 ], [ [ 21, null, 3 ], 50 ], [ [ 51 ], 100 ], [ [ 6553.5 ], 10000 ] ])
		assert.equal(sparkline.top(v), want, String(v));
});

test('lines of a graph have gaps where nothing is known', () => {
	assert.deepEqual(plain(sparkline.lines([ 10, 20, null, 0 ], 20, 90, 42)), [ [ [ 0, 21 ], [ 30, 1 ] ], [ [ 90, 41 ] ] ]);
	assert.deepEqual(plain(sparkline.lines([], 20, 90, 42)), []);
	assert.deepEqual(plain(sparkline.lines([ 7 ], 10, 90, 42)), [ [ [ 0, 13 ] ] ]);
	assert.deepEqual(plain(sparkline.lines([ 99 ], 10, 90, 42)), [ [ [ 0, 1 ] ] ], 'above the scale');
});

test('bars show loss and can be seen', () => {
	assert.deepEqual(plain(sparkline.bars([ 0, 1, 100, null ], 40, 48)), [ [ 10, 10, 3 ], [ 20, 10, 48 ] ]);
});

test('series of a WAN are those of the family that knows more', () => {
	const doc = status(2), s = series.of(made(doc, 5, 120), 'cable');
	assert.equal(s.rtt.length, 120);
	assert.equal(s.step, 5);
	assert.equal(series.of(made(doc, 5, 120), 'nobody'), null);
	assert.equal(series.of(null, 'cable'), null);
	const odd = { step: 5, interfaces: { a: { ipv4: { rtt_ms: [ null, 'x', NaN, 4 ], loss: 'no', state: null }, rx: [], tx: null } } };
	assert.deepEqual(plain(series.of(odd, 'a')), { step: 5, time: 0, rtt: [ null, null, null, 4 ], loss: [], state: '', rx: [], tx: [] });
});

test('shares of the traffic add up, and nobody has one without traffic', () => {
	const answer = { step: 5, interfaces: { a: { rx: [ 100, 300 ], tx: [ 0, 0 ] }, b: { rx: [ 0, 0 ], tx: [ 100, 500 ] } } };
	assert.deepEqual(plain(series.shares(answer)), { a: 40, b: 60 });
	assert.deepEqual(plain(series.shares({ interfaces: { a: { rx: [ 0 ], tx: [ 0 ] } } })), {});
	assert.deepEqual(plain(series.shares(undefined)), {});
});

test('pieces of a timeline cover the span and nothing else', () => {
	assert.deepEqual(plain(timeline.pieces([ [ 5, 'up' ], [ 15, 'down' ], [ 18, 'up' ], [ 40, 'down' ] ], 10, 30)),
		[ [ 10, 15, 'up' ], [ 15, 18, 'down' ], [ 18, 30, 'up' ] ]);
	assert.deepEqual(plain(timeline.pieces([], 10, 30)), [ [ 10, 30, 'unknown' ] ]);
	assert.deepEqual(plain(timeline.pieces([ [ 20, 'up' ] ], 10, 30)), [ [ 10, 20, 'unknown' ], [ 20, 30, 'up' ] ]);
});

test('a WAN is as good as its better family', () => {
	const rows = [ timeline.pieces([ [ 0, 'up' ], [ 12, 'down' ] ], 0, 20), timeline.pieces([ [ 0, 'down' ], [ 10, 'up' ], [ 15, 'down' ] ], 0, 20) ];
	assert.deepEqual(plain(timeline.merge(rows)), [ [ 0, 15, 'up' ], [ 15, 20, 'down' ] ]);
	assert.deepEqual(plain(timeline.merge([])), []);
});

test('a timeline out of series, or of the history where there is none', () => {
	const doc = status(2), day = made(doc, 300, 288);
	const row = timeline.row({ status: doc, day, history: [] }, 'cable', now - 86400, now);
	assert.equal(row[0][0], now - 86400);
	assert.equal(row.at(-1)[1], now);
	assert.ok(row.some(p => p[2] === 'down'));

	const list = history(6, [ 'cable' ]);
	const old = timeline.row({ status: doc, day: null, history: list }, 'cable', now - 3600, now);
	assert.equal(old[0][0], now - 3600);
	assert.equal(old.at(-1)[1], now);
	assert.equal(old.at(-1)[2], 'up');

	const quiet = timeline.row({ status: doc, day: null, history: [] }, 'cable', now - 10000, now);
	assert.deepEqual(plain(quiet), [ [ now - 10000, now - 5000, 'unknown' ], [ now - 5000, now, 'up' ] ]);
});

test('timelines are told in words', () => {
	assert.equal(timeline.summary([ [ 0, 10, 'unknown' ] ]), 'not known');
	assert.equal(timeline.summary([ [ 0, 10, 'up' ] ]), 'no failure');
	assert.equal(timeline.summary([ [ 0, 10, 'up' ], [ 10, 70, 'down' ], [ 70, 80, 'up' ] ]), '1 failure, 1 min down');
	assert.equal(timeline.summary([ [ 0, 10, 'down' ], [ 10, 70, 'up' ], [ 70, 80, 'down' ] ]), '2 failures, 20 s down');
});

test('the axis ends now', () => {
	assert.deepEqual(plain(timeline.marks(0, 3600)).map(m => m[1]), [ '−60 min', '−45 min', '−30 min', '−15 min', 'now' ]);
	assert.deepEqual(plain(timeline.marks(0, 86400)).map(m => m[0]), [ 0, 25, 50, 75, 100 ]);
});
