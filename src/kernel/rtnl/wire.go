package rtnl

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"multiwan/src/core/kstate"
)

// native is the byte order of every netlink integer; only addresses and a few named attributes are in network order.
var native = binary.NativeEndian

// attrTypeMask takes NLA_F_NESTED and NLA_F_NET_BYTEORDER off an attribute type (linux/netlink.h).
const attrTypeMask = 0x3fff

const nested = 0x8000 // NLA_F_NESTED

// Message collects a netlink payload: a fixed header, then attributes, each padded to four bytes. Its methods are not compiled into their
// callers: on MIPS that costs 100 bytes for each attribute that is written.
type Message []byte

// Attr appends an attribute; typ may carry NLA_F_NESTED.
func (m *Message) Attr(typ uint16, v []byte) {
	b := native.AppendUint16(*m, uint16(4+len(v)))
	b = native.AppendUint16(b, typ)
	b = append(b, v...)
	*m = pad(b)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// U8 appends an attribute of one byte.
//
//go:noinline
func (m *Message) U8(typ uint16, v uint8) { m.Attr(typ, []byte{v}) }

// U16 appends an attribute of two bytes, in the machine's order.
//
//go:noinline
func (m *Message) U16(typ uint16, v uint16) { m.Attr(typ, native.AppendUint16(nil, v)) }

// U32 appends an attribute of four bytes, in the machine's order.
//
//go:noinline
func (m *Message) U32(typ uint16, v uint32) { m.Attr(typ, native.AppendUint32(nil, v)) }

// Name appends a string with its terminating zero.
//
//go:noinline
func (m *Message) Name(typ uint16, s string) { m.Attr(typ, append([]byte(s), 0)) }

// Addr appends an address, in network order as everywhere.
//
//go:noinline
func (m *Message) Addr(typ uint16, a netip.Addr) { m.Attr(typ, a.Unmap().AsSlice()) }

// Attrs walks the attributes of a payload. It stops quietly at the first that does not fit: what the kernel adds later or what was cut
// off must not hide what can be read.
func Attrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			n := int(native.Uint16(b))
			if n < 4 || n > len(b) {
				return
			}
			if !yield(native.Uint16(b[2:])&attrTypeMask, b[4:n]) {
				return
			}
			b = b[min(len(b), (n+3)&^3):]
		}
	}
}

// Uint8 reads an attribute's integer; a value that is too short reads as 0, here and below.
func Uint8(v []byte) uint8 {
	if len(v) < 1 {
		return 0
	}
	return v[0]
}

// Uint16 reads two bytes in the machine's order.
func Uint16(v []byte) uint16 {
	if len(v) < 2 {
		return 0
	}
	return native.Uint16(v)
}

// Uint32 reads four bytes in the machine's order.
func Uint32(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return native.Uint32(v)
}

// Text reads a string up to its terminating zero.
func Text(v []byte) string {
	for i, c := range v {
		if c == 0 {
			return string(v[:i])
		}
	}
	return string(v)
}

// Address reads an address by its length; anything else is the zero address.
//
//go:noinline
func Address(v []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(v)
	return a
}

// prefix joins an address attribute and a length of the fixed header; the zero prefix where the length does not fit or is 0.
func prefix(a netip.Addr, bits uint8) netip.Prefix {
	if bits == 0 || !a.IsValid() || int(bits) > a.BitLen() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, int(bits))
}

func known(f kstate.Family) bool { return f == kstate.IPv4 || f == kstate.IPv6 }
