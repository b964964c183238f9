package mwan3

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"multiwan/src/core/order"
)

// match is what a rule looks at, checked and in our words.
type match struct {
	family                  string // empty: any
	src, dest               []string
	sport, dport            []string
	proto, srcIface, nftset string
	wrong                   []string // options that cannot be carried over: the rule would match more without them
	impossible              string   // why the rule matches nothing, in mwan3 either
	everything              bool     // matches all of its families
}

// match reads what the rule looks at.
func (s *source) match() match {
	var m match
	switch v := s.get("family"); v.Text {
	case "ipv4", "ipv6":
		m.family = v.Text
	case "", "any":
	default:
		s.note("family", v, "not carried over: mwan3 does not know the word and takes any")
	}
	s.protocol(&m)
	m.src = s.addresses("src_ip", &m)
	m.dest = s.addresses("dest_ip", &m)
	m.sport = s.ports("src_port", &m)
	m.dport = s.ports("dest_port", &m)
	s.names(&m)
	m.wrong = slices.Compact(m.wrong)
	m.everything = m.proto == "" && len(m.sport)+len(m.dport) == 0 && m.srcIface == "" && m.nftset == "" &&
		!slices.ContainsFunc(order.Join(m.src, m.dest), func(p string) bool { return !strings.HasSuffix(p, "/0") })
	return m
}

// names reads the matches by input interface and by set.
func (s *source) names(m *match) {
	if v := s.get("src_iface"); v.Text != "" {
		if deviceName(v.Text) {
			m.srcIface = v.Text
		} else {
			s.note("src_iface", v, "not carried over: not the name of an interface")
			m.wrong = append(m.wrong, "src_iface")
		}
	}
	if v := s.get("ipset"); v.Text != "" {
		m.nftset = setName(v.Text)
		if m.nftset != v.Text {
			s.note("ipset", v, "renamed '%s': nft takes letters, digits and underscores", m.nftset)
		}
	}
	if v := s.get("ipset_src"); v.Text != "" {
		s.note("ipset_src", v, "not carried over: sets hold destinations; list the sources as src_ip")
		m.wrong = append(m.wrong, "ipset_src")
	}
}

// narrow adds what an address or protocol says of the family.
func (m *match) narrow(family, because string) {
	if m.family != "" && m.family != family {
		m.impossible = because + " is for " + family + ", the rule for " + m.family
	}
	m.family = family
}

// addresses reads src_ip or dest_ip: what iptables takes, several with commas.
func (s *source) addresses(option string, m *match) []string {
	var out []string
	for _, v := range s.list(option) {
		for _, word := range strings.FieldsFunc(v.Text, func(r rune) bool { return r == ',' || r == ' ' }) {
			p, ok := prefix(word)
			if !ok {
				s.note(option, v, "not carried over: neither an address nor a network")
				m.wrong = append(m.wrong, option)
				continue
			}
			family := "ipv6"
			if p.Addr().Is4() {
				family = "ipv4"
			}
			m.narrow(family, option)
			out = append(out, strings.TrimSuffix(strings.TrimSuffix(p.String(), "/32"), "/128"))
		}
	}
	return out
}

// prefix reads an address, a network, or one with a mask (192.0.2.0/255.255.255.0).
func prefix(word string) (netip.Prefix, bool) {
	host, length, has := strings.Cut(word, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if has {
		if mask, err := netip.ParseAddr(length); err == nil && mask.Is4() && a.Is4() {
			bits = maskBits(mask.As4())
		} else if bits, err = strconv.Atoi(length); err != nil {
			return netip.Prefix{}, false
		}
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// maskBits returns the length of a mask, -1 where it has holes.
func maskBits(mask [4]byte) int {
	bits := 0
	for i := range 32 {
		if mask[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		if bits != i {
			return -1
		}
		bits++
	}
	return bits
}

// protocol reads proto by iptables' names.
func (s *source) protocol(m *match) {
	v := s.get("proto")
	word := strings.ToLower(v.Text)
	switch word {
	case "", "all", "any", "0":
		return
	case "tcp", "udp", "igmp", "ipip", "dccp", "ipv6", "gre", "esp", "ah", "ospf", "pim", "vrrp", "l2tp", "sctp", "udplite":
	case "icmp", "1":
		m.narrow("ipv4", "proto "+word)
	case "icmpv6", "ipv6-icmp", "icmp6", "58":
		word = "icmpv6"
		m.narrow("ipv6", "proto "+word)
	default:
		if n, err := strconv.Atoi(word); err == nil && n > 0 && n < 256 {
			word = strconv.Itoa(n)
			break
		}
		s.note("proto", v, "not carried over: give its number (/etc/protocols)")
		m.wrong = append(m.wrong, "proto")
		return
	}
	m.proto = word
}

// ports reads src_port or dest_port: numbers and ranges with colons, several with
// commas. As mwan3 does, it heeds them for tcp and udp only.
func (s *source) ports(option string, m *match) []string {
	var out []string
	for _, v := range s.list(option) {
		if m.proto != "tcp" && m.proto != "udp" {
			s.note(option, v, "not carried over: mwan3 heeds ports only with proto tcp or udp")
			continue
		}
		for _, word := range strings.FieldsFunc(v.Text, func(r rune) bool { return r == ',' || r == ' ' }) {
			switch text, ok := portRange(word); {
			case !ok:
				s.note(option, v, "not carried over: '%s' is no port or rising range", word)
				m.wrong = append(m.wrong, option)
			case text != "0-65535" && text != "1-65535": // all of them
				out = append(out, text)
			}
		}
	}
	return out
}

func portRange(word string) (string, bool) {
	low, high, isRange := strings.Cut(strings.Replace(word, "-", ":", 1), ":")
	a, err := strconv.ParseUint(low, 10, 16)
	if err != nil {
		return "", false
	}
	if !isRange {
		return strconv.FormatUint(a, 10), a > 0
	}
	b, err := strconv.ParseUint(high, 10, 16)
	text := strconv.FormatUint(a, 10) + "-" + strconv.FormatUint(b, 10)
	return text, err == nil && a <= b && (a > 0 || b == 65535)
}

// deviceName follows the kernel's dev_valid_name, blanks and colons left out.
func deviceName(s string) bool {
	return len(s) <= 15 && s != "." && s != ".." && s != "lo" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '/' || r == ':'
	})
}

// setName makes an identifier of nft.
func setName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	if s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	return s[:min(len(s), 200)]
}
