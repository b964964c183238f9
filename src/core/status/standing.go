package status

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
)

// Kinds of what joins sites, in the words of the configuration.
const (
	KindPseudowire = "pseudowire"
	KindIPsec      = "ipsec"
	KindBond       = "bond"
	KindTunnel     = "tunnel"
)

// Standing is how one part of what joins sites does, as far as a pass of the loop knows.
type Standing struct {
	_ order.Incomparable

	Kind, Name, Device string
	State, Reason      string
	// Active are the members of a bond that carry, Why how they were chosen.
	Active, Why string
	// Since is when State was entered.
	Since time.Time
}

// Key names the part.
func (s Standing) Key() string { return s.Kind + " " + s.Name }

// Standings lists how all parts do. why are the words of health on far ends by name; conn says how an IKE connection does.
func Standings(p *overlay.Plan, f overlay.Facts, why map[string]string, conn func(name string) (state, reason string)) []Standing {
	var out []Standing
	for _, w := range p.Pseudowires {
		s := Standing{Kind: KindPseudowire, Name: w.Name, Device: w.Device}
		s.State, s.Reason = w.State, w.Reason
		switch {
		case w.State != overlay.Ready:
		case w.Waits != "":
			s.State, s.Reason = overlay.Waiting, w.Waits
		default:
			s.State, s.Reason = verdict(f.Verdicts[w.Name].State, why[w.Name])
		}
		out = append(out, s)
	}
	for _, c := range p.Conns {
		state, reason := conn(c.Name)
		out = append(out, Standing{Kind: KindIPsec, Name: c.Name, State: state, Reason: reason})
	}
	for _, b := range p.Bonds {
		out = append(out, bondStanding(b, f))
	}
	for _, t := range p.Tunnels {
		s := Standing{Kind: KindTunnel, Name: t.Name, Device: t.Device, State: t.State, Reason: t.Reason}
		if s.State == overlay.Ready {
			s.State = "up"
		}
		out = append(out, s)
	}
	return out
}

// verdict is health's word on a far end. Suspicion is no state of its own here.
func verdict(state, why string) (string, string) {
	switch state {
	case "", "waiting":
		return overlay.Waiting, cmp.Or(why, "no answer of the far end yet")
	case "suspect":
		return "up", why
	}
	return state, why
}

func bondStanding(b overlay.BondPlan, f overlay.Facts) Standing {
	s := Standing{Kind: KindBond, Name: b.Name, Device: b.Device, State: b.State, Reason: b.Reason, Active: b.Active, Why: b.ActiveWhy}
	if b.State != overlay.Ready {
		return s
	}
	var alive, out []string
	for _, m := range b.Members {
		switch {
		case !m.In:
			out = append(out, m.Name+": "+m.Reason)
		case m.Verdict == "down" || m.Verdict == "disabled":
			out = append(out, m.Name+": its far end does not answer")
		default:
			alive = append(alive, m.Name)
		}
	}
	s.Reason = strings.Join(out, "; ")
	switch {
	case len(alive) == 0:
		s.State = "down"
	case len(out) > 0:
		s.State = "degraded"
	default:
		s.State = "up"
	}
	if s.Active == "" && b.Mode == kstate.BondActiveBackup {
		s.Active, s.Why = memberOf(b, activeSlave(b, f)), "chosen by the kernel"
	} else if s.Active == "" {
		s.Active, s.Why = strings.Join(alive, " "), "all that work"
	}
	return s
}

func activeSlave(b overlay.BondPlan, f overlay.Facts) string {
	i := order.First(len(f.Have.Links), func(i int) bool { return f.Have.Links[i].Name == b.Device && f.Have.Links[i].Bond != nil })
	if i < 0 {
		return ""
	}
	return f.Have.Links[i].Bond.ActiveSlave
}

// memberOf returns the member that has a device, "" for none.
func memberOf(b overlay.BondPlan, device string) string {
	for _, m := range b.Members {
		if m.Device == device {
			return m.Name
		}
	}
	return ""
}

// Said puts a change of state into words: of a state that is as before, of a bond's active member. It is "" where nothing is to be said:
// tries of an IKE connection come and go, which tells nothing new while their reason is the same.
func (s Standing) Said(was Standing) string {
	switch {
	case s.Kind == KindIPsec && s.State != "up" && was.State == "" && s.Reason == "":
		return "" // it has just been begun
	case s.class() != was.class() && was.State == "":
		return withReason(s.State, s.Reason)
	case s.class() != was.class():
		text := s.State + ", was " + was.State
		if took := s.Since.Sub(was.Since); s.Kind == KindIPsec && s.State == "up" && was.State == "connecting" && took > 0 {
			return fmt.Sprintf("%s in %d ms", s.State, took.Milliseconds())
		}
		return withReason(text, s.Reason)
	case s.Kind == KindIPsec && s.State != "up" && Uncounted(s.Reason) != Uncounted(was.Reason) && s.Reason != "":
		return withReason(s.State, s.Reason)
	case s.Active != was.Active && s.Active != "" && s.Kind == KindBond:
		return withReason("active "+s.Active+", was "+cmp.Or(was.Active, "none"), s.Why)
	}
	return ""
}

// class is what of a state counts as a change.
func (s Standing) class() string {
	if s.Kind == KindIPsec && s.State != "" && s.State != "up" {
		return "not up"
	}
	return s.State
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// Uncounted leaves out what stands in brackets, such as "(6 repairs)": another number makes no new warning.
func Uncounted(warning string) string {
	before, rest, _ := strings.Cut(warning, " (")
	_, after, _ := strings.Cut(rest, ")")
	return before + after
}
