package diff

import (
	"cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// OverlayOps returns the operations that lead from have to want. What goes comes first, the outermost before what it stands on: ports,
// mirrors, addresses, links, sessions, tunnels, addresses of tunnels. Then come addresses of tunnels, tunnels, blocks, sessions, links,
// mirrors, addresses and ports; blocks that nobody wants go last. So a block stands before its session is there, and outlives it.
//
// The tunnel comes before its blocks, since the kernel connects the tunnel's socket, which a block refuses it (EPERM) unless there is an
// SA. A tunnel without sessions sends nothing. A block that stands before its tunnel is taken away for that moment.
//
// A tunnel, session, mirror or device that the kernel cannot change is deleted and made anew, together with what stands on it; all else is changed in
// place. have must hold only objects of ours and must be whole: after an interrupted dump (NLM_F_DUMP_INTR) there is nothing to compare.
// The order of the objects in want and have does not matter.
func OverlayOps(want, have kstate.Overlay) []OverlayOp {
	d := overlayDiff{
		want: want, have: have, wanted: indexOf(want), there: indexOf(have),
		gone: map[string]bool{}, deleted: map[string]bool{}, made: map[string]bool{}, lifted: map[kstate.Block]bool{},
	}
	d.condemn()
	goes := d.goes()
	for _, o := range goes {
		d.deleted[o.Key()] = true
	}
	return order.Join(goes, d.makes(), d.unblocks(goes))
}

// overlayDiff is one comparison.
type overlayDiff struct {
	want, have kstate.Overlay
	// wanted and there find the objects of want and have.
	wanted, there index
	gone          map[string]bool       // devices of have that are deleted
	deleted       map[string]bool       // keys of objects that are deleted
	made          map[string]bool       // keys of objects that are made or changed
	lifted        map[kstate.Block]bool // taken away until their tunnel is made
}

// index finds the objects of an overlay.
type index struct {
	blocks   map[kstate.Block]bool
	tunnels  map[uint32]kstate.Tunnel
	sessions map[kstate.SessionKey]kstate.Session
	devices  map[string]kstate.Session // sessions by their device
	links    map[string]kstate.Link
	wires    map[string]kstate.Link // devices of L2TP by alias
	ports    map[string]kstate.Port // by device
	addrs    map[kstate.Address]bool
	mirrors  map[kstate.Mirror]bool
}

func indexOf(o kstate.Overlay) index {
	x := index{
		make(map[kstate.Block]bool, len(o.Blocks)), make(map[uint32]kstate.Tunnel, len(o.Tunnels)),
		make(map[kstate.SessionKey]kstate.Session, len(o.Sessions)), make(map[string]kstate.Session, len(o.Sessions)),
		make(map[string]kstate.Link, len(o.Links)), make(map[string]kstate.Link, len(o.Sessions)), make(map[string]kstate.Port, len(o.Ports)), make(map[kstate.Address]bool, len(o.Addrs)),
		make(map[kstate.Mirror]bool, len(o.Mirrors)),
	}
	for _, b := range o.Blocks {
		x.blocks[b] = true
	}
	for _, t := range o.Tunnels {
		x.tunnels[t.ID] = t
	}
	for _, s := range o.Sessions {
		x.sessions[s.SessionKey()], x.devices[s.Device] = s, s
	}
	for _, l := range o.Links {
		x.links[l.Name] = l
		if l.Kind == kstate.KindL2TP && l.Alias != "" {
			x.wires[l.Alias] = l
		}
	}
	for _, p := range o.Ports {
		x.ports[p.Device] = p
	}
	for _, a := range o.Addrs {
		x.addrs[a] = true
	}
	for _, m := range o.Mirrors {
		x.mirrors[m] = true
	}
	return x
}

// condemn finds the devices that go: those that nobody wants, those that cannot be changed, those of sessions that go, and those that
// stand on one that goes.
func (d *overlayDiff) condemn() {
	for _, s := range d.have.Sessions {
		if !d.keepsSession(s) {
			d.gone[s.Device] = true
		}
	}
	for _, l := range d.have.Links {
		if w, ok := d.wanted.links[l.Name]; !ok || !w.Changeable(l) {
			d.gone[l.Name] = true
		}
	}
	for again := true; again; {
		again = false
		for _, l := range d.have.Links {
			if !d.gone[l.Name] && (l.Parent != "" && d.gone[l.Parent] || l.Peer != "" && d.gone[l.Peer]) {
				d.gone[l.Name], again = true, true
			}
		}
	}
}

func (d *overlayDiff) keepsTunnel(id uint32) bool {
	t, there := d.there.tunnels[id]
	w, wanted := d.wanted.tunnels[id]
	return there && wanted && w.Equal(t)
}

// keepsSession says whether a session stays: wanted as it is, on a tunnel that stays.
func (d *overlayDiff) keepsSession(s kstate.Session) bool {
	w, wanted := d.wanted.sessions[s.SessionKey()]
	return wanted && w.Equal(s) && d.keepsTunnel(s.Tunnel) && !d.renamed(s)
}

// renamed says whether somebody gave a session's device another name, under which it is still known by its alias: it is made anew.
func (d *overlayDiff) renamed(s kstate.Session) bool {
	w, wanted := d.wanted.links[s.Device]
	l, there := d.there.wires[w.Alias]
	_, in := d.there.links[s.Device]
	return wanted && there && !in && l.Name != s.Device
}

// goes returns the deletions in reverse order of dependence. A device is taken out of its bridge or bond and freed of addresses before
// it goes, so that nothing depends on what the kernel takes away with it.
func (d *overlayDiff) goes() []OverlayOp {
	var ports, mirrors, addrs, links, sessions, tunnels, ends []OverlayOp
	for _, p := range d.have.Ports {
		w, ok := d.wanted.ports[p.Device]
		if !ok || d.gone[p.Device] || d.gone[p.Master] || w.Master != p.Master {
			ports = append(ports, OverlayOp{Verb: Delete, Kind: Port, Port: p})
		}
	}
	for _, m := range d.have.Mirrors {
		if !d.wanted.mirrors[m] || d.gone[m.From] || d.gone[m.To] {
			mirrors = append(mirrors, OverlayOp{Verb: Delete, Kind: Mirror, Mirror: m})
		}
	}
	for _, a := range d.have.Addrs {
		op := OverlayOp{Verb: Delete, Kind: Address, Address: a}
		switch _, ours := d.there.links[a.Device]; {
		case d.wanted.addrs[a] && !d.gone[a.Device]:
		case ours:
			addrs = append(addrs, op)
		default:
			ends = append(ends, op) // of a tunnel, on a device that stays
		}
	}
	for _, l := range d.have.Links {
		if d.gone[l.Name] && l.Kind != kstate.KindL2TP && !d.takenAlong(l) {
			links = append(links, OverlayOp{Verb: Delete, Kind: Link, Link: l})
		}
	}
	for _, s := range d.have.Sessions {
		if !d.keepsSession(s) {
			sessions = append(sessions, OverlayOp{Verb: Delete, Kind: Session, Session: s})
		}
	}
	for _, t := range d.have.Tunnels {
		if !d.keepsTunnel(t.ID) {
			tunnels = append(tunnels, OverlayOp{Verb: Delete, Kind: Tunnel, Tunnel: t})
		}
	}
	order.By(links, func(i, j int) int { return cmp.Compare(linkRank(links[j].Link), linkRank(links[i].Link)) })
	order.By(ports, func(i, j int) int {
		return cmp.Compare(d.there.portRank(ports[j].Port), d.there.portRank(ports[i].Port))
	})
	return order.Join(ports, mirrors, addrs, links, sessions, tunnels, ends)
}

// takenAlong says whether a veth goes with its other end, which is deleted by name order.
func (d *overlayDiff) takenAlong(l kstate.Link) bool {
	_, there := d.there.links[l.Peer]
	return l.Kind == kstate.KindVeth && there && l.Peer < l.Name
}

// unblocks returns the deletions of blocks, which wait for the sessions and tunnels that go.
func (d *overlayDiff) unblocks(goes []OverlayOp) []OverlayOp {
	var after []string
	for _, o := range goes {
		if o.Kind == Session || o.Kind == Tunnel {
			after = append(after, o.Key())
		}
	}
	var ops []OverlayOp
	for _, b := range d.have.Blocks {
		if !d.wanted.blocks[b] && !d.lifted[b] {
			ops = append(ops, OverlayOp{Verb: Delete, Kind: Block, Block: b, After: after})
		}
	}
	return ops
}

// linkRank orders devices after those that they stand on: a vlan may stand on a bond.
func linkRank(l kstate.Link) int {
	switch l.Kind {
	case kstate.KindVLAN:
		return 2
	case kstate.KindBond:
		return 1
	}
	return 0
}

// portRank orders slaves of bonds before ports of bridges, which may be bonds.
func (x index) portRank(p kstate.Port) int {
	if l, ours := x.links[p.Master]; ours && l.Kind == kstate.KindBond {
		return 0
	}
	return 1
}
