package kstate

import "net/netip"

// Family is an address family.
type Family uint8

// The families, numbered as AF_INET and AF_INET6 in linux/socket.h.
const (
	IPv4 Family = 2
	IPv6 Family = 10
)

// Families lists both, in the order in which they are planned and shown.
var Families = [2]Family{IPv4, IPv6}

// FamilyOf returns the family of an address; the zero Family for the zero address. An IPv4-mapped IPv6 address counts as IPv4.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4(), a.Is4In6():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return 0
}

// String returns "ipv4" or "ipv6", the words of the configuration.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return "unspec"
}

// Bits returns the length of an address in bits.
func (f Family) Bits() int {
	if f == IPv4 {
		return 32
	}
	return 128
}

// Any returns the default route's destination, 0.0.0.0/0 or ::/0.
func (f Family) Any() netip.Prefix {
	if f == IPv4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// flag returns the ip(8) option of the family.
func (f Family) flag() string {
	if f == IPv6 {
		return "-6"
	}
	return "-4"
}
