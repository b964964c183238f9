package scenario_test

import (
	"fmt"
	"net/netip"
	"testing"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// replug makes the device of a WAN anew, with another number and addresses from
// nothing, as a modem that was pulled out and put in.
func replug(n *lab.Network, w *lab.WAN) {
	n.Link(n.Router, w.Device, fmt.Sprintf("%s/24,%s/64", w.Addr4, w.Addr6),
		w.ISP, "cust", fmt.Sprintf("%s/24,%s/64,2001:db8:%x::1/64", w.Gateway4, w.Gateway6, w.Index+1))
	metric := 10 * (w.Index + 1)
	n.Router.IP("route add default via %s dev %s metric %d", w.Gateway4, w.Device, metric)
	n.Router.IP("-6 route add default via %s dev %s metric %d", w.Gateway6, w.Device, metric)
}

// defaultOn waits until the default policy uses one WAN in both families.
func (r *router) defaultOn(w *lab.WAN) status.Document {
	r.t.Helper()
	return r.await(patience, "default policy on "+w.Name, func(d status.Document) bool {
		p := d.Policies["default"]
		return p.IPv4 != nil && p.IPv6 != nil && only(p.IPv4, w) && only(p.IPv6, w)
	})
}

// checkDefault sends from the client and the router by the default policy.
func (r *router) checkDefault(w *lab.WAN) {
	r.t.Helper()
	for _, h := range []*lab.Host{r.Client, r.Router} {
		for _, to := range []netip.Addr{lab.Internet4c, lab.Internet6c} {
			if got := seenFrom(r.t, h, netip.AddrPort{}, to); r.ByAddr(got.Addr()) != w {
				r.t.Errorf("%s to %s: seen as %s, want %s", h.Name, to, got, w.Name)
			}
		}
	}
}

// TestWANVanishesAndReturns takes the preferred WAN's device away, and puts it
// back with another number, twice; and the last time the daemon starts without.
func TestWANVanishesAndReturns(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	first, backup := n.WANs[0], n.WANs[1]
	r.checkDefault(first)
	index := r.status().Interfaces[first.Name].Index
	for range 2 {
		n.Router.IP("link del %s", first.Device)
		d := r.defaultOn(backup)
		if i := d.Interfaces[first.Name]; i.State == "up" || i.Index != 0 {
			t.Errorf("the status of a WAN without device: %s, index %d", i.State, i.Index)
		}
		r.checkDefault(backup)
		replug(n, first)
		r.defaultOn(first)
		d = r.steady()
		if got := d.Interfaces[first.Name].Index; got == index || got == 0 {
			t.Errorf("the status shows index %d, was %d", got, index)
		} else {
			index = got
		}
		r.checkDefault(first)
		r.checkRules()
	}
	r.Stop()
	n.Router.IP("link del %s", first.Device)
	r.Start()
	r.defaultOn(backup)
	replug(n, first)
	r.defaultOn(first)
	r.steady()
	r.checkDefault(first)
	r.checkRules()
	r.noSpoofing()
}

// TestWANRenamed takes the device away by giving it another name, and back.
func TestWANRenamed(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe))
	first, backup := n.WANs[0], n.WANs[1]
	rename := func(from, to string) {
		n.Router.IP("link set dev %s down", from)
		n.Router.IP("link set dev %s name %s", from, to)
		n.Router.IP("link set dev %s up", to)
	}
	rename(first.Device, "other")
	r.defaultOn(backup)
	r.checkDefault(backup)
	rename("other", first.Device)
	// Going down, the link lost its IPv6 address and all routes.
	n.Router.AddAddr(first.Device, first.Addr6.String()+"/64")
	n.Router.IP("route add default via %s dev %s metric 10", first.Gateway4, first.Device)
	n.Router.IP("-6 route add default via %s dev %s metric 10", first.Gateway6, first.Device)
	r.defaultOn(first)
	r.steady()
	r.checkDefault(first)
	r.noSpoofing()
}

// TestWANNewAddress takes the address of the preferred WAN away and gives it
// another, as DHCP does, with a moment in between that has none.
func TestWANNewAddress(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	w := n.WANs[0]
	n.Router.DelAddr(w.Device, w.Addr4.String()+"/24")
	r.await(patience, "IPv4 on the backup", func(d status.Document) bool { return only(d.Policies["default"].IPv4, n.WANs[1]) })
	if got := seenFrom(t, n.Client, netip.AddrPort{}, lab.Internet4c); got.Addr() != n.WANs[1].Addr4 {
		t.Errorf("without address: seen as %s", got)
	}
	if got := seenFrom(t, n.Client, netip.AddrPort{}, lab.Internet6c); got.Addr() != w.Addr6 {
		t.Errorf("IPv6, which is not concerned: seen as %s", got)
	}
	w.Addr4 = netip.MustParseAddr("198.18.0.77")
	w.Public4 = w.Addr4
	n.Router.AddAddr(w.Device, w.Addr4.String()+"/24")
	n.Router.IP("route add default via %s dev %s metric 10", w.Gateway4, w.Device)
	r.defaultOn(w)
	r.steady()
	r.checkDefault(w)
	r.checkRules()
	r.noSpoofing()
}

// TestWANNewGateway moves the gateway of a WAN to another address.
func TestWANNewGateway(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, perWAN))
	w := n.WANs[0]
	old4, old6 := w.Gateway4, w.Gateway6
	w.Gateway4, w.Gateway6 = netip.MustParseAddr("198.18.0.3"), netip.MustParseAddr("fe80::3")
	w.ISP.AddAddr("cust", w.Gateway4.String()+"/24")
	w.ISP.AddAddr("cust", w.Gateway6.String()+"/64")
	n.Router.IP("route replace default via %s dev %s metric 10", w.Gateway4, w.Device)
	n.Router.IP("-6 route replace default via %s dev %s metric 10", w.Gateway6, w.Device)
	w.ISP.Sysctl("net.ipv4.conf.cust.promote_secondaries", "1")
	w.ISP.DelAddr("cust", old4.String()+"/24")
	w.ISP.DelAddr("cust", old6.String()+"/64")
	r.await(patience, "the new gateways in the status", func(d status.Document) bool {
		i := d.Interfaces[w.Name]
		return i.IPv4 != nil && i.IPv6 != nil && i.IPv4.Gateway == w.Gateway4.String() && i.IPv6.Gateway == w.Gateway6.String()
	})
	r.defaultOn(w)
	r.steady()
	r.checkDefault(w)
	r.checkRules()
	r.noSpoofing()
}

// TestWANsAppear starts the daemon before any of its WANs is there.
func TestWANsAppear(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	for _, w := range n.WANs {
		n.Router.IP("link del %s", w.Device)
	}
	r := launch(t, n, n.UCI(fastProbe, perWAN))
	replug(n, n.WANs[1])
	r.defaultOn(n.WANs[1])
	r.checkDefault(n.WANs[1])
	replug(n, n.WANs[0])
	r.defaultOn(n.WANs[0])
	r.steady()
	r.checkDefault(n.WANs[0])
	r.checkRules()
	r.noSpoofing()
}
