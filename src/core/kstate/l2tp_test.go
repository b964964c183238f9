package kstate

import (
	"net/netip"
	"testing"
)

func TestTunnelText(t *testing.T) {
	v4 := Tunnel{ID: 1, PeerID: 2, Encap: EncapUDP, Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("198.51.100.1"),
		LocalPort: 1701, RemotePort: 1702, Checksum: true}
	v6 := Tunnel{ID: 1, PeerID: 2, Encap: EncapUDP, Local: netip.MustParseAddr("2001:db8::1"), Remote: netip.MustParseAddr("2001:db8::2"), LocalPort: 1701, RemotePort: 1701}
	plain := Tunnel{ID: 4294967295, PeerID: 2, Encap: EncapIP, Local: v4.Local, Remote: v4.Remote}
	for want, k := range map[string]Tunnel{
		"l2tp tunnel tunnel_id 1 peer_tunnel_id 2 encap udp local 192.0.2.1 remote 198.51.100.1 udp_sport 1701 udp_dport 1702 udp_csum on":                        v4,
		"l2tp tunnel tunnel_id 1 peer_tunnel_id 2 encap udp local 2001:db8::1 remote 2001:db8::2 udp_sport 1701 udp_dport 1701 udp6_csum_rx off udp6_csum_tx off": v6,
		"l2tp tunnel tunnel_id 4294967295 peer_tunnel_id 2 encap ip local 192.0.2.1 remote 198.51.100.1":                                                          plain,
		"l2tp tunnel tunnel_id 7 peer_tunnel_id 0 encap udp local invalid IP remote invalid IP udp_sport 0 udp_dport 0 udp_csum off version 2":                    {ID: 7, Encap: EncapUDP, Version2: true},
	} {
		if k.String() != want {
			t.Errorf("%s, want\n%s", k, want)
		}
	}
	other := v4
	other.PeerID = 9
	if v4.Equal(other) || !v4.Equal(v4) || v4.Key() != other.Key() || v4.Key() == plain.Key() {
		t.Error("a tunnel is known by its id and equal in all fields")
	}
}

func TestSession(t *testing.T) {
	s := Session{Tunnel: 1, PeerTunnel: 2, ID: 11, PeerID: 22, Device: "l2", Cookie: "\xde\xad\xbe\xef", PeerCookie: "\x00\x00\x00\x00\x00\x00\x00\x01", L2Spec: L2SpecNone}
	want := "l2tp session name l2 tunnel_id 1 session_id 11 peer_session_id 22 cookie deadbeef peer_cookie 0000000000000001 l2spec_type none"
	if s.String() != want {
		t.Errorf("%s, want\n%s", s, want)
	}
	seen := s
	seen.L2Spec = ""
	if !s.Equal(seen) || !seen.Equal(s) {
		t.Error("what the kernel does not report is no difference")
	}
	for name, change := range map[string]func(*Session){
		"l2spec":      func(o *Session) { o.L2Spec = L2SpecDefault },
		"cookie":      func(o *Session) { o.Cookie = "" },
		"peer cookie": func(o *Session) { o.PeerCookie = o.PeerCookie[:4] },
		"device":      func(o *Session) { o.Device = "l3" },
		"peer tunnel": func(o *Session) { o.PeerTunnel++ },
		"foreign":     func(o *Session) { o.Foreign = true },
	} {
		o := s
		change(&o)
		if s.Equal(o) || s.Key() != o.Key() {
			t.Errorf("%s makes no difference, or another key", name)
		}
	}
}

func TestBlocksOfTunnel(t *testing.T) {
	udp := Tunnel{ID: 1, PeerID: 2, Encap: EncapUDP, Local: netip.MustParseAddr("2001:db8::1"), Remote: netip.MustParseAddr("2001:db8::2"), LocalPort: 1701, RemotePort: 1702}
	ip := Tunnel{ID: 1, PeerID: 2, Encap: EncapIP, Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2")}
	for i, want := range []string{
		"xfrm policy src 2001:db8::1/128 dst 2001:db8::2/128 proto udp sport 1701 dport 1702 dir out action block priority 2147483647",
		"xfrm policy src 2001:db8::2/128 dst 2001:db8::1/128 proto udp sport 1702 dport 1701 dir in action block priority 2147483647",
		"xfrm policy src 192.0.2.1/32 dst 192.0.2.2/32 proto l2tp dir out action block priority 2147483647",
		"xfrm policy src 192.0.2.2/32 dst 192.0.2.1/32 proto l2tp dir in action block priority 2147483647",
	} {
		k := udp
		if i > 1 {
			k = ip
		}
		if got := k.Blocks()[i%2]; got.String() != want || got.Family != k.Family() {
			t.Errorf("%s, want\n%s", got, want)
		}
	}
}
