package overlay

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// asValues lets cmp look at addresses.
var asValues = cmp.Options{cmp.Comparer(func(x, y netip.Addr) bool { return x == y }), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })}

// farFacts are the facts of the other end, where the WANs are called the same.
func farFacts(f Facts, remote map[string]string) Facts {
	far := Facts{Network: plan.Network{WANs: map[string]plan.WAN{}}, Active: f.Active, SAs: map[string]SA{}}
	for name, a := range remote {
		w := plan.WAN{MTU: 1500}
		w.IPv4.Addrs = append(w.IPv4.Addrs, only(prefix(a+"/32"), kstate.IPv4)...)
		if kstate.FamilyOf(addr(a)) == kstate.IPv6 {
			w.IPv6.Addrs = append(w.IPv6.Addrs, prefix(a+"/128"))
		}
		far.WANs[name] = w
	}
	return far
}

// TestPeerOfPeer: the far end's far end is this end.
func TestPeerOfPeer(t *testing.T) {
	for _, row := range []struct {
		world func() world
		name  string
		far   map[string]string
	}{
		{transport, "dc2", map[string]string{"wan": "198.51.100.1"}},
		{moving, "dc2", map[string]string{"wan": "198.51.100.1"}},
		{doubledPeer, "dc2", map[string]string{"wan": "198.51.100.1", "wan2": "198.51.100.130"}},
		{doubledBoth, "dc2", map[string]string{"wan": "198.51.100.1", "wanb": "198.51.100.130"}},
		{doubledTransport, "dc2", map[string]string{"wan": "198.51.100.1", "wanb": "198.51.100.130"}},
		{bondBackup, "ha", map[string]string{"wan": "198.51.100.1", "wanb": "198.51.100.1"}},
		{bondLACP, "ha", map[string]string{"wan": "198.51.100.1", "wanb": "198.51.100.1"}},
		{sessions, "red", map[string]string{"wan": "2001:db8:9::1"}},
		{sessions, "blue", map[string]string{"wan": "2001:db8:9::1"}},
		{tagged, "dc2", map[string]string{"wan": "198.51.100.1"}},
		{access, "dc3", map[string]string{"wan": "198.51.100.1"}},
		{loops, "three", map[string]string{"wan": "198.51.100.1"}},
	} {
		w := row.world()
		m, err := Peer(w.c, row.name, w.f)
		if err != nil {
			t.Fatal(err)
		}
		far := &config.Config{Globals: w.c.Globals, Pseudowires: m.Pseudowires, IPsec: m.IPsec, Bonds: m.Bonds}
		back, err := Peer(far, row.name, farFacts(w.f, row.far))
		if err != nil {
			t.Fatal(err)
		}
		wires, bonds, _ := chosen(w.c, row.name)
		if d := cmp.Diff(wires, back.Pseudowires, asValues); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
		if d := cmp.Diff(bonds, back.Bonds, asValues); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
		if len(m.IPsec) > 0 {
			if d := cmp.Diff(w.c.IPsec, back.IPsec, asValues); d != "" {
				t.Errorf("%s: %s", row.name, d)
			}
		}
	}
}

// TestPeerFits: what one end sends is what the other wants, down to the blocks.
func TestPeerFits(t *testing.T) {
	for name, build := range worlds() {
		w := build()
		for _, p := range Compute(w.c, w.f).Pseudowires {
			if p.State != Ready {
				continue
			}
			m, err := Peer(w.c, p.Name, w.f)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(m.Commands, "\n")
			for _, s := range Compute(w.c, w.f).Want.Sessions {
				if s.Device != p.Device {
					continue
				}
				s.ID, s.PeerID, s.Cookie, s.PeerCookie = s.PeerID, s.ID, s.PeerCookie, s.Cookie
				s.Tunnel, s.PeerTunnel = s.PeerTunnel, s.Tunnel
				if want := strings.Replace(s.String(), "l2tp ", "ip l2tp add ", 1); !strings.Contains(text, want) {
					t.Errorf("%s, %s: want %s in\n%s", name, p.Name, want, text)
				}
			}
			if len(m.Conns) != len(m.IPsec) {
				t.Errorf("%s, %s: %d connections of %d", name, p.Name, len(m.Conns), len(m.IPsec))
			}
			if strings.Contains(m.UCI, "not to be shown") || strings.Contains(text, "not to be shown") {
				t.Error("shows a key")
			}
		}
	}
}

func TestPeerText(t *testing.T) {
	for file, row := range map[string]struct {
		world func() world
		name  string
	}{"transport": {transport, "dc2"}, "moving": {moving, "dc2"}, "bond": {bondBackup, "ha"}, "sessions": {sessions, "red"}, "addressed": {addressed, "p2p"}, "hub": {hub, "oslo"}} {
		w := row.world()
		m, err := Peer(w.c, row.name, w.f)
		if err != nil {
			t.Fatal(err)
		}
		got := m.UCI + "----\n" + strings.Join(m.Commands, "\n") + "\n----\n"
		for _, c := range m.Conns {
			got += c.String() + "\n"
		}
		for _, n := range m.Notes {
			got += "note: " + n + "\n"
		}
		golden := filepath.Join("testdata", "peer_"+file+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s: %s", file, d)
		}
	}
}

func TestPeerOfNothing(t *testing.T) {
	w := transport()
	if _, err := Peer(w.c, "dc9", w.f); err == nil || !strings.Contains(err.Error(), `"dc9"`) {
		t.Errorf("err %v", err)
	}
	if _, err := Peer(w.c, "", w.f); err == nil {
		t.Error("no name is a name")
	}
}

func TestOtherHost(t *testing.T) {
	for have, want := range map[string]string{
		"10.0.0.1/30": "10.0.0.2", "10.0.0.2/30": "10.0.0.1", "10.0.0.0/31": "10.0.0.1", "10.0.0.1/31": "10.0.0.0", "fd00::/127": "fd00::1",
		"fd00::1/126": "fd00::2", "10.0.0.1/29": "invalid IP", "10.0.0.1/32": "invalid IP",
	} {
		if got := otherHost(prefix(have)).String(); got != want {
			t.Errorf("%s: %s, want %s", have, got, want)
		}
	}
}
