package reconcile

import (
	"maps"
	"net/netip"
	"time"

	"multiwan/src/core/plan"
)

// SetFarEnd gives health's word on the far end of a pseudowire or of a member of a bond, as SetVerdict does on a WAN.
func (l *Loop) SetFarEnd(name string, v plan.Verdict, reason string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, known := l.in.farEnds[name]
	if v.State == "waiting" && (!known || old.Adopted) {
		return
	}
	l.in.farEnds[name] = verdict{Verdict: v, Reason: reason, At: at}
	if known && old.State == v.State {
		return
	}
	l.in.news = true
	lost := known && old.Carries() && !v.Carries()
	l.in.watched = l.in.watched || lost
	l.in.mark("far end of "+name+": "+v.State, lost)
	l.rouse()
}

// ForgetFarEnds drops the verdicts on all that keep does not name.
func (l *Loop) ForgetFarEnds(keep map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.in.farEnds {
		if !keep[name] {
			delete(l.in.farEnds, name)
		}
	}
}

// SetName says what a host name of the configuration stands for now.
func (l *Loop) SetName(host string, a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in.names[host] == a {
		return
	}
	l.in.names[host] = a
	l.in.news = true
	l.in.mark("address of "+host, false)
	l.rouse()
}

// SetPathMTU says that packets to a remote pass up to so many bytes and larger ones vanish; 0 says that there is no such limit.
func (l *Loop) SetPathMTU(remote netip.Addr, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in.pathMTU[remote] == bytes {
		return
	}
	delete(l.in.pathMTU, remote)
	if bytes > 0 {
		l.in.pathMTU[remote] = bytes
	}
	l.in.mark("path MTU to "+remote.String(), false)
	l.rouse()
}

// Rebuild has the session of a pseudowire, by its device, and the tunnel where no other session is in it, made anew in one pass.
func (l *Loop) Rebuild(device string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.rebuild[device] = true
	l.in.mark("pseudowire "+device+" made anew", false)
	l.rouse()
}

// SetPaths tells which first paths of duplicated pseudowires are dead, by their counters, and by which paths something has come. The caller
// leaves the maps alone.
func (l *Loop) SetPaths(silent, came map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if maps.Equal(l.in.silent, silent) && maps.Equal(l.in.came, came) {
		return
	}
	l.in.silent, l.in.came = silent, came
	l.in.watched = true
	l.in.mark("paths by which nothing comes", true)
	l.rouse()
}
