package overlay

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// Mirror is the far end's half of what one end has in its configuration.
type Mirror struct {
	Pseudowires []config.Pseudowire
	IPsec       []config.IPsec
	Bonds       []config.Bond
	// UCI is the configuration of a second multiwan, without keys.
	UCI string
	// Commands make the same by hand, for a far end that runs something else; Conns are its IKE connections, with their keys (package ipsec
	// writes them for swanctl).
	Commands []string
	Conns    []kstate.Conn
	// Notes say in words what only the far end can know.
	Notes []string
}

// Peer returns the mirror image of a pseudowire, of an IPsec section with its pseudowires, or of a bond with its members: ids, ports,
// cookies, selectors and identities change sides. Names of WANs and bridges are kept as a suggestion.
func Peer(c *config.Config, name string, f Facts) (Mirror, error) {
	var m Mirror
	wires, bonds, err := chosen(c, name)
	if err != nil {
		return m, err
	}
	here := inUse(c, f)
	for _, w := range wires {
		m.Pseudowires = append(m.Pseudowires, m.wire(w, here[w.Name], f))
		if i := order.First(len(c.IPsec), func(i int) bool { return c.IPsec[i].Name == w.IPsec }); i >= 0 &&
			!order.Any(len(m.IPsec), func(i int) bool { return m.IPsec[i].Name == w.IPsec }) {
			m.IPsec = append(m.IPsec, m.sec(c.IPsec[i], here["ipsec "+w.IPsec]))
		}
	}
	for _, x := range bonds {
		m.Bonds = append(m.Bonds, m.bond(x))
	}
	m.UCI = m.uci()
	m.byHand(c, f, here)
	return m, nil
}

// chosen finds what a name stands for.
func chosen(c *config.Config, name string) (wires []config.Pseudowire, bonds []config.Bond, err error) {
	member := map[string]bool{}
	for _, x := range c.Bonds {
		if x.Name == name {
			bonds = append(bonds, x)
			for _, m := range x.Members {
				member[m.Name] = m.Pseudowire
			}
		}
	}
	for _, w := range c.Pseudowires {
		if w.Name == name || member[w.Name] || w.IPsec == name && w.IPsec != "" {
			wires = append(wires, w)
		}
	}
	if len(wires) == 0 {
		return nil, nil, fmt.Errorf("find the far end of %q: want the name of a pseudowire, an ipsec section or a bond of pseudowires", name)
	}
	return wires, bonds, nil
}

// side is a pair of addresses as this end sees it.
type side struct {
	wan           string
	local, remote netip.Addr
}

// inUse finds the addresses in use: of pseudowires by name, of connections by "ipsec NAME".
func inUse(c *config.Config, f Facts) map[string]side {
	b := newBuilder(c, f)
	b.addConns()
	b.addWires()
	out := make(map[string]side)
	for _, w := range b.wires {
		out[w.Name] = side{w.wan, w.local, w.remote}
	}
	for _, x := range b.conns {
		out["ipsec "+x.Name] = side{x.wan, x.local, x.remote}
	}
	return out
}

func (m *Mirror) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}

// turned gives the far end's local and remote: its own address only where the file has it here, since its WAN knows it better.
func (m *Mirror) turned(what string, local, remote netip.Addr, host string, here side) (newLocal, newRemote netip.Addr) {
	if local.IsValid() {
		newLocal = here.remote
		if host == "" {
			newLocal = remote
		}
		return newLocal, local
	}
	if !here.local.IsValid() {
		m.note("%s: the address of this end is not known at the moment: give it, or a name, as option remote", what)
	}
	return netip.Addr{}, here.local
}

func (m *Mirror) wire(w config.Pseudowire, here side, f Facts) config.Pseudowire {
	o := w
	o.Local, o.Remote = m.turned("pseudowire "+w.Name, w.Local, w.Remote, w.RemoteHost, here)
	o.RemoteHost = ""
	o.LocalPort, o.RemotePort = w.RemotePort, w.LocalPort
	o.TunnelID, o.PeerTunnel = w.PeerTunnel, w.TunnelID
	o.SessionID, o.PeerID = w.PeerID, w.SessionID
	o.Cookie, o.PeerCookie = w.PeerCookie, w.Cookie
	o.Attach.Addresses, o.Gateway = m.numbers("pseudowire "+w.Name, w.Attach.Addresses, w.Gateway)
	o.Redundancy = m.redundancy(w, f)
	return o
}

// redundancy turns paths round: our further WANs are the far end's further addresses, and the other way about. Names of its WANs are ours, as
// far as there are as many.
func (m *Mirror) redundancy(w config.Pseudowire, f Facts) *config.Redundancy {
	r := w.Redundancy
	if r == nil {
		return nil
	}
	o := *r
	o.Interfaces, o.RemoteAlt = nil, nil
	for _, name := range r.Interfaces[1:] {
		if addrs := f.WANs[name].Side(kstate.IPv4).Addrs; len(addrs) > 0 {
			o.RemoteAlt = append(o.RemoteAlt, addrs[0].Addr())
		} else {
			m.note("pseudowire %s: the address of interface %s is not known at the moment: give it there as list remote_alt", w.Name, name)
		}
	}
	for i := range 1 + len(r.RemoteAlt) {
		name := fmt.Sprintf("wan%d", i+1)
		if i < len(r.Interfaces) {
			name = r.Interfaces[i]
		}
		o.Interfaces = append(o.Interfaces, name)
	}
	m.note("pseudowire %s: list interface has the far end's own WANs there: first the one with its address %s%s", w.Name, "in ipsec "+w.IPsec,
		map[bool]string{true: ", then those of list remote_alt here, in that order"}[len(r.RemoteAlt) > 0])
	m.note("pseudowire %s: without multiwan there, the commands have it take copies and send each packet once", w.Name)
	return &o
}

func (m *Mirror) sec(s config.IPsec, here side) config.IPsec {
	o := s
	o.Local, o.Remote = m.turned("ipsec "+s.Name, s.Local, s.Remote, s.RemoteHost, here)
	o.RemoteHost = ""
	o.LocalID, o.RemoteID = s.RemoteID, s.LocalID
	o.LocalTS, o.RemoteTS = s.RemoteTS, s.LocalTS
	o.Initiate = !s.Initiate
	if o.Any = s.Policy != "" && !s.Any; o.Any { // this end calls from one WAN now and from another later
		o.Remote, o.Initiate = netip.Addr{}, false
		if !s.Initiate {
			m.note("ipsec %s: set initiate 'yes' at this end, whose address changes with the WAN that it uses", s.Name)
		}
	}
	if s.Cert != "" {
		m.note("ipsec %s: cert and key are the far end's own, ca is the authority of this end's certificate", s.Name)
	}
	return o
}

func (m *Mirror) bond(x config.Bond) config.Bond {
	o := x
	o.Members = slices.Clone(x.Members)
	o.Attach.Addresses, o.Gateway = m.numbers("bond "+x.Name, x.Attach.Addresses, x.Gateway)
	for _, y := range o.Members {
		if !y.Pseudowire {
			m.note("bond %s: device %s is made by another program there too", x.Name, y.Device)
		}
	}
	if x.Monitor == "probe" {
		m.note("bond %s: without multiwan nothing there sees a dead path, as carrier never drops: use arp_interval and arp_ip_target", x.Name)
	}
	if x.Monitor == "arp" {
		m.note("bond %s: arp_target are addresses on this side, there", x.Name)
	}
	return o
}

// numbers gives the far end its addresses: the gateway of this end, or the other host of a network of two.
func (m *Mirror) numbers(what string, own []netip.Prefix, gateway netip.Addr) (addrs []netip.Prefix, back netip.Addr) {
	for _, p := range own {
		far := otherHost(p)
		if gateway.IsValid() && p.Contains(gateway) {
			far, back = gateway, p.Addr()
		}
		if !far.IsValid() {
			m.note("%s: give it an address of %s there, as option ipaddr", what, p.Masked())
			continue
		}
		addrs = append(addrs, netip.PrefixFrom(far, p.Bits()))
	}
	return addrs, back
}

// otherHost is the other address of a /30, /31, /126 or /127, invalid in a larger network.
func otherHost(p netip.Prefix) netip.Addr {
	first := p.Masked().Addr()
	switch left := p.Addr().BitLen() - p.Bits(); {
	case left == 2: // without the network's own address, and broadcast
		first = first.Next()
	case left != 1:
		return netip.Addr{}
	}
	if first == p.Addr() {
		return first.Next()
	}
	return first
}

// byHand fills Commands and Conns: what the far end would have to do if it had nothing yet.
func (m *Mirror) byHand(c *config.Config, f Facts, here map[string]side) {
	there := Facts{
		Network: plan.Network{WANs: map[string]plan.WAN{}}, Active: map[string]map[kstate.Family][]string{},
		PathMTU: map[netip.Addr]int{}, Sources: map[netip.Addr]netip.Addr{}, SAs: map[string]SA{}, Devices: map[string]Device{},
	}
	mirrored := &config.Config{Globals: config.Globals{Enabled: true}, Pseudowires: m.Pseudowires, IPsec: m.IPsec, Bonds: m.Bonds}
	stand := func(iface, policy string, s side) {
		there.Sources[s.local] = s.remote
		if iface == "" {
			iface = "wan of " + policy
			there.Active[policy] = map[kstate.Family][]string{kstate.IPv4: {iface}, kstate.IPv6: {iface}}
		}
		w := there.WANs[iface]
		w.MTU = f.WANs[s.wan].MTU
		if a := s.remote; a.IsValid() {
			p := netip.PrefixFrom(a, a.BitLen())
			w.IPv4.Addrs, w.IPv6.Addrs = append(w.IPv4.Addrs, only(p, kstate.IPv4)...), append(w.IPv6.Addrs, only(p, kstate.IPv6)...)
		}
		there.WANs[iface] = w
		if path := f.PathMTU[s.remote]; path > 0 {
			there.PathMTU[s.local] = path
		}
	}
	for i := range m.IPsec {
		s := &m.IPsec[i]
		stand(s.Interface, s.Policy, here["ipsec "+s.Name])
		there.SAs[s.Name] = SA{Encap: f.SAs[s.Name].Encap, Proposal: f.SAs[s.Name].Proposal}
	}
	for _, w := range m.Pseudowires {
		if w.IPsec == "" {
			stand(w.Interface, w.Policy, here[w.Name])
		}
		there.bridge(w.Attach.Bridge)
	}
	for _, x := range m.Bonds {
		there.bridge(x.Attach.Bridge)
	}
	p := Compute(mirrored, there)
	for _, w := range p.Pseudowires {
		if w.State != Ready {
			m.note("pseudowire %s: no commands, %s", w.Name, w.Reason)
		}
	}
	m.Conns = p.Conns
	for _, s := range m.IPsec {
		known := order.Any(len(p.Conns), func(i int) bool { return p.Conns[i].Name == s.Name })
		switch {
		case known:
		case s.Mode == kstate.ModeTunnel && s.Remote.IsValid(): // it calls, from whatever address it has
			x := conn{IPsec: s, remote: s.Remote}
			m.Conns = append(m.Conns, x.conn())
		default:
			m.note("ipsec %s: no connection by hand, the address of an end is not known", s.Name)
		}
	}
	m.Commands = commands(p.Want)
}

func only(p netip.Prefix, f kstate.Family) []netip.Prefix {
	if kstate.FamilyOf(p.Addr()) == f {
		return []netip.Prefix{p}
	}
	return nil
}

// bridge says that the far end has a bridge of that name.
func (f *Facts) bridge(name string) {
	if name != "" {
		f.Devices[name] = Device{Index: 1, Up: true, Kind: kstate.KindBridge, VLANFiltering: true, STP: true}
	}
}

// commands makes an overlay by hand. A device is down while a bond takes it.
func commands(want kstate.Overlay) []string {
	bond := map[string]bool{}
	want.Links = slices.Clone(want.Links)
	for i := range want.Links {
		want.Links[i].Alias = ""
		if x := want.Links[i].Bond; x != nil {
			bond[want.Links[i].Name] = true
			plain := *x
			plain.ActiveSlave = "" // it is no slave yet
			want.Links[i].Bond = &plain
		}
	}
	var out []string
	for _, o := range diff.OverlayOps(want, kstate.Overlay{}) {
		if o.Kind == diff.Port && bond[o.Port.Master] {
			out = append(out, "ip link set dev "+o.Port.Device+" down")
		}
		if o.Kind == diff.Mirror {
			out = append(out, "tc qdisc add dev "+o.Mirror.From+" clsact")
		}
		line := o.String()
		if o.Kind == diff.Block {
			line += apart
		}
		out = append(out, line)
	}
	return out
}

// apart tells a block from charon's policy of the same selector, which would replace it otherwise, or be in its way. ip(8) knows no
// kstate.BlockUser, but a policy for packets without a bit of the mark that nobody sets is another one, too.
const apart = " mark 0 mask 0x80000000"
