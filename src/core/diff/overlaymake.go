package diff

import (
	"cmp"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// makes returns what is made or changed, in the order of dependence.
func (d *overlayDiff) makes() []OverlayOp {
	var ops []OverlayOp
	add := func(o OverlayOp, needs ...string) {
		for _, key := range append(needs, o.Key()) {
			if (d.made[key] || d.deleted[key]) && !slices.Contains(o.After, key) {
				o.After = append(o.After, key)
			}
		}
		d.made[o.Key()] = true
		ops = append(ops, o)
	}
	own := func(a kstate.Address) bool { _, ours := d.wanted.links[a.Device]; return ours }
	d.addresses(add, func(a kstate.Address) bool { return !own(a) })
	for _, t := range d.want.Tunnels {
		if !d.keepsTunnel(t.ID) {
			d.lift(t, add)
			add(OverlayOp{Verb: Add, Kind: Tunnel, Tunnel: t})
		}
	}
	for _, b := range d.want.Blocks {
		if !d.there.blocks[b] || d.lifted[b] {
			add(OverlayOp{Verb: Add, Kind: Block, Block: b})
		}
	}
	for _, s := range d.want.Sessions {
		if _, ok := d.there.sessions[s.SessionKey()]; !ok || d.deleted[s.Key()] {
			add(OverlayOp{Verb: Add, Kind: Session, Session: s}, d.sessionNeeds(s)...)
		}
	}
	d.links(add)
	for _, m := range d.want.Mirrors {
		if !d.there.mirrors[m] || d.deleted[m.Key()] {
			add(OverlayOp{Verb: Add, Kind: Mirror, Mirror: m}, linkKey(m.From), linkKey(m.To))
		}
	}
	d.addresses(add, own)
	d.ports(add)
	return ops
}

// addresses adds some of the addresses.
func (d *overlayDiff) addresses(add func(OverlayOp, ...string), which func(kstate.Address) bool) {
	for _, a := range d.want.Addrs {
		if which(a) && (!d.there.addrs[a] || d.deleted[a.Key()]) {
			add(OverlayOp{Verb: Add, Kind: Address, Address: a}, linkKey(a.Device))
		}
	}
}

// lift takes away the block that would keep a tunnel from being made, once the sessions behind it are gone. Where one stays, on another
// tunnel over IP between the same two ends, the block stays too, and the tunnel waits for the SA.
func (d *overlayDiff) lift(t kstate.Tunnel, add func(OverlayOp, ...string)) {
	out := t.Blocks()[0]
	if !d.there.blocks[out] {
		return
	}
	needs := []string{t.Key()}
	for _, s := range d.have.Sessions {
		on := d.there.tunnels[s.Tunnel]
		if on.Blocks()[0] != out {
			continue
		}
		if !d.deleted[s.Key()] {
			return
		}
		needs = append(needs, s.Key(), on.Key())
	}
	d.lifted[out] = true
	add(OverlayOp{Verb: Delete, Kind: Block, Block: out}, needs...)
}

// sessionNeeds are the keys of a session's tunnel and of the blocks that have to stand before it.
func (d *overlayDiff) sessionNeeds(s kstate.Session) []string {
	t, ok := d.wanted.tunnels[s.Tunnel]
	if !ok {
		return nil
	}
	b := t.Blocks()
	return []string{t.Key(), b[0].Key(), b[1].Key()}
}

func linkKey(device string) string { return kstate.Link{Name: device}.Key() }

// links makes devices and changes them. A device of L2TP is there with its session, the second end of a veth with the first.
func (d *overlayDiff) links(add func(OverlayOp, ...string)) {
	want := slices.Clone(d.want.Links)
	order.By(want, func(i, j int) int { return cmp.Compare(linkRank(want[i]), linkRank(want[j])) })
	for _, l := range want {
		was, there := d.there.links[l.Name]
		op := OverlayOp{Verb: Replace, Kind: Link, Link: l, Was: was}
		needs := []string{linkKey(l.Parent), linkKey(l.Peer)}
		switch {
		case there && !d.gone[l.Name]:
			if l.Equal(was) {
				continue
			}
		case l.Kind == kstate.KindL2TP:
			op.Was = kstate.Link{}
			if s, ok := d.wanted.devices[l.Name]; ok {
				needs = append(needs, s.Key())
			}
		case l.Kind == kstate.KindVeth && d.made[linkKey(l.Peer)]:
			op.Was = kstate.Link{}
		default:
			op.Verb, op.Was = Add, kstate.Link{}
		}
		add(op, needs...)
	}
}

// ports puts devices into bonds, then into bridges.
func (d *overlayDiff) ports(add func(OverlayOp, ...string)) {
	want := slices.Clone(d.want.Ports)
	order.By(want, func(i, j int) int { return cmp.Compare(d.wanted.portRank(want[i]), d.wanted.portRank(want[j])) })
	for _, p := range want {
		op := OverlayOp{Verb: Add, Kind: Port, Port: p}
		if was, there := d.there.ports[p.Device]; there && !d.deleted[p.Key()] {
			if p.Equal(was) {
				continue
			}
			op.Verb = Replace
		}
		add(op, linkKey(p.Device), linkKey(p.Master))
	}
}
