package reconcile

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
)

// sites is the half of the kernel in memory that joins sites, with an IKE daemon beside it.
type sites struct {
	*kernel
	boot     string
	blocks   map[kstate.Block]bool
	tunnels  map[uint32]kstate.Tunnel
	sessions map[kstate.SessionKey]kstate.Session
	links    map[string]kstate.Link // all but those of others
	ports    map[string]kstate.Port
	addrs    map[kstate.Address]bool
	devices  map[string]overlay.Device // of others
	paths    map[netip.Addr]int

	lookErr  error
	looks    int
	clear    []string // what stood unguarded, and when
	conns    []kstate.Conn
	sas      map[string]overlay.SA
	clearErr error
}

// joined gives a kernel the other half, with a bridge in it.
func (k *kernel) joined() *sites {
	k.sites = &sites{
		kernel: k, boot: "boot 1", blocks: map[kstate.Block]bool{}, tunnels: map[uint32]kstate.Tunnel{}, sessions: map[kstate.SessionKey]kstate.Session{},
		links: map[string]kstate.Link{}, ports: map[string]kstate.Port{}, addrs: map[kstate.Address]bool{},
		devices: map[string]overlay.Device{"br-lan": {Index: 50, Up: true, Kind: "bridge", MTU: 1500}}, paths: map[netip.Addr]int{}, sas: map[string]overlay.SA{},
	}
	return k.sites
}

func (s *sites) Observe(_ context.Context, k Look) (Seen, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	seen := Seen{Devices: map[string]overlay.Device{}, Addrs: map[netip.Addr]string{}, PathMTU: map[netip.Addr]int{}, Indexes: map[string]int{}}
	for _, l := range sorted(maps.Values(s.links)) {
		if strings.HasPrefix(l.Alias, kstate.AliasPrefix) {
			seen.All.Links = append(seen.All.Links, l)
		} else if slices.Contains(k.Devices, l.Name) {
			seen.Devices[l.Name] = overlay.Device{Index: 9, MTU: l.MTU}
		}
	}
	for name, d := range s.devices {
		if slices.Contains(k.Devices, name) {
			seen.Devices[name] = d
		}
	}
	if k.L2TP {
		seen.All.Tunnels, seen.All.Sessions = sorted(maps.Values(s.tunnels)), sorted(maps.Values(s.sessions))
	}
	seen.All.Blocks, seen.All.Addrs = sorted(maps.Keys(s.blocks)), sorted(maps.Keys(s.addrs))
	for _, p := range sorted(maps.Values(s.ports)) {
		if strings.HasPrefix(s.links[p.Device].Alias, kstate.AliasPrefix) {
			seen.All.Ports = append(seen.All.Ports, p)
		}
	}
	for _, p := range k.Paths {
		if mtu := s.paths[p.Remote]; mtu > 0 {
			seen.PathMTU[p.Remote] = mtu
		}
	}
	return seen, s.lookErr // with what was seen so far, as after an interrupted dump
}

// Apply refuses what the kernel refuses, and takes along what the kernel takes along.
func (s *sites) Apply(_ context.Context, op *diff.OverlayOp) error {
	if why := s.refuses(op); why != "" {
		return fmt.Errorf("%s: %s", op, why)
	}
	return s.write(op.String(), func() {
		gone := op.Verb == diff.Delete
		switch op.Kind {
		case diff.Block:
			put(s.blocks, op.Block, true, gone)
		case diff.Tunnel:
			put(s.tunnels, op.Tunnel.ID, op.Tunnel, gone)
		case diff.Session:
			put(s.sessions, op.Session.SessionKey(), op.Session, gone)
			put(s.links, op.Session.Device, kstate.Link{Name: op.Session.Device, Kind: kstate.KindL2TP, MTU: 1446}, gone)
			if gone {
				delete(s.ports, op.Session.Device)
			}
		case diff.Link:
			put(s.links, op.Link.Name, op.Link, gone)
		case diff.Port:
			put(s.ports, op.Port.Device, op.Port, gone)
		case diff.Address:
			put(s.addrs, op.Address, true, gone)
		}
		s.check(op.String())
	})
}

// sorted lists objects in one order, as a dump does.
func sorted[T interface{ Key() string }](all iter.Seq[T]) []T {
	return slices.SortedFunc(all, func(a, b T) int { return strings.Compare(a.Key(), b.Key()) })
}

func put[K comparable, V any](m map[K]V, k K, v V, gone bool) {
	if m[k] = v; gone {
		delete(m, k)
	}
}

func (s *sites) refuses(op *diff.OverlayOp) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, tunnel := s.tunnels[op.Session.Tunnel]
	_, device := s.links[op.Session.Device]
	switch {
	case op.Kind == diff.Session && op.Verb == diff.Add && (!tunnel || device):
		return "no tunnel, or the device exists"
	case op.Kind == diff.Port && op.Verb != diff.Delete && s.links[op.Port.Device].Name == "":
		return "no device"
	}
	return ""
}

// check notes sessions of the tunnel 1, which is protected in all configurations here, that stand without both guards. s.mu is held.
func (s *sites) check(op string) {
	if len(s.sessions) > 10 {
		return // a benchmark
	}
	for _, x := range s.sessions {
		t := s.tunnels[x.Tunnel]
		if x.Foreign || t.ID != 1 {
			continue
		}
		b := t.Blocks()
		if !s.blocks[b[0]] || !s.blocks[b[1]] {
			s.clear = append(s.clear, "no blocks after "+op)
		}
		if !strings.Contains(text(s.tables), "overlay_guard_out") {
			s.clear = append(s.clear, "no guards after "+op)
		}
	}
}

// Set and what follows are the IKE daemon.
func (s *sites) Set(conns []kstate.Conn) { s.change(func() { s.conns = conns }) }

func (s *sites) SAs() (map[string]overlay.SA, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.sas), true
}

func (s *sites) Clear(context.Context) error {
	if s.clearErr != nil {
		return s.clearErr
	}
	return s.write("ike clear", func() { s.conns = nil })
}

// holdsText is everything of the overlay as text, sorted.
func (s *sites) holdsText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for b := range s.blocks {
		out = append(out, b.String())
	}
	for _, t := range s.tunnels {
		out = append(out, t.String())
	}
	for _, x := range s.sessions {
		out = append(out, x.String())
	}
	for _, l := range s.links {
		out = append(out, l.String())
	}
	for _, p := range s.ports {
		out = append(out, p.String())
	}
	for a := range s.addrs {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
