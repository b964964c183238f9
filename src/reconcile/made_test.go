package reconcile

import (
	"net/netip"
	"testing"

	"multiwan/src/core/kstate"
)

// TestOwnAmongBlocks: what our blocks stand around is ours over UDP, where they name the ports. Over IP they name the ends alone, and
// tunnels of others between them stay theirs.
func TestOwnAmongBlocks(t *testing.T) {
	for encap, ours := range map[string]bool{kstate.EncapUDP: true, kstate.EncapIP: false} {
		tunnel := kstate.Tunnel{ID: 99, PeerID: 9, Encap: encap, Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2")}
		if encap == kstate.EncapUDP {
			tunnel.LocalPort, tunnel.RemotePort = 1701, 1701
		}
		both := tunnel.Blocks()
		seen := Seen{All: kstate.Overlay{Tunnels: []kstate.Tunnel{tunnel}, Blocks: both[:],
			Sessions: []kstate.Session{{Tunnel: 99, PeerTunnel: 9, ID: 9, PeerID: 9, Device: "l2tpeth0"}}}}
		have, foreign := made{}.own(seen)
		if got := len(have.Tunnels) == 1 && len(have.Sessions) == 1; got != ours || foreign[99] == ours {
			t.Errorf("%s: ours %v, foreign %v", encap, have, foreign)
		}
		noted, _ := made{Tunnels: []kstate.Tunnel{tunnel}}.own(seen)
		if len(noted.Tunnels) != 1 {
			t.Errorf("%s: noted, but %v", encap, noted)
		}
	}
}

// TestMACsStay: a pseudowire that is made anew keeps its address, a slave of a bond has the bond's.
func TestMACsStay(t *testing.T) {
	l := New(Ports{})
	wire := func(name, mac string) kstate.Link { return kstate.Link{Name: name, Kind: kstate.KindL2TP, MAC: mac} }
	bond := kstate.Link{Name: "ha", Kind: kstate.KindBond, Bond: &kstate.BondAttrs{}}
	want := kstate.Overlay{Links: []kstate.Link{wire("pw", ""), wire("slave", ""), bond}, Ports: []kstate.Port{{Device: "slave", Master: "ha"}}}
	have := kstate.Overlay{Links: []kstate.Link{wire("pw", "02:00:00:00:00:01"), wire("slave", "02:00:00:00:00:02")}}
	for _, is := range []kstate.Overlay{have, {}, {}} {
		got := l.keepMACs(want, is)
		if got.Links[0].MAC != "02:00:00:00:00:01" || got.Links[1].MAC != "" {
			t.Errorf("links %v", got.Links)
		}
	}
	if want.Links[0].MAC != "" {
		t.Error("the plan was changed")
	}
}
