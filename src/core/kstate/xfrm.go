package kstate

import (
	"fmt"
	"net/netip"
	"strings"

	"multiwan/src/core/order"
)

const (
	// BlockPriority is the priority of every Block: behind any policy that charon (some 100,000 to 400,000) or a person would add, since
	// a lower number goes first. It stays below 2^31 for programs that read it with a sign.
	BlockPriority = 0x7fffffff
	// BlockUser is the `user` field of the selector of every Block ("mwan"). The kernel compares it when it looks for a policy by its
	// selector and ignores it when it matches packets. So it tells our policies from others, and a policy of charon with otherwise the
	// same selector stands beside ours instead of replacing it, and takes ours not away when it goes.
	BlockUser = 0x6d77616e
)

// Directions of XFRM policies (linux/xfrm.h), in the words of ip-xfrm(8).
const (
	DirIn      = "in"
	DirOut     = "out"
	DirForward = "fwd"
)

// IP protocols that pseudowires and their protection use.
const (
	ProtoUDP  = 17
	ProtoESP  = 50
	ProtoL2TP = 115
)

// Block is an XFRM policy of ours that drops what nothing protects: packets from Src to Dst that no policy before it sends through ESP
// (out), or that have not come out of ESP (in, fwd). Its whole value is its identity, it is never changed. Block is comparable.
type Block struct {
	Family           Family
	Dir              string // DirIn, DirOut or DirForward
	Src, Dst         netip.Prefix
	Proto            uint8  // ProtoUDP or ProtoL2TP; 0 is all
	SrcPort, DstPort uint16 // of UDP; 0 is all
}

// Key identifies the policy: all of it.
func (b Block) Key() string { return b.String() }

// String returns the policy as arguments of `ip`, without the verb "add" behind "policy" and without BlockUser, which ip(8) cannot set.
func (b Block) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "xfrm policy src %s dst %s", b.Src, b.Dst)
	switch b.Proto {
	case 0:
	case ProtoUDP:
		s.WriteString(" proto udp")
	case ProtoL2TP:
		s.WriteString(" proto l2tp")
	default:
		fmt.Fprintf(&s, " proto %d", b.Proto)
	}
	if b.SrcPort != 0 {
		fmt.Fprintf(&s, " sport %d", b.SrcPort)
	}
	if b.DstPort != 0 {
		fmt.Fprintf(&s, " dport %d", b.DstPort)
	}
	fmt.Fprintf(&s, " dir %s action block priority %d", b.Dir, uint32(BlockPriority))
	return s.String()
}

// Blocks returns the two policies that keep a tunnel's packets from passing in clear, out and in.
func (t Tunnel) Blocks() [2]Block {
	host := func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	out := Block{Family: t.Family(), Dir: DirOut, Src: host(t.Local), Dst: host(t.Remote), Proto: ProtoL2TP}
	if t.Encap == EncapUDP {
		out.Proto, out.SrcPort, out.DstPort = ProtoUDP, t.LocalPort, t.RemotePort
	}
	in := out
	in.Dir, in.Src, in.Dst, in.SrcPort, in.DstPort = DirIn, out.Dst, out.Src, out.DstPort, out.SrcPort
	return [2]Block{out, in}
}

// Policy is an XFRM policy of anybody, as far as the fate of a pair of endpoints depends on it.
type Policy struct {
	Block
	// SrcMask and DstMask are the masks of the ports, 0xffff for one port.
	SrcMask, DstMask uint16
	Priority         uint32
	Action           string // "allow" or "block"
	User             uint32 // BlockUser in ours
	Mark, Mask       uint32 // counts only where Mask is not 0
	Interface        uint32 // if_id of XFRM interfaces, 0 is none
	Templates        []Template
}

// Template is what an allowing policy demands of a packet: one transformation. A policy has none, one, or several one after the other.
type Template struct {
	Proto    uint8      // ProtoESP
	Mode     string     // "transport", "tunnel" …
	Src, Dst netip.Addr // the ends; unspecified addresses in transport mode mean those of the packet
	ReqID    uint32
	Optional bool // level use: packets may pass without
}

// Covers says whether the policy applies to all that the block is about, in its direction, unmarked.
func (p Policy) Covers(b Block) bool {
	within := func(outer, inner netip.Prefix) bool {
		return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
	}
	port := func(have, mask, want uint16) bool { return mask == 0 || want != 0 && have == want&mask }
	return p.Family == b.Family && p.Dir == b.Dir && p.Interface == 0 && (p.Mask == 0 || p.Mark == 0) &&
		within(p.Src, b.Src) && within(p.Dst, b.Dst) && (p.Proto == 0 || p.Proto == b.Proto) &&
		port(p.SrcPort, p.SrcMask, b.SrcPort) && port(p.DstPort, p.DstMask, b.DstPort)
}

// SA is a security association of the kernel, without its keys.
type SA struct {
	_ order.Incomparable

	Src, Dst netip.Addr
	Proto    uint8 // ProtoESP …
	SPI      uint32
	ReqID    uint32
	Mode     string // "transport", "tunnel" …
	// EncapSrc and EncapDst are UDP ports where ESP is put into UDP to pass NAT (RFC 3948), else 0.
	EncapSrc, EncapDst uint16
	ReplayWindow       uint32 // packets
	Bytes, Packets     uint64
	Added, LastUsed    uint64 // seconds since the epoch; LastUsed is 0 before the first packet
	// Replayed, Outside and Failed count packets that came twice, too late for the window, or did not pass the check of integrity.
	Replayed, Outside, Failed uint32
}

// String returns the association in the words of ip-xfrm(8).
func (s SA) String() string {
	text := fmt.Sprintf("xfrm state src %s dst %s proto %d spi %#08x reqid %d mode %s", s.Src, s.Dst, s.Proto, s.SPI, s.ReqID, s.Mode)
	if s.EncapSrc != 0 || s.EncapDst != 0 {
		text += fmt.Sprintf(" encap espinudp %d %d", s.EncapSrc, s.EncapDst)
	}
	return text
}
