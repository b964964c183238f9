package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func netAttr8(typ uint16, v uint8) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: []byte{v}}
}

// deviceName pads a name, quoted or not, to the 16 bytes of the kernel.
func deviceName(s string) ([]byte, error) {
	if q, err := strconv.Unquote(s); err == nil {
		s = q
	}
	if s == "" || len(s) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("device name %q: want 1 to %d bytes", s, unix.IFNAMSIZ-1)
	}
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return b, nil
}

// number is a mark or a generator's number, in host order.
func number(s string) ([]byte, error) {
	v, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return nil, err
	}
	return host(uint32(v)), nil
}

func port(s string) ([]byte, error) {
	v, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint16(nil, uint16(v)), nil
}

// etherType reads the name or the number of an EtherType.
func etherType(s string) ([]byte, error) {
	v, ok := etherTypes[s]
	if !ok {
		n, err := strconv.ParseUint(s, 0, 16)
		if err != nil {
			return nil, fmt.Errorf("unknown EtherType %q", s)
		}
		v = uint16(n)
	}
	return binary.BigEndian.AppendUint16(nil, v), nil
}

// hardwareAddress reads six bytes in hexadecimal with colons between them.
func hardwareAddress(s string) ([]byte, error) {
	b := make([]byte, 0, 6)
	for part := range strings.SplitSeq(s, ":") {
		v, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(part) != 2 {
			return nil, fmt.Errorf("hardware address %q: want six bytes 00:00:00:00:00:00", s)
		}
		b = append(b, byte(v))
	}
	if len(b) != 6 {
		return nil, fmt.Errorf("hardware address %q: want six bytes 00:00:00:00:00:00", s)
	}
	return b, nil
}

// word reads a name out of a table, or a number, as one byte or as four in host order.
func word(size int, names map[string]uint32) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		v, ok := names[s]
		if !ok {
			n, err := strconv.ParseUint(s, 0, size*8)
			if err != nil {
				return nil, fmt.Errorf("unknown value %q", s)
			}
			v = uint32(n)
		}
		if size == 1 {
			return []byte{byte(v)}, nil
		}
		return host(v), nil
	}
}

func dscpShifted(size int, shift uint) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		v, err := strconv.ParseUint(s, 0, 16)
		if err != nil || v > 63 {
			return nil, fmt.Errorf("dscp %q: want 0 to 63", s)
		}
		b := binary.BigEndian.AppendUint16(nil, uint16(v<<shift))
		return b[2-size:], nil
	}
}

func ipAddress(size int) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, err
		}
		b := a.AsSlice()
		if len(b) != size || a.Zone() != "" {
			return nil, fmt.Errorf("address %s: wrong family or zone", s)
		}
		return b, nil
	}
}

// span is a value or a range of values, both ends included, in the order of the key's bytes.
type span struct {
	lo, hi  []byte
	verdict string // of an element of a verdict map
}

func (s span) single() bool { return bytes.Equal(s.lo, s.hi) }

// span parses a value, and where the key has ranges, "a-b" and "a/n".
func (k key) span(s string) (span, error) {
	if k.ranges {
		if lo, hi, ok := strings.Cut(s, "-"); ok {
			return k.between(lo, hi)
		}
		if strings.Contains(s, "/") {
			return k.prefix(s)
		}
	}
	v, err := k.value(s)
	return span{lo: v, hi: v}, err
}

func (k key) between(lo, hi string) (span, error) {
	l, err := k.value(lo)
	if err != nil {
		return span{}, err
	}
	h, err := k.value(hi)
	if err != nil {
		return span{}, err
	}
	if bytes.Compare(l, h) > 0 {
		return span{}, fmt.Errorf("range %s-%s is upside down", lo, hi)
	}
	return span{lo: l, hi: h}, nil
}

func (k key) prefix(s string) (span, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return span{}, err
	}
	lo := p.Masked().Addr().AsSlice()
	if len(lo) != k.size {
		return span{}, fmt.Errorf("prefix %s: wrong family", s)
	}
	hi := bytes.Clone(lo)
	for i, m := range prefixMask(k.size, p.Bits()) {
		hi[i] |= ^m
	}
	return span{lo: lo, hi: hi}, nil
}

// prefixMask is a netmask of size bytes.
func prefixMask(size, bits int) []byte {
	m := make([]byte, size)
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// next returns the value after v, nil after the last.
func next(v []byte) []byte {
	n := bytes.Clone(v)
	for i := len(n) - 1; i >= 0; i-- {
		n[i]++
		if n[i] != 0 {
			return n
		}
	}
	return nil
}

// wideNumber reads a number of one to four bytes in network order.
func wideNumber(size int) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		n, err := strconv.ParseUint(s, 0, 8*size)
		if err != nil {
			return nil, fmt.Errorf("number %q: %w", s, err)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n))[4-size:], nil
	}
}
