package lab

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// WAN is one way out of the router, and the provider behind it.
type WAN struct {
	Index  int
	Name   string // wan0, wan1, …: a name for the configuration
	Kind   Kind
	Device string // at the router
	ISP    *Host
	// Line is there for the kinds Tunnel and RelayedEther.
	Line *Line

	Addr4, Gateway4 netip.Addr
	Addr6, Gateway6 netip.Addr   // the gateway is link-local; zero without IPv6
	Prefix6         netip.Prefix // delegated for the LAN; zero without delegation
	LAN6            netip.Addr   // the client's address of that prefix
	// Public4 is what the internet sees of this WAN: Addr4, or the ISP's own
	// address where it translates.
	Public4 netip.Addr

	router, internet *Host
	inner            string // the ISP's device towards the router
	fault            Fault
}

// numbering of WAN i. 198.18.0.0/15 is for tests of network devices (RFC 2544),
// so it is not private and not in use elsewhere.
func (w *WAN) number(o Options) (prefix4 netip.Prefix) {
	i := w.Index
	prefix4 = netip.MustParsePrefix(fmt.Sprintf("198.18.%d.0/24", i))
	w.Gateway4 = netip.MustParseAddr(fmt.Sprintf("198.18.%d.1", i))
	w.Addr4 = netip.MustParseAddr(fmt.Sprintf("198.18.%d.2", i))
	w.Public4 = w.Addr4
	if w.Kind == SameSubnet {
		w.Public4 = netip.MustParseAddr(fmt.Sprintf("198.19.%d.2", i))
		prefix4 = netip.MustParsePrefix("192.168.8.0/24")
		w.Gateway4, w.Addr4 = netip.MustParseAddr("192.168.8.1"), netip.MustParseAddr("192.168.8.2")
	}
	if !o.NoIPv6 {
		w.Addr6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::2", i+1))
		w.Gateway6 = netip.MustParseAddr(fmt.Sprintf("fe80::%x", 0x100+i))
	}
	if o.Delegated {
		w.Prefix6 = netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x00::/56", 0x10+i))
		w.LAN6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x00:1::10", 0x10+i))
	}
	return prefix4
}

// addWAN makes provider i, its line to the router and to the internet.
func (n *Network) addWAN(i int, kind Kind) *WAN {
	w := &WAN{Index: i, Name: fmt.Sprintf("wan%d", i-n.first), Kind: kind, router: n.Router, internet: n.Internet, inner: "cust"}
	prefix4 := w.number(n.options)
	w.ISP = n.Host("isp" + strconv.Itoa(i))
	n.attach(w)
	w.defaults()
	n.uplink(w)
	w.delegate(n)
	w.filter(prefix4)
	return w
}

// attach links the router with the provider.
func (n *Network) attach(w *WAN) {
	near, far := fmt.Sprintf("%s/24", w.Addr4), fmt.Sprintf("%s/24", w.Gateway4)
	if w.Addr6.IsValid() {
		near += fmt.Sprintf(",%s/64", w.Addr6)
		far += fmt.Sprintf(",%s/64,2001:db8:%x::1/64", w.Gateway6, w.Index+1)
	}
	w.Device = w.Name
	switch w.Kind {
	case Ethernet, SameSubnet:
		n.Link(n.Router, w.Device, near, w.ISP, w.inner, far)
	case RelayedEther:
		w.Line = n.Line(n.Router, w.Device, near, w.ISP, w.inner, far, Quality{})
	case Tunnel:
		w.Device = fmt.Sprintf("ppp%d", w.Index)
		near = strings.Replace(near, "/24", fmt.Sprintf(" peer %s/32", w.Gateway4), 1)
		far = strings.Replace(far, "/24", fmt.Sprintf(" peer %s/32", w.Addr4), 1)
		w.Line = n.PointToPoint(n.Router, w.Device, near, w.ISP, w.inner, far, Quality{})
	case Alias, TaggedVLAN:
		n.attachShared(w, near, far)
	}
}

// attachShared puts the provider behind the one NIC "wan", through a switch.
func (n *Network) attachShared(w *WAN, near, far string) {
	if n.shared == nil {
		n.shared = n.Host("switch")
		n.shared.IP("link add name br0 type bridge mcast_snooping 0")
		n.shared.Up("br0", "")
		n.Link(n.Router, "wan", "", n.shared, "router", "")
		n.shared.IP("link set dev router master br0")
	}
	port := fmt.Sprintf("isp%d", w.Index)
	n.Link(w.ISP, w.inner, "", n.shared, port, "")
	n.shared.IP("link set dev %s master br0", port)
	w.Device = "wan"
	if w.Kind == TaggedVLAN {
		id := 10 + w.Index
		w.Device = fmt.Sprintf("wan.%d", id)
		n.Router.IP("link add link wan name %s type vlan id %d", w.Device, id)
		w.ISP.IP("link add link %s name tagged type vlan id %d", w.inner, id)
		w.inner = "tagged"
	}
	n.Router.Up(w.Device, near)
	w.ISP.Up(w.inner, far)
	n.settle(end{n.Router, w.Device}, end{w.ISP, w.inner})
}

// defaults are the router's default routes in its main table.
func (w *WAN) defaults() {
	metric := 10 * (w.Index + 1)
	w.router.IP("route add default via %s dev %s metric %d", w.Gateway4, w.Device, metric)
	if w.Gateway6.IsValid() {
		w.router.IP("-6 route add default via %s dev %s metric %d", w.Gateway6, w.Device, metric)
	}
}

// uplink joins the provider with the internet, and translates where it does so.
func (n *Network) uplink(w *WAN) {
	i := w.Index
	near, far := fmt.Sprintf("10.255.%d.2/24", i), fmt.Sprintf("10.255.%d.1/24", i)
	if w.Addr6.IsValid() {
		near, far = near+fmt.Sprintf(",fd00:ff:%x::2/64", i), far+fmt.Sprintf(",fd00:ff:%x::1/64", i)
	}
	n.Link(w.ISP, "net", near, n.Internet, w.ISP.Name, far)
	w.ISP.IP("route add default via 10.255.%d.1", i)
	public := netip.PrefixFrom(w.Public4, 24).Masked()
	n.Internet.IP("route add %s via 10.255.%d.2", public, i)
	if w.Kind == SameSubnet {
		w.ISP.AddAddr("lo", w.Public4.String()+"/32")
		w.ISP.NFT(fmt.Sprintf("table ip translate { chain c { type nat hook postrouting priority 100; oifname \"net\" snat to %s\n}\n}", w.Public4))
	}
	if w.Addr6.IsValid() {
		w.ISP.IP("-6 route add default via fd00:ff:%x::1", i)
		n.Internet.IP("-6 route add 2001:db8:%x::/64 via fd00:ff:%x::2", i+1, i)
	}
}

// delegate gives the LAN addresses of the provider's prefix.
func (w *WAN) delegate(n *Network) {
	if !w.Prefix6.IsValid() {
		return
	}
	w.ISP.IP("-6 route add %s via %s", w.Prefix6, w.Addr6)
	n.Internet.IP("-6 route add %s via fd00:ff:%x::2", w.Prefix6, w.Index)
	router := w.LAN6.As16()
	router[15] = 1
	n.Router.AddAddr("lan", netip.AddrFrom16(router).String()+"/64")
	n.Client.AddAddr("eth0", w.LAN6.String()+"/64")
}

// filter is the provider's ingress filter (BCP 38): before anything else,
// packets of the customer with a source that is not of this provider are
// counted and dropped. Link-local sources belong to the line itself, and so do
// multicasts, which a shared segment brings to every provider.
func (w *WAN) filter(prefix4 netip.Prefix) {
	own6 := "fe80::/10, ::"
	if w.Addr6.IsValid() {
		own6 += fmt.Sprintf(", 2001:db8:%x::/64", w.Index+1)
	}
	if w.Prefix6.IsValid() {
		own6 += ", " + w.Prefix6.String()
	}
	w.ISP.NFT(fmt.Sprintf(`table inet bcp38 {
	counter spoofed { }
	chain c {
		type filter hook prerouting priority -310;
		iifname %q ip daddr != 224.0.0.0/4 ip saddr != %s counter name spoofed drop
		iifname %q ip6 daddr != ff00::/8 ip6 saddr != { %s } counter name spoofed drop
	}
}`+"\n", w.inner, prefix4, w.inner, own6))
}

// Spoofed is how many packets the provider dropped for their source.
func (w *WAN) Spoofed() int {
	w.ISP.tb.Helper()
	out, err := w.ISP.Exec("", "nft", "list", "counter", "inet", "bcp38", "spoofed")
	if err != nil {
		w.ISP.tb.Fatalf("%v", err)
	}
	_, rest, _ := strings.Cut(out, "packets ")
	n, err := strconv.Atoi(strings.Fields(rest + " x")[0])
	if err != nil {
		w.ISP.tb.Fatalf("read counter: %v in %q", err, out)
	}
	return n
}

// Owns reports whether the internet sees this WAN behind an address.
func (w *WAN) Owns(a netip.Addr) bool {
	if a.Is4() {
		return a == w.Public4
	}
	return a == w.Addr6 || w.Prefix6.IsValid() && w.Prefix6.Contains(a)
}

// UCI is the WAN's section of the daemon's configuration. More option lines may
// follow it, and win over those in it. Without a delegated prefix the LAN has
// private IPv6 addresses, which are translated.
func (w *WAN) UCI() string {
	var b strings.Builder
	fmt.Fprintf(&b, "config interface '%s'\n\toption device '%s'\n", w.Name, w.Device)
	if w.Kind == Alias {
		fmt.Fprintf(&b, "\tlist ipaddr '%s/24'\n\toption gateway '%s'\n", w.Addr4, w.Gateway4)
		if w.Addr6.IsValid() {
			fmt.Fprintf(&b, "\tlist ipaddr '%s/64'\n\toption gateway6 '%s'\n", w.Addr6, w.Gateway6)
		}
	}
	switch {
	case w.Prefix6.IsValid():
		fmt.Fprintf(&b, "\tlist prefix '%s'\n", w.Prefix6)
	case w.Addr6.IsValid():
		b.WriteString("\toption snat6 'masquerade'\n")
	}
	return b.String()
}
