'use strict';
'require dom';
'require view';
'require multiwan.actions as actions';
'require multiwan.advice as advice';
'require multiwan.cards as cards';
'require multiwan.dom as mdom';
'require multiwan.explain as explain';
'require multiwan.history as history';
'require multiwan.live as live';
'require multiwan.policies as policies';
'require multiwan.rpc as calls';
'require multiwan.series as series';
'require multiwan.service as service';
'require multiwan.sites as sites';
'require multiwan.timeline as timeline';
'require ui';

return view.extend({
	load: function() {
		return Promise.all([
			service.rights(),
			L.resolveDefault(calls.access('ubus', 'multiwan', 'down'), false)
		]);
	},

	render: function([ rights, writable ]) {
		mdom.stylesheet();
		this.rights = rights;
		this.writable = writable;

		this.notice = E('div', { 'id': 'mw-notice', 'role': 'status', 'aria-live': 'polite' }, []);
		this.news = E('div', { 'class': 'mw-unseen', 'role': 'status', 'aria-live': 'polite' }, []);
		this.body = E('div', { 'id': 'mw-body' }, [ E('p', { 'class': 'spinning' }, [ _('Asking the daemon…') ]) ]);
		this.question = explain.render();
		this.question.hidden = true;

		this.actions = actions.create(name => {
			this.changed = name;
			return live.again();
		});
		live.follow((data, before) => this.show(data, before), (error, before) => this.fail(error, before));

		return E('div', { 'class': 'mw-page' }, [
			E('h2', { 'name': 'content' }, [ _('Multi-WAN') ]),
			this.notice, this.news, this.body, this.question
		]);
	},

	show: function(data, before) {
		Object.assign(data, {
			actions: this.actions, writable: this.writable,
			rates: series.rates(data.series), shares: series.shares(data.series)
		});

		this.body.classList.remove('mw-stale');
		this.tell(this.switchedOff(data.status));
		this.draw([
			advice.render(data), cards.render(data), policies.render(data), sites.render(data),
			timeline.render(data), policies.rules(data), history.render(data)
		]);
		this.question.hidden = false;

		const news = live.news(before?.status, data.status);
		if (news.length)
			dom.content(this.news, news.map(n => E('p', {}, [ n ])));
	},

	/* Another button may stand where one was pressed: it has the focus then, unless that has gone elsewhere. */
	draw: function(parts) {
		const at = () => document.activeElement, name = at()?.closest('.mw-buttons')?.closest('.mw-card')?.dataset.key ?? this.changed;

		mdom.morph(this.body, E('div', { 'id': 'mw-body' }, parts.filter(p => p)));
		delete this.changed;
		if (name == null || document.body.classList.contains('modal-overlay-active') || (at() && at() !== document.body && !at().closest('#modal_overlay')))
			return;

		const button = Array.from(this.body.querySelectorAll('.mw-card')).find(c => c.dataset.key === name)?.querySelector('.mw-buttons button:last-of-type');
		button?.focus();
		if (button?.disabled)
			this.changed = name; // it is at work still
	},

	/* Says what is wrong above all else, once, so that it is read out once. */
	tell: function(children) {
		mdom.morph(this.notice, E('div', { 'id': 'mw-notice', 'role': 'status', 'aria-live': 'polite' }, [ ...children ]));
	},

	/* The daemon runs, but its configuration switches it off. */
	switchedOff: function(status) {
		const wans = Object.values(status.interfaces ?? {});

		if (!wans.length || !wans.every(w => w.state === 'disabled' && !w.forced))
			return [];

		return [ E('div', { 'class': 'alert-message warning', 'data-key': 'off' }, [
			E('p', {}, [ _('Multi-WAN is switched off: nothing is steered.') ]),
			this.rights.config ? E('button', {
				'class': 'btn cbi-button cbi-button-positive',
				'click': ui.createHandlerFn(this, () => service.enableConfig())
			}, [ _('Enable and apply') ]) : E('p', {}, [ _('Somebody with access to the configuration can enable it.') ])
		]) ];
	},

	/* No answer: say so, keep what was known, go on asking. */
	fail: function(error, before) {
		const absent = calls.isAbsent(error), denied = calls.isDenied(error);

		this.tell([ E('div', { 'class': 'alert-message danger', 'data-key': absent ? 'absent' : 'failed' }, [
			E('p', {}, [ absent ? _('The daemon is not running, or restarts just now.')
				: denied ? _('This session may not see the status. Log in again if it is over.')
				: _('The daemon does not answer:') + ' ' + String(error?.message ?? error) ]),
			before?.status ? E('p', {}, [ _('Below is what was known before. The page goes on asking.') ]) : null,
			absent ? E('p', {}, [ _('Where the service was stopped, the router\'s own routes carry everything, and nobody watches them. Where it ended otherwise, traffic goes on as it was.') ]) : null,
			absent ? this.starter() : null
		]) ]);

		this.body.classList.add('mw-stale');
		if (!before?.status)
			this.draw([]);
	},

	starter: function() {
		if (!this.rights.service)
			return E('p', {}, [ _('Start it under System > Startup, or by: service multiwan start') ]);

		return E('button', {
			'class': 'btn cbi-button cbi-button-positive',
			'click': ui.createHandlerFn(this, () => service.startService().then(() => live.tick(), error =>
				ui.addNotification(null, E('p', {}, [ _('It could not be started:'), ' ', String(error?.message ?? error) ]), 'danger')))
		}, [ _('Enable and start') ]);
	},

	handleSaveApply: null,
	handleSave: null,
	handleReset: null
});
