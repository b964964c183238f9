package lab

import (
	"fmt"
	"net/netip"
)

// Delegate has the provider give another prefix beside the WAN's, and the LAN
// addresses of it; the hosts take new ones from it and none from the old one any
// more, which is deprecated. It becomes the WAN's; the old one and the client's
// address of it are returned.
func (n *Network) Delegate(w *WAN, fresh netip.Prefix) (old netip.Prefix, host netip.Addr) {
	old, host = w.Prefix6, w.LAN6
	w.ISP.NFT(fmt.Sprintf("insert rule inet bcp38 c iifname %q ip6 saddr %s accept\n", w.inner, fresh))
	a := fresh.Addr().As16()
	a[7], a[15] = host.As16()[7], host.As16()[15]
	w.Prefix6, w.LAN6 = fresh, netip.AddrFrom16(a)
	w.delegate(n)
	n.Client.IP("-6 address change %s/64 dev eth0 preferred_lft 0", host)
	return old, host
}

// Withdraw ends a prefix: the provider has no route for it and drops what comes
// from it, and the router is no part of it. Hosts keep their addresses of it,
// deprecated.
func (n *Network) Withdraw(w *WAN, old netip.Prefix, host netip.Addr) {
	w.ISP.IP("-6 route del %s", old)
	n.Internet.IP("-6 route del %s", old)
	w.ISP.NFT(fmt.Sprintf("insert rule inet bcp38 c iifname %q ip6 saddr %s drop\n", w.inner, old))
	router := host.As16()
	router[15] = 1
	n.Router.DelAddr("lan", netip.AddrFrom16(router).String()+"/64")
}
