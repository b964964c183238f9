package config

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"multiwan/src/core/kstate"
)

// parseNumber reads the kinds that are numbers or stand for numbers.
func (o *OptionDoc) parseNumber(text string) (any, error) {
	switch o.Kind {
	case KindMask:
		m, ok := mark(text)
		if n := bits.OnesCount32(m); !ok || (n != 7 && n != 8) || m>>bits.TrailingZeros32(m) != 1<<n-1 {
			return nil, wantf("seven or eight adjacent bits, as 0x7f000000")
		}
		return m, nil
	case KindMark:
		v, m, ok := markWithMask(text)
		if !ok {
			return nil, wantf("a mark, or mark/mask with no bits outside the mask, as 0x10/0xff")
		}
		return markValue{v, m}, nil
	case KindUID:
		r, ok := uidRange(text)
		if !ok {
			return nil, wantf("a user id 0 - 4294967294 or a range, as 1000-1999")
		}
		return r, nil
	case KindPort:
		p, err := strconv.ParseUint(text, 10, 16)
		if err != nil || p == 0 {
			return nil, wantf("a port 1 - 65535")
		}
		return uint16(p), nil
	case KindPorts:
		return o.parsePorts(text)
	case KindProto:
		return o.parseProto(text)
	}
	return o.parseDSCP(text)
}

// mark reads a mark, decimal or with 0x.
func mark(text string) (uint32, bool) {
	base := 10
	if h, ok := strings.CutPrefix(text, "0x"); ok {
		text, base = h, 16
	}
	m, err := strconv.ParseUint(text, base, 32)
	return uint32(m), err == nil
}

// markWithMask reads "value/mask"; a value alone has mask 0, which stands for all bits that are not ours.
func markWithMask(text string) (v, mask uint32, ok bool) {
	value, m, has := strings.Cut(text, "/")
	v, ok = mark(value)
	if !has {
		return v, 0, ok
	}
	mask, okMask := mark(m)
	return v, mask, ok && okMask && mask != 0 && v&^mask == 0
}

// parsePorts reads "80", "1000-2000" and, as mwan3 and iptables have it, "1000:2000".
func (o *OptionDoc) parsePorts(text string) (any, error) {
	lo, hi, isRange := strings.Cut(strings.Replace(text, ":", "-", 1), "-")
	if !isRange {
		hi = lo
	}
	a, errA := strconv.ParseUint(lo, 10, 16)
	b, errB := strconv.ParseUint(hi, 10, 16)
	if errA != nil || errB != nil || a == 0 || b < a {
		return nil, wantf("a port 1 - 65535 or a rising range, as 1000-2000")
	}
	return kstate.PortRange{Lo: uint16(a), Hi: uint16(b)}, nil
}

// protocols by the names that users know (IANA, Assigned Internet Protocol Numbers).
var protocols = map[string]uint8{
	"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58,
	"ipv6-icmp": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}

// withPorts are the protocols whose headers begin with ports.
var withPorts = []uint8{6, 17, 33, 132, 136}

// parseProto reads a name or a number; "all" is Proto number 0.
func (o *OptionDoc) parseProto(text string) (any, error) {
	name := strings.ToLower(text)
	if name == "all" || name == "any" {
		return Proto{Name: "all"}, nil
	}
	if n, ok := protocols[name]; ok {
		return Proto{Name: name, Number: n}, nil
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n != 0 {
		return Proto{Name: text, Number: uint8(n)}, nil
	}
	names := make([]string, 0, len(protocols))
	for n := range protocols {
		names = append(names, n)
	}
	slices.Sort(names)
	return nil, wantf("a protocol: tcp, udp, icmp, icmpv6 …, a number 1 - 255 or all%s", hint(name, names))
}

// parseDSCP reads a code point by number or by name: class selectors (RFC 2474), assured (RFC 2597) and expedited forwarding (RFC 3246),
// voice admit (RFC 5865), lower effort (RFC 8622).
func (o *OptionDoc) parseDSCP(text string) (any, error) {
	name := strings.ToLower(text)
	digit := func(i int) uint8 { return name[i] - '0' }
	switch {
	case name == "ef":
		return uint8(46), nil
	case name == "va":
		return uint8(44), nil
	case name == "le":
		return uint8(1), nil
	case name == "be", name == "df":
		return uint8(0), nil
	case len(name) == 3 && name[:2] == "cs" && name[2] >= '0' && name[2] <= '7':
		return digit(2) * 8, nil
	case len(name) == 4 && name[:2] == "af" && name[2] >= '1' && name[2] <= '4' && name[3] >= '1' && name[3] <= '3':
		return digit(2)*8 + digit(3)*2, nil
	}
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil || n > 63 {
		return nil, wantf("a code point 0 - 63 or cs0 - cs7, af11 - af43, ef, va, le")
	}
	return uint8(n), nil
}
