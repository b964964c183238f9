package overlay

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
)

// prioInner is the offset of the rules for inner packets of tunnel mode, that of core/plan's rules for sources of a WAN.
const prioInner = 200

// wantTunnels plans a tunnel for each pair of ends, a session for each pseudowire, and what keeps protected ones from passing in clear.
func (b *builder) wantTunnels() {
	for _, w := range b.wires {
		if w.state != Ready {
			continue
		}
		w.tunnel = kstate.Tunnel{
			ID: w.TunnelID, PeerID: w.PeerTunnel, Encap: w.Encap, Local: w.local, Remote: w.remote, Checksum: w.Checksum,
		}
		if w.Encap == kstate.EncapUDP {
			w.tunnel.LocalPort, w.tunnel.RemotePort = w.LocalPort, w.RemotePort
		}
		b.foreign(w)
		b.clash(w)
		if w.state == Ready {
			b.wantTunnel(w)
		}
	}
}

// foreign refuses numbers and names that somebody else uses: what others made is left alone. The device of a session of ours is ours also
// before it has got its alias, and after somebody has taken that away. The kernel says no kind of it.
func (b *builder) foreign(w *wire) {
	if b.f.ForeignTunnels[w.TunnelID] {
		w.hold(Refused, "tunnel id %d is that of a tunnel of another program", w.TunnelID)
		b.warn("pseudowire %s: tunnel id %d is used by another program, whose tunnel is left alone: choose another tunnel_id", w.Name, w.TunnelID)
	}
	if d, taken := b.f.Devices[w.Device]; taken && (d.Kind != "" || !b.ours[w.Device]) {
		w.hold(Refused, "device %s is that of another program", w.Device)
		b.warn("pseudowire %s: device %s exists and is not ours, it is left alone: choose another device", w.Name, w.Device)
	}
}

// clash refuses a pseudowire that another one before it in the file leaves no room for.
func (b *builder) clash(w *wire) {
	if w.state != Ready {
		return
	}
	k := &b.taken
	local := netip.AddrPortFrom(w.tunnel.Local, w.tunnel.LocalPort)
	o, same := k.tunnel[w.TunnelID]
	twin, double := k.session[w.session().SessionKey()]
	port, bound := k.port[local]
	named, called := k.device[w.Device]
	beside := k.ends[[2]netip.Addr{w.tunnel.Local, w.tunnel.Remote}]
	switch {
	case same && w.tunnel != o.tunnel:
		w.hold(Refused, "tunnel id %d is that of pseudowire %s, which has other ends", w.TunnelID, o.Name)
	case double:
		w.hold(Refused, "tunnel id %d and session id %d are those of pseudowire %s", w.TunnelID, w.SessionID, twin.Name)
	case same && w.Pseudowire.IPsec != o.Pseudowire.IPsec:
		w.hold(Refused, "it shares a tunnel with pseudowire %s, but not its protection", o.Name)
	case !same && bound && w.Encap == kstate.EncapUDP:
		w.hold(Refused, "port %d of %s is that of pseudowire %s: tunnels cannot share a local port", w.LocalPort, w.local, port.Name)
	case w.Encap == kstate.EncapIP && beside != nil && w.protected() != beside.protected():
		w.hold(Refused, "pseudowire %s over ip has the same ends, and only one of the two is protected: that would drop the other's packets", beside.Name)
	case called:
		w.hold(Refused, "device %s is that of pseudowire %s", w.Device, named.Name)
	}
	if w.state == Refused {
		b.warn("pseudowire %s: %s", w.Name, w.reason)
		return
	}
	k.session[w.session().SessionKey()], k.device[w.Device] = w, w
	if !same {
		k.tunnel[w.TunnelID] = w
	}
	if w.Encap == kstate.EncapUDP {
		k.port[local] = w
	} else {
		k.ends[[2]netip.Addr{w.tunnel.Local, w.tunnel.Remote}] = w
	}
}

// wantTunnel plans one pseudowire.
func (b *builder) wantTunnel(w *wire) {
	want := &b.plan.Want
	if b.taken.tunnel[w.TunnelID] == w {
		want.Tunnels = append(want.Tunnels, w.tunnel)
		b.plan.Why[w.tunnel.Key()] = "ends of pseudowire " + w.Name
		if w.protected() {
			for _, block := range w.tunnel.Blocks() {
				want.Blocks = append(want.Blocks, block)
				b.plan.Why[block.Key()] = "pseudowire " + w.Name + " never passes in clear"
			}
		}
		if w.sec != nil && w.sec.Mode == kstate.ModeTunnel {
			b.loopback(w)
		}
	} else {
		b.plan.Why[w.tunnel.Key()] += " and " + w.Name
	}
	s := w.session()
	want.Sessions = append(want.Sessions, s)
	b.plan.Why[s.Key()] = "pseudowire " + w.Name
	b.planOf[w.Device] = true
}

// session is the session of a pseudowire. In its configuration cookies are what each end wants to see; in the kernel's words a cookie is
// what is sent, so each is the other's.
func (w *wire) session() kstate.Session {
	return kstate.Session{
		Tunnel: w.TunnelID, PeerTunnel: w.PeerTunnel, ID: w.SessionID, PeerID: w.PeerID, Device: w.Device,
		Cookie: w.PeerCookie, PeerCookie: w.Cookie, L2Spec: w.L2Spec,
	}
}

// loopback plans the inner address of a tunnel that moves from WAN to WAN, unless the router has it already, and the way of inner packets:
// before they are wrapped they need some route, which the default policy may refuse them.
func (b *builder) loopback(w *wire) {
	if table := b.f.Tables[w.sec.wan]; table != 0 {
		f := kstate.FamilyOf(w.local)
		r := kstate.Rule{Family: f, Priority: b.c.Globals.RuleBase + prioInner, IIF: "lo", Action: kstate.Lookup, Table: table,
			Src: netip.PrefixFrom(w.local, f.Bits()), Dst: netip.PrefixFrom(w.remote, f.Bits())}
		if b.plan.Why[r.Key()] == "" {
			b.plan.Rules = append(b.plan.Rules, r)
			b.plan.Why[r.Key()] = "inner packets of pseudowire " + w.Name + " have a route, whatever the default policy says"
		}
	}
	if _, there := b.f.Addrs[w.local]; there {
		return
	}
	a := kstate.Address{Device: "lo", Prefix: netip.PrefixFrom(w.local, w.local.BitLen())}
	if !b.noted[a.Key()] {
		b.noted[a.Key()] = true
		b.plan.Want.Addrs = append(b.plan.Want.Addrs, a)
		b.plan.Why[a.Key()] = "inner end of pseudowire " + w.Name + ", the same on every wan"
	}
}

// wantConns plans the IKE connections.
func (b *builder) wantConns() {
	for _, x := range b.conns {
		c := x.conn()
		switch {
		case !x.Any && !x.remote.IsValid():
			continue // its host name is being resolved
		case !x.local.IsValid() && x.why != "":
			b.warn("ipsec %s: %s", x.Name, x.why)
			continue
		}
		if x.Mode == kstate.ModeTransport {
			for _, w := range x.users {
				x.select1(&c, w)
			}
			if len(c.LocalTS) == 0 {
				continue // nothing to protect yet
			}
		}
		b.plan.Conns = append(b.plan.Conns, c)
		b.plan.Why[c.Key()] = "protection of " + names(x.users)
	}
}

func (x *conn) conn() kstate.Conn {
	c := kstate.Conn{
		Name: x.Name, Local: x.local, Remote: kstate.AnyPeer, LocalID: x.LocalID, RemoteID: x.RemoteID, PSK: x.PSK,
		Cert: x.Cert, PrivateKey: x.Key, CA: x.CA, IKEProposals: x.IKEProposals, ESPProposals: x.ESPProposals, Mode: x.Mode,
		DPD: x.DPD, RekeyChild: x.Rekey, RekeyIKE: x.IKERekey, ForceEncap: x.Encap, Initiate: x.Initiate,
	}
	if !x.Any {
		c.Remote = x.remote.String()
	}
	if x.duplicated() {
		c.ReplayWindow = ReplayWindow
	}
	if x.Mode == kstate.ModeTunnel {
		for _, p := range x.LocalTS {
			c.LocalTS = append(c.LocalTS, p.String())
		}
		for _, p := range x.RemoteTS {
			c.RemoteTS = append(c.RemoteTS, p.String())
		}
	}
	return c
}

// select1 adds the selectors of one pseudowire: exactly its endpoints and ports. The far end of a peer that has not called is whatever
// address it calls from.
func (x *conn) select1(c *kstate.Conn, w *wire) {
	if w.state == Refused || !w.local.IsValid() {
		return
	}
	local := selector(w.local, w.Encap, w.LocalPort)
	remote := selector(w.remote, w.Encap, w.RemotePort)
	if x.Any && !w.Remote.IsValid() {
		remote = selector(netip.Addr{}, w.Encap, w.RemotePort)
	}
	if !slices.Contains(c.LocalTS, local) {
		c.LocalTS = append(c.LocalTS, local)
	}
	if !slices.Contains(c.RemoteTS, remote) {
		c.RemoteTS = append(c.RemoteTS, remote)
	}
}

// selector writes a traffic selector as swanctl.conf(5) has it.
func selector(a netip.Addr, encap string, port uint16) string {
	host := "dynamic"
	if a.IsValid() {
		host = netip.PrefixFrom(a, a.BitLen()).String()
	}
	if encap == kstate.EncapUDP {
		return fmt.Sprintf("%s[udp/%d]", host, port)
	}
	return fmt.Sprintf("%s[%d]", host, kstate.ProtoL2TP)
}

func names(ws []*wire) string {
	if len(ws) == 0 {
		return "no pseudowire"
	}
	s := ""
	for i, w := range ws {
		if i > 0 {
			s += ", "
		}
		s += w.Name
	}
	return s
}

// sizes computes the MTU of every pseudowire's device.
func (b *builder) sizes() {
	for _, w := range b.wires {
		if w.state != Ready {
			continue
		}
		s := b.stack(w)
		w.port = mtu.Device(w.MTU, s)
		room := s.Inside()
		switch {
		case room.Short:
			b.warn("pseudowire %s: a path of %d bytes leaves too little room: %s", w.Name, s.Path, room.How)
		case w.MTU.Mode == "fixed" && w.MTU.Bytes > room.MTU:
			b.warn("pseudowire %s: mtu %d does not fit into the path, larger packets than %d go in fragments", w.Name, w.MTU.Bytes, room.MTU)
		}
	}
}

// stack is what is wrapped around the frames of a pseudowire. Cookies may differ in length by direction: the longer counts.
func (b *builder) stack(w *wire) mtu.Stack {
	s := mtu.Stack{
		Path: b.pathOf(w.wan, w.remote), Family: kstate.FamilyOf(w.remote), Encap: w.Encap,
		Cookie: max(len(w.Cookie), len(w.PeerCookie)), L2Spec: w.L2Spec,
	}
	if w.sec == nil {
		return s
	}
	sa := b.f.SAs[w.sec.Name]
	s.ESP = mtu.ESP{Mode: w.sec.Mode, NAT: w.sec.Encap || sa.Encap, Cipher: mtu.Largest(w.sec.ESPProposals)}
	if used, known := mtu.CipherOf(sa.Proposal); known {
		s.ESP.Cipher = used
	}
	if w.sec.Mode == kstate.ModeTunnel {
		s.ESP.Inner, s.Family = s.Family, w.sec.Family
		s.Path = b.pathOf(w.sec.wan, w.sec.remote)
	} else {
		s.Path = b.pathOf(w.sec.wan, w.remote)
	}
	s.Path = b.smallest(w.sec, s.Path)
	return s
}

// pathOf is the MTU of the path to a remote: as learned, else that of the WAN's device.
func (b *builder) pathOf(wan string, remote netip.Addr) int {
	path := b.f.WANs[wan].MTU
	if path == 0 {
		path = mtu.Ethernet
	}
	if learned := b.f.PathMTU[remote]; learned > 0 && learned < path {
		path = learned
	}
	return path
}
