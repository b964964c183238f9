'use strict';
'require baseclass';

/* What the daemon says of why a line is as it is, in the language of the page. It says the rest, which is
   seldom, in its own words. */
function fixed(text) {
	switch (text) {
	case 'answers are overdue': return _('answers are overdue');
	case 'answers, but is held down after repeated losses': return _('answers, but is held down after repeated losses');
	case 'awaited': return _('awaited');
	case 'device is switched off': return _('device is switched off');
	case 'disabled in the configuration': return _('disabled in the configuration');
	case 'multiwan is disabled in the configuration': return _('multiwan is disabled in the configuration');
	case 'no address': return _('no address');
	case 'no address yet': return _('no address yet');
	case 'no answer': return _('no answer');
	case 'no answer yet': return _('no answer yet');
	case 'no carrier': return _('no carrier');
	case 'no device': return _('no device');
	case 'no gateway': return _('no gateway');
	case 'no probe can be sent: the link is there': return _('no probe can be sent: the link is there');
	case 'path changed': return _('path changed');
	case 'probes are answered': return _('probes are answered');
	case 'refused': return _('refused');
	case 'send error': return _('send error');
	case 'taken down by hand': return _('taken down by hand');
	case 'unreachable': return _('unreachable');
	case 'unresolved': return _('unresolved');
	case 'wrong answer': return _('wrong answer');
	}
	return null;
}

function counted(text) {
	let m = /^(\d+) probes in a row lost in (\d+) ms$/.exec(text);

	if (m)
		return _('%d probes in a row lost in %d ms').format(m[1], m[2]);
	m = /^loss (\d+) %, latency (\d+) ms$/.exec(text);
	return m ? _('loss %d %%, latency %d ms').format(m[1], m[2]) : null;
}

return baseclass.extend({
	/* A reason in words; that of a probe has its name in front. */
	words: function(reason) {
		const text = String(reason ?? ''), m = /^([A-Za-z0-9_-]+): (.+)$/.exec(text), known = fixed(text) ?? counted(text);

		if (known != null || !m)
			return known ?? text;
		return `${m[1]}: ${fixed(m[2]) ?? counted(m[2]) ?? m[2]}`;
	}
});
