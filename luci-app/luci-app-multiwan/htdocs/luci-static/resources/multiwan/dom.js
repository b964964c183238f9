'use strict';
'require baseclass';

const SVG = 'http://www.w3.org/2000/svg';

/* Attributes that belong to the person in front of the page. */
const theirs = [ 'open' ];

function attributes(node, fresh) {
	for (let a of Array.from(node.attributes))
		if (!fresh.hasAttribute(a.name) && !theirs.includes(a.name))
			node.removeAttribute(a.name);
	for (let a of Array.from(fresh.attributes))
		if (node.getAttribute(a.name) !== a.value && !theirs.includes(a.name))
			node.setAttribute(a.name, a.value);
}

function key(node) {
	return (node?.nodeType == 1) ? node.getAttribute('data-key') : null;
}

function alike(a, b) {
	return a.nodeType == b.nodeType && a.nodeName == b.nodeName && key(a) === key(b);
}

return baseclass.extend({
	/* An element of SVG. Children are elements or text, never markup. */
	svg: function(name, attrs, children) {
		const node = document.createElementNS(SVG, name);

		for (let a in attrs)
			if (attrs[a] != null)
				node.setAttribute(a, attrs[a]);
		for (let c of children ?? [])
			node.appendChild(c.nodeType ? c : document.createTextNode(String(c)));
		return node;
	},

	/* Makes node look like fresh and keeps the elements that both have, and with
	   them the focus, what is unfolded and what is scrolled. Elements with
	   data-key are told apart by it; event handlers of kept elements stay. */
	morph: function(node, fresh) {
		if (node.nodeType == 3) {
			if (node.data !== fresh.data)
				node.data = fresh.data;
			return node;
		}

		/* a button at work belongs to its handler until that is done */
		if (node.classList.contains('spinning'))
			return node;

		attributes(node, fresh);

		let at = node.firstChild;
		for (let want of Array.from(fresh.childNodes)) {
			let have = at;
			const k = key(want);

			if (k !== null)
				have = Array.from(node.childNodes).find(c => alike(c, want)) ?? null;

			if (have && alike(have, want)) {
				if (have !== at)
					node.insertBefore(have, at);
				else
					at = at.nextSibling;
				this.morph(have, want);
			}
			else {
				node.insertBefore(want, at);
			}
		}
		while (at) {
			const next = at.nextSibling;
			node.removeChild(at);
			at = next;
		}
		return node;
	},

	/* A state or the like in a coloured word. */
	badge: function(text, tone) {
		return E('span', { 'class': `mw-badge mw-${tone}` }, [ text ]);
	},

	/* A table in the way of LuCI: titles, then rows of cells. On narrow screens each cell shows its title. */
	table: function(name, titles, rows) {
		return E('table', { 'class': 'table mw-table', 'aria-label': name }, [
			E('tr', { 'class': 'tr table-titles' }, titles.map(t => E('th', { 'class': 'th', 'scope': 'col' }, [ t ]))),
			...rows.map(row => E('tr', { 'class': 'tr', 'data-key': row.key ?? null },
				row.cells.map((cell, i) => E('td', { 'class': 'td', 'data-title': titles[i] }, Array.isArray(cell) ? cell : [ cell ?? '–' ]))))
		]);
	},

	/* Pairs of name and value; those without a value are left out. */
	facts: function(pairs) {
		return E('dl', { 'class': 'mw-facts' }, pairs.filter(p => p[1] != null && p[1] !== '').map(p =>
			E('div', {}, [ E('dt', {}, [ p[0] ]), E('dd', {}, Array.isArray(p[1]) ? p[1] : [ p[1] ]) ])));
	},

	/* A part of the page under a heading. */
	part: function(id, title, children) {
		return E('section', { 'class': 'cbi-section mw-part', 'data-key': id, 'aria-labelledby': `mw-${id}` }, [
			E('h3', { 'id': `mw-${id}` }, [ title ]),
			...children
		]);
	},

	/* Puts our rules of style into the page, once. */
	stylesheet: function() {
		const href = L.resource('multiwan/multiwan.css');

		if (!document.querySelector('link[data-multiwan]'))
			document.head.appendChild(E('link', { 'rel': 'stylesheet', 'href': href, 'data-multiwan': '' }));
	}
});
