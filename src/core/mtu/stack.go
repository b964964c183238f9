package mtu

import (
	"fmt"
	"strings"

	"multiwan/src/core/kstate"
)

// Lengths of headers in bytes.
const (
	udp      = 8
	espHead  = 8 // SPI and sequence number
	espTail  = 2 // pad length and next header
	ethernet = 14
	vlanTag  = 4
	l2tpUDP  = 8 // flags, version, reserved and session id (RFC 3931 4.1.2.1)
	l2tpIP   = 4 // session id (RFC 3931 4.1.1.1)
	l2spec   = 4 // default L2-specific sublayer (RFC 3931 4.6)
	tcp      = 20
)

// Bounds of a device's MTU in bytes: what every host takes in one piece (RFC 1122 3.3.2), IPv6's least (RFC 8200 5) and Ethernet's.
const (
	Least     = 576
	Least6    = 1280
	Ethernet  = 1500
	deviceMax = 65535
)

// Stack is what is wrapped around an inner Ethernet frame.
type Stack struct {
	Path   int           // MTU of the path of the outermost packets
	Family kstate.Family // of the outermost packets
	Encap  string        // of L2TP: udp, ip
	Cookie int           // 0, 4 or 8 bytes
	L2Spec string        // default, none
	ESP    ESP
}

// ESP is the protection around L2TP; the zero value is none.
type ESP struct {
	Mode   string // "", transport or tunnel
	Cipher Cipher
	NAT    bool          // wrapped in UDP for NAT traversal (RFC 3948)
	Inner  kstate.Family // of L2TP's own packets in tunnel mode; 0: as outside
}

// Room is what a stack leaves.
type Room struct {
	// MTU is the largest inner IP packet whose outer packet is no longer than the path's MTU; at least Least.
	MTU int
	// Short says that the path leaves less than Least: outer packets are fragmented all the same.
	Short bool
	// How is the computation in words, for example "1500 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1446".
	How string
}

// Inside returns the room inside the stack for packets in untagged frames.
func (s Stack) Inside() Room {
	left := s.Path
	words := []string{fmt.Sprintf("%d path", s.Path)}
	take := func(n int, what string) {
		if n > 0 {
			left -= n
			words = append(words, fmt.Sprintf("%d %s", n, what))
		}
	}
	take(header(s.Family), s.Family.String())
	if s.ESP.Mode != "" {
		if s.ESP.NAT {
			take(udp, "udp for nat")
		}
		take(espHead, "esp")
		take(s.ESP.Cipher.IV, "iv")
		take(s.ESP.Cipher.ICV, "icv")
		take(left%s.ESP.Cipher.align(), "padding")
		take(espTail, "trailer")
		if s.ESP.Mode == "tunnel" {
			inner := s.inner()
			take(header(inner), "inner "+inner.String())
		}
	}
	for _, h := range s.wrap() {
		take(h.bytes, h.name)
	}
	r := Room{MTU: left, How: strings.Join(words, " - ") + fmt.Sprintf(" = %d", left)}
	if left < Least {
		r.MTU, r.Short = Least, true
		r.How += fmt.Sprintf(", raised to %d", Least)
	}
	return r
}

// Outside returns the length of the outermost packet around an inner IP packet of so many bytes: the path MTU that it needs. tagged
// says that its frame carries an 802.1Q tag.
func (s Stack) Outside(inner int, tagged bool) int {
	n := inner
	if tagged {
		n += vlanTag
	}
	for _, h := range s.wrap() {
		n += h.bytes
	}
	if s.ESP.Mode != "" {
		if s.ESP.Mode == "tunnel" {
			n += header(s.inner())
		}
		a := s.ESP.Cipher.align()
		n = (n+espTail+a-1)/a*a + s.ESP.Cipher.IV + s.ESP.Cipher.ICV + espHead
		if s.ESP.NAT {
			n += udp
		}
	}
	return n + header(s.Family)
}

type layer struct {
	bytes int
	name  string
}

// wrap lists what stands between L2TP's own IP header and the inner packet.
func (s Stack) wrap() []layer {
	out := []layer{{l2tpIP, "l2tp"}}
	if s.Encap == "udp" {
		out = []layer{{udp, "udp"}, {l2tpUDP, "l2tp"}}
	}
	if s.Cookie > 0 {
		out = append(out, layer{s.Cookie, "cookie"})
	}
	if s.L2Spec != "none" {
		out = append(out, layer{l2spec, "l2spec"})
	}
	return append(out, layer{ethernet, "ethernet"})
}

func (s Stack) inner() kstate.Family {
	if s.ESP.Inner != 0 {
		return s.ESP.Inner
	}
	return s.Family
}

func (c Cipher) align() int { return max(c.Align, 1) }

func header(f kstate.Family) int {
	if f == kstate.IPv6 {
		return 40
	}
	return 20
}
