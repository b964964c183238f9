package conntrack_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/conntrack"
)

// table has flows of two WANs (marks 0x01…, 0x02…, foreign bits in the low byte), of none, and of both families.
func table() []flow {
	return []flow{
		{17, "10.0.0.1", "192.0.2.80", "198.51.100.1", 1001, 53, 0x01000000},
		{6, "10.0.0.2", "192.0.2.80", "198.51.100.1", 1002, 443, 0x010000ff},
		{1, "10.0.0.9", "192.0.2.80", "198.51.100.1", 1009, 0, 0x01000000},
		{17, "10.0.0.3", "192.0.2.80", "203.0.113.1", 1003, 53, 0x02000000},
		{6, "10.0.0.4", "192.0.2.81", "203.0.113.1", 1004, 443, 0x020000ff},
		{17, "10.0.0.5", "10.0.1.5", "", 1005, 53, 0},
		{6, "10.0.0.6", "10.0.1.5", "", 1006, 22, 0xff},
		{17, "fd00::1", "2001:db8::80", "", 1011, 53, 0x01000000},
		{6, "fd00::2", "2001:db8::80", "2001:db8:1::1", 1012, 443, 0x02000000},
		{17, "fd00::3", "2001:db8::81", "2001:db8:1::1", 1013, 443, 0},
	}
}

// left lists what is in the table, by the source port or ICMP id of each flow.
func left(t *testing.T, c *conntrack.Conn, f conntrack.Filter) []string {
	t.Helper()
	var out []string
	err := c.List(t.Context(), f, func(e conntrack.Entry) error {
		out = append(out, e.Orig.Src.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

var cases = map[string]struct {
	filter conntrack.Filter
	n      int
	gone   []string
}{
	"mark":                    {conntrack.Filter{Mark: 0x01000000, Mask: 0x7f000000}, -1, []string{"10.0.0.1", "10.0.0.2", "10.0.0.9", "fd00::1"}},
	"mark, v6":                {conntrack.Filter{Mark: 0x01000000, Mask: 0x7f000000, Family: kstate.IPv6}, -1, []string{"fd00::1"}},
	"mark, v4":                {conntrack.Filter{Mark: 0x02000000, Mask: 0x7f000000, Family: kstate.IPv4}, -1, []string{"10.0.0.3", "10.0.0.4"}},
	"no such mark":            {conntrack.Filter{Mark: 0x03000000, Mask: 0x7f000000}, -1, nil},
	"mark, not tcp":           {conntrack.Filter{Mark: 0x01000000, Mask: 0x7f000000, NotTCP: true}, 3, []string{"10.0.0.1", "10.0.0.9", "fd00::1"}},
	"mark, udp":               {conntrack.Filter{Mark: 0x01000000, Mask: 0x7f000000, Protos: []uint8{17}}, 2, []string{"10.0.0.1", "fd00::1"}},
	"translated address":      {conntrack.Filter{ReplyDst: netip.MustParseAddr("203.0.113.1")}, 2, []string{"10.0.0.3", "10.0.0.4"}},
	"translated address, v6":  {conntrack.Filter{ReplyDst: netip.MustParseAddr("2001:db8:1::1")}, 2, []string{"fd00::2", "fd00::3"}},
	"destination":             {conntrack.Filter{OrigDst: netip.MustParseAddr("192.0.2.81")}, 1, []string{"10.0.0.4"}},
	"address and mark":        {conntrack.Filter{ReplyDst: netip.MustParseAddr("2001:db8:1::1"), Mark: 0x02000000, Mask: 0x7f000000}, 1, []string{"fd00::2"}},
	"keep":                    {conntrack.Filter{ReplyDst: netip.MustParseAddr("203.0.113.1"), Keep: func(e conntrack.Entry) bool { return e.Orig.DstPort == 53 }}, 1, []string{"10.0.0.4"}},
	"address that nobody has": {conntrack.Filter{ReplyDst: netip.MustParseAddr("203.0.113.2")}, 0, nil},
}

// TestEvict deletes exactly what the filter chooses.
func TestEvict(t *testing.T) {
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, in := namespace(t)
			in.add(table()...)
			if got := left(t, c, tc.filter); !slices.Equal(got, tc.gone) {
				t.Errorf("List gives %v, want %v", got, tc.gone)
			}
			before := left(t, c, conntrack.Filter{})
			n, err := c.Delete(t.Context(), tc.filter)
			if err != nil || n != tc.n {
				t.Fatalf("Delete: %d, %v, want %d", n, err, tc.n)
			}
			want := slices.DeleteFunc(before, func(s string) bool { return slices.Contains(tc.gone, s) })
			if d := cmp.Diff(want, left(t, c, conntrack.Filter{})); d != "" {
				t.Errorf("left (-want +got):\n%s", d)
			}
		})
	}
}

// TestEmptyFilter refuses to empty the table.
func TestEmptyFilter(t *testing.T) {
	c, in := namespace(t)
	in.add(table()...)
	for _, f := range []conntrack.Filter{{}, {Family: kstate.IPv4}, {Mark: 5}} {
		if n, err := c.Delete(t.Context(), f); err == nil {
			t.Errorf("filter %+v deleted %d", f, n)
		}
	}
	if got := left(t, c, conntrack.Filter{}); len(got) != len(table()) {
		t.Errorf("left %v", got)
	}
}

// BenchmarkEvict takes a tenth of the connections away, by mark and by address.
func BenchmarkEvict(b *testing.B) {
	for _, total := range []int{2000, 10000} {
		filters := map[string]conntrack.Filter{
			"mark":    {Mark: 0x01000000, Mask: 0x7f000000},
			"address": {ReplyDst: netip.MustParseAddr("198.51.100.1")},
			"not tcp": {Mark: 0x01000000, Mask: 0x7f000000, NotTCP: true},
		}
		for name, f := range filters {
			b.Run(fmt.Sprintf("%s/%d of %d", name, total/10, total), func(b *testing.B) {
				c, in := namespace(b)
				in.add(many(total, 1)...)
				for b.Loop() {
					if n, err := c.Delete(b.Context(), f); err != nil || n != -1 && n != total/10 {
						b.Fatalf("Delete: %d, %v", n, err)
					}
					b.StopTimer()
					in.add(many(total, 10)...)
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkWalk evicts from a WAN that has no connection: the kernel compares every one that it tracks.
func BenchmarkWalk(b *testing.B) {
	for _, total := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("0 of %d", total), func(b *testing.B) {
			c, in := namespace(b)
			in.add(many(total, 1)...)
			for b.Loop() {
				if _, err := c.Delete(b.Context(), conntrack.Filter{Mark: 0x77000000, Mask: 0x7f000000}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// many makes every step-th of n flows; every tenth is of the first WAN.
func many(n, step int) []flow {
	var out []flow
	for i := 0; i < n; i += step {
		f := flow{17, fmt.Sprintf("10.%d.%d.1", i/250, i%250), "192.0.2.80", "203.0.113.1", uint16(1024 + i), 53, 0x02000000}
		if i%10 == 0 {
			f.replyDst, f.mark = "198.51.100.1", 0x01000000
		}
		out = append(out, f)
	}
	return out
}
