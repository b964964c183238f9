package diff

import (
	"net/netip"
	"testing"

	"multiwan/src/core/kstate"
)

// TestStranded: what should have been translated and is not goes, in its family, unless its WAN lets private sources leave.
func TestStranded(t *testing.T) {
	e := &Eviction{Family: kstate.IPv4, Mask: 0x3f000000, Private: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}, Plain: []uint32{0x2000000}}
	stranded := Flow{Family: kstate.IPv4, Proto: 17, Src: netip.MustParseAddr("192.168.1.10"), Dst: netip.MustParseAddr("1.1.1.1")}
	for name, c := range map[string]struct {
		change func(*Flow)
		want   bool
	}{
		"before our marks":        {func(*Flow) {}, true},
		"marked in the gap":       {func(f *Flow) { f.Mark = 0x1000000 }, true},
		"foreign mark":            {func(f *Flow) { f.Mark = 0x2 }, true},
		"by a WAN that is plain":  {func(f *Flow) { f.Mark = 0x2000000 }, false},
		"translated":              {func(f *Flow) { f.Translated = true }, false},
		"port forward":            {func(f *Flow) { f.Redirected = true }, false},
		"public source":           {func(f *Flow) { f.Src = netip.MustParseAddr("198.51.100.1") }, false},
		"within the LAN":          {func(f *Flow) { f.Dst = netip.MustParseAddr("192.168.2.10") }, false},
		"multicast":               {func(f *Flow) { f.Dst = netip.MustParseAddr("239.1.1.1") }, false},
		"broadcast":               {func(f *Flow) { f.Dst = netip.MustParseAddr("255.255.255.255") }, false},
		"the other family's turn": {func(f *Flow) { f.Family = kstate.IPv6 }, false},
	} {
		f := stranded
		c.change(&f)
		if got := e.Match(f); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
