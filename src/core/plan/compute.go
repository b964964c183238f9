package plan

import (
	"fmt"
	"net/netip"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// builder carries the inputs of one Compute and collects its result.
type builder struct {
	c    *config.Config
	f    Facts
	plan *Plan
	wans []*wan
	// byName finds a WAN; policies finds a policy's resolution.
	byName   map[string]*wan
	policies map[string]*policy
	own      map[*wan]map[kstate.Family][]netip.Prefix // see ownPrefixes
	// routing mode: no marks, the kernel balances.
	routed bool
}

// wan is one enabled interface with everything that is known of it.
type wan struct {
	config.Interface
	WAN
	id      int
	mark    uint32
	probe   uint32
	table   uint32
	chain   string // its name inside nftables identifiers
	shared  bool   // other WANs use the same device
	joins   bool   // a pseudowire or bond: it leads to another site
	carries map[kstate.Family]bool
}

// Compute returns what the kernel should hold, and why.
func Compute(c *config.Config, f Facts) *Plan {
	b := newBuilder(c, f)
	if !c.Globals.Enabled {
		return b.plan
	}
	b.addWANs()
	b.addPolicies()
	b.wanRoutes()
	b.policyRoutes()
	b.steeringRules()
	b.wantSysctls()
	b.wantTable()
	b.report()
	return b.plan
}

func newBuilder(c *config.Config, f Facts) *builder {
	return &builder{
		c: c, f: f, routed: c.Globals.Steering == "route",
		plan:   &Plan{Why: map[string]string{}},
		byName: map[string]*wan{}, policies: map[string]*policy{},
	}
}

// addWANs collects the enabled interfaces.
func (b *builder) addWANs() {
	users := map[string]int{}
	for _, i := range b.c.Interfaces {
		if !i.Enabled || b.f.IDs[i.Name] == 0 {
			continue
		}
		id := b.f.IDs[i.Name]
		w := &wan{
			Interface: i, WAN: b.f.WANs[i.Name], id: id,
			mark: mark(b.c.Globals, id), probe: mark(b.c.Globals, id) | FlagMask(b.c.Globals.MarkMask),
			table: b.c.Globals.TableBase + uint32(id), chain: chainName(i.Name, id),
			carries: map[kstate.Family]bool{},
		}
		if w.WAN.Device == "" {
			w.WAN.Device = i.Device
		}
		w.joins = order.Any(len(b.c.Pseudowires), func(i int) bool { return b.c.Pseudowires[i].Name == w.Name }) ||
			order.Any(len(b.c.Bonds), func(i int) bool { return b.c.Bonds[i].Name == w.Name })
		b.wans = append(b.wans, w)
		b.byName[i.Name] = w
		users[w.WAN.Device]++
	}
	for _, w := range b.wans {
		w.shared = w.WAN.Device != "" && users[w.WAN.Device] > 1
	}
}

// chainName makes an nftables identifier of a section's name: the name itself, or the id where the name is longer than the kernel takes.
func chainName(name string, id int) string {
	if len(name) <= 64 {
		return name
	}
	return fmt.Sprintf("%s_%d", name[:48], id)
}

// dev is the device of the WAN as seen now.
func (w *wan) dev() string { return w.WAN.Device }

// has says whether the configuration lets the WAN carry the family.
func (w *wan) has(f kstate.Family) bool {
	for _, have := range w.Families {
		if have == f {
			return true
		}
	}
	return false
}

// usable says whether the family can be sent by the WAN at all.
func (w *wan) usable(f kstate.Family) bool { return w.has(f) && w.Usable(f) }

// healthy says whether probes let new traffic onto the WAN.
func (b *builder) healthy(w *wan, f kstate.Family) bool {
	return w.usable(f) && b.f.Health[w.Name][f].Carries()
}

// addRule plans a rule with its reason.
func (b *builder) addRule(r kstate.Rule, offset uint32, why string) {
	r.Priority = b.c.Globals.RuleBase + offset
	if r.Action == "" {
		r.Action = kstate.Lookup
	}
	key := r.Key()
	if _, dup := b.plan.Why[key]; dup {
		return
	}
	b.plan.Want.Rules = append(b.plan.Want.Rules, r)
	b.plan.Why[key] = why
}

// addRoute plans a route with its reason.
func (b *builder) addRoute(r kstate.Route, why string) {
	b.plan.Want.Routes = append(b.plan.Want.Routes, r)
	b.plan.Why[r.Key()] = why
}

// warn tells the user what cannot be done, once.
func (b *builder) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, w := range b.plan.Warnings {
		if w == text {
			return
		}
	}
	b.plan.Warnings = append(b.plan.Warnings, text)
}

// report copies what others need to know of WANs and policies into the plan.
func (b *builder) report() {
	for _, w := range b.wans {
		wp := WANPlan{Name: w.Name, Device: w.dev(), ID: w.id, Mark: w.mark, Probe: w.probe, Table: w.table, Carries: w.carries}
		if b.routed {
			wp.Mark, wp.Probe = 0, 0
		}
		for _, f := range kstate.Families {
			for _, a := range w.Side(f).Addrs {
				wp.Addrs = append(wp.Addrs, a.Addr().String())
			}
		}
		b.plan.WANs = append(b.plan.WANs, wp)
	}
	for _, p := range b.c.Policies {
		b.plan.Policies = append(b.plan.Policies, b.policies[p.Name].PolicyPlan)
	}
}
