package rtnl

import (
	"testing"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

func TestDecodeLinkEvent(t *testing.T) {
	link := func(family uint8, alias string, master uint32) []byte {
		m := make(Message, ifInfoMsgLen)
		m[0] = family
		native.PutUint32(m[4:], 7)
		native.PutUint32(m[8:], unix.IFF_UP|iffLowerUp)
		m.Name(unix.IFLA_IFNAME, "l2")
		m.U8(unix.IFLA_OPERSTATE, operUp)
		if alias != "" {
			m.Name(unix.IFLA_IFALIAS, alias)
		}
		if master != 0 {
			m.U32(unix.IFLA_MASTER, master)
		}
		return m
	}
	for name, tc := range map[string]struct {
		typ  uint16
		data []byte
		want Event
	}{
		"ours":          {unix.RTM_NEWLINK, link(0, "multiwan:l2", 9), Event{Kind: LinkChanged, Index: 7, Device: "l2", Own: true, Master: 9}},
		"another":       {unix.RTM_NEWLINK, link(0, "multi", 0), Event{Kind: LinkChanged, Index: 7, Device: "l2"}},
		"gone":          {unix.RTM_DELLINK, link(0, "multiwan:l2", 0), Event{Kind: LinkChanged, Index: 7, Device: "l2", Own: true, Gone: true, Lost: true}},
		"by the bridge": {unix.RTM_NEWLINK, link(unix.AF_BRIDGE, "", 9), Event{Kind: LinkChanged, Index: 7, Device: "l2", Master: 9}},
		"left a bridge": {unix.RTM_DELLINK, link(unix.AF_BRIDGE, "", 9), Event{Kind: LinkChanged, Index: 7, Device: "l2"}},
	} {
		if e, ok := decodeEvent(header{typ: tc.typ}, tc.data); !ok || e != tc.want {
			t.Errorf("%s: %+v, want %+v", name, e, tc.want)
		}
	}
}

func TestDecodeFilterEvent(t *testing.T) {
	tc := func(handle, info uint32) []byte {
		m := make([]byte, 20)
		native.PutUint32(m[4:], 7)
		native.PutUint32(m[8:], handle)
		native.PutUint32(m[16:], info)
		return m
	}
	for name, c := range map[string]struct {
		typ  uint16
		data []byte
		ok   bool
	}{
		"ours":          {unix.RTM_NEWTFILTER, tc(77, kstate.MirrorPriority<<16|0x300), true},
		"all of ours":   {unix.RTM_DELTFILTER, tc(0, kstate.MirrorPriority<<16), true},
		"another's":     {unix.RTM_DELTFILTER, tc(77, 1<<16|77), false},
		"the place":     {unix.RTM_DELQDISC, tc(0xffff0000, 0), true},
		"another qdisc": {unix.RTM_DELQDISC, tc(0x10000, 0), false},
		"short":         {unix.RTM_NEWTFILTER, []byte{1}, false},
	} {
		e, ok := decodeEvent(header{typ: c.typ}, c.data)
		if ok != c.ok || ok && (e.Kind != FilterChanged || e.Index != 7 || !e.Own || e.Gone != (c.typ != unix.RTM_NEWTFILTER)) {
			t.Errorf("%s: %+v, %v", name, e, ok)
		}
	}
}
