package rtnl

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

var ctx = context.Background()

// router is a host with two WANs, eth0 and eth1, each with a gateway that exists.
func router(tb testing.TB) (*lab.Host, *rtnl.Conn) {
	tb.Helper()
	lab.Need(tb, lab.Netns)
	l := lab.New(tb)
	h, isp := l.Host("router"), l.Host("isp")
	l.Link(h, "eth0", "192.0.2.1/24,2001:db8::1/64", isp, "a", "192.0.2.254/24,2001:db8::fe/64")
	l.Link(h, "eth1", "198.51.100.1/24,2001:db8:1::1/64", isp, "b", "198.51.100.254/24,2001:db8:1::fe/64")
	return h, dial(tb, h)
}

func dial(tb testing.TB, h *lab.Host) *rtnl.Conn {
	tb.Helper()
	var c *rtnl.Conn
	var err error
	h.Do(func() { c, err = rtnl.Dial() })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

func observe(tb testing.TB, c *rtnl.Conn, s rtnl.Scope) kstate.State {
	tb.Helper()
	st, err := c.Observe(ctx, s)
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

// sorted returns the objects' texts in order, to compare sets of them.
func sorted[T interface{ String() string }](list []T) []string {
	var s []string
	for _, o := range list {
		s = append(s, o.String())
	}
	slices.SortFunc(s, cmp.Compare[string])
	return s
}

// flags are the families' options of ip(8).
var flags = map[kstate.Family]string{kstate.IPv4: "-4", kstate.IPv6: "-6"}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

func scopeOf(tables ...uint32) rtnl.Scope { return rtnl.Scope{Tables: tables} }
