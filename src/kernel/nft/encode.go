package nft

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Registers of 16 bytes, as nft(8) numbers them.
const (
	reg1 = unix.NFT_REG_1
	reg2 = unix.NFT_REG_2
	reg3 = unix.NFT_REG_3
)

// encoder collects the expressions of one rule and the anonymous sets that they look up.
type encoder struct {
	family uint8 // NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_IPV4 or NFPROTO_IPV6
	nextID func() uint32
	exprs  []netlink.Attribute
	sets   []anonymousSet
	l3     uint8 // family that the rule is known to be about: NFPROTO_IPV4, NFPROTO_IPV6, 0
	l4     uint8 // protocol that the rule is known to be about: IPPROTO_TCP and the like, 0
}

func str(typ uint16, s string) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: append([]byte(s), 0)}
}

func u32(typ uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint32(nil, v)}
}

func u64(typ uint16, v uint64) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint64(nil, v)}
}

func nest(typ uint16, attrs ...netlink.Attribute) netlink.Attribute {
	return netlink.Attribute{Type: typ | unix.NLA_F_NESTED, Data: marshal(attrs)}
}

// marshal lays attributes out; it is MarshalAttributes without an error, which that gives only for a single attribute of 64 KiB, and
// element lists are cut long before.
func marshal(attrs []netlink.Attribute) []byte {
	b, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		panic("nft: attribute over 64 KiB: " + err.Error())
	}
	return b
}

// host returns a number as a register holds it.
func host(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
