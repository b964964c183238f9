package probe

import (
	"encoding/binary"
	"net/netip"
)

const (
	etherIPv6   = 0x86dd
	ip6Header   = 40
	solicitSize = 24 // of ICMPv6 without options
	nextICMP6   = 58
)

// allNodes is the Ethernet address of ff02::1, which such advertisements are sent to (RFC 2464, 7).
var allNodes = hwAddr{0x33, 0x33, 0, 0, 0, 1}

func openLayer2NDP(p Path) (linkConn, error) {
	filter := append(bytesAre(6, 2, 0xffff, nextICMP6<<8|ndpHopLimit), bytesAre(ip6Header, 1, 0xff, neighbourAdvertisement)...)
	return openLink(p.Device, etherIPv6, filter, &allNodes)
}

// duplicateSolicitation is the neighbour solicitation of duplicate address detection (RFC 4862, 5.4.2): from the unspecified address, and
// so without our hardware address.
func duplicateSolicitation(_ hwAddr, target netip.Addr) ([]byte, hwAddr, error) {
	b := make([]byte, ip6Header, ip6Header+solicitSize)
	b[0], b[5], b[6], b[7] = 6<<4, solicitSize, nextICMP6, ndpHopLimit
	group := solicitedNode(target).As16()
	copy(b[24:], group[:])
	b = append(b, solicitation(target, hwAddr{})...)
	binary.BigEndian.PutUint16(b[ip6Header+2:], checksum6(b))
	return b, hwAddr{0x33, 0x33, group[12], group[13], group[14], group[15]}, nil
}

// checksum6 is the checksum of a whole IPv6 packet without extension headers, over the pseudo-header of RFC 8200, 8.1.
func checksum6(b []byte) uint16 {
	// The addresses and the payload follow each other.
	return checksum(uint32(binary.BigEndian.Uint16(b[4:]))+uint32(b[6]), b[8:])
}

// advertised takes an advertisement to all nodes, as which one that answers the unspecified address comes (RFC 4861, 7.2.4). It is not
// marked as solicited; a neighbour that advertises by itself in the very moment is alive, too.
func advertised(b []byte, _ hwAddr) (netip.Addr, bool) {
	if len(b) < ip6Header+solicitSize || b[0]>>4 != 6 || b[6] != nextICMP6 || b[7] != ndpHopLimit || b[ip6Header] != neighbourAdvertisement {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte(b[ip6Header+8 : ip6Header+24])), true
}
