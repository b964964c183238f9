package xfrm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/mdlayher/netlink"

	"multiwan/src/core/kstate"
)

// Messages, attributes and numbers of linux/xfrm.h.
const (
	msgNewSA       = 0x10
	msgDelSA       = 0x11
	msgGetSA       = 0x12
	msgNewPolicy   = 0x13
	msgDelPolicy   = 0x14
	msgGetPolicy   = 0x15
	msgExpire      = 0x18
	msgUpdPolicy   = 0x19
	msgUpdSA       = 0x1a
	msgPolExpire   = 0x1b
	msgFlushSA     = 0x1c
	msgFlushPolicy = 0x1d

	attrEncap       = 4  // struct xfrm_encap_tmpl
	attrTemplates   = 5  // struct xfrm_user_tmpl, several
	attrPolicy      = 7  // struct xfrm_userpolicy_info
	attrLastUsed    = 15 // u64
	attrPolicyType  = 16 // struct xfrm_userpolicy_type
	attrMark        = 21 // struct xfrm_mark
	attrReplayState = 23 // struct xfrm_replay_state_esn
	attrInterfaceID = 31 // u32

	groupExpire = 2 // XFRMNLGRP_EXPIRE
	groupSA     = 3 // XFRMNLGRP_SA
	groupPolicy = 4 // XFRMNLGRP_POLICY

	actionAllow = 0
	actionBlock = 1

	infinity = ^uint64(0) // XFRM_INF
)

var (
	directions = []string{kstate.DirIn, kstate.DirOut, kstate.DirForward}
	modes      = []string{"transport", "tunnel", "ro", "in_trigger", "beet"}
)

// Sizes and offsets of the structures. Numbers are in the machine's order but for ports and SPI. i386 alone aligns 64-bit numbers to
// four bytes, and so has no padding at the end.
const (
	selectorLen    = 56
	policyLen      = 164 // struct xfrm_userpolicy_info without padding
	policyIDLen    = 64  // struct xfrm_userpolicy_id
	saLen          = 217 // struct xfrm_usersa_info without padding
	templateLen    = 64
	encapLen       = 24
	offLifetime    = 56
	offPriority    = 152
	offDir         = 160
	offAction      = 161
	offPolicyIDDir = 60
)

// padded returns the size of a structure with 64-bit numbers in it.
func padded(n int) int {
	if runtime.GOARCH == "386" {
		return (n + 3) &^ 3
	}
	return (n + 7) &^ 7
}

var (
	native = binary.NativeEndian
	big    = binary.BigEndian
)

// putSelector writes struct xfrm_selector.
func putSelector(b []byte, k kstate.Block) error {
	if k.Family != kstate.IPv4 && k.Family != kstate.IPv6 || kstate.FamilyOf(k.Src.Addr()) != k.Family || kstate.FamilyOf(k.Dst.Addr()) != k.Family {
		return fmt.Errorf("the ends are not of one family")
	}
	copy(b, k.Dst.Addr().AsSlice())
	copy(b[16:], k.Src.Addr().AsSlice())
	putPort(b[32:], k.DstPort)
	putPort(b[36:], k.SrcPort)
	native.PutUint16(b[40:], uint16(k.Family))
	b[42], b[43], b[44] = byte(k.Dst.Bits()), byte(k.Src.Bits()), k.Proto
	native.PutUint32(b[52:], kstate.BlockUser)
	return nil
}

// putPort writes a port and its mask; port 0 is all ports.
func putPort(b []byte, port uint16) {
	big.PutUint16(b, port)
	if port != 0 {
		big.PutUint16(b[2:], 0xffff)
	}
}

// getSelector reads struct xfrm_selector of at least selectorLen bytes. What is not of a family that we know has invalid prefixes.
func getSelector(b []byte) (p kstate.Policy) {
	p.Family = kstate.Family(native.Uint16(b[40:]))
	p.Dst = prefix(p.Family, b, b[42])
	p.Src = prefix(p.Family, b[16:], b[43])
	p.DstPort, p.DstMask = big.Uint16(b[32:]), big.Uint16(b[34:])
	p.SrcPort, p.SrcMask = big.Uint16(b[36:]), big.Uint16(b[38:])
	p.Proto = b[44]
	p.User = native.Uint32(b[52:])
	return p
}

// address reads an xfrm_address_t, which has room for IPv6.
func address(f kstate.Family, b []byte) netip.Addr {
	switch f {
	case kstate.IPv4:
		return netip.AddrFrom4([4]byte(b))
	case kstate.IPv6:
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.Addr{}
}

func prefix(f kstate.Family, b []byte, bits byte) netip.Prefix {
	return netip.PrefixFrom(address(f, b), int(bits))
}

// word names a number, or shows it.
func word(names []string, n byte) string {
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprint(n)
}

// attributes decodes what follows a structure of n bytes.
func attributes(b []byte, n int, each func(*netlink.AttributeDecoder)) error {
	if len(b) < n {
		return fmt.Errorf("message of %d bytes, at least %d", len(b), n)
	}
	ad, err := netlink.NewAttributeDecoder(b[n:])
	if err != nil {
		return err
	}
	for ad.Next() {
		each(ad)
	}
	return ad.Err()
}
