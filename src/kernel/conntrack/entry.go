package conntrack

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// Entry is a connection.
type Entry struct {
	Family      kstate.Family
	Proto       uint8 // of IP
	Orig, Reply Tuple
	Mark        uint32
	Status      uint32 // Status* bits
	ID          uint32
	// Of both directions together; 0 unless net.netfilter.nf_conntrack_acct is set.
	Packets, Bytes uint64

	key []netlink.Attribute // what names the entry in a delete, as the kernel gave it
}

// Tuple is one direction of a connection. Ports are those of TCP, UDP and their like, else 0.
type Tuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
}

// String returns the connection in the way of conntrack(8).
func (e Entry) String() string {
	return fmt.Sprintf("%d src=%s dst=%s sport=%d dport=%d src=%s dst=%s sport=%d dport=%d mark=%#x", e.Proto,
		e.Orig.Src, e.Orig.Dst, e.Orig.SrcPort, e.Orig.DstPort, e.Reply.Src, e.Reply.Dst, e.Reply.SrcPort, e.Reply.DstPort, e.Mark)
}

// parseEntry reads a message of the table: struct nfgenmsg and attributes.
func parseEntry(b []byte) (Entry, error) {
	if len(b) < 4 {
		return Entry{}, fmt.Errorf("connection of %d bytes", len(b))
	}
	ad, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return Entry{}, err
	}
	ad.ByteOrder = binary.BigEndian
	e := Entry{Family: kstate.Family(b[0])}
	for ad.Next() {
		switch ad.Type() {
		case ctaTupleOrig:
			e.key = append(e.key, netlink.Attribute{Type: ctaTupleOrig | unix.NLA_F_NESTED, Data: ad.Bytes()})
			ad.Nested(func(n *netlink.AttributeDecoder) error { return e.Orig.parse(n, &e.Proto) })
		case ctaTupleReply:
			ad.Nested(func(n *netlink.AttributeDecoder) error { return e.Reply.parse(n, &e.Proto) })
		case ctaID:
			e.ID = ad.Uint32()
			e.key = append(e.key, u32(ctaID, e.ID))
		case ctaZone:
			e.key = append(e.key, netlink.Attribute{Type: ctaZone, Data: ad.Bytes()})
		case ctaMark:
			e.Mark = ad.Uint32()
		case ctaStatus:
			e.Status = ad.Uint32()
		case ctaCountersOrig, ctaCountersReply:
			ad.Nested(e.count)
		}
	}
	return e, ad.Err()
}

func (e *Entry) count(n *netlink.AttributeDecoder) error {
	for n.Next() {
		switch n.Type() {
		case ctaCountersPackets:
			e.Packets += n.Uint64()
		case ctaCountersBytes:
			e.Bytes += n.Uint64()
		}
	}
	return nil
}

func (t *Tuple) parse(n *netlink.AttributeDecoder, proto *uint8) error {
	for n.Next() {
		switch n.Type() {
		case ctaTupleIP:
			n.Nested(t.parseIP)
		case ctaTupleProto:
			n.Nested(func(p *netlink.AttributeDecoder) error {
				for p.Next() {
					switch p.Type() {
					case ctaProtoNum:
						*proto = p.Uint8()
					case ctaProtoSrcPort:
						t.SrcPort = p.Uint16()
					case ctaProtoDstPort:
						t.DstPort = p.Uint16()
					}
				}
				return nil
			})
		}
	}
	return nil
}

func (t *Tuple) parseIP(n *netlink.AttributeDecoder) error {
	for n.Next() {
		a, ok := netip.AddrFromSlice(n.Bytes())
		if !ok {
			return fmt.Errorf("address of %d bytes", len(n.Bytes()))
		}
		switch n.Type() {
		case ctaIPv4Src, ctaIPv6Src:
			t.Src = a
		case ctaIPv4Dst, ctaIPv6Dst:
			t.Dst = a
		}
	}
	return nil
}
