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
	for _, t := range d.want.Tunnels {
		if !slices.ContainsFunc(d.have.Tunnels, t.Equal) {
			blocks := t.Blocks()
			add(OverlayOp{Verb: Add, Kind: Tunnel, Tunnel: t}, blocks[0].Key(), blocks[1].Key())
		}
	}
	for _, s := range d.want.Sessions {
		if there, ok := find(d.have.Sessions, s); !ok || d.deleted[there.Key()] {
			add(OverlayOp{Verb: Add, Kind: Session, Session: s}, d.sessionNeeds(s)...)
		}
	}
	d.links(add)
	for _, m := range d.want.Mirrors {
		if !slices.Contains(d.have.Mirrors, m) || d.deleted[m.Key()] {
			add(OverlayOp{Verb: Add, Kind: Mirror, Mirror: m}, linkKey(m.From), linkKey(m.To))
		}
	}
	for _, a := range d.want.Addrs {
		if !slices.Contains(d.have.Addrs, a) || d.deleted[a.Key()] {
			add(OverlayOp{Verb: Add, Kind: Address, Address: a}, linkKey(a.Device))
		}
	}
	d.ports(add)
	return ops
}

// sessionNeeds are the keys of a session's tunnel and of the blocks that have to stand before it.
func (d *overlayDiff) sessionNeeds(s kstate.Session) []string {
	for _, t := range d.want.Tunnels {
		if t.ID == s.Tunnel {
			b := t.Blocks()
			return []string{t.Key(), b[0].Key(), b[1].Key()}
		}
	}
	return nil
}

func linkKey(device string) string { return kstate.Link{Name: device}.Key() }

// links makes devices and changes them. A device of L2TP is there with its session, the second end of a veth with the first.
func (d *overlayDiff) links(add func(OverlayOp, ...string)) {
	want := slices.Clone(d.want.Links)
	order.By(want, func(x, y kstate.Link) int { return cmp.Compare(linkRank(x), linkRank(y)) })
	for _, l := range want {
		was, there := findLink(d.have.Links, l.Name)
		op := OverlayOp{Verb: Replace, Kind: Link, Link: l, Was: was}
		needs := []string{linkKey(l.Parent), linkKey(l.Peer)}
		switch {
		case there && !d.gone[l.Name]:
			if l.Equal(was) {
				continue
			}
		case l.Kind == kstate.KindL2TP:
			op.Was = kstate.Link{}
			for _, s := range d.want.Sessions {
				if s.Device == l.Name {
					needs = append(needs, s.Key())
				}
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
	order.By(want, func(x, y kstate.Port) int { return cmp.Compare(d.portRank(x, d.want), d.portRank(y, d.want)) })
	for _, p := range want {
		op := OverlayOp{Verb: Add, Kind: Port, Port: p}
		if was, there := find(d.have.Ports, p); there && !d.deleted[p.Key()] {
			if p.Equal(was) {
				continue
			}
			op.Verb = Replace
		}
		add(op, linkKey(p.Device), linkKey(p.Master))
	}
}
