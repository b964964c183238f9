'use strict';
'require baseclass';
'require multiwan.check as check';
'require multiwan.labels as labels';
'require uci';

const CONFIG = 'multiwan';

function message(f) {
	return (f.value != null) ? `"${f.value}": ${f.message}` : f.message;
}

/* Puts a message below the field of an option, and marks its inputs. */
function mark(map, f) {
	const found = (f.sid && f.option) ? map.lookupOption(f.option, f.sid) : null;
	const field = found ? map.findElement('data-field', found[0].cbid(found[1])) : null;

	if (!field)
		return false;

	const id = `mw-finding-${f.sid}-${f.option}`;
	field.querySelector(`#${id}`)?.remove();
	field.classList.add('mw-wrong');
	(field.querySelector('.cbi-value-field') ?? field).appendChild(E('div', { 'class': 'mw-error', 'id': id, 'role': 'alert' }, [ message(f) ]));
	for (let input of field.querySelectorAll('input, select, textarea')) {
		input.setAttribute('aria-invalid', 'true');
		input.setAttribute('aria-describedby', id);
	}
	/* it was about another value then */
	for (let type of [ 'input', 'change', 'cbi-dropdown-change', 'cbi-dynlist-change' ])
		field.addEventListener(type, () => clear(field, `mw-finding-${f.sid}-${f.option}`), { once: true });
	return true;
}

/* Says at the top of a dialogue why it stays: its fields may be out of sight. */
function tell(root, text) {
	const note = E('div', { 'class': 'alert-message danger mw-notes', 'id': 'mw-stays', 'role': 'alert', 'tabindex': '-1' }, [
		E('p', {}, [ _('Not saved:') ]), E('ul', {}, text.split('\n').map(line => E('li', {}, [ line ])))
	]);

	root?.prepend(note);
	note.focus();
}

/* Takes away what of an earlier check is still shown, or of that what begins with an id. */
function clear(root, id = 'mw-finding-') {
	for (let node of root?.querySelectorAll(`.mw-error[id^="${id}"], #mw-stays`) ?? []) {
		node.closest('.mw-wrong')?.classList.remove('mw-wrong');
		node.remove();
	}
	for (let node of root?.querySelectorAll(`[aria-describedby^="${id}"]`) ?? []) {
		node.removeAttribute('aria-invalid');
		node.removeAttribute('aria-describedby');
	}
}

/* The section of a finding as the page calls it. */
function place(f) {
	const type = f.sid ? uci.get(CONFIG, f.sid, '.type') : null;

	return [ type ? `${labels.one(type)} ${f.section}` : f.section, f.option ? labels.of(f.option, type) : null ].filter(x => x).join(', ');
}

/* The changes of the session that are not sent yet: put back where the daemon objects, so that a dialogue that is dismissed leaves nothing. */
function snapshot() {
	const copy = {};

	for (let part of [ 'creates', 'changes', 'deletes', 'reorder' ])
		copy[part] = uci.state?.[part]?.[CONFIG] ? structuredClone(uci.state[part][CONFIG]) : null;
	return copy;
}

function restore(copy) {
	for (let part in copy) {
		if (!uci.state?.[part])
			continue;
		if (copy[part])
			uci.state[part][CONFIG] = copy[part];
		else
			delete uci.state[part][CONFIG];
	}
}

return baseclass.extend({
	message: message,

	/* A list of findings above the form. */
	list: function(id, text, findings, tone) {
		return findings.length ? E('div', { 'class': `alert-message ${tone}`, 'id': id, 'role': 'alert', 'tabindex': '-1' }, [
			E('p', {}, [ text ]),
			E('ul', {}, findings.map(f => E('li', {}, [ E('b', {}, [ place(f) ]), ': ', message(f) ])))
		]) : E('div', { 'id': id }, []);
	},

	/* Saves a form as form.Map does, but asks the daemon before anything leaves
	   the page. In a dialogue only what concerns its section stands in the way:
	   a new section may well refer to one that is to come. */
	save: function(map, sid, report) {
		const before = snapshot();

		clear(map.root);
		return Object.getPrototypeOf(map).save.call(map, () => check.ask().then(answer => {
			const errors = answer.errors.filter(f => sid == null || f.sid === sid);

			if (sid == null || !errors.length)
				report(answer, sid);
			if (!errors.length)
				return;
			errors.forEach(f => mark(map, f));
			restore(before);
			throw new Error(errors.map(f => `${place(f)}: ${message(f)}`).join('\n'));
		}), true).catch(error => {
			if (sid != null)
				tell(map.root, String(error?.message ?? error));
			throw error;
		});
	}
});
