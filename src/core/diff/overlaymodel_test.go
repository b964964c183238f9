package diff

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"multiwan/src/core/kstate"
)

// overlayModel is a kernel that holds an overlay. It is as strict as the kernel, and stricter where that would take things along: what
// others stand on is not deleted.
type overlayModel struct {
	t *testing.T
	o kstate.Overlay
	// guarded are the tunnels that must never have a session without their blocks.
	guarded map[kstate.Tunnel]bool
}

func newOverlayModel(t *testing.T, have kstate.Overlay) *overlayModel {
	m := &overlayModel{t: t, guarded: map[kstate.Tunnel]bool{}}
	m.o = cloneOverlay(have)
	for _, x := range have.Tunnels {
		m.guarded[x] = have.Protected(x)
	}
	return m
}

func cloneOverlay(o kstate.Overlay) kstate.Overlay {
	return kstate.Overlay{
		Blocks: slices.Clone(o.Blocks), Tunnels: slices.Clone(o.Tunnels), Sessions: slices.Clone(o.Sessions), Links: slices.Clone(o.Links),
		Ports: slices.Clone(o.Ports), Addrs: slices.Clone(o.Addrs), Mirrors: slices.Clone(o.Mirrors),
	}
}

// check looks for sessions without their blocks.
func (m *overlayModel) check(after string) {
	m.t.Helper()
	for _, s := range m.o.Sessions {
		for _, t := range m.o.Tunnels {
			if t.ID == s.Tunnel && m.guarded[t] && !m.o.Protected(t) {
				m.t.Fatalf("after %s: %s without its blocks", after, s)
			}
		}
	}
}

// refuses says why the kernel would not do it as things are, "" if it would.
func (m *overlayModel) refuses(o OverlayOp) string {
	exists := map[OverlayKind]bool{
		Block: has(m.o.Blocks, o.Block), Tunnel: has(m.o.Tunnels, o.Tunnel), Session: has(m.o.Sessions, o.Session), Link: has(m.o.Links, o.Link),
		Port: has(m.o.Ports, o.Port), Address: slices.Contains(m.o.Addrs, o.Address), Mirror: has(m.o.Mirrors, o.Mirror),
	}[o.Kind]
	if exists == (o.Verb == Add) {
		return fmt.Sprintf("exists %v", exists)
	}
	if o.Verb == Delete {
		return m.used(o)
	}
	switch o.Kind {
	case Tunnel:
		if slices.Contains(m.o.Blocks, o.Tunnel.Blocks()[0]) {
			return "the block refuses its socket"
		}
		if !slices.ContainsFunc(m.o.Addrs, func(a kstate.Address) bool { return a.Prefix.Addr() == o.Tunnel.Local }) {
			return "no such local address"
		}
	case Session:
		if !has(m.o.Tunnels, kstate.Tunnel{ID: o.Session.Tunnel}) || m.link(o.Session.Device) {
			return "no tunnel, or the name is taken"
		}
	case Link:
		if o.Verb == Add && o.Link.Kind == kstate.KindL2TP || o.Link.Parent != "" && !m.link(o.Link.Parent) {
			return "made by its session, or no parent"
		}
		if was, ok := findLink(m.o.Links, o.Link.Name); ok && !o.Link.Changeable(was) {
			return "cannot be changed"
		}
	case Port:
		if !m.link(o.Port.Device) && o.Port.Device[0] != 't' || !m.link(o.Port.Master) && o.Port.Master[:2] != "br" {
			return "no device or master"
		}
	case Mirror:
		if !m.link(o.Mirror.From) || !m.link(o.Mirror.To) {
			return "no device"
		}
	case Address:
		if !m.link(o.Address.Device) && o.Address.Device != "lo" {
			return "no device"
		}
	}
	return ""
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

func findLink(links []kstate.Link, name string) (kstate.Link, bool) {
	return find(links, kstate.Link{Name: name})
}

func has[T interface{ Key() string }](list []T, like T) bool { _, ok := find(list, like); return ok }

func (m *overlayModel) link(name string) bool { return has(m.o.Links, kstate.Link{Name: name}) }

// used says what stands on what is to be deleted.
func (m *overlayModel) used(o OverlayOp) string {
	device := ""
	switch o.Kind {
	case Tunnel:
		if slices.ContainsFunc(m.o.Sessions, func(s kstate.Session) bool { return s.Tunnel == o.Tunnel.ID }) {
			return "has sessions"
		}
	case Address:
		if o.Address.Device == "lo" && slices.ContainsFunc(m.o.Tunnels, func(t kstate.Tunnel) bool { return t.Local == o.Address.Prefix.Addr() }) {
			return "is the end of a tunnel"
		}
	case Session:
		device = o.Session.Device
	case Link:
		if device = o.Link.Name; o.Link.Kind == kstate.KindL2TP {
			return "goes with its session"
		}
	}
	if device == "" {
		return ""
	}
	for _, name := range []string{device, o.Link.Peer} {
		on := slices.ContainsFunc(m.o.Ports, func(p kstate.Port) bool { return p.Device == name || p.Master == name }) ||
			slices.ContainsFunc(m.o.Mirrors, func(x kstate.Mirror) bool { return x.From == name || x.To == name }) ||
			slices.ContainsFunc(m.o.Addrs, func(a kstate.Address) bool { return a.Device == name }) ||
			slices.ContainsFunc(m.o.Links, func(l kstate.Link) bool { return l.Parent == name })
		if name != "" && on {
			return "something stands on " + name
		}
	}
	return ""
}

// apply carries out an operation.
func (m *overlayModel) apply(o OverlayOp, want kstate.Overlay) {
	m.t.Helper()
	if why := m.refuses(o); why != "" {
		m.t.Fatalf("%s: %s", o, why)
	}
	put := o.Verb != Delete
	switch o.Kind {
	case Block:
		m.o.Blocks = set(m.o.Blocks, o.Block, put)
		for _, t := range want.Tunnels { // one that stays may be protected from now on, or no longer, as configured
			if slices.Contains(m.o.Tunnels, t) {
				m.guarded[t] = want.Protected(t) && (m.guarded[t] || m.o.Protected(t))
			}
		}
	case Tunnel:
		m.o.Tunnels = set(m.o.Tunnels, o.Tunnel, put)
		m.guarded[o.Tunnel] = put && want.Protected(o.Tunnel)
	case Session:
		m.o.Sessions = set(m.o.Sessions, o.Session, put)
		m.o.Links = set(m.o.Links, kstate.Link{Name: o.Session.Device, Kind: kstate.KindL2TP, MTU: 1446}, put)
	case Link:
		m.o.Links = set(m.o.Links, o.Link, put)
		if other := (kstate.Link{Name: o.Link.Peer, Kind: kstate.KindVeth, Peer: o.Link.Name}); o.Verb != Replace && other.Name != "" {
			m.o.Links = set(m.o.Links, other, put)
		}
	case Port:
		m.o.Ports = set(m.o.Ports, o.Port, put)
	case Address:
		m.o.Addrs = set(m.o.Addrs, o.Address, put)
	case Mirror:
		m.o.Mirrors = set(m.o.Mirrors, o.Mirror, put)
	}
}

func set[T interface{ Key() string }](list []T, o T, put bool) []T {
	list = slices.DeleteFunc(slices.Clone(list), func(x T) bool { return x.Key() == o.Key() })
	if put {
		list = append(list, o)
	}
	return list
}

// randomOverlay returns an overlay out of a small world.
func randomOverlay(r *rand.Rand) kstate.Overlay {
	var o kstate.Overlay
	coin := func() bool { return r.IntN(2) == 0 }
	mtu := func() int { return 1400 + r.IntN(2) }
	for id := uint32(1); id <= 3; id++ {
		t := kstate.Tunnel{ID: id, PeerID: id, Encap: "udp", LocalPort: 1700 + uint16(id), RemotePort: 1701,
			Local: ends[r.IntN(2)].Addr(), Remote: netip.AddrFrom4([4]byte{198, 51, 100, byte(id)})}
		if coin() {
			b := t.Blocks()
			o.Blocks = append(o.Blocks, b[0], b[1])
		}
		if r.IntN(4) == 0 {
			continue // somebody deleted it, and left the blocks
		}
		o.Tunnels = append(o.Tunnels, t)
		for sid := range uint32(2) {
			if s := (kstate.Session{Tunnel: id, ID: sid + 1, PeerID: 1 + uint32(r.IntN(2)), Device: fmt.Sprintf("l%d%d", id, sid)}); coin() {
				o.Sessions = append(o.Sessions, s)
				o.Links = append(o.Links, kstate.Link{Name: s.Device, Kind: kstate.KindL2TP, MTU: mtu(), Up: true, Alias: "multiwan:" + s.Device})
			}
		}
	}
	wires := len(o.Links)
	if coin() {
		o.Links = append(o.Links, kstate.Link{Name: "sit", Kind: kstate.KindSit, MTU: mtu(), Sit: &kstate.SitAttrs{TTL: 64}})
		if coin() {
			o.Links[wires].Sit.Remote = netip.MustParseAddr("192.0.2.9")
		}
	}
	if coin() {
		o.Links = append(o.Links, kstate.Link{Name: "bond0", Kind: kstate.KindBond, MTU: mtu(), Bond: &kstate.BondAttrs{Mode: "active-backup", Miimon: 100 * r.IntN(2)}})
	}
	if wires > 0 && coin() {
		for _, n := range []string{"u", "v"} {
			o.Links = append(o.Links, kstate.Link{Name: n, Kind: kstate.KindVeth, MTU: mtu(), Peer: map[string]string{"u": "v", "v": "u"}[n]})
		}
		o.Mirrors = append(o.Mirrors, kstate.Mirror{From: "u", To: o.Links[0].Name}, kstate.Mirror{From: o.Links[0].Name, To: "u"})
	}
	for _, l := range o.Links {
		if l.Kind != kstate.KindVeth && coin() {
			o.Links = append(o.Links, kstate.Link{Name: l.Name + ".7", Kind: kstate.KindVLAN, Parent: l.Name, VLAN: 7 + r.IntN(2)})
		}
	}
	o.Ports, o.Addrs = randomPlaces(r, o.Links)
	for _, e := range ends {
		if slices.ContainsFunc(o.Tunnels, func(t kstate.Tunnel) bool { return t.Local == e.Addr() }) || coin() {
			o.Addrs = append(o.Addrs, kstate.Address{Device: "lo", Prefix: e})
		}
	}
	return o
}

// ends are the local ends of tunnels.
var ends = [2]netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")}

func randomPlaces(r *rand.Rand, links []kstate.Link) (ports []kstate.Port, addrs []kstate.Address) {
	masters := []string{"br0", "br1"}
	if _, ok := findLink(links, "bond0"); ok {
		masters = append(masters, "bond0")
		ports = append(ports, kstate.Port{Device: "tap0", Master: "bond0"})
	}
	for _, l := range links {
		switch m := masters[r.IntN(len(masters))]; {
		case m != l.Name && r.IntN(2) == 0 && (m != "bond0" || l.Kind == kstate.KindL2TP):
			ports = append(ports, kstate.Port{Device: l.Name, Master: m, Isolated: r.IntN(2) == 0})
		case r.IntN(2) == 0:
			addrs = append(addrs, kstate.Address{Device: l.Name, Prefix: netip.MustParsePrefix("10.0.0.1/24")})
		}
	}
	return ports, addrs
}

func shuffleOverlay(r *rand.Rand, o kstate.Overlay) kstate.Overlay {
	o = cloneOverlay(o)
	r.Shuffle(len(o.Blocks), func(i, j int) { o.Blocks[i], o.Blocks[j] = o.Blocks[j], o.Blocks[i] })
	r.Shuffle(len(o.Tunnels), func(i, j int) { o.Tunnels[i], o.Tunnels[j] = o.Tunnels[j], o.Tunnels[i] })
	r.Shuffle(len(o.Sessions), func(i, j int) { o.Sessions[i], o.Sessions[j] = o.Sessions[j], o.Sessions[i] })
	r.Shuffle(len(o.Links), func(i, j int) { o.Links[i], o.Links[j] = o.Links[j], o.Links[i] })
	r.Shuffle(len(o.Ports), func(i, j int) { o.Ports[i], o.Ports[j] = o.Ports[j], o.Ports[i] })
	r.Shuffle(len(o.Addrs), func(i, j int) { o.Addrs[i], o.Addrs[j] = o.Addrs[j], o.Addrs[i] })
	r.Shuffle(len(o.Mirrors), func(i, j int) { o.Mirrors[i], o.Mirrors[j] = o.Mirrors[j], o.Mirrors[i] })
	return o
}
