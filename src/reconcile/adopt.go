package reconcile

import (
	"context"
	"fmt"
	"math/bits"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// start does what the first pass needs before it can decide: it finds what a predecessor left, in the state file or in the kernel, and
// settles which numbers are ours. It returns the inputs with the verdicts that hold until health has news.
func (l *Loop) start(ctx context.Context, in taken) (taken, error) {
	if !l.restored {
		if err := l.restore(ctx, in.config); err != nil {
			return in, err
		}
		l.restored = true
		now := l.peek()
		in.verdicts, in.farEnds, in.names = now.verdicts, now.farEnds, now.names
	}
	return in, l.settleNumbers(ctx, in.config)
}

// restore reads the state file or, without one, the kernel.
func (l *Loop) restore(ctx context.Context, c *config.Config) error {
	v, found, err := l.store.load()
	if err != nil {
		l.warnings = append(l.warnings, err.Error())
	}
	if !found {
		if err := l.recover(ctx, c, v); err != nil {
			return err
		}
	}
	v.Overlay = v.Overlay.valid(l.ports.Boot)
	l.saved, l.hooked = v, v.View
	l.active = map[string]map[kstate.Family][]string{}
	for name, p := range v.View.Policies {
		l.active[name] = map[kstate.Family][]string{}
		for fam, s := range p.Sides {
			l.active[name][fam] = s.Active
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, old := range v.Overlay.adopted() {
		if now, known := l.in.farEnds[name]; !known || now.State == "waiting" {
			l.in.farEnds[name] = old
		}
	}
	for host, a := range v.Overlay.Names {
		if !l.in.names[host].IsValid() {
			l.in.names[host] = a
		}
	}
	for wan, sides := range v.Verdicts {
		for fam, old := range sides {
			s := side{wan, fam}
			if now, known := l.in.verdicts[s]; !known || now.State == "waiting" {
				old.Adopted = true
				l.in.verdicts[s] = old
			}
		}
	}
	return nil
}

// recover reads off the kernel what the state file would have said: the ids of WANs by their marks and tables, and which of them carry.
func (l *Loop) recover(ctx context.Context, c *config.Config, v *saved) error {
	have, _, err := l.ports.Routing.Observe(ctx, Scope{All: true})
	if err != nil {
		return fmt.Errorf("look for what a predecessor left: %w", err)
	}
	if len(have.Rules) == 0 {
		return nil
	}
	v.stood = true
	net, err := l.ports.Source.Network(ctx, c)
	if err != nil {
		return fmt.Errorf("look at the interfaces: %w", err)
	}
	lowest := have.Rules[0].Priority
	for _, r := range have.Rules {
		lowest = min(lowest, r.Priority)
	}
	if lowest != c.Globals.RuleBase {
		v.Numbers = movedTo(c, have)
	}
	mask := c.Globals.MarkMask
	shift := bits.TrailingZeros32(mask)
	for _, r := range have.Rules {
		if r.Mask == 0 || r.Mask&mask == 0 || r.Action != kstate.Lookup || r.IIF != "" {
			continue
		}
		id := int(r.Mark & plan.WANMask(mask) >> shift)
		name := wanOf(c, net, have, r.Family, r.Table)
		if id == 0 || name == "" {
			continue
		}
		v.WANs[name] = id
		if r.Mark&plan.FlagMask(mask) != 0 {
			continue // the rule of probes stands whatever the verdict
		}
		if v.Verdicts[name] == nil {
			v.Verdicts[name] = map[kstate.Family]verdict{}
		}
		v.Verdicts[name][r.Family] = verdict{Verdict: plan.Verdict{State: "up"}, Reason: "in use before the restart"}
	}
	return nil
}

// wanOf finds the WAN whose default route a table holds.
func wanOf(c *config.Config, net plan.Network, have kstate.State, f kstate.Family, table uint32) string {
	for _, r := range have.Routes {
		if r.Family != f || r.Table != table || r.Dst.Bits() != 0 || r.Type != kstate.Unicast || r.Device == "" {
			continue
		}
		for _, i := range c.Interfaces {
			w := net.WANs[i.Name]
			if i.Enabled && w.Device == r.Device && w.Side(f).Gateway == r.Gateway {
				return i.Name
			}
		}
	}
	return ""
}
