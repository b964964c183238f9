package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// maxModulus bounds a generator: its elements are single numbers, each an element of a map.
const maxModulus = 4096

func (e *encoder) statement(s kstate.Statement) error {
	switch {
	case s.Counter != "":
		e.add(&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: s.Counter})
		return nil
	case s.SetMark != nil:
		return e.setMark(s.SetMark)
	case s.Vmap != nil:
		return e.vmap(s.Vmap)
	case s.Update != nil:
		if _, err := e.load(s.Update.Key, 0); err != nil {
			return err
		}
		e.add(&expr.Dynset{SrcRegKey: reg1, SetName: s.Update.Set, Operation: unix.NFT_DYNSET_OP_UPDATE})
		return nil
	case s.NAT != nil:
		return e.nat(s.NAT)
	case s.MSS != nil:
		return e.setMSS(s.MSS)
	}
	v, err := parseVerdict(s.Verdict)
	if err != nil {
		return err
	}
	e.add(v)
	return nil
}

// parseVerdict reads "accept", "drop", "return", "jump NAME" or "goto NAME".
func parseVerdict(s string) (*expr.Verdict, error) {
	switch s {
	case "accept":
		return &expr.Verdict{Kind: expr.VerdictAccept}, nil
	case "drop":
		return &expr.Verdict{Kind: expr.VerdictDrop}, nil
	case "return":
		return &expr.Verdict{Kind: expr.VerdictReturn}, nil
	}
	if chain, ok := strings.CutPrefix(s, "jump "); ok {
		return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain}, nil
	}
	if chain, ok := strings.CutPrefix(s, "goto "); ok {
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}, nil
	}
	return nil, fmt.Errorf("unknown verdict %q", s)
}

// setMark computes (mark & keep) ^ value: with the value's bits cut out of keep, the exclusive or is the "or" of nft(8).
func (e *encoder) setMark(m *kstate.SetMark) error {
	if m.Key != "meta mark" && m.Key != "ct mark" {
		return fmt.Errorf("cannot set %q", m.Key)
	}
	if _, err := e.load(m.Key, 0); err != nil {
		return err
	}
	e.add(&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: 4, Mask: host(^m.Mask &^ m.Value), Xor: host(m.Value)})
	if m.Key == "ct mark" {
		e.add(&expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: reg1})
	} else {
		e.add(&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg1})
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
	e.add(&expr.Lookup{SourceRegister: reg1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetID: id, SetName: name})
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
		e.add(&expr.Numgen{Register: reg1, Modulus: mod, Type: unix.NFT_NG_INCREMENTAL})
		return nil
	case "numgen random":
		e.add(&expr.Numgen{Register: reg1, Modulus: mod, Type: unix.NFT_NG_RANDOM})
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
	e.add(&expr.Hash{SourceRegister: reg1, DestRegister: reg1, Length: uint32(k.size), Modulus: mod, Seed: hashSeed, Type: expr.HashTypeJenkins})
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
		payload(expr.PayloadBaseTransportHeader, reg2, 0, 2)(e)
		e.add(&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(l3), RegAddrMin: reg1, RegAddrMax: reg1, RegProtoMin: reg2, RegProtoMax: reg2, Specified: true})
		return nil
	case "prefix":
		return e.natPrefix(l3, n.Addr)
	}
	return fmt.Errorf("unknown translation %q", n.Kind)
}

// masquerade is raw: the library leaves out the flag that says that ports are given, which listings need.
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
	e.add(&expr.Immediate{Register: lo, Data: binary.BigEndian.AppendUint16(nil, p.Lo)})
	if p.Hi <= p.Lo {
		return lo
	}
	e.add(&expr.Immediate{Register: hi, Data: binary.BigEndian.AppendUint16(nil, p.Hi)})
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
	e.add(&expr.Immediate{Register: reg1, Data: a.AsSlice()})
	x := &expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(l3), RegAddrMin: reg1, RegAddrMax: reg1}
	if n.Port != (kstate.PortRange{}) {
		x.RegProtoMin, x.RegProtoMax, x.Specified = reg2, e.ports(reg2, reg3, n.Port), true
	}
	e.add(x)
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
	e.add(&expr.Immediate{Register: reg1, Data: p.lo}, &expr.Immediate{Register: reg2, Data: p.hi})
	e.add(&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(l3), RegAddrMin: reg1, RegAddrMax: reg2, Prefix: true})
	return nil
}
