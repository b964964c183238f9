package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// joined is what one pass knows of the overlay and wants of it.
type joined struct {
	seen  Seen
	facts overlay.Facts
	plan  *overlay.Plan
	ops   []diff.Op
	// later says that seen is of a pass before, or blind that nothing was ever seen: steering gets the guards, and the overlay is left as it
	// is until it is looked at. err says why it was not.
	later, blind bool
	err          error
}

// wantsOverlay says whether a configuration has anything of the overlay.
func wantsOverlay(c *config.Config) bool {
	return c.Globals.Enabled && len(c.Pseudowires)+len(c.IPsec)+len(c.Bonds)+len(c.Tunnels)+len(c.Clamps) > 0
}

// joined returns what is known of the overlay, nil where there is nothing of it. Traffic that must leave a dead WAN does not wait for a look,
// nor does steering end where it fails.
func (l *Loop) joined(ctx context.Context, c *config.Config, in taken) *joined {
	if l.ports.Overlay == nil || !wantsOverlay(c) && !l.overlaid && !l.lookAll {
		return nil
	}
	var err error
	if !in.hasty || l.looked == nil || l.lookAll {
		var j *joined
		if j, err = l.lookOverlay(ctx, c); err == nil {
			l.looked = j
			return &joined{seen: j.seen, facts: j.facts}
		}
	}
	if l.looked == nil {
		m := l.saved.Overlay
		return &joined{facts: overlay.Facts{Have: kstate.Overlay{Tunnels: m.Tunnels, Addrs: m.Addrs}}, later: true, blind: true, err: err}
	}
	return &joined{seen: l.looked.seen, facts: l.looked.facts, later: true, err: err}
}

// lookOverlay observes the overlay. After an interrupted dump there is an error too: it gives nothing to compare.
func (l *Loop) lookOverlay(ctx context.Context, c *config.Config) (*joined, error) {
	k := Look{
		L2TP:    len(c.Pseudowires)+len(l.saved.Overlay.Tunnels) > 0 || l.tunnels,
		Copies:  order.Any(len(c.Pseudowires), func(i int) bool { return c.Pseudowires[i].Enabled && c.Pseudowires[i].Redundancy != nil }),
		Devices: DeviceNames(c), Paths: l.paths, Sources: l.sources,
	}
	seen, err := l.ports.Overlay.Observe(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("look at tunnels and devices: %w", err)
	}
	l.tunnels = order.Any(len(seen.All.Links), func(i int) bool { return seen.All.Links[i].Kind == kstate.KindL2TP })
	if l.tunnels && !k.L2TP {
		return l.lookOverlay(ctx, c) // a predecessor's, whose notes are gone
	}
	j := &joined{seen: seen}
	j.facts.Have, j.facts.ForeignTunnels = l.saved.Overlay.own(seen)
	j.facts.Devices, j.facts.Addrs, j.facts.Missing = seen.Devices, seen.Addrs, seen.Missing
	for a := range j.facts.Addrs {
		if order.Any(len(j.facts.Have.Addrs), func(i int) bool { return j.facts.Have.Addrs[i].Prefix.Addr() == a }) {
			delete(j.facts.Addrs, a)
		}
	}
	j.facts.PathMTU, j.facts.Sources = seen.PathMTU, seen.Sources
	l.overlaid = !reflect.DeepEqual(j.facts.Have, kstate.Overlay{}) || wantsOverlay(c)
	return j, nil
}

// planOverlay plans it, on the ground of what steering has decided, and puts into d what concerns steering's tables and rules.
func (l *Loop) planOverlay(ctx context.Context, d *decision, in taken) {
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
	j.facts.Disabled, j.facts.Down, j.facts.Silent = map[string]bool{}, map[string]bool{}, in.silent
	j.facts.Came = in.came
	for name, sides := range d.facts.Health {
		j.facts.Down[name] = sides[kstate.IPv4].State == "down"
		for _, v := range sides {
			j.facts.Disabled[name] = j.facts.Disabled[name] || v.State == "disabled"
		}
	}
	if l.ports.IKE != nil {
		var answers bool
		j.facts.SAs, answers = l.ports.IKE.SAs()
		j.facts.NoCharon = !answers
	}
	j.facts.PathMTU = least(j.seen.PathMTU, in.pathMTU)
	j.plan = l.computeOverlay(d.config, j.facts)
	paths := PathsOf(j.plan)
	if !j.later && (!within(paths, l.paths) || !within(j.plan.Sources, l.sources)) {
		l.paths, l.sources = paths, j.plan.Sources
		if again, err := l.lookOverlay(ctx, d.config); err != nil {
			j.later, j.err = true, err
		} else {
			l.looked = again
			j.facts.PathMTU, j.facts.Sources = least(again.seen.PathMTU, in.pathMTU), again.seen.Sources
			j.plan = l.computeOverlay(d.config, j.facts)
		}
	}
	if !j.blind {
		l.paths, l.sources = PathsOf(j.plan), j.plan.Sources
	}
	d.want.Rules, d.want.Routes = order.Join(d.want.Rules, j.plan.Rules), order.Join(d.want.Routes, j.plan.Routes)
	d.want.Tables = l.merged(d.plan, j.plan)
	d.warn = append(d.warn, j.plan.Warnings...)
	if j.err != nil {
		d.warn = append(d.warn, j.err.Error())
	}
	if j.later {
		return
	}
	j.facts.Have = l.saved.Overlay.put(j.facts.Have, j.plan.Want)
	for _, op := range diff.OverlayOps(l.keepMACs(j.plan.Want, j.facts.Have), condemned(j.facts.Have, in.rebuild)) {
		j.ops = append(j.ops, diff.Op{Verb: op.Verb, Kind: diff.Overlay, Overlay: &op})
	}
}

// keepMACs returns want with the link-layer addresses that pseudowires have or had: neighbours go on knowing a device that is made anew. A
// bond gives its slaves its own.
func (l *Loop) keepMACs(want, have kstate.Overlay) kstate.Overlay {
	bonded := map[string]bool{}
	for _, p := range order.Join(have.Ports, want.Ports) {
		bonded[p.Device] = bonded[p.Device] || order.Any(len(want.Links), func(i int) bool { return want.Links[i].Name == p.Master && want.Links[i].Kind == kstate.KindBond })
	}
	macs := map[string]string{}
	for _, k := range have.Links {
		if k.Kind == kstate.KindL2TP && !bonded[k.Name] {
			macs[k.Name] = k.MAC
		}
	}
	want.Links = slices.Clone(want.Links)
	for i := range want.Links {
		k := &want.Links[i]
		if k.Kind != kstate.KindL2TP || bonded[k.Name] || k.MAC != "" {
			continue
		}
		if macs[k.Name] == "" {
			macs[k.Name] = l.macs[k.Name]
		}
		k.MAC = macs[k.Name]
	}
	l.macs = macs
	return want
}

// condemned returns have with the sessions of some devices, and their tunnels where they have no others, looking so that they are made anew.
func condemned(have kstate.Overlay, devices map[string]bool) kstate.Overlay {
	if len(devices) == 0 {
		return have
	}
	have.Sessions, have.Tunnels = slices.Clone(have.Sessions), slices.Clone(have.Tunnels)
	goes, stays := map[uint32]bool{}, map[uint32]bool{}
	for i := range have.Sessions {
		s := &have.Sessions[i]
		if !devices[s.Device] {
			stays[s.Tunnel] = true
			continue
		}
		goes[s.Tunnel] = true
		s.PeerID = ^s.PeerID
	}
	for i := range have.Tunnels {
		if t := &have.Tunnels[i]; goes[t.ID] && !stays[t.ID] {
			t.PeerID = ^t.PeerID
		}
	}
	return have
}

// least returns the smaller of two MTUs of each path.
func least(a, b map[netip.Addr]int) map[netip.Addr]int {
	out := make(map[netip.Addr]int, len(a))
	for _, m := range []map[netip.Addr]int{a, b} {
		for remote, mtu := range m {
			if out[remote] == 0 || mtu < out[remote] {
				out[remote] = mtu
			}
		}
	}
	return out
}

// DeviceNames lists the devices that matter to the overlay: those to be made, whose names others may have, and what they go into.
func DeviceNames(c *config.Config) []string {
	var out []string
	Concerned(c, func(device string) bool { out = append(out, device); return false })
	return out
}

// Concerned asks is of each of DeviceNames until one is the one that was meant.
func Concerned(c *config.Config, is func(device string) bool) bool {
	for i := range c.Pseudowires {
		if p := &c.Pseudowires[i]; is(p.Device) || is(p.Attach.Bridge) || is("lo") {
			return true
		}
	}
	for i := range c.Bonds {
		b := &c.Bonds[i]
		if is(b.Device) || is(b.Attach.Bridge) || order.Any(len(b.Members), func(i int) bool { return is(b.Members[i].Device) }) {
			return true
		}
	}
	return order.Any(len(c.Tunnels), func(i int) bool { return is(c.Tunnels[i].Device) }) ||
		order.Any(len(c.Clamps), func(i int) bool { return is(c.Clamps[i].Bridge) || is(c.Clamps[i].Device) })
}

func within[T comparable](want, have []T) bool {
	fresh := order.Fresh()
	for _, v := range have {
		fresh(v)
	}
	return !order.Any(len(want), func(i int) bool { return fresh(want[i]) })
}

// PathsOf lists the ways of outermost packets.
func PathsOf(p *overlay.Plan) []Path {
	var out []Path
	fresh := order.Fresh()
	add := func(local, remote netip.Addr) {
		if way := (Path{local, remote}); local.IsValid() && remote.IsValid() && fresh(way) {
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
func (a *applier) join(ctx context.Context, d *decision, rebuilt map[string]bool) {
	if d.join == nil {
		return
	}
	l := a.loop
	if l.ports.IKE != nil && !d.join.blind {
		l.ports.IKE.Set(d.join.plan.Conns)
	}
	if d.join.later {
		return
	}
	l.saved.Overlay.note(d.join.facts.Have, d.join.plan.Want)
	if len(d.join.ops) > 0 {
		if err := l.store.save(l.saved); err != nil {
			d.warn = append(d.warn, err.Error())
		}
	}
	a.sameOverlay = l.synced != nil && len(d.join.ops) > 0 && len(rebuilt) == 0 && reflect.DeepEqual(l.synced.overlay, d.join.plan.Want)
	a.apply(ctx, d.join.ops)
}

// unguarded says whether an operation would let packets of a protected pseudowire pass in clear, or stands on something that failed.
func (a *applier) unguarded(op *diff.OverlayOp) bool {
	if a.netfilter && (op.Kind == diff.Tunnel || op.Kind == diff.Session) && op.Verb != diff.Delete {
		return true
	}
	if a.netfilter && op.Kind == diff.Block && op.Verb == diff.Delete {
		return true
	}
	return order.Any(len(op.After), func(i int) bool { return a.missed[op.After[i]] })
}

// cleanOverlay removes tunnels, devices and policies of ours. The blocks go last.
func cleanOverlay(ctx context.Context, p Ports, m made) error {
	if p.Overlay == nil {
		return nil
	}
	var unloaded, last error
	if p.IKE != nil {
		if err := p.IKE.Clear(ctx); err != nil {
			unloaded = fmt.Errorf("unload the connections of the IKE daemon: %w", err)
		}
	}
	k := Look{L2TP: len(m.Tunnels) > 0}
	for range cleanupTries {
		seen, err := p.Overlay.Observe(ctx, k)
		if err != nil {
			last = fmt.Errorf("look at tunnels and devices: %w", err)
			continue
		}
		if !k.L2TP && order.Any(len(seen.All.Links), func(i int) bool { return seen.All.Links[i].Kind == kstate.KindL2TP }) {
			k.L2TP = true
			continue
		}
		have, _ := m.own(seen)
		ops := diff.OverlayOps(kstate.Overlay{}, have)
		if last = nil; len(ops) == 0 {
			break
		}
		last = errors.New("something of ours is left")
		missed := map[string]bool{}
		for i := range ops {
			op := &ops[i]
			if order.Any(len(op.After), func(i int) bool { return missed[op.After[i]] }) {
				continue // it guards what is still there
			}
			if err := p.Overlay.Apply(ctx, op); err != nil {
				missed[op.Key()] = true
				last = fmt.Errorf("%s: %w", op, err)
			}
		}
	}
	if last != nil {
		return errors.Join(errGuarded, last, unloaded)
	}
	return unloaded
}

// errGuarded is the error of what could not be removed of the overlay.
var errGuarded = errors.New("the guards of pseudowires stay")
