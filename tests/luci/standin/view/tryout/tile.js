'use strict';
'require view';
'require view.status.include.60_multiwan as tile';

/* A part of the overview page, as Status > Overview shows it. */
return view.extend({
	load: () => tile.load(),
	render: data => E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ tile.title ]), tile.render(data) ?? E('p', { 'id': 'empty' }, [ 'empty' ]) ]),
	handleSave: null, handleSaveApply: null, handleReset: null
});
