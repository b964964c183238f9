package nft

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// compile turns a rule into expressions and the anonymous sets that they need. nextID numbers the sets within the transaction.
func compile(family uint8, r kstate.NftRule, nextID func() uint32) (*encoder, error) {
	e := &encoder{family: family, nextID: nextID}
	if family == unix.NFPROTO_IPV4 || family == unix.NFPROTO_IPV6 {
		e.l3 = family // nothing else comes by
	}
	for _, m := range r.Match {
		if err := e.match(m); err != nil {
			return nil, fmt.Errorf("match %s: %w", m, err)
		}
	}
	for _, s := range r.Do {
		if err := e.statement(s); err != nil {
			return nil, fmt.Errorf("statement %s: %w", s, err)
		}
	}
	return e, nil
}

// need makes the rule be about one address family before something that only that has is loaded: the kernel does not look.
func (e *encoder) need(l3 uint8) error {
	if l3 == 0 || e.l3 == l3 {
		return nil
	}
	if e.l3 != 0 {
		return fmt.Errorf("the rule is about the other address family already")
	}
	e.l3 = l3
	if e.family != unix.NFPROTO_BRIDGE {
		e.meta(unix.NFT_META_NFPROTO)
		e.cmp(unix.NFT_CMP_EQ, []byte{l3})
		return nil
	}
	ether := []byte{0x08, 0x00}
	if l3 == unix.NFPROTO_IPV6 {
		ether = []byte{0x86, 0xdd}
	}
	e.meta(unix.NFT_META_PROTOCOL)
	e.cmp(unix.NFT_CMP_EQ, ether)
	return nil
}

// needL4 makes the rule be about one protocol likewise.
func (e *encoder) needL4(l4 uint8) error {
	if l4 == 0 || e.l4 == l4 {
		return nil
	}
	if e.l4 != 0 {
		return fmt.Errorf("the rule is about another protocol already")
	}
	e.l4 = l4
	e.meta(unix.NFT_META_L4PROTO)
	e.cmp(unix.NFT_CMP_EQ, []byte{l4})
	return nil
}

// known notes what a match of one value says of the rest of the rule.
func (e *encoder) known(m kstate.Match, s span) {
	switch {
	case m.Not:
	case m.Key == "meta nfproto":
		e.l3 = s.lo[0]
	case m.Key == "meta l4proto":
		e.l4 = s.lo[0]
	case m.Key == "meta protocol":
		e.l3 = map[string]uint8{"ip": unix.NFPROTO_IPV4, "ip6": unix.NFPROTO_IPV6}[m.Values[0]]
	}
}

// load brings a key into register 1, masked where it is part of its bytes or mask says so.
func (e *encoder) load(name string, mask uint32) (key, error) {
	k, ok := e.keyOf(name)
	if !ok {
		return k, fmt.Errorf("unknown key %q, or one that needs a family match before it", name)
	}
	if mask != 0 {
		if !k.masked {
			return k, fmt.Errorf("key %q takes no mask", name)
		}
		if k.mask = host(mask); k.size == 1 {
			k.mask = []byte{byte(mask)}
		}
	}
	if k.typ == typeTCPFlag && mask == 0 {
		return k, fmt.Errorf("key %q needs a mask: nft(8) would take the flags for bits", name)
	}
	if k.link && e.family != unix.NFPROTO_BRIDGE {
		return k, fmt.Errorf("key %q is for bridges", name)
	}
	if err := e.need(k.l3); err != nil {
		return k, err
	}
	if err := e.needL4(k.l4); err != nil {
		return k, err
	}
	k.load(e)
	if k.mask != nil {
		e.and(k.mask)
	}
	return k, nil
}

func (e *encoder) and(mask []byte) {
	e.bitwise(mask, make([]byte, len(mask)))
}

func (e *encoder) match(m kstate.Match) error {
	if m.Key == "meta nfproto" && e.family == unix.NFPROTO_BRIDGE {
		return fmt.Errorf("in a bridge the protocol family is always bridge")
	}
	k, err := e.load(m.Key, m.Mask)
	if err != nil {
		return err
	}
	if len(m.Values) == 0 {
		return fmt.Errorf("no value")
	}
	if set, ok := strings.CutPrefix(m.Values[0], "@"); ok {
		if len(m.Values) > 1 {
			return fmt.Errorf("a named set stands alone")
		}
		e.lookup(set, 0, m.Not)
		return nil
	}
	spans := make([]span, len(m.Values))
	for i, v := range m.Values {
		if spans[i], err = k.span(v); err != nil {
			return err
		}
	}
	switch {
	case m.Over && (!k.over || m.Not || len(spans) > 1):
		return fmt.Errorf("want one number that is compared")
	case m.Over:
		e.cmp(unix.NFT_CMP_GT, spans[0].lo)
	case k.bits:
		e.anyBit(spans, m.Not)
	case len(spans) == 1:
		e.compare(k, spans[0], m.Not)
	default:
		id, name, err := e.anonymous(k, spans, false)
		if err != nil {
			return err
		}
		e.lookup(name, id, m.Not)
	}
	if len(spans) == 1 {
		e.known(m, spans[0])
	}
	return nil
}

// compare compares register 1 with a value or a range. A prefix is compared under its mask, as nft(8) does, so that it lists as one.
func (e *encoder) compare(k key, s span, not bool) {
	op := uint32(unix.NFT_CMP_EQ)
	if not {
		op = unix.NFT_CMP_NEQ
	}
	if s.single() {
		e.cmp(op, s.lo)
		return
	}
	if m := maskOf(s); m != nil && (k.typ == typeIPv4 || k.typ == typeIPv6) {
		e.and(m)
		e.cmp(op, s.lo)
		return
	}
	if not {
		e.outside(s.lo, s.hi)
		return
	}
	e.cmp(unix.NFT_CMP_GTE, s.lo)
	e.cmp(unix.NFT_CMP_LTE, s.hi)
}

// maskOf returns the netmask of a range that is a prefix, nil for any other range.
func maskOf(s span) []byte {
	m := make([]byte, len(s.lo))
	ended := false
	for i := range m {
		d := s.lo[i] ^ s.hi[i]
		m[i] = ^d
		if d&(d+1) != 0 || s.lo[i]&d != 0 || ended && d != 0xff {
			return nil
		}
		ended = ended || d != 0
	}
	return m
}

// anyBit matches when any of the bits is set: ct state and ct status are bit fields, and a connection's status has further bits.
func (e *encoder) anyBit(spans []span, not bool) {
	mask := make([]byte, 4)
	for _, s := range spans {
		for i := range mask {
			mask[i] |= s.lo[i]
		}
	}
	op := uint32(unix.NFT_CMP_NEQ)
	if not {
		op = unix.NFT_CMP_EQ
	}
	e.and(mask)
	e.cmp(op, make([]byte, 4))
}
