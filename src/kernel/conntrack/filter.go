package conntrack

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// Filter chooses connections: those that meet every condition that is set. A filter with none chooses nothing in Delete, and all in List.
type Filter struct {
	Family kstate.Family // 0: both
	// Mark is compared under Mask; a Mask of 0 compares nothing.
	Mark, Mask uint32
	ReplyDst   netip.Addr // where answers go: the address that a connection was translated to
	OrigDst    netip.Addr // where the first packet went, before any translation
	Protos     []uint8    // numbers of IP; any of them
	NotTCP     bool
	Keep       func(Entry) bool // the entries that it returns true for are spared
}

// conditions says whether anything but the family is asked for: a filter without would empty the table.
func (f Filter) conditions() bool { return f.Mask != 0 || !f.markOnly() }

// markOnly says that the kernel can delete on its own.
func (f Filter) markOnly() bool {
	return !f.ReplyDst.IsValid() && !f.OrigDst.IsValid() && len(f.Protos) == 0 && !f.NotTCP && f.Keep == nil
}

// family is the one that the entries must be of: the one asked for or that of an address; 0 for both.
func (f Filter) family() kstate.Family {
	for _, a := range []netip.Addr{f.ReplyDst, f.OrigDst} {
		if f.Family == 0 && a.IsValid() {
			return kstate.FamilyOf(a)
		}
	}
	return f.Family
}

// Match says whether the filter chooses the entry.
func (f Filter) Match(e Entry) bool {
	switch {
	case f.Family != 0 && e.Family != f.Family,
		e.Mark&f.Mask != f.Mark&f.Mask,
		f.ReplyDst.IsValid() && e.Reply.Dst != f.ReplyDst.Unmap(),
		f.OrigDst.IsValid() && e.Orig.Dst != f.OrigDst.Unmap(),
		len(f.Protos) > 0 && !slices.Contains(f.Protos, e.Proto),
		f.NotTCP && e.Proto == unix.IPPROTO_TCP:
		return false
	}
	return f.Keep == nil || !f.Keep(e)
}

// attributes are what of the filter the kernel can apply to a dump: mark, and IPv4 addresses where they are wanted (see the package).
func (f Filter) attributes(addresses bool) []netlink.Attribute {
	var a []netlink.Attribute
	if f.Mask != 0 {
		a = append(a, u32(ctaMark, f.Mark&f.Mask), u32(ctaMarkMask, f.Mask))
	}
	if !addresses {
		return a
	}
	var flags []netlink.Attribute
	for _, c := range []struct {
		addr        netip.Addr
		tuple, flag uint16
	}{{f.OrigDst, ctaTupleOrig, ctaFilterOrigFlags}, {f.ReplyDst, ctaTupleReply, ctaFilterReplyFlags}} {
		if kstate.FamilyOf(c.addr) != kstate.IPv4 {
			continue
		}
		a = append(a, nest(c.tuple, nest(ctaTupleIP, netlink.Attribute{Type: ctaIPv4Dst, Data: c.addr.Unmap().AsSlice()})))
		flags = append(flags, netlink.Attribute{Type: c.flag, Data: binary.NativeEndian.AppendUint32(nil, filterIPDst)})
	}
	if flags != nil {
		a = append(a, nest(ctaFilter, flags...))
	}
	return a
}

func u32(typ uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint32(nil, v)}
}

func nest(typ uint16, attrs ...netlink.Attribute) netlink.Attribute {
	return netlink.Attribute{Type: typ | unix.NLA_F_NESTED, Data: marshal(attrs)}
}

// marshal lays attributes out. It cannot fail: all that are made here are short, and those from the kernel came in one message.
func marshal(attrs []netlink.Attribute) []byte {
	b, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		panic("conntrack: " + err.Error())
	}
	return b
}
