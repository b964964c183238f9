package l2tp

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/l2tp"
	"multiwan/tests/lab"
)

// tunnels is one of each encapsulation and family, with and without checksums.
func tunnels() []kstate.Tunnel {
	var out []kstate.Tunnel
	for _, f := range kstate.Families {
		for _, checksum := range []bool{false, true} {
			n := uint32(len(out))
			out = append(out, kstate.Tunnel{ID: 11 + n, PeerID: 0x80000021 + n, Encap: kstate.EncapUDP, Local: ends[f][0], Remote: ends[f][1],
				LocalPort: 1701 + uint16(n), RemotePort: 41701 + uint16(n), Checksum: checksum})
		}
		n := uint32(len(out))
		out = append(out, kstate.Tunnel{ID: 11 + n, PeerID: 0x80000021 + n, Encap: kstate.EncapIP, Local: ends[f][0], Remote: ends[f][1]})
	}
	return out
}

// overheads are the lengths of cookies and l2spec of the kinds of sessions.
var kinds = []struct {
	cookie, peerCookie, l2spec string
}{
	{"", "", kstate.L2SpecDefault},
	{"\xde\xad\xbe\xef", "\xca\xfe\xba\xbe", kstate.L2SpecDefault},
	{"\x00\x01\x02\x03\x04\x05\x06\x07", "abcdefgh", kstate.L2SpecDefault},
	{"", "", kstate.L2SpecNone},
	{"\xde\xad\xbe\xef", "\x00\x00\x00\x07", kstate.L2SpecNone},
	{"1234", "12345678", kstate.L2SpecDefault},
}

func sessions(t kstate.Tunnel, from int) []kstate.Session {
	var out []kstate.Session
	for i, k := range kinds {
		n := from + i
		out = append(out, kstate.Session{Tunnel: t.ID, PeerTunnel: t.PeerID, ID: uint32(1000 + n), PeerID: 0xf0000000 + uint32(n),
			Device: fmt.Sprintf("fifteen-bytes%02d", n), Cookie: k.cookie, PeerCookie: k.peerCookie, L2Spec: k.l2spec})
	}
	return out
}

// overhead is what a session adds to a frame, with the header of the frame: what the kernel takes off the MTU of the way out.
func overhead(t kstate.Tunnel, s kstate.Session) int {
	n := 20 + 14 + 4 + len(s.Cookie)
	if t.Family() == kstate.IPv6 {
		n += 20
	}
	if t.Encap == kstate.EncapUDP {
		n += 8 + 4
	}
	if s.L2Spec == kstate.L2SpecDefault {
		n += 4
	}
	return n
}

// TestCombinations makes every kind of tunnel and session on one end by the package and on the other with ip(8), compares both with what
// either of the two shows, and sends through each.
func TestCombinations(t *testing.T) {
	lab.Need(t, lab.L2TP)
	a, b := pair(t)
	c := dial(t, a)
	var wantTunnels, farTunnels []kstate.Tunnel
	var wantSessions, farSessions []kstate.Session
	for _, tunnel := range tunnels() {
		if err := c.AddTunnel(tunnel); err != nil {
			t.Fatal(err)
		}
		byHand(b, far(tunnel))
		wantTunnels, farTunnels = append(wantTunnels, tunnel), append(farTunnels, far(tunnel))
		for _, s := range sessions(tunnel, len(wantSessions)) {
			if err := c.AddSession(s); err != nil {
				t.Fatal(err)
			}
			byHand(b, farSession(s))
			wantSessions, farSessions = append(wantSessions, s), append(farSessions, farSession(s))
			links := a.IP("-o link show dev %s", s.Device)
			if want := fmt.Sprintf(" mtu %d ", 1500-overhead(tunnel, s)); !strings.Contains(links, want) {
				t.Errorf("%s in %s: want%sin %s", s, tunnel, want, links)
			}
		}
	}
	for i, s := range wantSessions {
		up(a, s.Device, i, 1)
		up(b, s.Device, i, 2)
	}
	gotTunnels, gotSessions := observed(t, c)
	same(t, wantTunnels, gotTunnels)
	same(t, wantSessions, gotSessions)
	gotTunnels, gotSessions = observed(t, dial(t, b))
	same(t, farTunnels, gotTunnels)
	same(t, farSessions, gotSessions)
	compareShown(t, a, wantTunnels, wantSessions)
	c.Close()
	c = dial(t, a)
	for i, s := range wantSessions {
		if !answers(a, i) {
			t.Errorf("no answer through %s", s)
		}
		if err := c.AddSession(s); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	for _, tunnel := range wantTunnels {
		if err := c.AddTunnel(tunnel); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	counted(t, c, wantSessions)
	for _, tunnel := range wantTunnels[1:] {
		if err := c.DelTunnel(tunnel.ID); err != nil {
			t.Error(err)
		}
	}
	for _, s := range wantSessions[:len(kinds)] {
		if err := c.DelSession(s.SessionKey()); err != nil {
			t.Error(err)
		}
	}
	gotTunnels, gotSessions = observed(t, c)
	same(t, wantTunnels[:1], gotTunnels)
	same(t, nil, gotSessions)
	if err := errors.Join(c.DelTunnel(wantTunnels[0].ID), c.DelTunnel(wantTunnels[0].ID), c.DelSession(wantSessions[0].SessionKey())); err != nil {
		t.Error(err)
	}
	if left := a.IP("l2tp show tunnel") + a.IP("l2tp show session"); left != "" {
		t.Errorf("left: %s", left)
	}
	if links := a.IP("-o link show"); strings.Contains(links, "fifteen-bytes") {
		t.Errorf("left: %s", links)
	}
}

// compareShown looks for each tunnel and session in what ip(8) shows.
func compareShown(t *testing.T, h *lab.Host, tunnels []kstate.Tunnel, sessions []kstate.Session) {
	t.Helper()
	shown := strings.Join(strings.Fields(h.IP("l2tp show tunnel")), " ")
	for _, k := range tunnels {
		want := fmt.Sprintf("Tunnel %d, encap %s From %s to %s Peer tunnel %d", k.ID, strings.ToUpper(k.Encap), k.Local, k.Remote, k.PeerID)
		if k.Encap == kstate.EncapUDP {
			want += fmt.Sprintf(" UDP source / dest ports: %d/%d", k.LocalPort, k.RemotePort)
			state := map[bool]string{true: "enabled", false: "disabled"}[k.Checksum]
			want += " UDP checksum: " + state
		}
		if !strings.Contains(shown, want) {
			t.Errorf("ip shows no %q in %s", want, shown)
		}
	}
	shown = strings.Join(strings.Fields(h.IP("l2tp show session")), " ")
	for _, s := range sessions {
		want := fmt.Sprintf("Session %d in tunnel %d Peer session %d, tunnel %d interface name: %s offset 0, peer offset 0",
			s.ID, s.Tunnel, s.PeerID, s.PeerTunnel, s.Device)
		if s.Cookie != "" {
			want += fmt.Sprintf(" cookie %x", s.Cookie)
		}
		if s.PeerCookie != "" {
			want += fmt.Sprintf(" peer cookie %x", s.PeerCookie)
		}
		if !strings.Contains(shown, want) {
			t.Errorf("ip shows no %q in %s", want, shown)
		}
	}
}

// counted wants traffic without errors in the counters of all sessions.
func counted(t *testing.T, c *l2tp.Conn, sessions []kstate.Session) {
	t.Helper()
	counters, err := c.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		n := counters[s.SessionKey()]
		if n.TxPackets < 3 || n.RxPackets < 3 || n.TxBytes < 3*84 || n.RxBytes < 3*84 {
			t.Errorf("%s: %+v", s.Key(), n)
		}
		if n.TxErrors+n.RxErrors+n.CookieDiscards+n.SeqDiscards != 0 {
			t.Errorf("%s has errors: %+v", s.Key(), n)
		}
	}
}

// TestExists leaves what differs from a wanted object alone, and says what it is.
func TestExists(t *testing.T) {
	lab.Need(t, lab.L2TP)
	a, _ := pair(t)
	c := dial(t, a)
	tunnel := tunnels()[0]
	session := sessions(tunnel, 0)[1]
	byHand(a, tunnel)
	byHand(a, session)
	otherTunnel, second := tunnel, tunnels()[1]
	otherTunnel.RemotePort++
	other := session
	other.PeerCookie = "\xca\xfe\xba\xbf"
	twice := session
	twice.Device = "another"
	taken := session
	taken.ID, taken.L2Spec = 4711, kstate.L2SpecNone
	for name, err := range map[string]error{
		"tunnel":      c.AddTunnel(otherTunnel),
		"session":     c.AddSession(other),
		"second name": c.AddSession(twice),
		"device name": c.AddSession(taken),
	} {
		if !errors.Is(err, l2tp.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, err)
	}
	if err := errors.Join(c.AddTunnel(tunnel), c.AddSession(session)); err != nil {
		t.Errorf("adopt: %v", err)
	}
	second.LocalPort, second.RemotePort, second.Checksum = tunnel.LocalPort, tunnel.RemotePort, tunnel.Checksum
	if err := c.AddTunnel(second); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second tunnel on the same ports: %v", err)
	}
	gotTunnels, gotSessions := observed(t, c)
	same(t, []kstate.Tunnel{tunnel}, gotTunnels)
	same(t, []kstate.Session{session}, gotSessions)
	// The name that the kernel reports is that of the beginning.
	a.IP("link set dev %s name renamed", session.Device)
	if _, s := observed(t, c); s[0].Device != session.Device {
		t.Errorf("after a renaming the session has the device %q", s[0].Device)
	}
}

// TestAgain deletes a tunnel or a session and makes it again in one breath, with the same name of its device: the end of the first must
// not be taken for the second, nor be in its way.
func TestAgain(t *testing.T) {
	lab.Need(t, lab.L2TP)
	a, _ := pair(t)
	c := dial(t, a)
	tunnel := tunnels()[0]
	for i := range 24 {
		s := sessions(tunnel, 0)[i%len(kinds)]
		s.ID, s.Device = 1, "again"
		if err := errors.Join(c.AddTunnel(tunnel), c.AddSession(s)); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if _, got := observed(t, c); len(got) != 1 || !got[0].Equal(s) {
			t.Fatalf("round %d: %v, want %s", i, got, s)
		}
		a.IP("link set dev again up")
		del := func() error { return c.DelSession(s.SessionKey()) }
		if i%2 == 0 {
			del = func() error { return c.DelTunnel(tunnel.ID) }
		}
		if err := del(); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
}

// TestWrongCookie passes nothing, in the direction whose cookie is wrong.
func TestWrongCookie(t *testing.T) {
	lab.Need(t, lab.L2TP)
	a, b := pair(t)
	ca, cb := dial(t, a), dial(t, b)
	tunnel := tunnels()[0]
	s := sessions(tunnel, 0)[1]
	wrong := farSession(s)
	wrong.PeerCookie = "\xde\xad\xbe\xee"
	if err := errors.Join(ca.AddTunnel(tunnel), ca.AddSession(s), cb.AddTunnel(far(tunnel)), cb.AddSession(wrong)); err != nil {
		t.Fatal(err)
	}
	up(a, s.Device, 0, 1)
	up(b, s.Device, 0, 2)
	if answers(a, 0) {
		t.Error("frames pass with a wrong cookie")
	}
	n, err := cb.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := n[wrong.SessionKey()]; got.CookieDiscards == 0 || got.RxPackets != 0 {
		t.Errorf("counters at the end that drops: %+v", got)
	}
}
