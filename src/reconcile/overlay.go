package reconcile

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// joined is what one pass knows of the overlay and wants of it.
type joined struct {
	seen  Seen
	facts overlay.Facts
	plan  *overlay.Plan
	ops   []diff.Op
}

// wantsOverlay says whether a configuration has anything of the overlay.
func wantsOverlay(c *config.Config) bool {
	return c.Globals.Enabled && len(c.Pseudowires)+len(c.IPsec)+len(c.Bonds)+len(c.Tunnels)+len(c.Clamps) > 0
}

// lookOverlay observes the overlay where there is something to see; the result is nil where there is not.
func (l *Loop) lookOverlay(ctx context.Context, c *config.Config) (*joined, error) {
	if l.ports.Overlay == nil || !wantsOverlay(c) && !l.overlaid && !l.lookAll {
		return nil, nil
	}
	k := Look{
		L2TP:    len(c.Pseudowires)+len(l.saved.Overlay.Tunnels) > 0 || l.tunnels,
		Devices: DeviceNames(c), Paths: l.paths, Sources: l.sources,
	}
	seen, err := l.ports.Overlay.Observe(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("look at tunnels and devices: %w", err)
	}
	l.tunnels = slices.ContainsFunc(seen.All.Links, func(k kstate.Link) bool { return k.Kind == kstate.KindL2TP })
	if l.tunnels && !k.L2TP {
		return l.lookOverlay(ctx, c) // a predecessor's, whose notes are gone
	}
	j := &joined{seen: seen}
	j.facts.Have, j.facts.ForeignTunnels = l.saved.Overlay.own(seen)
	j.facts.Devices, j.facts.Addrs, j.facts.Missing = seen.Devices, seen.Addrs, seen.Missing
	for a := range j.facts.Addrs {
		if slices.ContainsFunc(j.facts.Have.Addrs, func(o kstate.Address) bool { return o.Prefix.Addr() == a }) {
			delete(j.facts.Addrs, a)
		}
	}
	j.facts.PathMTU, j.facts.Sources = seen.PathMTU, seen.Sources
	l.overlaid = !reflect.DeepEqual(j.facts.Have, kstate.Overlay{}) || wantsOverlay(c)
	return j, nil
}

// planOverlay plans it, on the ground of what steering has decided, and puts into d what concerns steering's tables and rules.
func (l *Loop) planOverlay(ctx context.Context, d *decision, in taken) error {
	j := d.join
	j.facts.Network = d.facts.Network
	j.facts.Active, j.facts.Tables = activeOrder(d.plan), map[string]uint32{}
	for _, w := range d.plan.WANs {
		j.facts.Tables[w.Name] = w.Table
	}
	j.facts.Names = in.names
	j.facts.Verdicts = map[string]plan.Verdict{}
	for name, v := range in.farEnds {
		j.facts.Verdicts[name] = v.Verdict
	}
	if l.ports.IKE != nil {
		var answers bool
		j.facts.SAs, answers = l.ports.IKE.SAs()
		j.facts.NoCharon = !answers
	}
	j.plan = overlay.Compute(d.config, j.facts)
	paths := pathsOf(j.plan)
	if !within(paths, l.paths) || !within(j.plan.Sources, l.sources) {
		l.paths, l.sources = paths, j.plan.Sources
		again, err := l.lookOverlay(ctx, d.config)
		if err != nil {
			return err
		}
		j.facts.PathMTU, j.facts.Sources = again.seen.PathMTU, again.seen.Sources
		j.plan = overlay.Compute(d.config, j.facts)
	}
	l.paths, l.sources = pathsOf(j.plan), j.plan.Sources
	d.want.Rules = slices.Concat(d.want.Rules, j.plan.Rules)
	d.want.Tables = overlay.Merge(d.want.Tables, j.plan.Tables)
	for _, op := range diff.OverlayOps(j.plan.Want, j.facts.Have) {
		j.ops = append(j.ops, diff.Op{Verb: op.Verb, Kind: diff.Overlay, Overlay: &op})
	}
	d.warn = append(d.warn, j.plan.Warnings...)
	return nil
}

// DeviceNames lists the devices that matter to the overlay: those to be made, whose names others may have, and what they go into.
func DeviceNames(c *config.Config) []string {
	var out []string
	for _, p := range c.Pseudowires {
		out = append(out, p.Device, p.Attach.Bridge)
	}
	for _, b := range c.Bonds {
		out = append(out, b.Device, b.Attach.Bridge)
		for _, m := range b.Members {
			out = append(out, m.Device)
		}
	}
	for _, t := range c.Tunnels {
		out = append(out, t.Device)
	}
	for _, k := range c.Clamps {
		out = append(out, k.Bridge, k.Device)
	}
	return out
}

func within[T comparable](want, have []T) bool {
	return !slices.ContainsFunc(want, func(a T) bool { return !slices.Contains(have, a) })
}

// pathsOf lists the ways of outermost packets.
func pathsOf(p *overlay.Plan) []Path {
	var out []Path
	add := func(local, remote netip.Addr) {
		if way := (Path{local, remote}); local.IsValid() && remote.IsValid() && !slices.Contains(out, way) {
			out = append(out, way)
		}
	}
	for _, c := range p.Conns {
		if remote, err := netip.ParseAddr(c.Remote); err == nil {
			add(c.Local, remote)
		}
	}
	for _, w := range p.Pseudowires {
		if w.IPsec == "" {
			add(w.Local, w.Remote)
		}
	}
	return out
}

// activeOrder returns by policy and family the WANs that carry, the largest share first.
func activeOrder(p *plan.Plan) map[string]map[kstate.Family][]string {
	out := make(map[string]map[kstate.Family][]string, len(p.Policies))
	for _, pol := range p.Policies {
		out[pol.Name] = map[kstate.Family][]string{}
		for f, shares := range pol.Active {
			for _, s := range shares {
				out[pol.Name][f] = append(out[pol.Name][f], s.WAN)
			}
		}
	}
	return out
}

// join carries out what the overlay needs. What is noted before it is made is known to be ours however this ends.
func (a *applier) join(ctx context.Context, d *decision) {
	if d.join == nil {
		return
	}
	l := a.loop
	l.saved.Overlay.note(d.join.facts.Have, d.join.plan.Want)
	if err := l.store.save(l.saved); err != nil {
		d.warn = append(d.warn, err.Error())
	}
	a.sameOverlay = l.synced != nil && len(d.join.ops) > 0 && reflect.DeepEqual(l.synced.overlay, d.join.plan.Want)
	a.apply(ctx, d.join.ops)
	if l.ports.IKE != nil {
		l.ports.IKE.Set(d.join.plan.Conns)
	}
}

// unguarded says whether an operation would let packets of a protected pseudowire pass in clear, or stands on something that failed.
func (a *applier) unguarded(op *diff.OverlayOp) bool {
	if a.netfilter && op.Verb != diff.Delete && (op.Kind == diff.Tunnel || op.Kind == diff.Session) {
		return true
	}
	return slices.ContainsFunc(op.After, func(key string) bool { return a.missed[key] })
}

// cleanOverlay removes tunnels, devices and policies of ours. The blocks go last.
func cleanOverlay(ctx context.Context, p Ports, m made) error {
	if p.Overlay == nil {
		return nil
	}
	if p.IKE != nil {
		if err := p.IKE.Clear(ctx); err != nil {
			return fmt.Errorf("unload the connections of the IKE daemon: %w", err)
		}
	}
	var last error
	for range cleanupTries {
		last = nil
		seen, err := p.Overlay.Observe(ctx, Look{L2TP: len(m.Tunnels) > 0})
		if err != nil {
			return fmt.Errorf("look at tunnels and devices: %w", err)
		}
		if !(len(m.Tunnels) > 0) && slices.ContainsFunc(seen.All.Links, func(k kstate.Link) bool { return k.Kind == kstate.KindL2TP }) {
			if seen, err = p.Overlay.Observe(ctx, Look{L2TP: true}); err != nil {
				return fmt.Errorf("look at tunnels and devices: %w", err)
			}
		}
		have, _ := m.own(seen)
		ops := diff.OverlayOps(kstate.Overlay{}, have)
		if len(ops) == 0 {
			return nil
		}
		for i := range ops {
			if err := p.Overlay.Apply(ctx, &ops[i]); err != nil {
				last = fmt.Errorf("%s: %w", &ops[i], err)
			}
		}
	}
	return last
}
