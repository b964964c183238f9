package rtnl

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// TestLevelled decodes what the kernel shows differently from what it was given.
func TestLevelled(t *testing.T) {
	v6 := make(Message, rtMsgLen)
	v6[0], v6[4], v6[5], v6[7] = 10, unix.RT_TABLE_COMPAT, 77, unix.RTN_PROHIBIT
	v6.U32(unix.RTA_TABLE, 19713)
	v6.U32(unix.RTA_PRIORITY, 9)
	v6.U32(unix.RTA_OIF, 1) // lo
	v6.Attr(200, []byte("what a later kernel adds"))
	byObject := make(Message, rtMsgLen)
	byObject[0], byObject[4], byObject[5], byObject[7] = 2, unix.RT_TABLE_COMPAT, 77, unix.RTN_UNICAST
	native.PutUint32(byObject[8:], unix.RTNH_F_ONLINK|unix.RTNH_F_LINKDOWN)
	byObject.U32(unix.RTA_TABLE, 19713)
	byObject.U32(unix.RTA_PRIORITY, 1)
	byObject.U32(rtaNHID, 77001)
	byObject.Addr(unix.RTA_GATEWAY, gw4)
	byObject.U32(unix.RTA_OIF, 2)
	dead := make(Message, rtMsgLen)
	dead[0], dead[4], dead[5], dead[7] = 2, 100, 77, unix.RTN_UNICAST
	native.PutUint32(dead[8:], unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN)
	dead.U32(unix.RTA_OIF, 77)
	for _, tc := range []struct {
		body []byte
		want kstate.Route
	}{
		{v6, kstate.Route{Family: kstate.IPv6, Table: 19713, Type: kstate.Prohibit, Dst: kstate.IPv6.Any(), Metric: 9}},
		{byObject, kstate.Route{Family: kstate.IPv4, Table: 19713, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Metric: 1, Nexthop: 77001}},
		{dead, kstate.Route{Family: kstate.IPv4, Table: 100, Type: kstate.Unicast, Dst: kstate.IPv4.Any(), Device: "if77"}},
	} {
		if got, ok := decodeRoute(tc.body, testDevices); !ok || !tc.want.Equal(got.Route) {
			t.Errorf("got %s, want %s", got.Route, tc.want)
		}
	}
}

// TestTolerant decodes a rule with attributes of later kernels and a detached device.
func TestTolerant(t *testing.T) {
	want := testRules[4]
	body, err := encodeRule(want)
	if err != nil {
		t.Fatal(err)
	}
	m := Message(body)
	native.PutUint32(m[8:], unix.FIB_RULE_INVERT|unix.FIB_RULE_IIF_DETACHED|unix.FIB_RULE_OIF_DETACHED)
	m.U32(99, 1)
	m = append(m, 200, 0) // cut off
	if got, _, ok := decodeRule(m); !ok || got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecodeLink(t *testing.T) {
	link := func(flags uint32, oper uint8) []byte {
		m := make(Message, ifInfoMsgLen)
		native.PutUint32(m[4:], 7)
		native.PutUint32(m[8:], flags)
		m.Name(unix.IFLA_IFNAME, "eth0.111")
		m.U32(unix.IFLA_MTU, 1492)
		m.U8(unix.IFLA_OPERSTATE, oper)
		m.Attr(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 1})
		m.Name(unix.IFLA_IFALIAS, "multiwan:dc2a")
		m.U32(unix.IFLA_MASTER, 3)
		var info Message
		info.Name(unix.IFLA_INFO_KIND, "vlan")
		m.Attr(unix.IFLA_LINKINFO|nested, info)
		return m
	}
	base := Link{Name: "eth0.111", Index: 7, MTU: 1492, MAC: []byte{2, 0, 0, 0, 0, 1}, Alias: "multiwan:dc2a", Kind: "vlan", Master: 3}
	for name, tc := range map[string]struct {
		flags   uint32
		oper    uint8
		up      bool
		carrier bool
		ptp     bool
	}{
		"down":                {0, 2, false, false, false},
		"up":                  {unix.IFF_UP | iffLowerUp, operUp, true, true, false},
		"no carrier":          {unix.IFF_UP, 2, true, false, false},
		"lower layer down":    {unix.IFF_UP | iffLowerUp, 3, true, false, false},
		"state never told":    {unix.IFF_UP | iffLowerUp, operUnknown, true, true, false},
		"tun":                 {unix.IFF_UP | iffLowerUp | unix.IFF_POINTOPOINT | unix.IFF_NOARP, operUnknown, true, true, true},
		"without arp":         {unix.IFF_UP | iffLowerUp | unix.IFF_NOARP, operUnknown, true, true, true},
		"loopback is no link": {unix.IFF_UP | iffLowerUp | unix.IFF_LOOPBACK | unix.IFF_NOARP, operUnknown, true, true, false},
	} {
		want := base
		want.Up, want.Carrier, want.PointToPoint = tc.up, tc.carrier, tc.ptp
		got, ok := decodeLink(link(tc.flags, tc.oper))
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestDecodeAddr(t *testing.T) {
	address := func(family, bits, scope uint8, flags uint32, local, far string) []byte {
		m := make(Message, ifAddrMsgLen)
		m[0], m[1], m[2], m[3] = family, bits, uint8(flags), scope
		native.PutUint32(m[4:], 7)
		if far != "" {
			m.Addr(unix.IFA_ADDRESS, netip.MustParseAddr(far))
		}
		if local != "" {
			m.Addr(unix.IFA_LOCAL, netip.MustParseAddr(local))
		}
		m.U32(unix.IFA_FLAGS, flags)
		return m
	}
	for name, tc := range map[string]struct {
		body   []byte
		want   string
		peer   string
		usable bool
	}{
		"ipv4":           {address(2, 24, 0, unix.IFA_F_PERMANENT, "192.0.2.1", "192.0.2.1"), "192.0.2.1/24", "invalid IP", true},
		"point-to-point": {address(2, 32, 0, 0, "192.0.2.1", "198.51.100.9"), "192.0.2.1/32", "198.51.100.9", true},
		"ipv6":           {address(10, 64, 0, 0, "", "2001:db8::1"), "2001:db8::1/64", "invalid IP", true},
		"ipv6 peer":      {address(10, 128, 0, 0, "2001:db8::1", "2001:db8::2"), "2001:db8::1/128", "2001:db8::2", true},
		"link-local":     {address(10, 64, 253, 0, "", "fe80::1"), "fe80::1/64", "invalid IP", false},
		"tentative":      {address(10, 64, 0, unix.IFA_F_TENTATIVE, "", "2001:db8::1"), "2001:db8::1/64", "invalid IP", false},
		"optimistic":     {address(10, 64, 0, unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC, "", "2001:db8::1"), "2001:db8::1/64", "invalid IP", true},
		"dad failed":     {address(10, 64, 0, unix.IFA_F_DADFAILED|unix.IFA_F_PERMANENT, "", "2001:db8::1"), "2001:db8::1/64", "invalid IP", false},
		"long flags":     {address(10, 64, 0, 0x100, "", "2001:db8::1"), "2001:db8::1/64", "invalid IP", true},
	} {
		got, ok := decodeAddr(tc.body)
		if !ok || got.Prefix.String() != tc.want || got.Peer.String() != tc.peer || got.Usable() != tc.usable || got.Index != 7 {
			t.Errorf("%s: %+v, usable %v", name, got, got.Usable())
		}
	}
	if _, ok := decodeAddr(address(2, 33, 0, 0, "192.0.2.1", "")); ok {
		t.Error("a prefix length of 33")
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range testRules {
		body, _ := encodeRule(r)
		f.Add(body)
	}
	for _, r := range testRoutes {
		body, _ := encodeRoute(r, testDevices)
		f.Add(body)
	}
	for _, n := range testNexthops {
		body, _ := encodeNexthop(n, testDevices)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeLink(b)
		decodeAddr(b)
		decodeNexthop(b, testDevices)
		for h, data, rest, ok := next(b); ok; h, data, rest, ok = next(rest) {
			decodeEvent(h, data)
			extAck(h, data)
		}
		if r, ok := decodeRoute(b, testDevices); ok && !r.Equal(r.Route) {
			t.Errorf("%s is not equal to itself", r.Route)
		}
		// What can be read of a rule and written again must read the same.
		r, _, ok := decodeRule(b)
		if !ok {
			return
		}
		body, err := encodeRule(r)
		if err != nil {
			return
		}
		if r.Mask == 0 {
			r.Mark = 0
		}
		if again, _, ok := decodeRule(body); !ok || again != r {
			t.Errorf("%s, written and read again: %s", r, again)
		}
	})
}
