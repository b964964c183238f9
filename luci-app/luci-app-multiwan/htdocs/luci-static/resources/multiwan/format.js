'use strict';
'require baseclass';

const units = [ '', 'k', 'M', 'G', 'T', 'P' ];

/* A number with so many decimals that two digits count. */
function digits(n) {
	return (n >= 100 || Number.isInteger(n)) ? n.toFixed(0) : (n >= 10) ? n.toFixed(1) : n.toFixed(2);
}

return baseclass.extend({
	/* A span of seconds in its two greatest units. */
	span: function(seconds) {
		const s = Math.max(0, Math.round(Number(seconds) || 0));

		if (s < 60)
			return _('%d s').format(s);
		if (s < 3600)
			return (s < 600 && s % 60) ? _('%d min %d s').format(Math.floor(s / 60), s % 60) : _('%d min').format(Math.floor(s / 60));
		if (s < 86400)
			return (s % 3600 >= 60) ? _('%d h %d min').format(Math.floor(s / 3600), Math.floor(s % 3600 / 60)) : _('%d h').format(Math.floor(s / 3600));

		const d = Math.floor(s / 86400), h = Math.floor(s % 86400 / 3600);
		return h ? _('%d d %d h').format(d, h) : _('%d d').format(d);
	},

	/* The time of the day, with the date where it is another one than that of now. */
	time: function(at, now, zone) {
		const date = new Date(at * 1000), other = new Date((now ?? at) * 1000);
		const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone };
		const day = { year: 'numeric', month: '2-digit', day: '2-digit', timeZone: zone };
		const clock = date.toLocaleTimeString('en-GB', options);

		if (date.toLocaleDateString('sv-SE', day) === other.toLocaleDateString('sv-SE', day))
			return clock;
		return `${date.toLocaleDateString('sv-SE', day)} ${clock}`;
	},

	/* Milliseconds; null where they are not known. */
	ms: function(value) {
		if (value == null || isNaN(value))
			return null;
		return _('%s ms').format(digits(Number(value)));
	},

	/* Per cent; null where they are not known. */
	percent: function(value) {
		if (value == null || isNaN(value))
			return null;
		const n = Number(value);
		return _('%s %%').format((n > 0 && n < 1) ? n.toFixed(1) : Math.round(n).toFixed(0));
	},

	/* A number of things or, with a unit, of bytes or bits. */
	count: function(value, unit) {
		let n = Number(value) || 0, i = 0;

		while (Math.abs(n) >= 1000 && i < units.length - 1) {
			n /= 1000;
			i++;
		}
		return `${i ? digits(n) : Math.round(n)}${(unit || i) ? ' ' : ''}${units[i]}${unit ?? ''}`;
	},

	bytes: function(value) {
		return this.count(value, 'B');
	},

	/* Bytes a second, as bits a second. */
	rate: function(value) {
		return (value == null || isNaN(value)) ? null : this.count(value * 8, 'bit/s');
	}
});
