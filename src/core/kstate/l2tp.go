package kstate

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// Encapsulations of L2TPv3 (RFC 3931 section 4.1), in the words of ip-l2tp(8).
const (
	EncapUDP = "udp"
	EncapIP  = "ip"
)

// Layer 2 specific sublayers of L2TPv3 (RFC 3931 section 4.6), in the words of ip-l2tp(8).
const (
	L2SpecDefault = "default" // 4 bytes
	L2SpecNone    = "none"
)

// MaxDeviceName is the longest name of a device in bytes (IFNAMSIZ of linux/if.h without the terminating zero).
const MaxDeviceName = 15

// Tunnel is a static L2TPv3 tunnel: the two ends and nothing more, the frames are carried by its sessions. The kernel reports every
// field. Tunnel is comparable.
type Tunnel struct {
	// ID is ours, unique in a network namespace; PeerID is the far end's.
	ID, PeerID uint32
	Encap      string // EncapUDP or EncapIP
	// Local and Remote are addresses of one family, without a zone.
	Local, Remote netip.Addr
	// LocalPort and RemotePort are UDP ports, 0 over IP.
	LocalPort, RemotePort uint16
	// Checksum says that UDP checksums are sent and, over IPv6, demanded; false over IP.
	Checksum bool
	// Version2 marks a foreign tunnel of L2TPv2, such as xl2tpd makes. It shares the numbers of ours.
	Version2 bool
}

// Family returns the family of the tunnel's ends.
func (t Tunnel) Family() Family { return FamilyOf(t.Local) }

// Key identifies the tunnel as the kernel does: by its ID.
func (t Tunnel) Key() string { return fmt.Sprintf("l2tp tunnel %d", t.ID) }

// Equal says whether the kernel's tunnel o is what t wants. A tunnel cannot be changed: it is deleted, with its sessions, and made anew.
func (t Tunnel) Equal(o Tunnel) bool { return t == o }

// String returns the tunnel as arguments of `ip`, without the verb "add" behind "l2tp", for example
// "l2tp tunnel tunnel_id 1 peer_tunnel_id 2 encap udp local 192.0.2.1 remote 198.51.100.1 udp_sport 1701 udp_dport 1702 udp_csum on".
func (t Tunnel) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "l2tp tunnel tunnel_id %d peer_tunnel_id %d encap %s local %s remote %s", t.ID, t.PeerID, t.Encap, t.Local, t.Remote)
	if t.Encap == EncapUDP {
		fmt.Fprintf(&b, " udp_sport %d udp_dport %d", t.LocalPort, t.RemotePort)
		word := "off"
		if t.Checksum {
			word = "on"
		}
		if t.Family() == IPv6 {
			fmt.Fprintf(&b, " udp6_csum_rx %s udp6_csum_tx %s", word, word)
		} else {
			b.WriteString(" udp_csum " + word)
		}
	}
	if t.Version2 {
		b.WriteString(" version 2")
	}
	return b.String()
}

// SessionKey is what the kernel tells sessions apart by: the tunnel's ID and their own.
type SessionKey struct{ Tunnel, ID uint32 }

// String returns the key in the words of ip-l2tp(8).
func (k SessionKey) String() string { return fmt.Sprintf("tunnel_id %d session_id %d", k.Tunnel, k.ID) }

// Session is an L2TPv3 session of an Ethernet pseudowire: a device that carries frames through a tunnel. Session is comparable, but
// Equal is what compares a wanted one with an observed one.
//
// The kernel does not report L2Spec, which is therefore "" in what was observed; and Device is the name that the session was made
// with, whatever the device is called now. Whoever adopts a session has to know both from elsewhere.
type Session struct {
	Tunnel, PeerTunnel uint32 // IDs of the tunnel; the kernel takes PeerTunnel from the tunnel
	// ID is ours: what the far end puts into the packets that it sends here. PeerID is the far end's.
	ID, PeerID uint32
	Device     string // at most MaxDeviceName bytes; "" lets the kernel choose l2tpethN
	// Cookie and PeerCookie are raw bytes: none, 4 or 8 (RFC 3931 section 4.1). As in ip-l2tp(8), Cookie is put into the packets that are
	// sent and PeerCookie is wanted in those received; the two lengths are independent.
	Cookie, PeerCookie string
	L2Spec             string // L2SpecDefault, L2SpecNone, or "" where it is not known
	// Foreign marks a session that is not of Ethernet, such as one of PPP.
	Foreign bool
}

// SessionKey returns what the kernel tells the session apart by.
func (s Session) SessionKey() SessionKey { return SessionKey{s.Tunnel, s.ID} }

// Key identifies the session in one text.
func (s Session) Key() string { return "l2tp session " + s.SessionKey().String() }

// Equal says whether the kernel's session o is what s wants. An L2Spec that is not known is no difference. A session cannot be changed
// in what is compared here: it is deleted, with its device, and made anew.
func (s Session) Equal(o Session) bool {
	if s.L2Spec == "" || o.L2Spec == "" {
		s.L2Spec, o.L2Spec = "", ""
	}
	return s == o
}

// String returns the session as arguments of `ip`, without the verb "add" behind "l2tp", for example
// "l2tp session name l2 tunnel_id 1 session_id 11 peer_session_id 22 cookie deadbeef peer_cookie cafebabe l2spec_type none". It shows
// cookies: they travel in clear with every packet.
func (s Session) String() string {
	var b strings.Builder
	b.WriteString("l2tp session")
	if s.Device != "" {
		b.WriteString(" name " + s.Device)
	}
	fmt.Fprintf(&b, " tunnel_id %d session_id %d peer_session_id %d", s.Tunnel, s.ID, s.PeerID)
	if s.Cookie != "" {
		b.WriteString(" cookie " + hex.EncodeToString([]byte(s.Cookie)))
	}
	if s.PeerCookie != "" {
		b.WriteString(" peer_cookie " + hex.EncodeToString([]byte(s.PeerCookie)))
	}
	if s.L2Spec != "" {
		b.WriteString(" l2spec_type " + s.L2Spec)
	}
	return b.String()
}
