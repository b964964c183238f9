package reconcile

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// history is what the loop remembers of WANs from pass to pass.
type history struct {
	carried map[side]bool      // carried in the last pass
	back    map[side]time.Time // when one that had been lost came back
	lost    map[side]bool      // carried once and does not now
}

func newHistory() history {
	return history{carried: map[side]bool{}, back: map[side]time.Time{}, lost: map[side]bool{}}
}

func (h history) clone() history {
	return history{carried: maps.Clone(h.carried), back: maps.Clone(h.back), lost: maps.Clone(h.lost)}
}

// observe takes note of a side that can carry or not.
func (h *history) observe(s side, carries bool, now time.Time) {
	switch {
	case carries && h.lost[s]:
		h.back[s] = now
		delete(h.lost, s)
	case !carries && h.carried[s]:
		h.lost[s] = true
		delete(h.back, s)
	}
	h.carried[s] = carries
}

// facts gathers what the plan depends on. next is when it changes by the clock alone, the zero time if it does not.
func (l *Loop) facts(c *config.Config, net plan.Network, in taken, now time.Time) (f plan.Facts, why diff.Reasons, next time.Time, err error) {
	f = plan.Facts{Network: net, Health: map[string]map[kstate.Family]plan.Verdict{}, Active: l.active}
	if f.IDs, err = plan.AssignIDs(wanNames(c), l.saved.WANs, plan.MaxWANs); err != nil {
		return f, nil, next, err
	}
	if f.PolicyIDs, err = plan.AssignIDs(policyNames(c), l.saved.Policies, maxPolicies); err != nil {
		return f, nil, next, err
	}
	why = diff.Reasons{}
	for _, i := range c.Interfaces {
		f.Health[i.Name], why[i.Name] = map[kstate.Family]plan.Verdict{}, map[kstate.Family]string{}
		until, down := in.admin[i.Name]
		down = down && (until.IsZero() || until.After(now))
		if down {
			next = earlier(next, until)
		}
		for _, fam := range kstate.Families {
			v := in.verdicts[side{i.Name, fam}]
			w := net.WANs[i.Name]
			switch {
			case down:
				v.State, v.Reason = "disabled", "taken down by hand"
			case v.Carries() && w.Index != 0 && !w.Carrier:
				v.State, v.Reason = "down", "no carrier" // health will say so too, a moment later
			}
			f.Health[i.Name][fam], why[i.Name][fam] = v.Verdict, v.Reason
			usable := i.Enabled && slices.Contains(i.Families, fam) && w.Usable(fam)
			l.history.observe(side{i.Name, fam}, usable && v.Sound(), now)
		}
	}
	held, until := l.heldBack(c, now)
	f.HeldBack = held
	if l.ports.Apart != nil {
		f.Apart = l.ports.Apart()
	}
	f.RPFilter = l.rpFilter(net)
	return f, why, earlier(next, until), nil
}

// maxPolicies bounds the ids of policies: their tables lie between those of the WANs and the end of our 256.
const maxPolicies = 190

func wanNames(c *config.Config) []string {
	var names []string
	for _, i := range c.Interfaces {
		if i.Enabled {
			names = append(names, i.Name)
		}
	}
	return names
}

func policyNames(c *config.Config) []string {
	names := make([]string, len(c.Policies))
	for i, p := range c.Policies {
		names[i] = p.Name
	}
	return names
}

// heldBack returns, by policy, the WANs that came back less than its failback delay ago, and when the next of them has waited enough. A
// WAN that a policy uses is not taken away from it because its other family came back.
func (l *Loop) heldBack(c *config.Config, now time.Time) (map[string]map[string]bool, time.Time) {
	held := make(map[string]map[string]bool)
	var next time.Time
	for s, at := range l.history.back {
		for _, p := range c.Policies {
			until := at.Add(p.FailbackDelay)
			if p.FailbackDelay <= 0 || !until.After(now) || l.uses(p.Name, s.wan) {
				continue
			}
			if held[p.Name] == nil {
				held[p.Name] = make(map[string]bool)
			}
			held[p.Name][s.wan] = true
			next = earlier(next, until)
		}
	}
	return held, next
}

func (l *Loop) uses(policy, wan string) bool {
	for _, active := range l.active[policy] {
		if slices.Contains(active, wan) {
			return true
		}
	}
	return false
}

// rpFilter returns the reverse path filters as they would be without us.
func (l *Loop) rpFilter(net plan.Network) map[string]int {
	out := make(map[string]int)
	read := func(dev string) {
		if dev == "" || strings.ContainsRune(dev, '/') {
			return
		}
		name := "net/ipv4/conf/" + dev + "/rp_filter"
		is, err := l.ports.Settings.Get(name)
		if s, ours := l.saved.Settings[name]; ours && is.Value == s.Ours {
			is.Value = s.Original
		}
		if n, nerr := strconv.Atoi(is.Value); err == nil && nerr == nil {
			out[dev] = n
		}
	}
	read("all")
	for _, w := range net.WANs {
		if w.Index != 0 {
			read(w.Device)
		}
	}
	return out
}

// activeOf returns what the policies of a plan use.
func activeOf(p *plan.Plan) map[string]map[kstate.Family][]string {
	out := make(map[string]map[kstate.Family][]string, len(p.Policies))
	for _, pol := range p.Policies {
		out[pol.Name] = make(map[kstate.Family][]string)
		for fam, shares := range pol.Active {
			for _, s := range shares {
				out[pol.Name][fam] = append(out[pol.Name][fam], s.WAN)
			}
		}
	}
	return out
}
