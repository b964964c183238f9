import test from 'node:test';
import assert from 'node:assert/strict';
import { module, plain } from './load.mjs';

const format = module('multiwan.format'), states = module('multiwan.states');

test('format spans', () => {
	for (const [ s, want ] of [
		[ 0, '0 s' ], [ 59.4, '59 s' ], [ 60, '1 min' ], [ 61, '1 min 1 s' ], [ 599, '9 min 59 s' ], [ 601, '10 min' ], [ 3600, '1 h' ], [ 3659, '1 h' ],
		[ 7260, '2 h 1 min' ], [ 86399, '23 h 59 min' ], [ 86400, '1 d' ], [ 90000, '1 d 1 h' ], [ -5, '0 s' ], [ undefined, '0 s' ]
	])
		assert.equal(format.span(s), want, String(s));
});

test('format milliseconds and per cent', () => {
	for (const [ v, want ] of [ [ 0.123, '0.12 ms' ], [ 9.99, '9.99 ms' ], [ 12.35, '12.3 ms' ], [ 120.4, '120 ms' ], [ 8, '8 ms' ], [ null, null ], [ 'x', null ] ])
		assert.equal(format.ms(v), want, String(v));
	for (const [ v, want ] of [ [ 0, '0 %' ], [ 0.4, '0.4 %' ], [ 1.6, '2 %' ], [ 100, '100 %' ], [ undefined, null ] ])
		assert.equal(format.percent(v), want, String(v));
});

test('format counts, bytes and rates', () => {
	assert.equal(format.count(999), '999');
	assert.equal(format.count(1234567), '1.23 M');
	assert.equal(format.bytes(500), '500 B');
	assert.equal(format.bytes(15000), '15 kB');
	assert.equal(format.bytes(undefined), '0 B');
	assert.equal(format.rate(125000), '1 Mbit/s');
	assert.equal(format.rate(null), null);
	assert.equal(format.count(2 ** 63, 'B'), '9223 PB');
});

test('format times with the date where it is another day', () => {
	assert.equal(format.time(1790000000, 1790000060, 'UTC'), '14:13:20');
	assert.equal(format.time(1790000000, 1790090000, 'UTC'), '2026-09-21 14:13:20');
	assert.equal(format.time(1790000000.9, 1790000000.9, 'UTC'), '14:13:20');
});

test('states are ranked, labelled and toned, unknown ones too', () => {
	assert.equal(states.better('down', 'suspect'), 'suspect');
	assert.equal(states.worse('up', 'degraded'), 'degraded');
	assert.equal(states.better('unknown', 'down'), 'down');
	assert.equal(states.label('<b>'), '<b>');
	assert.equal(states.label(undefined), '');
	assert.equal(states.tone('nonsense'), 'idle');
	assert.deepEqual(plain([ ...'usgwdx-' ].map(l => states.ofLetter(l))), [ 'up', 'suspect', 'degraded', 'waiting', 'down', 'disabled', 'unknown' ]);
});
