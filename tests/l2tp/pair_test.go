package l2tp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/l2tp"
	"multiwan/src/kernel/xfrm"
	"multiwan/tests/lab"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// ends are the addresses of the two hosts of a pair.
var ends = map[kstate.Family][2]netip.Addr{
	kstate.IPv4: {addr("192.0.2.1"), addr("192.0.2.2")},
	kstate.IPv6: {addr("2001:db8::1"), addr("2001:db8::2")},
}

// pair joins two hosts by their devices "wan".
func pair(t *testing.T) (a, b *lab.Host) {
	t.Helper()
	n := lab.New(t)
	a, b = n.Host("a"), n.Host("b")
	n.Link(a, "wan", "192.0.2.1/24,2001:db8::1/64", b, "wan", "192.0.2.2/24,2001:db8::2/64")
	return a, b
}

// dial connects to the L2TP of a host.
func dial(t *testing.T, h *lab.Host) *l2tp.Conn {
	t.Helper()
	var c *l2tp.Conn
	var err error
	h.Do(func() { c, err = l2tp.Dial() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dialXfrm connects to the IPsec of a host.
func dialXfrm(t *testing.T, h *lab.Host) *xfrm.Conn {
	t.Helper()
	var c *xfrm.Conn
	var err error
	h.Do(func() { c, err = xfrm.Dial() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// far is the tunnel as the other end has it.
func far(t kstate.Tunnel) kstate.Tunnel {
	t.ID, t.PeerID = t.PeerID, t.ID
	t.Local, t.Remote = t.Remote, t.Local
	t.LocalPort, t.RemotePort = t.RemotePort, t.LocalPort
	return t
}

// farSession is the session as the other end has it.
func farSession(s kstate.Session) kstate.Session {
	s.Tunnel, s.PeerTunnel = s.PeerTunnel, s.Tunnel
	s.ID, s.PeerID = s.PeerID, s.ID
	s.Cookie, s.PeerCookie = s.PeerCookie, s.Cookie
	return s
}

// byHand makes a tunnel or a session with ip(8).
func byHand(h *lab.Host, object fmt.Stringer) {
	words := strings.Replace(object.String(), "l2tp ", "l2tp add ", 1)
	h.IP("%s", words)
}

// up gives the device of the i-th session its address and switches it on.
func up(h *lab.Host, device string, i, host int) {
	h.Up(device, fmt.Sprintf("10.7.%d.%d/24", i, host))
}

// answers says whether the far end of the i-th session answers one of a few pings.
func answers(h *lab.Host, i int) bool {
	_, err := h.Exec("", "ping", "-q", "-i", "0.2", "-c", "3", "-W", "1", fmt.Sprintf("10.7.%d.2", i))
	return err == nil
}

// observed lists what stands on a host, in the order of the keys.
func observed(t *testing.T, c *l2tp.Conn) ([]kstate.Tunnel, []kstate.Session) {
	t.Helper()
	tunnels, sessions, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(tunnels, func(a, b kstate.Tunnel) int { return int(a.ID) - int(b.ID) })
	slices.SortFunc(sessions, func(a, b kstate.Session) int { return int(a.ID) - int(b.ID) })
	return tunnels, sessions
}

// same reports differences between what is wanted and what is there.
func same[T interface {
	Equal(T) bool
	fmt.Stringer
}](t *testing.T, want, got []T) {
	t.Helper()
	if !slices.EqualFunc(want, got, func(a, b T) bool { return a.Equal(b) && b.Equal(a) }) {
		t.Errorf("want %v\ngot  %v", want, got)
	}
}
