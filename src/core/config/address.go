package config

import (
	"net/netip"
	"strconv"
	"strings"

	"multiwan/src/core/kstate"
)

// snatValue is a word, or an address.
type snatValue struct {
	word string
	addr netip.Addr
}

// parseAddress reads the kinds made of addresses. Zones ("fe80::1%eth0") and IPv4-mapped IPv6 addresses are refused: the first belong to
// the device, the second mean IPv4 and should say so.
func (o *OptionDoc) parseAddress(text string) (any, error) {
	switch o.Kind {
	case KindGateway:
		a, ok := address(text)
		if !ok || !unicast(a) || !o.takes(a) {
			return nil, wantf("%s of a host", o.anAddress())
		}
		return a, nil
	case KindSNAT:
		return o.parseSNAT(text)
	case KindOwn:
		p, ok := hostPrefix(text)
		if !ok || !unicast(p.Addr()) || linkLocal(p.Addr()) || !o.takes(p.Addr()) {
			return nil, wantf("the address of a host with the length of its network, as %s", o.example("203.0.113.2/29", "2001:db8::2/64"))
		}
		if reserved := subnetReserved(p); reserved != "" {
			return nil, wantf("the address of a host (this is %s of %s)", reserved, p.Masked())
		}
		return p, nil
	case KindNetwork:
		p, ok := hostPrefix(text)
		if !ok || p.Bits() == 0 || !unicast(p.Addr()) || linkLocal(p.Addr()) || !o.takes(p.Addr()) {
			return nil, wantf("a network, as %s", o.example("198.51.100.0/24 or 2001:db8:1::/48", "2001:db8:1::/48"))
		}
		if p != p.Masked() {
			return nil, wantf("a network without host bits, as %s", p.Masked())
		}
		return p, nil
	}
	p, ok := hostPrefix(text)
	if !ok {
		return nil, wantf("%s or a network, as 192.168.1.0/24%s", o.anAddress(), rangeHint(text))
	}
	return p.Masked(), nil
}

func (o *OptionDoc) parseSNAT(text string) (any, error) {
	for _, w := range o.Values {
		if text == w {
			return snatValue{word: w}, nil
		}
	}
	a, ok := address(text)
	if !ok || !unicast(a) || !a.Is4() {
		return nil, wantf("%s or an IPv4 address%s", strings.Join(o.Values, ", "), hint(text, o.Values))
	}
	return snatValue{word: "address", addr: a}, nil
}

// takes says that the address is of the option's family.
func (o *OptionDoc) takes(a netip.Addr) bool {
	return o.Family == 0 || kstate.FamilyOf(a) == o.Family
}

// example returns the one for IPv6 where the option takes nothing else.
func (o *OptionDoc) example(either, six string) string {
	if o.Family == kstate.IPv6 {
		return six
	}
	return either
}

func (o *OptionDoc) anAddress() string {
	switch o.Family {
	case kstate.IPv4:
		return "an IPv4 address"
	case kstate.IPv6:
		return "an IPv6 address"
	}
	return "an address"
}

// address reads an address without zone. An IPv4-mapped one is none.
func address(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a, err == nil && a.Zone() == "" && !a.Is4In6()
}

// hostPrefix reads "address/length" or, for a host, an address alone. Host bits stay.
func hostPrefix(text string) (netip.Prefix, bool) {
	host, length, has := strings.Cut(text, "/")
	a, ok := address(host)
	if !ok {
		return netip.Prefix{}, false
	}
	if !has {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := strconv.ParseUint(length, 10, 8)
	if err != nil || int(n) > a.BitLen() || (len(length) > 1 && length[0] == '0') {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, int(n)), true
}

// reservedIPv4 can be nobody's address (RFC 1122 section 3.2.1.3, RFC 1112 section 4).
var reservedIPv4 = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4")}

// unicast says that a host can have the address: not unspecified, loopback, multicast or reserved.
func unicast(a netip.Addr) bool {
	for _, p := range reservedIPv4 {
		if p.Contains(a) {
			return false
		}
	}
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast()
}

// linkLocal says that the address has no meaning without a device; IPv4's 169.254/16 is used as a normal address by some modems.
func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// subnetReserved names what a host cannot be called by in its network: its first and last address in IPv4 (not in /31, RFC 3021), the
// anycast address of its routers in IPv6 (RFC 4291 section 2.6.1; not in /127, RFC 6164).
func subnetReserved(p netip.Prefix) string {
	if p.Bits() >= p.Addr().BitLen()-1 {
		return ""
	}
	if p.Addr() == p.Masked().Addr() {
		if p.Addr().Is6() {
			return "the routers' anycast address"
		}
		return "the network address"
	}
	if p.Addr().Is4() && p.Addr() == lastOf(p) {
		return "the broadcast address"
	}
	return ""
}

// lastOf returns the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := range 32 - p.Bits() {
		b[3-i/8] |= 1 << (i % 8)
	}
	return netip.AddrFrom4(b)
}

// rangeHint explains the two forms that other programs take and this one does not.
func rangeHint(text string) string {
	host, mask, _ := strings.Cut(text, "/")
	if _, ok := address(host); ok && strings.Contains(mask, ".") {
		return " (the length of the mask, not the mask)"
	}
	if lo, hi, ok := strings.Cut(text, "-"); ok {
		_, okLo := address(lo)
		_, okHi := address(hi)
		if okLo && okHi {
			return " (no ranges: list the networks)"
		}
	}
	return ""
}
