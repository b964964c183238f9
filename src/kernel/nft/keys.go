package nft

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// key is how a key of kstate.Match is loaded into register 1 and how its values are written.
type key struct {
	load  func(*encoder)
	l3    uint8 // family that the load needs (NFPROTO_IPV4, NFPROTO_IPV6), 0 for any
	typ   uint32
	size  int
	value func(string) ([]byte, error)
	// host says that the register holds a number in host order, or a string, which nft(8) counts as that.
	host bool
	// bits says that the values are bits of the register: a match means any of them.
	bits bool
	// ranges allows "a-b" and "a/n"; over allows "greater than".
	ranges, over bool
	// masked takes a mask of the match.
	masked bool
	// l4 is the protocol that the load needs (IPPROTO_TCP), 0 for any; link says that it reads Ethernet headers.
	l4   uint8
	link bool
	// mask cuts the value out of its bytes.
	mask []byte
}

// Data types as nft(8) numbers them in include/datatype.h; the kernel keeps them for listing only.
const (
	typeNFProto   = 2
	typeInteger   = 4
	typeIPv4      = 7
	typeIPv6      = 8
	typeEtherAddr = 9
	typeEtherType = 10
	typeL4Proto   = 12
	typeService   = 13
	typeTCPFlag   = 15
	typeMark      = 19
	typeCTState   = 26
	typeCTDir     = 27
	typeCTStatus  = 28
	typeDSCP      = 36
	typeFibType   = 38
	typeBoolean   = 39
	typeIfname    = 41
)

// metaSecpath is NFT_META_SECPATH (linux/netfilter/nf_tables.h), which the libraries do not name: whether the packet came through IPsec.
const metaSecpath = 25

// rtIPsec is NFT_RT_XFRM (linux/netfilter/nf_tables.h), likewise: whether the packet's route leads through IPsec.
const rtIPsec = 4

// keyTable has the keys of kstate.Match but dscp and the addresses of connections, which keyOf adds.
var keyTable = map[string]key{
	"iifname":        {load: meta(unix.NFT_META_IIFNAME), typ: typeIfname, size: unix.IFNAMSIZ, value: deviceName, host: true},
	"oifname":        {load: meta(unix.NFT_META_OIFNAME), typ: typeIfname, size: unix.IFNAMSIZ, value: deviceName, host: true},
	"meta mark":      {load: meta(unix.NFT_META_MARK), typ: typeMark, size: 4, value: number, host: true, masked: true},
	"meta l4proto":   {load: meta(unix.NFT_META_L4PROTO), typ: typeL4Proto, size: 1, value: word(1, l4protos)},
	"meta nfproto":   {load: meta(unix.NFT_META_NFPROTO), typ: typeNFProto, size: 1, value: word(1, nfprotos)},
	"meta ipsec":     {load: meta(metaSecpath), typ: typeBoolean, size: 1, value: word(1, existence)},
	"ip saddr":       address(unix.NFPROTO_IPV4, 12),
	"ip daddr":       address(unix.NFPROTO_IPV4, 16),
	"ip6 saddr":      address(unix.NFPROTO_IPV6, 8),
	"ip6 daddr":      address(unix.NFPROTO_IPV6, 24),
	"th sport":       {load: transport(0), typ: typeService, size: 2, value: port, ranges: true},
	"th dport":       {load: transport(2), typ: typeService, size: 2, value: port, ranges: true},
	"ct mark":        {load: ct(unix.NFT_CT_MARK), typ: typeMark, size: 4, value: number, host: true, masked: true},
	"ct state":       {load: ct(unix.NFT_CT_STATE), typ: typeCTState, size: 4, value: word(4, ctStates), host: true, bits: true},
	"ct status":      {load: ct(unix.NFT_CT_STATUS), typ: typeCTStatus, size: 4, value: word(4, ctStatuses), host: true, bits: true},
	"ct direction":   {load: ct(unix.NFT_CT_DIRECTION), typ: typeCTDir, size: 1, value: word(1, directions)},
	"rt ipsec":       {load: routeIPsec, typ: typeBoolean, size: 1, value: word(1, existence)},
	"meta protocol":  {load: meta(unix.NFT_META_PROTOCOL), typ: typeEtherType, size: 2, value: etherType, link: true},
	"ether type":     {load: link(12, 2), typ: typeEtherType, size: 2, value: etherType, link: true},
	"ether saddr":    {load: link(6, 6), typ: typeEtherAddr, size: 6, value: hardwareAddress, link: true},
	"ether daddr":    {load: link(0, 6), typ: typeEtherAddr, size: 6, value: hardwareAddress, link: true},
	"@nh,0,8":        {load: network(0, 1), typ: typeInteger, size: 1, value: word(1, nil)}, // the first byte behind the Ethernet header
	"tcp flags":      tcpFlags,
	maxseg:           mss,
	"meta length":    {load: length, typ: typeInteger, size: 4, value: wideNumber(4), ranges: true},
	"fib daddr type": {load: (*encoder).destinationType, typ: typeFibType, size: 4, value: word(4, fibTypes), host: true},
}

// Names of values: linux/netfilter/nf_conntrack_common.h, linux/rtnetlink.h, linux/in.h.
var (
	nfprotos   = map[string]uint32{"ipv4": unix.NFPROTO_IPV4, "ipv6": unix.NFPROTO_IPV6}
	existence  = map[string]uint32{"missing": 0, "exists": 1}
	directions = map[string]uint32{"original": 0, "reply": 1}
	ctStates   = map[string]uint32{"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
	ctStatuses = map[string]uint32{"snat": 0x10, "dnat": 0x20}
	fibTypes   = map[string]uint32{"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7, "prohibit": 8}
	etherTypes = map[string]uint16{"ip": unix.ETH_P_IP, "ip6": unix.ETH_P_IPV6, "arp": unix.ETH_P_ARP, "vlan": unix.ETH_P_8021Q}
	l4protos   = map[string]uint32{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58,
		"sctp": 132, "udplite": 136}
)

// keyOf finds a key. dscp depends on the family that the rule is about.
func (e *encoder) keyOf(name string) (key, bool) {
	if name == "dscp" {
		return e.dscp()
	}
	if name == "ip dscp" || name == "ip6 dscp" {
		d := dscpKeys[name]
		return d, true
	}
	if k, ok := keyTable[name]; ok {
		return k, true
	}
	if at, ok := strings.CutPrefix(name, "@th,"); ok {
		return rawKey(at)
	}
	return ctAddress(name)
}

// dscpKeys are the six bits of the TOS byte, and of the traffic class, which straddles the first two bytes.
var dscpKeys = map[string]key{
	"ip dscp":  {load: network(1, 1), l3: unix.NFPROTO_IPV4, typ: typeDSCP, size: 1, mask: []byte{0xfc}, value: dscpShifted(1, 2)},
	"ip6 dscp": {load: network(0, 2), l3: unix.NFPROTO_IPV6, typ: typeDSCP, size: 2, mask: []byte{0x0f, 0xc0}, value: dscpShifted(2, 6)},
}

func (e *encoder) dscp() (key, bool) {
	switch e.l3 {
	case unix.NFPROTO_IPV4:
		return dscpKeys["ip dscp"], true
	case unix.NFPROTO_IPV6:
		return dscpKeys["ip6 dscp"], true
	}
	return key{}, false
}

// rawKey parses "OFFSET,BITS" of the bytes from the layer-4 header on.
func rawKey(at string) (key, bool) {
	a, b, _ := strings.Cut(at, ",")
	offset, err := strconv.ParseUint(a, 10, 16)
	bits, err2 := strconv.ParseUint(b, 10, 16)
	if err != nil || err2 != nil || offset%8 != 0 || bits%8 != 0 || bits == 0 || bits > 32 {
		return key{}, false
	}
	size := int(bits / 8)
	return key{load: payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, reg1, uint32(offset/8), uint32(size)), typ: typeInteger, size: size, value: wideNumber(size), ranges: true}, true
}

// ctAddress parses "ct reply ip daddr" and its like. The keys with a family (kernel 4.17) are used: the older ones are 16 bytes wide in
// an inet table, whatever the connection.
func ctAddress(name string) (key, bool) {
	w := strings.Fields(name)
	if len(w) != 4 || w[0] != "ct" {
		return key{}, false
	}
	dir, ok := directions[w[1]]
	k, ok2 := map[string]uint32{
		"ip saddr": unix.NFT_CT_SRC_IP, "ip daddr": unix.NFT_CT_DST_IP, "ip6 saddr": unix.NFT_CT_SRC_IP6, "ip6 daddr": unix.NFT_CT_DST_IP6,
	}[w[2]+" "+w[3]]
	if !ok || !ok2 {
		return key{}, false
	}
	a := address(map[string]uint8{"ip": unix.NFPROTO_IPV4, "ip6": unix.NFPROTO_IPV6}[w[2]], 0)
	a.l3 = 0 // the kernel itself looks at the connection's family
	a.load = func(e *encoder) {
		e.raw("ct", u32(unix.NFTA_CT_KEY, k), u32(unix.NFTA_CT_DREG, reg1), netAttr8(unix.NFTA_CT_DIRECTION, uint8(dir)))
	}
	return a, true
}

func meta(k uint32) func(*encoder) {
	return func(e *encoder) { e.meta(k) }
}

func ct(k uint32) func(*encoder) {
	return func(e *encoder) { e.ct(k) }
}

func network(offset, size uint32) func(*encoder) {
	return payload(unix.NFT_PAYLOAD_NETWORK_HEADER, reg1, offset, size)
}

func link(offset, size uint32) func(*encoder) {
	return payload(unix.NFT_PAYLOAD_LL_HEADER, reg1, offset, size)
}

// length loads the packet's bytes in network order, in which ranges are compared.
func length(e *encoder) {
	e.meta(unix.NFT_META_LEN)
	e.toNetwork(4)
}

func routeIPsec(e *encoder) { e.route(rtIPsec) }

func transport(offset uint32) func(*encoder) {
	return payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, reg1, offset, 2)
}

func payload(base, reg, offset, size uint32) func(*encoder) {
	return func(e *encoder) { e.payload(base, reg, offset, size) }
}

func address(l3 uint8, offset uint32) key {
	if l3 == unix.NFPROTO_IPV4 {
		return key{load: network(offset, 4), l3: l3, typ: typeIPv4, size: 4, value: ipAddress(4), ranges: true}
	}
	return key{load: network(offset, 16), l3: l3, typ: typeIPv6, size: 16, value: ipAddress(16), ranges: true}
}
