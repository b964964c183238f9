package diff

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

func overlayPairs(t *testing.T, f func(t *testing.T, r *rand.Rand, want, have kstate.Overlay)) {
	t.Helper()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 115))
		f(t, r, randomOverlay(r), randomOverlay(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func overlayTexts(ops []OverlayOp) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = string(o.Verb) + ": " + o.String()
	}
	return out
}

func TestOverlayOfEqualIsEmpty(t *testing.T) {
	overlayPairs(t, func(t *testing.T, r *rand.Rand, want, _ kstate.Overlay) {
		if ops := OverlayOps(want, shuffleOverlay(r, want)); len(ops) > 0 {
			t.Errorf("ops %q", overlayTexts(ops))
		}
	})
}

// TestOverlayLeadsToWant: each operation is one that the kernel takes at that moment, the last leaves what is wanted, and in between no
// session of a protected tunnel is without its blocks.
func TestOverlayLeadsToWant(t *testing.T) {
	overlayPairs(t, func(t *testing.T, r *rand.Rand, want, have kstate.Overlay) {
		m := newOverlayModel(t, have)
		for _, o := range OverlayOps(shuffleOverlay(r, want), shuffleOverlay(r, have)) {
			m.apply(o, want)
			m.check(o.String())
		}
		if left := OverlayOps(want, m.o); len(left) > 0 {
			t.Errorf("left %q", overlayTexts(left))
		}
	})
}

// TestOverlayAnyFailureConverges leaves operations out as if they had failed, and with them what must not be tried then: no session ever
// stands without its blocks, and the next pass ends where it should.
func TestOverlayAnyFailureConverges(t *testing.T) {
	overlayPairs(t, func(t *testing.T, r *rand.Rand, want, have kstate.Overlay) {
		ops := OverlayOps(want, have)
		if len(ops) == 0 {
			return
		}
		m := newOverlayModel(t, have)
		at := r.IntN(len(ops))
		bad := map[string]bool{}
		for i, o := range ops {
			if i == at || slices.ContainsFunc(o.After, func(k string) bool { return bad[k] }) || m.refuses(o) != "" {
				bad[o.Key()] = true
				continue
			}
			m.apply(o, want)
			m.check(o.String())
		}
		for _, o := range OverlayOps(want, m.o) {
			m.apply(o, want)
			m.check(o.String())
		}
		if left := OverlayOps(want, m.o); len(left) > 0 {
			t.Errorf("failed %s, left %q", ops[at], overlayTexts(left))
		}
	})
}

// TestOverlayLeavesNothing: what is no longer wanted goes, to the last block.
func TestOverlayLeavesNothing(t *testing.T) {
	overlayPairs(t, func(t *testing.T, _ *rand.Rand, _, have kstate.Overlay) {
		m := newOverlayModel(t, have)
		for _, o := range OverlayOps(kstate.Overlay{}, have) {
			m.apply(o, kstate.Overlay{})
			m.check(o.String())
		}
		o := m.o
		if n := len(o.Blocks) + len(o.Tunnels) + len(o.Sessions) + len(o.Links) + len(o.Ports) + len(o.Addrs) + len(o.Mirrors); n > 0 {
			t.Errorf("left %+v", o)
		}
	})
}

func pair(local string) kstate.Overlay {
	t := kstate.Tunnel{ID: 1, PeerID: 2, Encap: "udp", Local: netip.MustParseAddr(local), Remote: netip.MustParseAddr("198.51.100.1"), LocalPort: 1701, RemotePort: 1702}
	b := t.Blocks()
	return kstate.Overlay{
		Blocks: b[:], Tunnels: []kstate.Tunnel{t},
		Sessions: []kstate.Session{{Tunnel: 1, ID: 11, PeerID: 22, Device: "l2", L2Spec: "default"}},
		Links:    []kstate.Link{{Name: "l2", Kind: kstate.KindL2TP, MTU: 1500, Up: true, Alias: "multiwan:l2"}},
		Ports:    []kstate.Port{{Device: "l2", Master: "br-lan", Isolated: true, PVID: 111}},
	}
}

func TestOverlayOrder(t *testing.T) {
	moved := overlayTexts(OverlayOps(pair("192.0.2.2"), pair("192.0.2.1")))
	want := []string{
		"delete: ip link set dev l2 nomaster",
		"delete: ip l2tp del session tunnel_id 1 session_id 11",
		"delete: ip l2tp del tunnel tunnel_id 1",
		"add: ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 2 encap udp local 192.0.2.2 remote 198.51.100.1 udp_sport 1701 udp_dport 1702 udp_csum off",
		"add: ip xfrm policy add src 192.0.2.2/32 dst 198.51.100.1/32 proto udp sport 1701 dport 1702 dir out action block priority 2147483647",
		"add: ip xfrm policy add src 198.51.100.1/32 dst 192.0.2.2/32 proto udp sport 1702 dport 1701 dir in action block priority 2147483647",
		"add: ip l2tp add session name l2 tunnel_id 1 session_id 11 peer_session_id 22 l2spec_type default",
		"replace: ip link set dev l2 mtu 1500 up alias multiwan:l2",
		"add: ip link set dev l2 master br-lan type bridge_slave isolated on; bridge vlan add dev l2 vid 111 pvid untagged",
		"delete: ip xfrm policy delete src 192.0.2.1/32 dst 198.51.100.1/32 proto udp sport 1701 dport 1702 dir out",
		"delete: ip xfrm policy delete src 198.51.100.1/32 dst 192.0.2.1/32 proto udp sport 1702 dport 1701 dir in",
	}
	if d := cmp.Diff(want, moved); d != "" {
		t.Error(d)
	}
	have, other := pair("192.0.2.1"), pair("192.0.2.1")
	other.Links[0].MTU, other.Ports[0].Isolated = 1412, false
	changed := strings.Join(overlayTexts(OverlayOps(other, have)), "\n")
	if changed != "replace: ip link set dev l2 mtu 1412\nreplace: ip link set dev l2 master br-lan; bridge vlan add dev l2 vid 111 pvid untagged" {
		t.Errorf("changed in place: %s", changed)
	}
	renamed := pair("192.0.2.1")
	renamed.Links[0].Name, renamed.Ports[0].Device = "other", "other"
	again := strings.Join(overlayTexts(OverlayOps(pair("192.0.2.1"), renamed)), "\n")
	if !strings.Contains(again, "ip link set dev other nomaster\ndelete: ip l2tp del session") || !strings.Contains(again, "add: ip l2tp add session name l2 ") {
		t.Errorf("renamed: %s", again)
	}
	nameless := pair("192.0.2.1")
	nameless.Links = nil
	if ops := overlayTexts(OverlayOps(pair("192.0.2.1"), nameless)); len(ops) != 1 || ops[0] != "replace: ip link set dev l2 mtu 1500 up alias multiwan:l2" {
		t.Errorf("a device that is not known by its alias: %q", ops)
	}
	have = pair("192.0.2.1")
	have.Sessions[0].L2Spec, have.Sessions[0].PeerTunnel = "", 0
	if ops := OverlayOps(pair("192.0.2.1"), have); len(ops) > 0 {
		t.Errorf("an observed session: %q", overlayTexts(ops))
	}
}

// TestOverlayLift: the block of a tunnel that has to be made gives way for that moment, unless another tunnel's session is behind it.
func TestOverlayLift(t *testing.T) {
	want, have := pair("192.0.2.1"), pair("192.0.2.1")
	have.Tunnels, have.Sessions, have.Links, have.Ports = nil, nil, nil, nil
	ops := overlayTexts(OverlayOps(want, have))
	if len(ops) != 6 || !strings.HasPrefix(ops[0], "delete: ip xfrm policy delete src 192.0.2.1/32") || !strings.HasPrefix(ops[1], "add: ip l2tp add tunnel") ||
		!strings.HasPrefix(ops[2], "add: ip xfrm policy add src 192.0.2.1/32") || !strings.HasPrefix(ops[3], "add: ip l2tp add session") {
		t.Errorf("alone: %q", ops)
	}
	over := func(o kstate.Overlay) kstate.Overlay {
		o.Tunnels[0].Encap, o.Tunnels[0].LocalPort, o.Tunnels[0].RemotePort = "ip", 0, 0
		b := o.Tunnels[0].Blocks()
		o.Blocks = b[:]
		return o
	}
	want, have = over(pair("192.0.2.1")), over(pair("192.0.2.1"))
	other := want.Tunnels[0]
	other.ID = 7
	want.Tunnels = append(want.Tunnels, other)
	if ops := overlayTexts(OverlayOps(want, have)); len(ops) != 1 || !strings.HasPrefix(ops[0], "add: ip l2tp add tunnel tunnel_id 7") {
		t.Errorf("shared: %q", ops)
	}
}
