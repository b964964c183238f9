package rtnl

import (
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

var update = flag.Bool("update", false, "write the golden files of this machine's byte order")

// table of devices for tests.
type deviceTable map[string]uint32

func (d deviceTable) index(name string) (uint32, error) {
	if i, ok := d[name]; ok {
		return i, nil
	}
	return 0, unix.ENODEV
}

func (d deviceTable) name(index uint32) string {
	for n, i := range d {
		if i == index {
			return n
		}
	}
	return fmt.Sprintf("if%d", index)
}

var testDevices = deviceTable{"lo": 1, "eth0": 2, "eth1": 0x01020304}

var (
	gw4, gw4b = netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("198.51.100.254")
	gw6, gw6b = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("2001:db8::fe")
)

var testRules = []kstate.Rule{
	{Family: kstate.IPv4, Priority: 6000, Mark: 0x41000000, Mask: 0x7f000000, Action: kstate.Lookup, Table: 19713},
	{Family: kstate.IPv6, Priority: 6150, IIF: "lo", Src: netip.MustParsePrefix("2001:db8::1/128"), Action: kstate.Lookup, Table: kstate.TableMain, Suppress: 4},
	{Family: kstate.IPv4, Priority: 6400, Action: kstate.Lookup, Table: kstate.TableMain, Suppress: 1},
	{Family: kstate.IPv4, Priority: 6500, Mark: 0x01000000, Mask: 0x7f000000, Action: kstate.Prohibit},
	{Family: kstate.IPv4, Priority: 6600, Not: true, IIF: "lo", OIF: "eth0.111", Dst: netip.MustParsePrefix("203.0.113.0/24"), TOS: 0x10, IPProto: 6,
		Sport: kstate.PortRange{Lo: 1000, Hi: 2000}, Dport: kstate.PortRange{Lo: 443, Hi: 443}, UID: kstate.UIDRange{Set: true, Lo: 1000, Hi: 70000},
		Action: kstate.Lookup, Table: 19713},
	{Family: kstate.IPv6, Priority: 6900, IIF: "lo", Action: kstate.Unreachable},
}

var testRoutes = []kstate.Route{
	{Family: kstate.IPv4, Table: 19713, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Gateway: gw4, Device: "eth0", Src: netip.MustParseAddr("192.0.2.1")},
	{Family: kstate.IPv4, Table: 100, Type: kstate.Unicast, Dst: netip.MustParsePrefix("10.0.0.0/8"), Device: "eth1"},
	{Family: kstate.IPv4, Table: 19713, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Gateway: gw6, Device: "eth0", OnLink: true},
	{Family: kstate.IPv6, Table: 19713, Type: kstate.Unicast, Dst: netip.MustParsePrefix("2001:db8:1::/64"), Metric: 1, Gateway: gw6, Device: "eth1"},
	{Family: kstate.IPv6, Table: 19713, Type: kstate.Blackhole, Dst: kstate.IPv6.Any(), Metric: 9},
	{Family: kstate.IPv4, Table: 19800, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Hops: []kstate.Hop{
		{Gateway: gw4, Device: "eth0", Weight: 1}, {Gateway: gw4b, Device: "eth1", Weight: 256, OnLink: true}}},
	{Family: kstate.IPv6, Table: 19800, Type: kstate.Unicast, Dst: kstate.IPv6.Any(), Metric: 1, Hops: []kstate.Hop{
		{Gateway: gw6b, Device: "eth0", Weight: 2}, {Device: "eth1", Weight: 3}}},
	{Family: kstate.IPv6, Table: 19800, Type: kstate.Unicast, Dst: kstate.IPv6.Any(), Metric: 1, Nexthop: 77101},
}

var testNexthops = []kstate.Nexthop{
	{ID: 77001, Family: kstate.IPv4, Gateway: gw4, Device: "eth0"},
	{ID: 77002, Family: kstate.IPv6, Gateway: gw6, Device: "eth1", OnLink: true},
	{ID: 77003, Family: kstate.IPv4, Device: "eth1"},
	{ID: 77101, Group: []kstate.NexthopMember{{ID: 77001, Weight: 2}, {ID: 77002, Weight: 256}}, Buckets: 128, IdleTimer: 60},
	{ID: 77102, Group: []kstate.NexthopMember{{ID: 77001, Weight: 1}, {ID: 77003, Weight: 1}}},
}

// TestEncode compares the bytes with golden files, one for each byte order. Those of the little-endian one were taken by a kernel:
// tests/rtnl applies the same kinds of objects. The big-endian one differs in the integers of netlink only, not in addresses.
func TestEncode(t *testing.T) {
	var b strings.Builder
	line := func(what fmt.Stringer, body []byte, err error) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		fmt.Fprintf(&b, "%s\n\t%s\n", what, hex.EncodeToString(body))
	}
	for _, r := range testRules {
		body, err := encodeRule(r)
		line(r, body, err)
	}
	for _, r := range testRoutes {
		body, err := encodeRoute(r, testDevices)
		line(r, body, err)
	}
	for _, n := range testNexthops {
		body, err := encodeNexthop(n, testDevices)
		line(n, body, err)
	}
	order := "little"
	if native.Uint16([]byte{0, 1}) == 1 {
		order = "big"
	}
	path := "testdata/encode." + order + ".golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("golden (-) and encoded (+):\n%s", diff)
	}
}

func TestDecodeWhatIsEncoded(t *testing.T) {
	for _, want := range testRules {
		body, err := encodeRule(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, protocol, ok := decodeRule(body); !ok || got != want || protocol != kstate.Protocol {
			t.Errorf("got %s, protocol %d, want %s", got, protocol, want)
		}
	}
	for _, want := range testRoutes {
		body, err := encodeRoute(want, testDevices)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := decodeRoute(body, testDevices); !ok || !want.Equal(got.Route) || got.protocol != kstate.Protocol {
			t.Errorf("got %s, want %s", got.Route, want)
		}
	}
	for _, want := range testNexthops {
		body, err := encodeNexthop(want, testDevices)
		if err != nil {
			t.Fatal(err)
		}
		if got, protocol, ok := decodeNexthop(body, testDevices); !ok || !want.Equal(got) || protocol != kstate.Protocol {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	if _, err := encodeRule(kstate.Rule{Family: kstate.IPv4, Action: "nop"}); err == nil {
		t.Error("a rule with an action that is not ours")
	}
	if _, err := encodeRule(kstate.Rule{Family: kstate.IPv4, Action: kstate.Lookup, Src: netip.MustParsePrefix("::/64")}); err == nil {
		t.Error("an IPv4 rule with an IPv6 source")
	}
	bad := []kstate.Route{
		{Family: kstate.IPv6, Type: kstate.Unicast, Dst: kstate.IPv6.Any(), Device: "eth0"}, // no metric
		{Family: kstate.IPv4, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Device: "absent"},
		{Family: kstate.IPv4, Type: "local", Dst: kstate.IPv4.Any()},
		{Family: kstate.IPv4, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Hops: []kstate.Hop{{Device: "eth0", Weight: 1}}},
		{Family: kstate.IPv4, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Hops: []kstate.Hop{{Device: "eth0", Weight: 0}, {Device: "eth1", Weight: 1}}},
		{Family: kstate.IPv4, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Hops: []kstate.Hop{{Device: "eth0", Weight: 257}, {Device: "eth1", Weight: 1}}},
	}
	for _, r := range bad {
		if _, err := encodeRoute(r, testDevices); err == nil {
			t.Errorf("encoded %s", r)
		}
	}
	if _, err := encodeNexthop(kstate.Nexthop{ID: 1, Family: kstate.IPv4, Device: "absent"}, testDevices); err == nil {
		t.Error("a nexthop on an absent device")
	}
}
