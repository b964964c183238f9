package kstate

import (
	"fmt"
	"net/netip"
	"strings"
)

// SitAttrs are the options of a sit device, which carries IPv6 in IPv4: 6in4 (RFC 4213) has a remote, 6to4 (RFC 3056) and 6rd (RFC 5969)
// have none.
type SitAttrs struct {
	// Local and Remote are IPv4; invalid is any.
	Local, Remote netip.Addr
	TTL           int // of the outer header, 1 - 255; 0 takes the inner packet's hop limit
	// PMTUDisc sets the outer header's DF bit, so path MTU discovery works. The kernel insists on it where TTL is not 0.
	PMTUDisc bool
	// Prefix is the 6rd prefix. Invalid is 2002::/16, which makes 6to4.
	Prefix netip.Prefix
	// RelayPrefix has the leading bits of IPv4 addresses that all customers share (IPv4MaskLen of RFC 5969); invalid is 0.0.0.0/0.
	RelayPrefix netip.Prefix
}

// Prefix6to4 makes 6to4 of 6rd (RFC 3056), and is the kernel's default of a 6rd prefix (ipip6_tunnel_clone_6rd of net/ipv6/sit.c).
var Prefix6to4 = netip.MustParsePrefix("2002::/16")

// Normal returns the options with what the kernel puts in the place of nothing.
func (s SitAttrs) Normal() SitAttrs {
	if !s.Prefix.IsValid() {
		s.Prefix = Prefix6to4
	}
	if !s.RelayPrefix.IsValid() {
		s.RelayPrefix = IPv4.Any()
	}
	if s.Remote.IsValid() { // then it is of no use
		s.Prefix, s.RelayPrefix = Prefix6to4, IPv4.Any()
	}
	s.PMTUDisc = s.PMTUDisc || s.TTL != 0
	s.Prefix, s.RelayPrefix = s.Prefix.Masked(), s.RelayPrefix.Masked()
	return s
}

// Equal says whether the kernel's tunnel o has the options that s wants.
func (s SitAttrs) Equal(o SitAttrs) bool { return s.Normal() == o.Normal() }

// String returns the options as arguments of `ip link … type sit`, with those of `ip tunnel 6rd` behind.
func (s SitAttrs) String() string {
	var b strings.Builder
	end := func(name string, a netip.Addr) {
		if a.IsValid() {
			b.WriteString(name + " " + a.String() + " ")
		} else {
			b.WriteString(name + " any ")
		}
	}
	end("remote", s.Remote)
	end("local", s.Local)
	if s.TTL == 0 {
		b.WriteString("ttl inherit")
	} else {
		fmt.Fprintf(&b, "ttl %d", s.TTL)
	}
	if s.Normal().PMTUDisc {
		b.WriteString(" pmtudisc")
	} else {
		b.WriteString(" nopmtudisc")
	}
	if s.Prefix.IsValid() {
		b.WriteString(" 6rd-prefix " + s.Prefix.String())
	}
	if s.RelayPrefix.IsValid() && s.RelayPrefix.Bits() > 0 {
		b.WriteString(" 6rd-relay_prefix " + s.RelayPrefix.String())
	}
	return b.String()
}
