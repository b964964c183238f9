package scenario_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// history is what `multiwan history` tells of one WAN, the oldest first.
func (r *router) history(w *lab.WAN) []status.Transition {
	r.t.Helper()
	var h []status.Transition
	r.ask(&h, "history", "--json", "--last", "0", w.Name)
	return h
}

// when is the time of the status and history documents.
func when(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}

// turned waits until one family of a WAN came to a state, at or after a time to
// the millisecond, and returns that transition.
func (r *router) turned(w *lab.WAN, family, to string, since time.Time, limit time.Duration) status.Transition {
	r.t.Helper()
	end := time.Now().Add(limit)
	for {
		for _, tr := range r.history(w) {
			if tr.Family == family && tr.To == to && !when(tr.Time).Before(since.Add(-time.Millisecond)) {
				return tr
			}
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s %s did not become %s within %v\n%s", w.Name, family, to, limit, brief(r.status()))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// uses waits until new connections of a policy go by one WAN alone, in every
// family that the WAN has.
func (r *router) uses(policy string, w *lab.WAN) {
	r.t.Helper()
	by := func(f *status.PolicyFamily) bool {
		return f == nil || len(f.Active) == 1 && f.Active[0].Interface == w.Name && f.State != "best_effort"
	}
	r.await(patience, policy+" uses "+w.Name, func(d status.Document) bool {
		p, ok := d.Policies[policy]
		return ok && by(p.IPv4) && by(p.IPv6)
	})
}

// arrived waits for the first packet of a flow that was sent at or after a time
// and that the far end saw from a WAN.
func arrived(t *testing.T, f *lab.Flow, by *lab.WAN, since time.Time, limit time.Duration) lab.Packet {
	t.Helper()
	var p lab.Packet
	ok := lab.Wait(limit, func() bool {
		for _, p = range f.Report().Between(since, time.Now()).Packets {
			if !p.Lost() && by.Owns(p.Source.Addr()) {
				return true
			}
		}
		return false
	})
	if !ok {
		t.Fatalf("no packet of the flow by %s within %v; sources %v", by.Name, limit, f.Report().Between(since, time.Now()).Sources())
	}
	return p
}

// pace is the built-in probe with the defaults but for its interval.
func pace(interval string) string {
	return `
config probe 'builtin'
	list target '1.1.1.1'
	list target '8.8.8.8'
	list target '2606:4700:4700::1111'
	list target '2001:4860:4860::8888'
	list target 'gateway'
	option interval '` + interval + "'\n"
}

// logged reports whether the daemon's log has a word.
func (r *router) logged(word string) bool { return strings.Contains(r.Log(), word) }
