package link

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

var ctx = context.Background()

// router is an empty host and a connection to it.
func router(tb testing.TB) (*lab.Host, *link.Conn) {
	tb.Helper()
	lab.Need(tb, lab.Netns)
	h := lab.New(tb).Host("router")
	return h, dial(tb, h)
}

func dial(tb testing.TB, h *lab.Host) *link.Conn {
	tb.Helper()
	var c *rtnl.Conn
	var err error
	h.Do(func() { c, err = rtnl.Dial() })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return link.New(c)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func observe(tb testing.TB, c *link.Conn, names ...string) link.State {
	tb.Helper()
	st, err := c.Observe(ctx, names)
	must(tb, err)
	return st
}

// find returns the observed link of ours.
func find(tb testing.TB, st link.State, name string) kstate.Link {
	tb.Helper()
	i := slices.IndexFunc(st.Links, func(l kstate.Link) bool { return l.Name == name })
	if i < 0 {
		tb.Fatalf("no link %s of ours in %v", name, st.Links)
	}
	return st.Links[i]
}

func findPort(tb testing.TB, st link.State, name string) kstate.Port {
	tb.Helper()
	i := slices.IndexFunc(st.Ports, func(p kstate.Port) bool { return p.Device == name })
	if i < 0 {
		tb.Fatalf("no port %s in %v", name, st.Ports)
	}
	return st.Ports[i]
}

// fixpoint adds the link twice, and holds that what is observed is what was wanted and that the second time changes nothing.
func fixpoint(tb testing.TB, h *lab.Host, c *link.Conn, l kstate.Link) {
	tb.Helper()
	must(tb, c.AddLink(l))
	before := show(h, l.Name)
	if got := find(tb, observe(tb, c), l.Name); !l.Equal(got) {
		tb.Errorf("wanted   %s\nobserved %s", l, got)
	}
	must(tb, c.AddLink(l))
	must(tb, c.SetLink(l))
	if diff := cmp.Diff(before, show(h, l.Name)); diff != "" {
		tb.Errorf("%s: the second time changes:\n%s", l, diff)
	}
}

// show is what ip(8) says of a device.
func show(h *lab.Host, name string) map[string]any {
	var list []map[string]any
	if err := json.Unmarshal([]byte(h.IP("-d -j link show dev %s", name)), &list); err != nil || len(list) != 1 {
		return map[string]any{"error": err}
	}
	return list[0]
}

// field reads a path such as "linkinfo.info_data.mode" out of what show returned.
func field(o map[string]any, path string) any {
	var v any = o
	for _, p := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// hold compares fields of a device, as ip(8) shows them, with wanted values.
func hold(tb testing.TB, h *lab.Host, name string, want map[string]any) {
	tb.Helper()
	o := show(h, name)
	for path, w := range want {
		if got := field(o, path); !cmp.Equal(got, w) {
			tb.Errorf("%s: ip shows %s %v (%T), want %v (%T)", name, path, got, got, w, w)
		}
	}
}

// names lists the devices of a host, sorted.
func names(h *lab.Host) []string {
	var list []struct{ Ifname string }
	if err := json.Unmarshal([]byte(h.IP("-j link show")), &list); err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, l := range list {
		if l.Ifname != "sit0" { // comes with the module
			all = append(all, l.Ifname)
		}
	}
	slices.Sort(all)
	return all
}

// leaks holds that the devices are the same at the end of f as before.
func leaks(tb testing.TB, h *lab.Host, f func()) {
	tb.Helper()
	before := names(h)
	f()
	if diff := cmp.Diff(before, names(h)); diff != "" {
		tb.Errorf("devices before (-) and after (+):\n%s", diff)
	}
}

func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }
func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func veth(name, peer string) kstate.Link {
	return kstate.Link{Name: name, Kind: kstate.KindVeth, Peer: peer, MTU: 1412, Up: true, Alias: "multiwan:lacp"}
}
