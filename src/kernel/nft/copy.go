package nft

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// Attributes of linux/netfilter/nf_tables.h that the library of constants lacks: enum nft_dup_attributes, and the flag of a payload write
// that has the checksum of UDP and TCP follow the address (NFT_PAYLOAD_L4CSUM_PSEUDOHDR).
const (
	attrDupAddr   = 1
	attrDupDevice = 2
	csumPseudo    = 1
)

// checksumIPv4 is the place of the header checksum in IPv4 (RFC 791); IPv6 has none.
const checksumIPv4 = 10

// setAddress overwrites an address of the packet and puts the checksums right.
func (e *encoder) setAddress(s *kstate.SetAddr) error {
	k, ok := keyTable[s.Key]
	if !ok || k.typ != typeIPv4 && k.typ != typeIPv6 {
		return fmt.Errorf("cannot set %q", s.Key)
	}
	a, err := k.value(s.Addr)
	if err != nil {
		return err
	}
	if err := e.need(k.l3); err != nil {
		return err
	}
	e.immediate(reg1, a)
	offset := addressOffsets[s.Key]
	kind, place := uint32(unix.NFT_PAYLOAD_CSUM_INET), uint32(checksumIPv4)
	if k.typ == typeIPv6 {
		kind, place = unix.NFT_PAYLOAD_CSUM_NONE, 0
	}
	e.writeNetwork(offset, uint32(k.size), kind, place)
	return nil
}

// addressOffsets are the places of addresses in the headers (RFC 791, RFC 8200).
var addressOffsets = map[string]uint32{"ip saddr": 12, "ip daddr": 16, "ip6 saddr": 8, "ip6 daddr": 24}

// setTOS writes the first two bytes of the header, since the checksum is over pairs: version 4 and a header of five words, then the byte.
func (e *encoder) setTOS(tos uint8) error {
	if err := e.need(unix.NFPROTO_IPV4); err != nil {
		return err
	}
	e.immediate(reg1, []byte{0x45, tos})
	e.writeNetwork(0, 2, unix.NFT_PAYLOAD_CSUM_INET, checksumIPv4)
	return nil
}

// dup sends a copy to a next hop by a device. The kernel has it for packets of one family only, so in tables ip and ip6.
func (e *encoder) dup(d *kstate.Dup) error {
	to, err := netip.ParseAddr(d.To)
	if err != nil {
		return err
	}
	want := uint8(unix.NFPROTO_IPV4)
	if to.Is6() {
		want = unix.NFPROTO_IPV6
	}
	if e.family != want {
		return fmt.Errorf("a copy to %s is for table %s", to, map[uint8]string{unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6"}[want])
	}
	if d.Index <= 0 {
		return fmt.Errorf("no device")
	}
	e.immediate(reg1, to.AsSlice())
	e.immediate(reg2, host(uint32(d.Index)))
	e.raw("dup", u32(attrDupAddr, reg1), u32(attrDupDevice, reg2))
	return nil
}
