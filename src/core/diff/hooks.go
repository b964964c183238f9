package diff

import (
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// wanHooks tells of WANs that came up, got worse or went down, by name and family.
func wanHooks(prev, next View) []*Hook {
	names := make(map[string]bool)
	for n := range prev.WANs {
		names[n] = true
	}
	for n := range next.WANs {
		names[n] = true
	}
	var out []*Hook
	for _, name := range order.Keys(names) {
		for _, fam := range kstate.Families {
			was, is := prev.WANs[name].Sides[fam], next.WANs[name].Sides[fam]
			action := transition(was.State, is.State)
			if action == "" {
				continue
			}
			h := hookOf(next, name, fam, action)
			if _, still := next.WANs[name]; !still {
				h = hookOf(prev, name, fam, action)
				h.Reason = "removed from the configuration"
			}
			out = append(out, h)
		}
	}
	return out
}

// transition returns the action of a change of health's state, "" for none: suspicion is not an event, and a WAN that waits for its first
// answers has not changed yet unless it worked before.
func transition(was, is string) string {
	from, to := class(was), class(is)
	switch {
	case from == to:
		return ""
	case to == "" && (from == "up" || from == "degraded"):
		return "down"
	}
	return to
}

func class(state string) string {
	switch state {
	case "up", "suspect":
		return "up"
	case "degraded":
		return "degraded"
	case "down", "disabled":
		return "down"
	}
	return ""
}

// policyHooks tells of policies that moved, by name and family: failover to worse WANs or because one was lost, failback to better ones
// or because one is back.
func policyHooks(prev, next View) []*Hook {
	var out []*Hook
	for _, name := range order.Keys(next.Policies) {
		for _, fam := range kstate.Families {
			p, known := prev.Policies[name]
			was, is := p.Sides[fam], next.Policies[name].Sides[fam]
			if !known || slices.Equal(was.Active, is.Active) {
				continue
			}
			lost, gained := minus(was.Active, is.Active), minus(is.Active, was.Active)
			h := &Hook{Action: moveAction(was, is, len(lost) > 0), Policy: name, Family: fam}
			if h.Action == "" {
				continue
			}
			if len(is.Active) > 0 {
				w := is.Active[0]
				if len(gained) > 0 {
					w = gained[0]
				}
				*h = *hookOf(next, w, fam, h.Action)
				h.Policy = name
			}
			h.Reason = text(was.Active) + " to " + text(is.Active)
			if h.Action == "failover" && len(lost) > 0 {
				if why := next.WANs[lost[0]].Sides[fam].Reason; why != "" {
					h.Reason += ": " + lost[0] + ": " + why
				}
			}
			out = append(out, h)
		}
	}
	return out
}

// moveAction compares two sides of a policy that differ. A policy that uses WANs for the first time has not failed over to anything.
func moveAction(was, is PolicySide, lost bool) string {
	switch a, b := rank(was), rank(is); {
	case was.State == "" || is.State == "":
		return ""
	case b > a:
		return "failover"
	case b < a:
		return "failback"
	case lost:
		return "failover"
	}
	return "failback"
}

func rank(s PolicySide) int {
	switch s.State {
	case "up":
		return 0
	case "backup":
		return 1
	case "best_effort":
		return 2
	}
	return 3
}

func minus(a, b []string) []string {
	return order.Without(a, func(s string) bool { return slices.Contains(b, s) })
}

func hookOf(v View, wan string, fam kstate.Family, action string) *Hook {
	w := v.WANs[wan]
	s := w.Sides[fam]
	return &Hook{Action: action, Interface: wan, Device: w.Device, Gateway: s.Gateway, Family: fam, Reason: s.Reason}
}
