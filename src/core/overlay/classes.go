package overlay

import (
	"fmt"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Sizes in bytes of what stands in front of the frame: UDP, L2TPv3's flags over UDP, the session's number, the sublayer (RFC 3931 section 4).
const (
	headerUDP   = 8
	headerFlags = 4
	headerID    = 4
	headerSpec  = 4
)

// classRules give L2TP packets the code point of the IP packet in their frame, where it is one of those that are copied: once the packet is
// encrypted, its header is all that can be seen. IPsec leaves the code point, and in tunnel mode takes it over.
func (x *conn) classRules(classes *branches) {
	for _, w := range x.users {
		if w.state != Ready || x.copies.Copies != "dscp" || w.tunnel.Family() != kstate.IPv4 {
			continue
		}
		at := headerID + len(w.PeerCookie)
		if w.Encap == kstate.EncapUDP {
			at += headerUDP + headerFlags
		}
		if w.L2Spec == "default" {
			at += headerSpec
		}
		for _, code := range x.copies.DSCP {
			for _, m := range carrying(at+12, code) { // behind the two hardware addresses
				tos := code << 2
				classes.add(w.remote.String(), kstate.NftRule{Match: order.Join(outer(w.tunnel), m),
					Do: []kstate.Statement{{SetTOS: &tos}, {Verdict: "return"}}})
			}
		}
	}
}

// carrying matches frames with a code point, by the place of their EtherType: IPv4 and IPv6, without a tag and behind one. The code point is
// the upper six bits of the second byte of IPv4, and of IPv6 those behind the version.
func carrying(at int, code uint8) [][]kstate.Match {
	var out [][]kstate.Match
	for _, tag := range []int{0, 4} {
		var tagged []kstate.Match
		if tag > 0 {
			tagged = []kstate.Match{raw(at, 16, 0x8100, 0x8100)}
		}
		typ, four, six := at+tag, uint32(code)<<2, 0x6000|uint32(code)<<6
		out = append(out,
			append(slices.Clone(tagged), raw(typ, 16, 0x0800, 0x0800), raw(typ+3, 8, four, four|3)),
			append(slices.Clone(tagged), raw(typ, 16, 0x86dd, 0x86dd), raw(typ+2, 16, six, six|0x3f)))
	}
	return out
}

// raw matches bits at a byte behind the IP header, from lo to hi.
func raw(at, bits int, lo, hi uint32) kstate.Match {
	value := fmt.Sprintf("%#x", lo)
	if hi != lo {
		value += fmt.Sprintf("-%#x", hi)
	}
	return match(fmt.Sprintf("@th,%d,%d", 8*at, bits), value)
}
