package diff

import (
	"net/netip"
	"slices"
	"testing"

	"multiwan/src/core/kstate"
)

// TestHeldPorts: hosts behind us leave the router's ports once, when an address or a port becomes ours.
func TestHeldPorts(t *testing.T) {
	with := func(ports ...uint16) *world {
		w := newWorld()
		w.FixedPorts = ports
		return w
	}
	for name, tc := range map[string]struct {
		prev, next View
		held       []netip.Addr
	}{
		"first start":      {View{}, with(500).View, []netip.Addr{addr(0, 2), addr(1, 2), addr(2, 2)}},
		"nothing new":      {with(500).View, with(500).View, nil},
		"no ports":         {View{}, with().View, nil},
		"another port":     {with(500).View, with(500, 4500).View, []netip.Addr{addr(0, 2), addr(1, 2), addr(2, 2)}},
		"an address":       {with(500).View, with(500).side("b", func(s *SideView) { s.Addrs = append(s.Addrs, addr(1, 9)) }).View, []netip.Addr{addr(1, 9)}},
		"an address again": {with(500).side("b", func(s *SideView) { s.Addrs = nil }).View, with(500).View, []netip.Addr{addr(1, 2)}},
	} {
		var held []netip.Addr
		for _, e := range Effects(tc.prev, tc.next) {
			if e.Evict != nil {
				held = append(held, e.Evict.Held...)
			}
		}
		if !slices.Equal(held, tc.held) {
			t.Errorf("%s: ports of %v, want %v", name, held, tc.held)
		}
	}
}

// TestHeldMatch: UDP of hosts behind us that has the address and the port, and nothing else.
func TestHeldMatch(t *testing.T) {
	e := &Eviction{Family: kstate.IPv4, Held: []netip.Addr{addr(0, 2)}, Ports: []uint16{500, 4500}}
	taken := Flow{Family: kstate.IPv4, Proto: 17, ReplyDst: addr(0, 2), ReplyPort: 4500, Translated: true}
	if !e.Match(taken) {
		t.Error("a taken port stays")
	}
	for name, change := range map[string]func(*Flow){
		"the router's own": func(f *Flow) { f.Translated = false },
		"another port":     func(f *Flow) { f.ReplyPort = 4501 },
		"another address":  func(f *Flow) { f.ReplyDst = addr(1, 2) },
		"tcp":              func(f *Flow) { f.Proto = 6 },
	} {
		f := taken
		change(&f)
		if e.Match(f) {
			t.Errorf("%s: goes", name)
		}
	}
}
