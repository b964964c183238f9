package nft

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// The expressions that our rules are made of, with the attributes of linux/netfilter/nf_tables.h. A test compares each with what
// google/nftables makes of the same; see the decision on size for why that library is not in the program.

// raw appends an expression by its name and attributes.
func (e *encoder) raw(name string, attrs ...netlink.Attribute) {
	e.exprs = append(e.exprs, nest(unix.NFTA_LIST_ELEM, str(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, attrs...)))
}

// data is a value that is as long as its bytes.
func data(typ uint16, b []byte) netlink.Attribute {
	return nest(typ, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: b})
}

// meta loads what the kernel knows of the packet (NFT_META_MARK and the like) into register 1.
func (e *encoder) meta(key uint32) {
	e.raw("meta", u32(unix.NFTA_META_KEY, key), u32(unix.NFTA_META_DREG, reg1))
}

func (e *encoder) writeMeta(key uint32) {
	e.raw("meta", u32(unix.NFTA_META_KEY, key), u32(unix.NFTA_META_SREG, reg1))
}

// ct loads what the kernel knows of the packet's connection (NFT_CT_STATE and the like).
func (e *encoder) ct(key uint32) {
	e.raw("ct", u32(unix.NFTA_CT_KEY, key), u32(unix.NFTA_CT_DREG, reg1))
}

func (e *encoder) writeCT(key uint32) {
	e.raw("ct", u32(unix.NFTA_CT_KEY, key), u32(unix.NFTA_CT_SREG, reg1))
}

// route loads what the kernel knows of the packet's route (NFT_RT_TCPMSS and the like).
func (e *encoder) route(key uint32) {
	e.raw("rt", u32(unix.NFTA_RT_KEY, key), u32(unix.NFTA_RT_DREG, reg1))
}

// destinationType loads the type of the route to the packet's destination.
func (e *encoder) destinationType() {
	e.raw("fib", u32(unix.NFTA_FIB_DREG, reg1), u32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR), u32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE))
}

// payload loads bytes of the packet; base is a header (NFT_PAYLOAD_NETWORK_HEADER and the like).
func (e *encoder) payload(base, reg, offset, size uint32) {
	e.raw("payload", u32(unix.NFTA_PAYLOAD_DREG, reg), u32(unix.NFTA_PAYLOAD_BASE, base), u32(unix.NFTA_PAYLOAD_OFFSET, offset), u32(unix.NFTA_PAYLOAD_LEN, size))
}

// writeNetwork overwrites bytes of the IP header with register 1; checksum is how that of the header is put right, at a place. Those of TCP
// and UDP follow.
func (e *encoder) writeNetwork(offset, size, checksum, place uint32) {
	e.raw("payload", u32(unix.NFTA_PAYLOAD_SREG, reg1), u32(unix.NFTA_PAYLOAD_BASE, unix.NFT_PAYLOAD_NETWORK_HEADER), u32(unix.NFTA_PAYLOAD_OFFSET, offset),
		u32(unix.NFTA_PAYLOAD_LEN, size), u32(unix.NFTA_PAYLOAD_CSUM_TYPE, checksum), u32(unix.NFTA_PAYLOAD_CSUM_OFFSET, place),
		u32(unix.NFTA_PAYLOAD_CSUM_FLAGS, csumPseudo))
}

// limit goes on while packets keep to a rate in bytes or packets a second.
func (e *encoder) limit(l *kstate.Limit) {
	what := uint32(unix.NFT_LIMIT_PKT_BYTES)
	if l.Packets {
		what = unix.NFT_LIMIT_PKTS
	}
	e.raw("limit", u64(unix.NFTA_LIMIT_RATE, l.Rate), u64(unix.NFTA_LIMIT_UNIT, 1), u32(unix.NFTA_LIMIT_BURST, uint32(l.Burst)),
		u32(unix.NFTA_LIMIT_TYPE, what), u32(unix.NFTA_LIMIT_FLAGS, 0))
}

// tcpOption loads bytes of an option of TCP.
func (e *encoder) tcpOption(kind uint8, offset, size uint32) {
	e.raw("exthdr", append(tcpOption(unix.NFTA_EXTHDR_DREG, kind, offset, size), u32(unix.NFTA_EXTHDR_FLAGS, 0))...)
}

func (e *encoder) writeTCPOption(kind uint8, offset, size uint32) {
	e.raw("exthdr", tcpOption(unix.NFTA_EXTHDR_SREG, kind, offset, size)...)
}

func tcpOption(register uint16, kind uint8, offset, size uint32) []netlink.Attribute {
	return []netlink.Attribute{u32(register, reg1), netAttr8(unix.NFTA_EXTHDR_TYPE, kind), u32(unix.NFTA_EXTHDR_OFFSET, offset),
		u32(unix.NFTA_EXTHDR_LEN, size), u32(unix.NFTA_EXTHDR_OP, unix.NFT_EXTHDR_OP_TCPOPT)}
}

// toNetwork turns the number in register 1 into network order.
func (e *encoder) toNetwork(size uint32) {
	e.raw("byteorder", u32(unix.NFTA_BYTEORDER_SREG, reg1), u32(unix.NFTA_BYTEORDER_DREG, reg1), u32(unix.NFTA_BYTEORDER_OP, unix.NFT_BYTEORDER_HTON),
		u32(unix.NFTA_BYTEORDER_LEN, size), u32(unix.NFTA_BYTEORDER_SIZE, size))
}

// bitwise computes (register 1 & mask) ^ xor.
func (e *encoder) bitwise(mask, xor []byte) {
	e.raw("bitwise", u32(unix.NFTA_BITWISE_SREG, reg1), u32(unix.NFTA_BITWISE_DREG, reg1), u32(unix.NFTA_BITWISE_LEN, uint32(len(mask))),
		data(unix.NFTA_BITWISE_MASK, mask), data(unix.NFTA_BITWISE_XOR, xor))
}

// cmp goes on with the rule where register 1 compares (NFT_CMP_EQ and the like) so with the value.
func (e *encoder) cmp(op uint32, value []byte) {
	e.raw("cmp", u32(unix.NFTA_CMP_SREG, reg1), u32(unix.NFTA_CMP_OP, op), data(unix.NFTA_CMP_DATA, value))
}

// outside goes on where register 1 is not from lo to hi.
func (e *encoder) outside(lo, hi []byte) {
	e.raw("range", u32(unix.NFTA_RANGE_SREG, reg1), u32(unix.NFTA_RANGE_OP, unix.NFT_RANGE_NEQ), data(unix.NFTA_RANGE_FROM_DATA, lo), data(unix.NFTA_RANGE_TO_DATA, hi))
}

// lookup goes on where register 1 is in the set, or is not.
func (e *encoder) lookup(name string, id uint32, not bool) {
	attrs := []netlink.Attribute{u32(unix.NFTA_LOOKUP_SREG, reg1)}
	if not {
		attrs = append(attrs, u32(unix.NFTA_LOOKUP_FLAGS, unix.NFT_LOOKUP_F_INV))
	}
	e.raw("lookup", append(attrs, str(unix.NFTA_LOOKUP_SET, name), u32(unix.NFTA_LOOKUP_SET_ID, id))...)
}

// lookupVerdict does what the map has for register 1.
func (e *encoder) lookupVerdict(name string, id uint32) {
	e.raw("lookup", u32(unix.NFTA_LOOKUP_SREG, reg1), u32(unix.NFTA_LOOKUP_DREG, unix.NFT_REG_VERDICT), str(unix.NFTA_LOOKUP_SET, name), u32(unix.NFTA_LOOKUP_SET_ID, id))
}

// update adds register 1 to a named set, or renews its timeout there.
func (e *encoder) update(set string) {
	e.raw("dynset", u32(unix.NFTA_DYNSET_SREG_KEY, reg1), u32(unix.NFTA_DYNSET_OP, unix.NFT_DYNSET_OP_UPDATE), str(unix.NFTA_DYNSET_SET_NAME, set),
		u32(unix.NFTA_DYNSET_SET_ID, 0), u32(unix.NFTA_DYNSET_FLAGS, 0))
}

func (e *encoder) immediate(reg uint32, value []byte) {
	e.raw("immediate", u32(unix.NFTA_IMMEDIATE_DREG, reg), data(unix.NFTA_IMMEDIATE_DATA, value))
}

func (e *encoder) verdict(v verdict) {
	e.raw("immediate", u32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT), nest(unix.NFTA_IMMEDIATE_DATA, v.attribute()))
}

// count counts the packet with a named counter.
func (e *encoder) count(name string) {
	e.raw("objref", u32(unix.NFTA_OBJREF_IMM_TYPE, unix.NFT_OBJECT_COUNTER), netlink.Attribute{Type: unix.NFTA_OBJREF_IMM_NAME, Data: []byte(name)})
}

// numgen makes numbers from 0 to mod-1 (NFT_NG_INCREMENTAL, NFT_NG_RANDOM).
func (e *encoder) numgen(kind, mod uint32) {
	e.raw("numgen", u32(unix.NFTA_NG_DREG, reg1), u32(unix.NFTA_NG_MODULUS, mod), u32(unix.NFTA_NG_TYPE, kind), u32(unix.NFTA_NG_OFFSET, 0))
}

// jhash replaces the bytes in register 1 with their hash, from 0 to mod-1.
func (e *encoder) jhash(size, mod uint32) {
	e.raw("hash", u32(unix.NFTA_HASH_SREG, reg1), u32(unix.NFTA_HASH_DREG, reg1), u32(unix.NFTA_HASH_LEN, size), u32(unix.NFTA_HASH_MODULUS, mod),
		u32(unix.NFTA_HASH_SEED, hashSeed), u32(unix.NFTA_HASH_OFFSET, 0), u32(unix.NFTA_HASH_TYPE, unix.NFT_HASH_JENKINS))
}

// sourceNAT translates the source to the addresses in two registers; options are ports and flags.
func (e *encoder) sourceNAT(l3 uint8, lo, hi uint32, options ...netlink.Attribute) {
	e.raw("nat", append([]netlink.Attribute{u32(unix.NFTA_NAT_TYPE, unix.NFT_NAT_SNAT), u32(unix.NFTA_NAT_FAMILY, uint32(l3)),
		u32(unix.NFTA_NAT_REG_ADDR_MIN, lo), u32(unix.NFTA_NAT_REG_ADDR_MAX, hi)}, options...)...)
}

// portOptions says that the ports are in two registers.
func portOptions(lo, hi uint32) []netlink.Attribute {
	return []netlink.Attribute{u32(unix.NFTA_NAT_REG_PROTO_MIN, lo), u32(unix.NFTA_NAT_REG_PROTO_MAX, hi), u32(unix.NFTA_NAT_FLAGS, unix.NF_NAT_RANGE_PROTO_SPECIFIED)}
}
