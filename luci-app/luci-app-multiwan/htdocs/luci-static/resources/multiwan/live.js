'use strict';
'require baseclass';
'require multiwan.reasons as reasons';
'require multiwan.rpc as calls';
'require multiwan.states as states';
'require poll';

const every = 3;      // seconds, while somebody looks
const daily = 100;    // rounds between two looks at the whole day
const recheck = 10;   // rounds between two looks at the history where no WAN changed

/* What of an earlier round can be shown until there is an answer. */
function kept(promise, before) {
	return promise.catch(() => before);
}

return baseclass.extend({
	/* Follows the daemon: calls show(data, before) after each answer and
	   fail(error, before) where there is none. */
	follow: function(show, fail) {
		this.show = show;
		this.fail = fail;
		this.round = 0;
		this.data = {};

		poll.add(() => this.tick(), every);
		document.addEventListener('visibilitychange', () => {
			if (!document.hidden)
				this.tick();
		});
	},

	/* One round. Not while nobody looks, and not while one is under way: a slow
	   daemon must not be asked ever more. */
	tick: function() {
		if (document.hidden)
			return Promise.resolve();
		return this.running ??= this.fetch().finally(() => delete this.running);
	},

	/* After a change: a round that is under way may have been answered before it. */
	again: function() {
		return Promise.resolve(this.running).then(() => this.tick());
	},

	fetch: function() {
		const before = this.data;

		return calls.status().then(status => {
			if (status?.running == null && status?.interfaces == null)
				throw new Error(_('The answer is no status'));

			const anew = before.status?.started !== status.started;
			const moved = anew || before.status?.counters?.transitions !== status.counters?.transitions;
			const day = anew || moved || this.round % daily == 0;

			return Promise.all([
				kept(calls.series(600), anew ? null : before.series),
				day ? kept(calls.series(86400), anew ? null : before.day) : before.day,
				(moved || this.round % recheck == 0) ? kept(calls.history(200), anew ? [] : before.history) : before.history
			]).then(([ series, day, history ]) => {
				this.round++;
				this.data = { status, series, day, history: Array.isArray(history) ? history : [] };
				return this.show(this.data, before);
			});
		}).catch(error => this.fail(error, before));
	},

	/* What changed between two rounds, in sentences to be read out. */
	news: function(before, now) {
		const out = [];

		for (let name in now?.interfaces ?? {}) {
			const was = before?.interfaces?.[name], is = now.interfaces[name];
			if (was && was.state !== is.state)
				out.push(_('%s: %s. %s').format(name, states.label(is.state), reasons.words(is.reason)));
		}
		return out;
	}
});
