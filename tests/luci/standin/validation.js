'use strict';
'require baseclass';

function parseIPv4(s) {
	const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(s);
	return (m && m.slice(1).every(n => n <= 255)) ? m.slice(1).map(Number) : null;
}

function parseIPv6(s) {
	try { return (s.includes(':') && new URL(`http://[${s.replace(/%.*/, '')}]/`)) ? [ 0, 0, 0, 0, 0, 0, 0, 0 ] : null; }
	catch { return null; }
}

const cidr = (parse, most) => v => {
	const m = /^([^/]+)\/(\d+)$/.exec(v);
	return m != null && parse(m[1]) != null && m[2] <= most;
};

const hostname = v => v.length <= 253 && /^[a-zA-Z0-9_]([a-zA-Z0-9_\-.]*[a-zA-Z0-9_])?$/.test(v) && !/^\d+(\.\d+)*$/.test(v);

const types = {
	ip4addr: v => parseIPv4(v) != null, ip6addr: v => parseIPv6(v) != null,
	ipaddr: v => types.ip4addr(v) || types.ip6addr(v),
	cidr4: cidr(parseIPv4, 32), cidr6: cidr(parseIPv6, 128), cidr: v => types.cidr4(v) || types.cidr6(v),
	port: v => /^\d+$/.test(v) && v <= 65535,
	portrange: v => { const m = /^(\d+)(?:-(\d+))?$/.exec(v); return m != null && Number(m[1]) <= Number(m[2] ?? m[1]) && Number(m[2] ?? m[1]) <= 65535; },
	hostname, host: v => types.ipaddr(v) || hostname(v),
	integer: v => /^-?\d+$/.test(v), uinteger: v => /^\d+$/.test(v),
	uciname: v => /^[a-zA-Z0-9_]+$/.test(v),
	min: (v, a) => Number(v) >= a, max: (v, a) => Number(v) <= a, range: (v, a, b) => Number(v) >= a && Number(v) <= b,
	hexstring: v => /^([a-fA-F0-9]{2})+$/.test(v)
};

/* Arguments of a datatype at the outermost level. */
function split(text) {
	const out = [];
	let depth = 0, from = 0;

	for (let i = 0; i <= text.length; i++) {
		if (text[i] === '(') depth++;
		if (text[i] === ')') depth--;
		if (i === text.length || (text[i] === ',' && !depth)) {
			out.push(text.slice(from, i).trim());
			from = i + 1;
		}
	}
	return out;
}

return baseclass.extend({
	parseIPv4, parseIPv6, types,

	/* Whether a text is of a datatype, such as or(ipaddr("nomask"),"any"). */
	check: function(type, v) {
		const m = /^(\w+)(?:\((.*)\))?$/.exec(type);

		if (!m)
			return type === `"${v}"`;
		const args = m[2] ? split(m[2]) : [];
		if (m[1] === 'or')
			return args.some(a => this.check(a, v));
		if (m[1] === 'and')
			return args.every(a => this.check(a, v));
		if (m[1] === 'neg')
			return this.check(m[2], v.replace(/^\s*!\s*/, ''));
		if (!types[m[1]])
			throw new Error(`datatype ${m[1]}`);
		return types[m[1]](v, ...args.map(Number));
	}
});
