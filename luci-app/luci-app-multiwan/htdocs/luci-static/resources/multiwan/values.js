'use strict';
'require baseclass';

/* How the daemon reads texts that the form would read otherwise. Pure. */
const yes = [ '1', 'on', 'yes', 'true', 'enabled' ];
const no = [ '0', 'off', 'no', 'false', 'disabled' ];

function words(text, commas) {
	return String(text).split(commas ? /[\s,]+/ : /\s+/).filter(w => w !== '');
}

function numeric(text) {
	return /^-?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
}

return baseclass.extend({
	/* A boolean as the form has it: 1 or 0. What is neither stays. */
	flag: function(value) {
		if (value == null)
			return null;
		if (yes.includes(String(value).toLowerCase()))
			return '1';
		return no.includes(String(value).toLowerCase()) ? '0' : value;
	},

	/* A list, be it written as list or as words; a "!" before all goes before each. */
	list: function(value, option) {
		if (value == null)
			return null;

		const ports = option.kind === 'port or range' || option.kind === 'port';
		let items = (Array.isArray(value) ? value : [ value ]).flatMap(v => words(v, ports));

		if (option.not && items[0] === '!')
			items = items.slice(1).map(i => `!${i.replace(/^!/, '')}`);
		else if (option.not && ports && items[0]?.startsWith('!') && !Array.isArray(value))
			items = items.map(i => `!${i.replace(/^!/, '')}`);
		if (option.kind === 'port or range')
			items = items.map(i => i.replace(':', '-'));
		return items;
	},

	/* Whether two values say the same. */
	same: function(a, b) {
		const text = v => (v == null || v === '') ? '[]' : JSON.stringify(Array.isArray(v) ? v : [ v ]);
		return text(a) === text(b);
	},

	/* A number within its bounds: true, or what is wanted. */
	number: function(option, text) {
		const n = numeric(text), whole = [ 'integer', 'number' ].includes(option.kind);

		if (isNaN(n) || (whole && !Number.isInteger(n)))
			return whole ? _('a whole number is needed') : _('a number is needed');
		if (n < option.min || n > option.max)
			return _('from %s to %s').format(option.min, option.max);
		return true;
	},

	/* What the datatypes of forms do not know: true, or what is wanted. */
	check: function(option, text) {
		if (text == null || text === '')
			return true;
		if ((option.values ?? []).includes(text))
			return true;

		switch (option.kind) {
		case 'integer': case 'seconds': case 'milliseconds': case 'per cent': case 'number':
			return this.number(option, text);
		case 'mark mask':
			return /^(0x[0-9a-fA-F]{1,8}|\d+)$/.test(text) ? true : _('a mask such as 0x7f000000 is needed');
		case 'mark':
			return /^(0x[0-9a-fA-F]{1,8}|\d+)(\/(0x[0-9a-fA-F]{1,8}|\d+))?$/.test(text) ? true : _('a mark, or mark/mask, is needed');
		case 'user id':
			return /^\d+(-\d+)?$/.test(text) ? true : _('a user id, or a range of them, is needed');
		case 'hexadecimal digits':
			return /^([0-9a-fA-F]{8}|[0-9a-fA-F]{16})$/.test(text) ? true : _('8 or 16 hexadecimal digits are needed');
		case 'directory': case 'file': case 'URL path':
			return text.startsWith('/') ? true : _('a path that begins with / is needed');
		case 'packets':
			return /^dscp( +\S+)+$/.test(text) ? true : _('all, small, or dscp and code points');
		}
		return true;
	}
});
