package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// maxModulus bounds a generator: its elements are single numbers, each an element of a map.
const maxModulus = 4096

func (e *encoder) statement(s kstate.Statement) error {
	switch {
	case s.Counter != "":
		e.count(s.Counter)
		return nil
	case s.SetMark != nil:
		return e.setMark(s.SetMark)
	case s.Vmap != nil:
		return e.vmap(s.Vmap)
	case s.Update != nil:
		if _, err := e.load(s.Update.Key, 0); err != nil {
			return err
		}
		e.update(s.Update.Set)
		return nil
	case s.NAT != nil:
		return e.nat(s.NAT)
	case s.MSS != nil:
		return e.setMSS(s.MSS)
	case s.SetAddr != nil:
		return e.setAddress(s.SetAddr)
	case s.SetTOS != nil:
		return e.setTOS(*s.SetTOS)
	case s.Dup != nil:
		return e.dup(s.Dup)
	case s.Limit != nil:
		e.limit(s.Limit)
		return nil
	}
	v, err := parseVerdict(s.Verdict)
	if err != nil {
		return err
	}
	e.verdict(v)
	return nil
}

// Codes of verdicts that the library of constants lacks (linux/netfilter.h).
const (
	nfDrop   = 0
	nfAccept = 1
)

// verdict is what becomes of a packet: one of the codes above or of nf_tables.h (NFT_JUMP), with the chain of the latter.
type verdict struct {
	code  int32
	chain string
}

// parseVerdict reads "accept", "drop", "return", "jump NAME" or "goto NAME".
func parseVerdict(s string) (verdict, error) {
	word, chain, more := strings.Cut(s, " ")
	v := verdict{chain: chain}
	switch word {
	case "accept":
		v.code = nfAccept
	case "drop":
		v.code = nfDrop
	case "return":
		v.code = unix.NFT_RETURN
	case "jump":
		v.code = unix.NFT_JUMP
	case "goto":
		v.code = unix.NFT_GOTO
	default:
		return v, fmt.Errorf("unknown verdict %q", s)
	}
	if more != (v.code == unix.NFT_JUMP || v.code == unix.NFT_GOTO) {
		return v, fmt.Errorf("verdict %q: jump and goto name a chain, and they alone", s)
	}
	return v, nil
}

func (v verdict) attribute() netlink.Attribute {
	attrs := []netlink.Attribute{u32(unix.NFTA_VERDICT_CODE, uint32(v.code))}
	if v.chain != "" {
		attrs = append(attrs, str(unix.NFTA_VERDICT_CHAIN, v.chain))
	}
	return nest(unix.NFTA_DATA_VERDICT, attrs...)
}

// setMark computes (mark & keep) ^ value: with the value's bits cut out of keep, the exclusive or is the "or" of nft(8).
func (e *encoder) setMark(m *kstate.SetMark) error {
	if m.Key != "meta mark" && m.Key != "ct mark" {
		return fmt.Errorf("cannot set %q", m.Key)
	}
	if _, err := e.load(m.Key, 0); err != nil {
		return err
	}
	e.bitwise(host(^m.Mask&^m.Value), host(m.Value))
	if m.Key == "ct mark" {
		e.writeCT(unix.NFT_CT_MARK)
	} else {
		e.writeMeta(unix.NFT_META_MARK)
	}
	return nil
}

func (e *encoder) vmap(v *kstate.Vmap) error {
	k, err := e.generatorOrKey(v)
	if err != nil {
		return err
	}
	var spans []span
	for _, el := range v.Elems {
		if _, err := parseVerdict(el.Verdict); err != nil {
			return err
		}
		values := []string{el.Value}
		if v.Mod != 0 {
			if values, err = expand(el.Value, v.Mod); err != nil {
				return err
			}
		}
		for _, val := range values {
			s, err := k.span(val)
			if err != nil {
				return err
			}
			s.verdict = el.Verdict
			spans = append(spans, s)
		}
	}
	id, name, err := e.anonymous(k, spans, true)
	if err != nil {
		return err
	}
	e.lookupVerdict(name, id)
	return nil
}

// generatorOrKey loads what a verdict map looks up.
func (e *encoder) generatorOrKey(v *kstate.Vmap) (key, error) {
	if v.Mod == 0 {
		return e.load(v.Key, v.Mask)
	}
	k := key{typ: typeInteger, size: 4, value: number, host: true}
	if v.Mod > maxModulus {
		return k, fmt.Errorf("modulus %d is over %d", v.Mod, maxModulus)
	}
	if err := e.generator(v.Key, v.Mod); err != nil {
		return k, err
	}
	if v.Mask != 0 {
		e.and(host(v.Mask))
	}
	return k, nil
}

// hashSeed is fixed, so that a source keeps its number when the rule is loaded again; the kernel's own choice would be a new one each time.
const hashSeed = 0x6d77

// generator puts a number from 0 to mod-1 into register 1, in host order.
func (e *encoder) generator(name string, mod uint32) error {
	switch name {
	case "numgen inc":
		e.numgen(unix.NFT_NG_INCREMENTAL, mod)
		return nil
	case "numgen random":
		e.numgen(unix.NFT_NG_RANDOM, mod)
		return nil
	}
	src, ok := strings.CutPrefix(name, "jhash ")
	if !ok {
		return fmt.Errorf("unknown generator %q", name)
	}
	k, ok := keyTable[src]
	if !ok || k.typ != typeIPv4 && k.typ != typeIPv6 {
		return fmt.Errorf("cannot hash %q", src)
	}
	if _, err := e.load(src, 0); err != nil {
		return err
	}
	e.jhash(uint32(k.size), mod)
	return nil
}

// expand lists the numbers of "n" or "a-b". Single numbers, because the kernel compares intervals as big-endian bytes, and the
// generators' numbers are in host order.
func expand(s string, mod uint32) ([]string, error) {
	lo, hi, isRange := strings.Cut(s, "-")
	if !isRange {
		hi = lo
	}
	a, err := strconv.ParseUint(lo, 10, 32)
	if err != nil {
		return nil, err
	}
	b, err := strconv.ParseUint(hi, 10, 32)
	if err != nil {
		return nil, err
	}
	if a > b || b >= uint64(mod) {
		return nil, fmt.Errorf("%s is not within 0 to %d", s, mod-1)
	}
	out := make([]string, 0, b-a+1)
	for ; a <= b; a++ {
		out = append(out, strconv.FormatUint(a, 10))
	}
	return out, nil
}

// nat encodes a translation of the source. The rule must be about one family for what reads addresses out of the packet; the kernel
// itself skips a snat of the other family.
func (e *encoder) nat(n *kstate.NAT) error {
	l3 := uint8(unix.NFPROTO_IPV4)
	if n.Family == kstate.IPv6 {
		l3 = unix.NFPROTO_IPV6
	}
	switch n.Kind {
	case "masquerade":
		if n.Family != 0 {
			if err := e.need(l3); err != nil {
				return err
			}
		}
		e.masquerade(n.Port)
		return nil
	case "snat":
		return e.snat(l3, n)
	case "self":
		if err := e.need(l3); err != nil {
			return err
		}
		src := keyTable["ip saddr"]
		if l3 == unix.NFPROTO_IPV6 {
			src = keyTable["ip6 saddr"]
		}
		src.load(e)
		e.payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, reg2, 0, 2)
		e.sourceNAT(l3, reg1, reg1, portOptions(reg2, reg2)...)
		return nil
	case "prefix":
		return e.natPrefix(l3, n.Addr)
	}
	return fmt.Errorf("unknown translation %q", n.Kind)
}

// masquerade says by a flag that ports are given; listings need it.
func (e *encoder) masquerade(p kstate.PortRange) {
	if p == (kstate.PortRange{}) {
		e.raw("masq")
		return
	}
	last := e.ports(reg1, reg2, p)
	e.raw("masq", u32(unix.NFTA_MASQ_FLAGS, unix.NF_NAT_RANGE_PROTO_SPECIFIED), u32(unix.NFTA_MASQ_REG_PROTO_MIN, reg1),
		u32(unix.NFTA_MASQ_REG_PROTO_MAX, last))
}

// ports loads a range into two registers, a single port into the first alone, and returns the register of the last port.
func (e *encoder) ports(lo, hi uint32, p kstate.PortRange) (last uint32) {
	e.immediate(lo, binary.BigEndian.AppendUint16(nil, p.Lo))
	if p.Hi <= p.Lo {
		return lo
	}
	e.immediate(hi, binary.BigEndian.AppendUint16(nil, p.Hi))
	return hi
}

func (e *encoder) snat(l3 uint8, n *kstate.NAT) error {
	a, err := netip.ParseAddr(n.Addr)
	if err != nil {
		return err
	}
	if a.Is4() != (l3 == unix.NFPROTO_IPV4) {
		return fmt.Errorf("address %s is of the other family", a)
	}
	e.immediate(reg1, a.AsSlice())
	var options []netlink.Attribute
	if n.Port != (kstate.PortRange{}) {
		options = portOptions(reg2, e.ports(reg2, reg3, n.Port))
	}
	e.sourceNAT(l3, reg1, reg1, options...)
	return nil
}

// natPrefix maps the prefix and keeps the host part: NF_NAT_RANGE_NETMAP (linux/netfilter/nf_nat.h), which is kept per connection.
func (e *encoder) natPrefix(l3 uint8, s string) error {
	k := address(l3, 0)
	p, err := k.prefix(s)
	if err != nil {
		return err
	}
	if p.single() || maskOf(p) == nil {
		return fmt.Errorf("prefix %s has no host part", s)
	}
	e.immediate(reg1, p.lo)
	e.immediate(reg2, p.hi)
	e.sourceNAT(l3, reg1, reg2, u32(unix.NFTA_NAT_FLAGS, unix.NF_NAT_RANGE_NETMAP))
	return nil
}
