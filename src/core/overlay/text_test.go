package overlay

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// loaded reads a configuration that has warnings at most, and gives each WAN the addresses that the file says.
func loaded(t *testing.T, name, text string) world {
	t.Helper()
	c, diags := config.Load(name, []byte(text))
	for _, d := range diags {
		if !d.Warning {
			t.Fatalf("%s: %s", name, d)
		}
	}
	f := Facts{Network: plan.Network{WANs: map[string]plan.WAN{}}, Devices: map[string]Device{}, Active: map[string]map[kstate.Family][]string{}}
	for _, i := range c.Interfaces {
		w := plan.WAN{Device: i.Device, MTU: 1500}
		for _, p := range i.Addresses {
			w.IPv4.Addrs = append(w.IPv4.Addrs, only(p, kstate.IPv4)...)
			w.IPv6.Addrs = append(w.IPv6.Addrs, only(p, kstate.IPv6)...)
		}
		f.WANs[i.Name] = w
	}
	for _, a := range c.Pseudowires {
		f.bridge(a.Attach.Bridge)
	}
	for _, a := range c.Bonds {
		f.bridge(a.Attach.Bridge)
	}
	return world{c, f}
}

func example(t *testing.T, name string) world {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../docs/examples", name+".uci"))
	if err != nil {
		t.Fatal(err)
	}
	return loaded(t, name, string(text))
}

// TestExamplePairFits: the two ends of the example are each other's mirror image in every number that goes over the wire.
func TestExamplePairFits(t *testing.T) {
	here, there := example(t, "two-sites"), example(t, "two-sites-mirror")
	a, b := Compute(here.c, here.f), Compute(there.c, there.f)
	if len(a.Want.Tunnels) != 2 || len(a.Want.Sessions) != 2 || len(a.Want.Ports) != 3 {
		t.Fatalf("%d tunnels, %d sessions, %d ports", len(a.Want.Tunnels), len(a.Want.Sessions), len(a.Want.Ports))
	}
	for i, x := range a.Want.Tunnels {
		x = reversed(x)
		x.ID, x.PeerID = x.PeerID, x.ID
		if x != b.Want.Tunnels[i] {
			t.Errorf("%s, there %s", x, b.Want.Tunnels[i])
		}
		s, o := a.Want.Sessions[i], b.Want.Sessions[i]
		if s.ID != o.PeerID || s.PeerID != o.ID || s.Cookie != o.PeerCookie || s.PeerCookie != o.Cookie || s.Cookie == "" {
			t.Errorf("%s, there %s", s, o)
		}
		c, d := a.Conns[i], b.Conns[i]
		if c.Initiate == d.Initiate || !slices.Equal(c.LocalTS, d.RemoteTS) || !slices.Equal(c.RemoteTS, d.LocalTS) || c.Local.String() != d.Remote {
			t.Errorf("%s, there %s", c, d)
		}
	}
}

// TestPeerLoads: what Peer writes is a configuration, and says what Peer means.
func TestPeerLoads(t *testing.T) {
	for _, row := range []struct{ example, name string }{
		{"two-sites", "ha"}, {"two-sites", "pw_cable"}, {"two-sites-mirror", "ha"}, {"hub", "north"}, {"hub", "pw_south"}, {"bond", "trunk"},
		{"spray", "pw_fast"},
	} {
		w := example(t, row.example)
		w.f.SAs = map[string]SA{"north": {Remote: addr("198.51.100.70")}, "south": {Remote: addr("198.51.100.71")}}
		m, err := Peer(w.c, row.name, w.f)
		if err != nil {
			t.Fatal(err)
		}
		text := m.UCI
		for name := range w.f.WANs {
			if strings.Contains(text, "config pseudowire '"+name+"'") || strings.HasPrefix(name, "pw_") || strings.Contains(text, "config bond '"+name+"'") {
				continue // with addresses they are WANs too
			}
			text += "\nconfig interface '" + name + "'\n\toption device '" + w.f.WANs[name].Device + "'\n"
		}
		text = strings.ReplaceAll(text, "\t# option psk:", "\toption psk 'a long random text of both'\n\t#")
		text = strings.ReplaceAll(text, "\t# option cert,", "\toption cert '/a'\n\toption key '/b'\n\t#")
		far := loaded(t, row.example+" "+row.name, text)
		for i, got := range far.c.Pseudowires {
			want := m.Pseudowires[i]
			want.Line, want.Probes, got.Line, got.Probes = 0, nil, 0, nil
			want.Interface, got.Interface = "", "" // the section that protects it has it
			if !slices.Contains([]string{"ha", "trunk"}, row.name) {
				want.Attach.Bond = ""
			}
			want.Gateway, got.Gateway = netip.Addr{}, netip.Addr{}
			if d := cmp.Diff(want, got, asValues); d != "" {
				t.Errorf("%v: %s\n%s", row, d, text)
			}
		}
		for i, got := range far.c.IPsec {
			want := m.IPsec[i]
			want.Line, want.PSK, want.Cert, want.Key, want.CA, got.Line, got.PSK, got.Cert, got.Key, got.CA = 0, nil, "", "", "", 0, nil, "", "", ""
			if d := cmp.Diff(want, got, asValues); d != "" {
				t.Errorf("%v: %s\n%s", row, d, text)
			}
		}
		if len(far.c.Pseudowires) != len(m.Pseudowires) || len(far.c.Bonds) != len(m.Bonds) || len(far.c.IPsec) != len(m.IPsec) {
			t.Errorf("%v: %d pseudowires, %d bonds, %d ipsec", row, len(far.c.Pseudowires), len(far.c.Bonds), len(far.c.IPsec))
		}
	}
}

// TestExamplesPlan: every example of tunnels plans something and refuses nothing.
func TestExamplesPlan(t *testing.T) {
	for _, name := range []string{"two-sites", "two-sites-mirror", "hub", "bond", "spray", "6rd", "openvpn-bond"} {
		w := example(t, name)
		p := Compute(w.c, w.f)
		checkPlan(t, p)
		for _, x := range p.Pseudowires {
			if x.State != Ready || x.Detached != "" {
				t.Errorf("%s: %+v", name, x)
			}
		}
		for _, x := range p.Bonds {
			if x.State != Ready {
				t.Errorf("%s: %+v", name, x)
			}
		}
		for _, x := range p.Tunnels {
			if x.State != Ready || x.Prefix != prefix("2001:db8:3364:0a00::/56") {
				t.Errorf("%s: %+v", name, x)
			}
		}
		if len(p.Want.Links) == 0 {
			t.Errorf("%s: nothing", name)
		}
	}
}
