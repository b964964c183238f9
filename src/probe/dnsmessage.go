package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"multiwan/src/core/kstate"
)

// As much of the messages of RFC 1035 as probes need: one question, and the first address of an answer. golang.org/x/net/dns/dnsmessage
// reads and writes every kind of record, which costs 80 KiB; the tests use it.

const (
	dnsHeader   = 12 // bytes (4.1.1)
	dnsClassIN  = 1
	dnsTypeA    = 1
	dnsTypeAAAA = 28 // RFC 3596
)

var errDNS = errors.New("malformed DNS message")

// dnsType is the type of record with an address of the family.
func dnsType(f kstate.Family) uint16 {
	if f == kstate.IPv6 {
		return dnsTypeAAAA
	}
	return dnsTypeA
}

// question builds a recursive query.
func question(id uint16, name string, kind uint16) ([]byte, error) {
	b := make([]byte, dnsHeader, maxDNS)
	binary.BigEndian.PutUint16(b, id)
	b[2] = 1 // recursion desired
	b[5] = 1 // one question
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if len(label) < 1 || len(label) > 63 {
			return nil, fmt.Errorf("want labels of 1 to 63 bytes")
		}
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0)
	if len(b)-dnsHeader > 255 {
		return nil, fmt.Errorf("want at most 253 bytes")
	}
	b = binary.BigEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint16(b, dnsClassIN), nil
}

// answered gives the identifier and the name of the question of an answer.
func answered(b []byte) (id uint16, name string, ok bool) {
	if len(b) < dnsHeader || b[2]&0x80 == 0 || binary.BigEndian.Uint16(b[4:]) == 0 {
		return 0, "", false
	}
	var labels strings.Builder
	for p := dnsHeader; ; {
		if p >= len(b) {
			return 0, "", false
		}
		size := int(b[p])
		p++
		if size == 0 {
			return binary.BigEndian.Uint16(b), labels.String(), p+4 <= len(b)
		}
		// A first name has nothing to point to.
		if size > 63 || p+size > len(b) {
			return 0, "", false
		}
		labels.Write(b[p : p+size])
		labels.WriteByte('.')
		p += size
	}
}

// address takes the first address out of an answer.
func address(b []byte) (netip.Addr, error) {
	if len(b) < dnsHeader {
		return netip.Addr{}, errDNS
	}
	code, questions, answers := b[3]&0xf, binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	b = b[dnsHeader:]
	for ; questions > 0; questions-- {
		b = skipName(b)
		if len(b) < 4 {
			return netip.Addr{}, errDNS
		}
		b = b[4:]
	}
	for ; answers > 0; answers-- {
		b = skipName(b)
		if len(b) < 10 {
			return netip.Addr{}, errDNS
		}
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[8:]))
		if b = b[10:]; len(b) < size {
			return netip.Addr{}, errDNS
		}
		if a, ok := netip.AddrFromSlice(b[:size]); ok && (kind == dnsTypeA && a.Is4() || kind == dnsTypeAAAA && a.Is6()) {
			return a, nil
		}
		b = b[size:]
	}
	return netip.Addr{}, fmt.Errorf("no address in the answer (code %d)", code)
}

// skipName gives what comes after a name: labels until the empty one or a pointer (4.1.4). Nothing is left of a name that does not end.
func skipName(b []byte) []byte {
	for len(b) > 0 {
		size := int(b[0])
		switch {
		case size == 0:
			return b[1:]
		case size >= 0xc0:
			return b[min(2, len(b)):]
		case size > 63 || size >= len(b):
			return nil
		}
		b = b[1+size:]
	}
	return nil
}

// absolute gives a name the final dot.
func absolute(name string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "."
}
