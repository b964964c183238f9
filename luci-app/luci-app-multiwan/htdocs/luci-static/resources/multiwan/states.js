'use strict';
'require baseclass';

/* From good to bad: the state of a WAN is that of its better family. */
const order = [ 'up', 'suspect', 'degraded', 'waiting', 'down', 'disabled', 'unknown' ];

const letters = { u: 'up', s: 'suspect', g: 'degraded', w: 'waiting', d: 'down', x: 'disabled' };

return baseclass.extend({
	/* The state that a letter of a series stands for. */
	ofLetter: function(letter) {
		return letters[letter] ?? 'unknown';
	},

	/* The better one of two states. */
	better: function(a, b) {
		return (this.rank(a) <= this.rank(b)) ? a : b;
	},

	/* The worse one of two states. */
	worse: function(a, b) {
		return (this.rank(a) >= this.rank(b)) ? a : b;
	},

	rank: function(state) {
		const i = order.indexOf(state);
		return (i < 0) ? order.length : i;
	},

	/* The state in a word for people. What is not known here is shown as it is. */
	label: function(state) {
		switch (state) {
		case 'up': return _('Up');
		case 'suspect': return _('Suspect');
		case 'degraded': return _('Degraded');
		case 'down': return _('Down');
		case 'disabled': return _('Disabled');
		case 'waiting': return _('Waiting');
		case 'refused': return _('Refused');
		case 'backup': return _('On backup');
		case 'best_effort': return _('Last resort: the least bad one');
		case 'unreachable': return _('Refuses connections');
		case 'blackhole': return _('Drops packets');
		case 'main': return _('By the main routing table');
		case 'none': return _('No way');
		case 'connecting': return _('Connecting');
		case 'retrying': return _('Retrying');
		case 'absent': return _('No IKE daemon');
		case 'unknown': return _('Not known');
		case 'new': return _('New');
		}
		return String(state ?? '');
	},

	/* The round-trip time of a WAN. That of one that is down is an old one. */
	rtt: function(wan) {
		return (wan.state === 'down') ? null : wan.rtt_ms;
	},

	/* How it is to be coloured: good, odd, bad or idle. */
	tone: function(state) {
		switch (state) {
		case 'up':
			return 'good';
		case 'suspect': case 'degraded': case 'backup': case 'best_effort': case 'connecting': case 'retrying':
			return 'odd';
		case 'down': case 'refused': case 'none': case 'unreachable': case 'blackhole': case 'absent':
			return 'bad';
		}
		return 'idle';
	}
});
