package daemon

import (
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"multiwan/src/core/health"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/status"
	"multiwan/src/hook"
	"multiwan/src/ipsec"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// sites is the part of the record about what joins sites.
type sites struct {
	conns func() map[string]ipsec.Status // nil in tests
	hook  func(hook.Event)

	standings map[string]status.Standing // by Key
	// told is the last state of a pseudowire that the history has, whether from its far end's probes or from what it waits for.
	told map[string]string
	// blamed are the reasons that were given for an IKE connection since it was up, by Key.
	blamed map[string][]string
}

func newSites() sites {
	return sites{hook: func(hook.Event) {}, standings: map[string]status.Standing{}, told: map[string]string{}, blamed: map[string][]string{}}
}

// heard notes a change of a far end's health that is in the history.
func (n *sites) heard(u probe.Update, t health.Transition) {
	if u.Family == 0 {
		n.told[u.WAN] = t.To.String()
	}
}

// join notes how what joins sites does after a pass, and tells of what changed; r.mu is held.
func (r *record) join(s reconcile.Snapshot) {
	n := &r.sites
	was := n.standings
	n.standings = map[string]status.Standing{}
	if s.Overlay != nil {
		at := time.Now()
		var conns map[string]ipsec.Status
		if n.conns != nil {
			conns = n.conns()
		}
		conn := func(name string) (string, string) { return conns[name].State, reasonOf(conns[name]) }
		for _, is := range status.Standings(s.Overlay, s.Joins, s.FarEnds, conn) {
			old := was[is.Key()]
			is.Since = at
			if is.Kind == status.KindIPsec && !conns[is.Name].Since.IsZero() {
				is.Since = conns[is.Name].Since
			} else if is.State == old.State {
				is.Since = old.Since
			}
			n.standings[is.Key()] = is
			r.changed(is, old, at)
		}
	}
	for _, key := range order.Keys(was) {
		if _, still := n.standings[key]; !still {
			old := was[key]
			n.tell(status.Standing{Kind: old.Kind, Name: old.Name, Device: old.Device, State: "down", Reason: "removed from the configuration"}, old)
			delete(n.told, old.Name)
			delete(n.blamed, key)
		}
	}
}

// changed logs a change once, keeps it in the history and tells the hooks.
func (r *record) changed(is, was status.Standing, at time.Time) {
	n := &r.sites
	n.tell(is, was)
	text := is.Said(was)
	if text == "" {
		return
	}
	level := logrus.InfoLevel
	switch is.Kind {
	case status.KindPseudowire:
		if n.told[is.Name] == is.State {
			return
		}
		n.told[is.Name] = is.State
	case status.KindIPsec:
		reason := status.Uncounted(is.Reason)
		if is.State == "up" {
			delete(n.blamed, is.Key())
		} else if slices.Contains(n.blamed[is.Key()], reason) {
			return
		} else {
			level = logrus.WarnLevel
			n.blamed[is.Key()] = append(n.blamed[is.Key()], reason)
		}
	}
	r.say(level, logrus.Fields{is.Kind: is.Name}, "%s", text)
	if was.State != "" || is.State == overlay.Refused { // what begins is no change, and of a thousand pseudowires nothing else would be left
		r.ring.Add(status.Changed(is, was, at))
	}
}

// tell has the hooks hear of pseudowires and bonds.
func (n *sites) tell(is, was status.Standing) {
	if is.Kind != status.KindPseudowire && is.Kind != status.KindBond {
		return
	}
	e := hook.Event{Type: is.Kind, Interface: is.Name, Device: is.Device, Reason: is.Reason}
	to, from := action(is.State), action(was.State)
	switch {
	case to != from && (to != hook.Down || from != ""):
		e.Action = to
		n.hook(e)
	case to == from && was.Active != "" && is.Active != "" && is.Active != was.Active:
		e.Action, e.Reason = hook.Failover, was.Active+" to "+is.Active+": "+is.Why
		n.hook(e)
	}
}

// action is what hooks are told of a state, "" of none.
func action(state string) string {
	switch state {
	case "up":
		return hook.Up
	case "degraded":
		return hook.Degraded
	case "":
		return ""
	}
	return hook.Down
}
