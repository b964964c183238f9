package overlay

import (
	"net/netip"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/plan"
)

func TestPrefixOf(t *testing.T) {
	for _, row := range []struct {
		typ, prefix string
		masklen     int
		v4, want    string
	}{
		{"6rd", "2001:db8::/32", 8, "10.100.100.1", "2001:db8:6464:100::/56"}, // RFC 5969, 4
		{"6rd", "2001:db8::/32", 0, "192.0.2.1", "2001:db8:c000:201::/64"},
		{"6rd", "2001:db8:8000::/33", 8, "192.0.2.2", "2001:db8:8001:100::/57"},
		{"6rd", "2001:db8::/64", 31, "192.0.2.3", "2001:db8:0:0:8000::/65"},
		{"6to4", "::/0", 0, "192.0.2.4", "2002:c000:204::/48"}, // RFC 3056, 2
		{"6in4", "2001:db8:77::/48", 0, "192.0.2.4", "2001:db8:77::/48"},
	} {
		got := prefixOf(config.Tunnel{Type: row.typ, Prefix: prefix(row.prefix), IPv4MaskLen: row.masklen}, addr(row.v4))
		if got != prefix(row.want) {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	w := sits()
	for _, name := range []string{"sixrd", "six4", "he"} {
		w.f.WANs[name] = plan.WAN{Device: name, Index: 30, Up: true, Carrier: true, MTU: 1480, IPv6: plan.Side{Addrs: []netip.Prefix{prefix("2001:db8::1/128")}}}
	}
	before := len(w.f.WANs["he"].IPv6.Prefixes)
	net := NetworkOf(w.c, w.f.Network)
	for name, want := range map[string][2]string{
		"sixrd": {"::192.0.2.254", "2001:db8:8001:100::/57"}, "six4": {"::192.88.99.1", "2002:cb00:7102::/48"}, "he": {"2001:db8:76::1", "2001:db8:77::/48"},
	} {
		s := net.WANs[name]
		if s.IPv6.Gateway != addr(want[0]) || len(s.IPv6.Prefixes) != 1 || s.IPv6.Prefixes[0] != prefix(want[1]) || !s.PointToPoint || s.Index != 30 || len(s.IPv6.Addrs) != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := net.WANs["away"]; s.Index != 0 || len(s.IPv6.Prefixes) != 0 || s.Device != "away" {
		t.Errorf("a tunnel without its line: %+v", s)
	}
	if _, there := net.WANs["off"]; there || len(w.f.WANs["he"].IPv6.Prefixes) != before {
		t.Error("a tunnel that is off, or the facts themselves, were changed")
	}
}
