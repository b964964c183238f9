'use strict';
/* The stand-in for LuCI's runtime: as much of it as our pages use, written for
   the tests, with the same names, classes and ids as the true one. This file:
   translations and String.format. */

/* The true one hashes texts. */
function sfh(s) { return s; }

function _(s, c) {
	return window.TR?.[c != null ? `${c}\u0001${s}` : s] ?? s;
}

function N_(n, s, p) {
	return window.TR?.[`${s}\u0001${n === 1 ? 0 : 1}`] ?? (n === 1 ? s : p);
}

const escapes = { '&': '&#38;', '<': '&#60;', '>': '&#62;', '"': '&#34;', '\'': '&#39;' };

String.prototype.format = function(...args) {
	let i = 0;

	return this.replace(/%(?:(0?)(\d*)(?:\.(\d+))?([sdfhx])|%)/g, (all, zero, width, digits, kind) => {
		if (all === '%%')
			return '%';
		const v = args[i++];
		const text = (kind === 'd') ? String(Math.trunc(Number(v) || 0))
			: (kind === 'f') ? Number(v).toFixed(digits || 6)
				: (kind === 'x') ? Number(v).toString(16)
					: (kind === 'h') ? String(v ?? '').replace(/[&<>"']/g, c => escapes[c]) : String(v ?? '');
		return text.padStart(width || 0, zero || ' ');
	});
};
