package kstate

import (
	"fmt"
	"strings"

	"multiwan/src/core/order"
)

// Table is an nftables table of ours.
type Table struct {
	Family   string // "inet", "bridge", "ip" or "ip6"
	Name     string
	Sets     []Set
	Counters []string // named counters; they keep their values over every change
	Chains   []Chain
}

// Set is a named set. Its elements are not ours once it stands (sticky sources are added by rules, names by dnsmasq): a set is made,
// kept and deleted, and flushed on purpose, but its content is never compared.
type Set struct {
	Name     string
	Type     string // "ipv4_addr" or "ipv6_addr"
	Interval bool
	// Timeout in seconds after which an element goes; 0 keeps it. Dynamic lets rules add elements.
	Timeout int
	Dynamic bool
}

// Chain is a chain; a base chain where Hook is set.
type Chain struct {
	Name     string
	Type     string // "filter", "nat" or "route"
	Hook     string // "prerouting", "input", "forward", "output", "postrouting"
	Priority int
	Rules    []NftRule
}

// NftRule is a rule: matches that must all hold, then statements. Its String is its identity; kernel/nft keeps it in the rule's userdata.
type NftRule struct {
	Match []Match
	Do    []Statement
}

// Match compares one key of a packet with values.
//
// Keys, with the text of their values as nft prints them:
//
//	iifname oifname                       device names
//	ip saddr|daddr, ip6 saddr|daddr       addresses, prefixes, or one "@set"
//	ct reply ip daddr, ct reply ip6 daddr, ct original ip daddr …   likewise
//	th sport|dport                        ports and ranges "1000-2000"
//	meta l4proto                          protocol numbers or names tcp udp icmp ipv6-icmp sctp gre esp
//	meta nfproto                          ipv4 ipv6
//	dscp                                  numbers 0-63 (kernel/nft splits by family: ip dscp, ip6 dscp; a family match must stand before)
//	ct state                              new established related invalid
//	ct direction                          original reply
//	ct status                             snat dnat
//	ct mark, meta mark                    one number, compared after masking with Mask
//	fib daddr type                        local broadcast multicast unicast
//	meta ipsec                            exists missing: whether the packet came in under IPsec (prerouting, input, forward)
//	rt ipsec                              exists missing: whether it is to go out under IPsec (forward, output, postrouting)
//	meta protocol                         ip ip6 arp vlan, or the number of an EtherType: what a frame carries, behind its 802.1Q tag (bridge)
//	ether type                            likewise, but of a tagged frame it is vlan (bridge)
//	ether saddr|daddr                     hardware addresses 01:80:c2:00:00:30 (bridge)
//	tcp flags                             fin syn rst psh ack urg, compared after masking with Mask
//	tcp option maxseg size                the MSS that a SYN offers, in bytes; packets without it do not match
//	@th,OFFSET,BITS                       bits of the packet from its layer-4 header on, whole bytes; numbers and ranges
//	meta length                           bytes of the packet with its IP header, and ranges "0-300"
//
// In table bridge, a match on ip or ip6 and on ports implies "meta protocol", so that it holds for tagged frames too.
type Match struct {
	Key    string
	Not    bool
	Over   bool   // greater than the value, of tcp option maxseg size
	Mask   uint32 // of marks and tcp flags
	Values []string
}

// String returns the match in nft(8) syntax.
func (m Match) String() string {
	key, op := m.Key, " "
	if m.Mask != 0 {
		key += " & " + m.mask()
		op = " == "
	}
	if m.Not {
		op = " != "
	}
	if m.Over {
		op = " > "
	}
	if len(m.Values) == 1 {
		return key + op + m.Values[0]
	}
	return key + op + "{ " + strings.Join(m.Values, ", ") + " }"
}

// TCPFlags are the flags of TCP (RFC 9293, 3.1) by their bits, the lowest first.
func TCPFlags() []string { return []string{"fin", "syn", "rst", "psh", "ack", "urg"} }

// mask is Mask as nft(8) writes it.
func (m Match) mask() string {
	if m.Key != "tcp flags" {
		return fmt.Sprintf("%#08x", m.Mask)
	}
	var flags []string
	for i, f := range TCPFlags() {
		if m.Mask&(1<<i) != 0 {
			flags = append(flags, f)
		}
	}
	return "(" + strings.Join(flags, "|") + ")"
}

// Statement is what a rule does: exactly one of its fields is set.
type Statement struct {
	_ order.Incomparable

	// Counter names a counter of the table.
	Counter string
	// SetMark replaces the bits under Mask of the packet's mark or the connection's mark by Value, and keeps the others.
	SetMark *SetMark
	// Verdict is accept, drop, return, "jump NAME" or "goto NAME".
	Verdict string
	// Vmap picks a verdict by a key.
	Vmap *Vmap
	// Update adds the key's value to a dynamic set, or renews its timeout.
	Update *Update
	// NAT translates the source.
	NAT *NAT
	// MSS lowers the maximum segment size that a TCP SYN offers; the kernel never raises it.
	MSS *MSS
	// SetAddr overwrites an address of the packet, without any memory of it (tables ip and ip6).
	SetAddr *SetAddr
	// Dup sends a copy of the packet by a device (tables ip and ip6). The copy is not tracked and comes by the output hook of its own.
	Dup *Dup
	// SetTOS overwrites the byte of IPv4 that has the code point (RFC 2474) in its upper six bits, of packets without IP options.
	SetTOS *uint8
	// Limit lets the rule go on for packets within a rate.
	Limit *Limit
}

// SetAddr is a new address of a packet; checksums are put right.
type SetAddr struct {
	Key  string // "ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr"
	Addr string
}

// Dup is where a copy goes. The device is known by its index: one that is made anew under its name is another.
type Dup struct {
	To    string // the next hop
	Index int
}

// Limit is a rate with what may come at once, both in bytes, or in packets.
type Limit struct {
	Rate, Burst uint64 // Rate a second
	Packets     bool
}

// MSS is a maximum segment size of TCP (RFC 9293, 3.7.1).
type MSS struct {
	Size int // bytes; 0: what the MTUs of the packet's route and of the way back leave (table inet, forward and postrouting)
}

// SetMark sets masked bits of "meta mark" or "ct mark".
type SetMark struct {
	Key         string // "meta mark" or "ct mark"
	Value, Mask uint32
}

// Vmap is a verdict map on a key of Match ("oifname", "meta mark", "ct mark" …) or on a generator.
type Vmap struct {
	Key  string
	Mask uint32 // of marks
	// Mod makes Key a generator of 0 … Mod-1: "numgen inc", "numgen random", "jhash ip saddr", "jhash ip6 saddr".
	Mod   uint32
	Elems []VmapElem // sorted as they were planned; an element of a generator is a number
}

// VmapElem is one element: value and verdict.
type VmapElem struct{ Value, Verdict string }

// Update renews the key's value in a dynamic set.
type Update struct{ Set, Key string } // Key "ip saddr" or "ip6 saddr"

// NAT is a source translation.
type NAT struct {
	_ order.Incomparable

	// Kind: "masquerade"; "snat" to Addr; "self", to the packet's own source address and port, so that no later rule translates it;
	// "prefix", the IPv6 prefix Addr, host part kept (stateful, RFC 6296's mapping without its checksum-neutrality).
	Kind string
	Addr string    // "snat": an address; "prefix": a prefix
	Port PortRange // of masquerade and snat: the ports to choose from; zero: as the kernel likes
	// Family of the packets, IPv4 or IPv6: a rule of NAT is for one family.
	Family Family
}

// String returns the statement in nft(8) syntax.
func (s Statement) String() string {
	switch {
	case s.Counter != "":
		return fmt.Sprintf("counter name %q", s.Counter)
	case s.SetMark != nil:
		m := s.SetMark
		return fmt.Sprintf("%s set %s & %#08x | %#08x", m.Key, m.Key, ^m.Mask, m.Value)
	case s.Vmap != nil:
		return s.Vmap.String()
	case s.Update != nil:
		return fmt.Sprintf("update @%s { %s }", s.Update.Set, s.Update.Key)
	case s.NAT != nil:
		return s.NAT.String()
	case s.MSS != nil && s.MSS.Size == 0:
		return "tcp option maxseg size set rt mtu"
	case s.MSS != nil:
		return fmt.Sprintf("tcp option maxseg size set %d", s.MSS.Size)
	case s.SetAddr != nil:
		return s.SetAddr.Key + " set " + s.SetAddr.Addr
	case s.SetTOS != nil:
		return fmt.Sprintf("@nh,0,16 set 0x45%02x", *s.SetTOS)
	case s.Dup != nil:
		return fmt.Sprintf("dup to %s device %d", s.Dup.To, s.Dup.Index)
	case s.Limit != nil:
		if s.Limit.Packets {
			return fmt.Sprintf("limit rate %d/second burst %d packets", s.Limit.Rate, s.Limit.Burst)
		}
		return fmt.Sprintf("limit rate %d bytes/second burst %d bytes", s.Limit.Rate, s.Limit.Burst)
	}
	return s.Verdict
}

// String returns the map in nft(8) syntax.
func (v *Vmap) String() string {
	key := v.Key
	if v.Mod != 0 {
		key += fmt.Sprintf(" mod %d", v.Mod)
	}
	if v.Mask != 0 {
		key += fmt.Sprintf(" & %#08x", v.Mask)
	}
	elems := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		elems[i] = e.Value + " : " + e.Verdict
	}
	return key + " vmap { " + strings.Join(elems, ", ") + " }"
}

// String returns the translation in nft(8) syntax.
func (n *NAT) String() string {
	fam := "ip"
	if n.Family == IPv6 {
		fam = "ip6"
	}
	port := ""
	if n.Port != (PortRange{}) {
		port = ":" + n.Port.String()
	}
	switch n.Kind {
	case "masquerade":
		if port != "" {
			return "masquerade to " + port
		}
		return "masquerade"
	case "self":
		return fmt.Sprintf("snat %s to %s saddr : th sport", fam, fam)
	case "prefix":
		return fmt.Sprintf("snat %s prefix to %s", fam, n.Addr)
	}
	if n.Family == IPv6 && port != "" {
		return fmt.Sprintf("snat %s to [%s]%s", fam, n.Addr, port)
	}
	return fmt.Sprintf("snat %s to %s%s", fam, n.Addr, port)
}

// String returns the rule in nft(8) syntax.
func (r NftRule) String() string {
	parts := make([]string, 0, len(r.Match)+len(r.Do))
	for _, m := range r.Match {
		parts = append(parts, m.String())
	}
	for _, s := range r.Do {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, " ")
}

// Header returns the line of a base chain that says where it hangs, "" for any other chain.
func (c Chain) Header() string {
	if c.Hook == "" {
		return ""
	}
	return fmt.Sprintf("type %s hook %s priority %d; policy accept;", c.Type, c.Hook, c.Priority)
}

// Key identifies the set within its table; a set that differs in any property is another one.
func (s Set) Key() string { return s.String() }

// String returns the set's declaration in nft(8) syntax.
func (s Set) String() string {
	var flags []string
	if s.Interval {
		flags = append(flags, "interval")
	}
	if s.Dynamic {
		flags = append(flags, "dynamic")
	}
	if s.Timeout > 0 {
		flags = append(flags, "timeout")
	}
	t := fmt.Sprintf("set %s { type %s;", s.Name, s.Type)
	if len(flags) > 0 {
		t += " flags " + strings.Join(flags, ",") + ";"
	}
	if s.Timeout > 0 {
		t += fmt.Sprintf(" timeout %ds;", s.Timeout)
	}
	return t + " }"
}

// Key identifies the table.
func (t Table) Key() string { return t.Family + " " + t.Name }

// String returns the table as a file for `nft -f`.
func (t Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s %s {\n", t.Family, t.Name)
	for _, s := range t.Sets {
		fmt.Fprintf(&b, "\t%s\n", s)
	}
	for _, c := range t.Counters {
		fmt.Fprintf(&b, "\tcounter %s { }\n", c)
	}
	for _, c := range t.Chains {
		fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
		if h := c.Header(); h != "" {
			fmt.Fprintf(&b, "\t\t%s\n", h)
		}
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "\t\t%s\n", r)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}
