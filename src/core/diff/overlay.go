package diff

import (
	"cmp"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// OverlayOps returns the operations that lead from have to want. What goes comes first, the outermost before what it stands on: ports,
// mirrors, addresses, links, sessions, tunnels; then blocks are added; then tunnels, sessions, links, mirrors, addresses and ports are
// made or changed; blocks that nobody wants go last. So a block stands before its session is there, and outlives it.
//
// A tunnel, session, mirror or device that the kernel cannot change is deleted and made anew, together with what stands on it; all else is changed in
// place. have must hold only objects of ours and must be whole: after an interrupted dump (NLM_F_DUMP_INTR) there is nothing to compare.
// The order of the objects in want and have does not matter.
func OverlayOps(want, have kstate.Overlay) []OverlayOp {
	d := overlayDiff{want: want, have: have, gone: map[string]bool{}, deleted: map[string]bool{}, made: map[string]bool{}}
	d.condemn()
	goes := d.goes()
	for _, o := range goes {
		d.deleted[o.Key()] = true
	}
	blocks, unblocks := d.blocks(goes)
	for _, o := range blocks {
		d.made[o.Key()] = true
	}
	return slices.Concat(goes, blocks, d.makes(), unblocks)
}

// overlayDiff is one comparison.
type overlayDiff struct {
	want, have kstate.Overlay
	gone       map[string]bool // devices of have that are deleted
	deleted    map[string]bool // keys of objects that are deleted
	made       map[string]bool // keys of objects that are made or changed
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
		if w, ok := findLink(d.want.Links, l.Name); !ok || !w.Changeable(l) {
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

func (d *overlayDiff) keepsTunnel(t kstate.Tunnel) bool {
	return slices.ContainsFunc(d.want.Tunnels, t.Equal)
}

// keepsSession says whether a session stays: wanted as it is, on a tunnel that stays.
func (d *overlayDiff) keepsSession(s kstate.Session) bool {
	on := func(t kstate.Tunnel) bool { return t.ID == s.Tunnel && d.keepsTunnel(t) }
	return slices.ContainsFunc(d.have.Tunnels, on) && slices.ContainsFunc(d.want.Sessions, s.Equal)
}

func findLink(links []kstate.Link, name string) (kstate.Link, bool) {
	for _, l := range links {
		if l.Name == name {
			return l, true
		}
	}
	return kstate.Link{}, false
}

// goes returns the deletions in reverse order of dependence. A device is taken out of its bridge or bond and freed of addresses before
// it goes, so that nothing depends on what the kernel takes away with it.
func (d *overlayDiff) goes() []OverlayOp {
	var ports, mirrors, addrs, links, sessions, tunnels []OverlayOp
	for _, p := range d.have.Ports {
		w, ok := find(d.want.Ports, p)
		if !ok || d.gone[p.Device] || d.gone[p.Master] || w.Master != p.Master {
			ports = append(ports, OverlayOp{Verb: Delete, Kind: Port, Port: p})
		}
	}
	for _, m := range d.have.Mirrors {
		if !slices.Contains(d.want.Mirrors, m) || d.gone[m.From] || d.gone[m.To] {
			mirrors = append(mirrors, OverlayOp{Verb: Delete, Kind: Mirror, Mirror: m})
		}
	}
	for _, a := range d.have.Addrs {
		if !slices.Contains(d.want.Addrs, a) || d.gone[a.Device] {
			addrs = append(addrs, OverlayOp{Verb: Delete, Kind: Address, Address: a})
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
		if !d.keepsTunnel(t) {
			tunnels = append(tunnels, OverlayOp{Verb: Delete, Kind: Tunnel, Tunnel: t})
		}
	}
	order.By(links, func(x, y OverlayOp) int { return cmp.Compare(linkRank(y.Link), linkRank(x.Link)) })
	order.By(ports, func(x, y OverlayOp) int { return cmp.Compare(d.portRank(y.Port, d.have), d.portRank(x.Port, d.have)) })
	return slices.Concat(ports, mirrors, addrs, links, sessions, tunnels)
}

// takenAlong says whether a veth goes with its other end, which is deleted by name order.
func (d *overlayDiff) takenAlong(l kstate.Link) bool {
	_, there := findLink(d.have.Links, l.Peer)
	return l.Kind == kstate.KindVeth && there && l.Peer < l.Name
}

// find returns the object of the same key.
func find[T interface{ Key() string }](list []T, like T) (found T, ok bool) {
	key := like.Key()
	for _, o := range list {
		if o.Key() == key {
			return o, true
		}
	}
	return found, false
}

// blocks returns the additions, and the deletions, which wait for the sessions and tunnels that go.
func (d *overlayDiff) blocks(goes []OverlayOp) (add, del []OverlayOp) {
	for _, b := range d.want.Blocks {
		if !slices.Contains(d.have.Blocks, b) {
			add = append(add, OverlayOp{Verb: Add, Kind: Block, Block: b})
		}
	}
	var after []string
	for _, o := range goes {
		if o.Kind == Session || o.Kind == Tunnel {
			after = append(after, o.Key())
		}
	}
	for _, b := range d.have.Blocks {
		if !slices.Contains(d.want.Blocks, b) {
			del = append(del, OverlayOp{Verb: Delete, Kind: Block, Block: b, After: after})
		}
	}
	return add, del
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
func (d *overlayDiff) portRank(p kstate.Port, in kstate.Overlay) int {
	if l, ours := findLink(in.Links, p.Master); ours && l.Kind == kstate.KindBond {
		return 0
	}
	return 1
}
