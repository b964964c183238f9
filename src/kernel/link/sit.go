package link

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Attributes of sit tunnels, IFLA_IPTUN_* of linux/if_tunnel.h.
const (
	tunLocal          = 2
	tunRemote         = 3
	tunTTL            = 4
	tunPMTUDisc       = 10
	tun6rdPrefix      = 11
	tun6rdRelay       = 12
	tun6rdPrefixBits  = 13
	tun6rdRelayPrefix = 14
)

// encodeSit returns IFLA_INFO_DATA. A change has to name everything: the kernel begins with nothing each time (ipip6_netlink_parms of
// net/ipv6/sit.c).
func encodeSit(s kstate.SitAttrs) (rtnl.Message, error) {
	var m rtnl.Message
	for _, a := range []netip.Addr{s.Local, s.Remote} {
		if a.IsValid() && kstate.FamilyOf(a) != kstate.IPv4 {
			return nil, fmt.Errorf("end %s of a tunnel is not IPv4: %w", a, unix.EINVAL)
		}
	}
	remote := s.Remote.IsValid()
	s = s.Normal()
	m.Addr(tunLocal, orAny(s.Local))
	m.Addr(tunRemote, orAny(s.Remote))
	m.U8(tunTTL, uint8(s.TTL))
	discover := uint8(0)
	if s.PMTUDisc {
		discover = 1
	}
	m.U8(tunPMTUDisc, discover)
	if remote {
		return m, nil
	}
	prefix, relay := s.Prefix, s.RelayPrefix
	if kstate.FamilyOf(prefix.Addr()) != kstate.IPv6 || kstate.FamilyOf(relay.Addr()) != kstate.IPv4 {
		return nil, fmt.Errorf("6rd prefix %s, relay prefix %s: %w", prefix, relay, unix.EINVAL)
	}
	if n := prefix.Bits() + 32 - relay.Bits(); n > 64 { // ipip6_tunnel_update_6rd of net/ipv6/sit.c
		return nil, fmt.Errorf("6rd prefix %s and what is left of the IPv4 address have %d bits, at most 64 are possible: %w", prefix, n, unix.EINVAL)
	}
	m.Addr(tun6rdPrefix, prefix.Addr())
	m.U16(tun6rdPrefixBits, uint16(prefix.Bits()))
	m.Addr(tun6rdRelay, relay.Addr())
	m.U16(tun6rdRelayPrefix, uint16(relay.Bits()))
	return m, nil
}

func orAny(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return netip.IPv4Unspecified()
	}
	return a
}

func decodeSit(data []byte) *kstate.SitAttrs {
	var s kstate.SitAttrs
	var prefix, relay netip.Addr
	var bits, relayBits int
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case tunLocal:
			s.Local = specified(v)
		case tunRemote:
			s.Remote = specified(v)
		case tunTTL:
			s.TTL = int(rtnl.Uint8(v))
		case tunPMTUDisc:
			s.PMTUDisc = rtnl.Uint8(v) != 0
		case tun6rdPrefix:
			prefix = rtnl.Address(v)
		case tun6rdRelay:
			relay = rtnl.Address(v)
		case tun6rdPrefixBits:
			bits = int(rtnl.Uint16(v))
		case tun6rdRelayPrefix:
			relayBits = int(rtnl.Uint16(v))
		}
	}
	s.Prefix, s.RelayPrefix = netip.PrefixFrom(prefix, bits), netip.PrefixFrom(relay, relayBits)
	return &s
}

// specified reads an end of a tunnel; 0.0.0.0 is none.
func specified(v []byte) netip.Addr {
	a := rtnl.Address(v)
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
