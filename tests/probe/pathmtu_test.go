package probe_test

import (
	"context"
	"net/netip"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/probe"
	"multiwan/tests/lab"
)

// TestPathMTU: a link of 1400 bytes in the middle of a path is found by the word of the router before it, which the kernel then knows, too,
// and by trying where that word is dropped. A path that takes all, and a far end that does not answer, are told apart.
func TestPathMTU(t *testing.T) {
	n := lab.New(t)
	near, middle, far := n.Host("near"), n.Host("middle"), n.Host("far")
	n.Link(near, "wan", "192.0.2.1/24,2001:db8:1::1/64", middle, "left", "192.0.2.2/24,2001:db8:1::2/64")
	n.Link(middle, "right", "198.51.100.1/24,2001:db8:2::1/64", far, "wan", "198.51.100.2/24,2001:db8:2::2/64")
	for _, key := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		middle.Sysctl(key, "1")
	}
	for h, via := range map[*lab.Host][2]string{near: {"192.0.2.2", "2001:db8:1::2"}, far: {"198.51.100.1", "2001:db8:2::1"}} {
		h.IP("route add default via %s", via[0])
		h.IP("-6 route add default via %s", via[1])
	}
	families(t, func(t *testing.T, f kstate.Family) {
		local, remote := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.2")
		if f == kstate.IPv6 {
			local, remote = netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:2::2")
		}
		try := func(remote netip.Addr) (got int) {
			near.Do(func() {
				var err error
				if got, err = probe.PathMTU(context.Background(), local, remote, 1500); err != nil {
					t.Error(err)
				}
			})
			return got
		}
		known := func() (mtu int) {
			near.Do(func() {
				c, err := rtnl.Dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				a, err := c.RouteGet(context.Background(), rtnl.RouteQuery{Src: local, Dst: remote})
				if err != nil {
					t.Error(err)
				}
				mtu = a.MTU
			})
			return mtu
		}
		size := func(mtu int) {
			middle.IP("link set dev right mtu %d", mtu)
			far.IP("link set dev wan mtu %d", mtu)
		}
		if got := try(remote); got != 1500 {
			t.Errorf("%d bytes pass where all do", got)
		}
		size(1400)
		defer size(1500)
		if got, kernel := try(remote), known(); got != 1400 || kernel != 1400 {
			t.Errorf("a router says 1400: %d bytes, the kernel knows %d", got, kernel)
		}
		middle.NFT("table inet hole {\n chain out {\n type filter hook output priority 0; icmp type destination-unreachable drop; icmpv6 type packet-too-big drop;\n }\n}\n")
		defer middle.NFT("delete table inet hole")
		if got := try(remote); got > 1400 || got < 1392 {
			t.Errorf("nobody says 1400: %d bytes", got)
		}
		far.NFT("table inet mute {\n chain in {\n type filter hook input priority 0; icmp type echo-request drop; icmpv6 type echo-request drop;\n }\n}\n")
		defer far.NFT("delete table inet mute")
		if got := try(remote); got != 0 {
			t.Errorf("nobody answers: %d bytes", got)
		}
	})
}
