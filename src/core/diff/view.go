package diff

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// View is the part of a plan, its configuration and its facts that effects depend on. It is small, and it can be kept over a restart as
// JSON: what a predecessor had decided but not yet carried out is then made up for.
type View struct {
	// Mask is the configured mark mask, FixedPorts are the UDP ports that no translation may take from the router.
	Mask       uint32
	FixedPorts []uint16
	WANs       map[string]WANView
	Policies   map[string]PolicyView
}

// WANView is one WAN.
type WANView struct {
	Device string
	// Mark is the connection mark of forwarded connections; 0 where nothing is marked (steering route).
	Mark  uint32
	Sides map[kstate.Family]SideView
}

// SideView is one family of a WAN.
type SideView struct {
	// Carries says that new traffic may use it, be it as a last resort.
	Carries bool
	// State is health's, but "down" where the device or the address is missing.
	State   string
	Reason  string
	Gateway netip.Addr
	// Addrs are the WAN's own addresses; those of the last time where it has none now (see After).
	Addrs []netip.Addr
	// Sticky are the sets that hold sources on this WAN.
	Sticky []string
}

// PolicyView is one policy.
type PolicyView struct {
	// Members are the WANs that the policy may use.
	Members []string
	Sides   map[kstate.Family]PolicySide
	// Failback is keep, move_udp, move or drain; Drain the time that drain leaves.
	Failback string
	Drain    time.Duration
}

// PolicySide is one family of a policy.
type PolicySide struct {
	Active []string // sorted
	State  string
}

// Reasons are the words of health for its verdicts, by WAN and family.
type Reasons map[string]map[kstate.Family]string

// ViewOf takes from a plan and from what it was computed from what effects depend on.
func ViewOf(p *plan.Plan, c *config.Config, f plan.Facts, why Reasons) View {
	v := View{Mask: c.Globals.MarkMask, FixedPorts: c.Globals.FixedPorts, WANs: make(map[string]WANView), Policies: make(map[string]PolicyView)}
	for _, w := range p.WANs {
		v.WANs[w.Name] = wanView(p, w, c, f, why[w.Name])
	}
	members := make(map[string]config.Policy, len(c.Policies))
	for _, pol := range c.Policies {
		members[pol.Name] = pol
	}
	for _, pp := range p.Policies {
		pv := PolicyView{Failback: "keep", Sides: make(map[kstate.Family]PolicySide)}
		if pol, ok := members[pp.Name]; ok {
			pv.Failback, pv.Drain = pol.Failback, pol.DrainTimeout
			for _, m := range pol.Members {
				pv.Members = append(pv.Members, m.Interface)
			}
		} else if _, direct := v.WANs[pp.Name]; direct {
			pv.Members = []string{pp.Name} // a rule that names a WAN: then it alone
		} else {
			pv.Members = memberNames(p.WANs) // the default that the file does not have
		}
		for _, fam := range kstate.Families {
			s := PolicySide{State: pp.State[fam]}
			for _, share := range pp.Active[fam] {
				s.Active = append(s.Active, share.WAN)
			}
			slices.Sort(s.Active)
			pv.Sides[fam] = s
		}
		v.Policies[pp.Name] = pv
	}
	for _, r := range c.Rules {
		if _, isWAN := v.WANs[r.Policy]; isWAN && r.Enabled {
			if _, known := v.Policies[r.Policy]; !known {
				v.Policies[r.Policy] = directView(v.WANs[r.Policy], r.Policy)
			}
		}
	}
	return v
}

func memberNames(ws []plan.WANPlan) []string {
	names := make([]string, len(ws))
	for i, w := range ws {
		names[i] = w.Name
	}
	return names
}

// directView is the policy that a rule makes by naming a WAN.
func directView(w WANView, name string) PolicyView {
	pv := PolicyView{Members: []string{name}, Failback: "keep", Sides: make(map[kstate.Family]PolicySide)}
	for fam, s := range w.Sides {
		if s.Carries {
			pv.Sides[fam] = PolicySide{Active: []string{name}, State: "up"}
		}
	}
	return pv
}

func wanView(p *plan.Plan, w plan.WANPlan, c *config.Config, f plan.Facts, why map[kstate.Family]string) WANView {
	v := WANView{Device: w.Device, Sides: make(map[kstate.Family]SideView)}
	if c.Globals.Steering != "route" {
		v.Mark = w.Mark
	}
	net := f.WANs[w.Name]
	for _, fam := range kstate.Families {
		side := net.Side(fam)
		s := SideView{Carries: w.Carries[fam], State: f.Health[w.Name][fam].State, Reason: why[fam], Gateway: side.Gateway}
		s.Sticky = plan.StickySets(p, w.ID, fam)
		for _, a := range side.Addrs {
			s.Addrs = append(s.Addrs, a.Addr())
		}
		if s.State == "" {
			s.State = "waiting"
		}
		if missing := net.Missing(fam); missing != "" && s.State != "waiting" && s.State != "disabled" {
			s.State, s.Reason = "down", missing
		}
		v.Sides[fam] = s
	}
	return v
}

// After returns v with what it has to remember of the view before it: the addresses of a WAN that has none at the moment. A line that
// comes back with the same address keeps its connections; one that comes back with another loses them.
func (v View) After(prev View) View {
	for name, w := range v.WANs {
		for fam, s := range w.Sides {
			if len(s.Addrs) == 0 {
				s.Addrs = prev.WANs[name].Sides[fam].Addrs
				w.Sides[fam] = s
			}
		}
	}
	return v
}

// Known says whether v is a view at all; the zero View is what is known before the first pass.
func (v View) Known() bool { return v.WANs != nil }

// text joins names for reasons.
func text(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}
