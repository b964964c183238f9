package config

import (
	"fmt"
	"net/netip"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// wire is a section pseudowire while it is checked.
type wire struct {
	*section
	Pseudowire
}

// wires reads the pseudowires.
func (l *loader) wires(conns []*conn) []*wire {
	var ws []*wire
	use := wireUse{tunnels: make(map[uint32]*wire), sessions: make(map[string]*wire), ports: make(map[string]*wire)}
	for _, s := range l.of("pseudowire") {
		w := &wire{s, buildPseudowire(s)}
		ws = append(ws, w)
		l.checkName(s, append([]string{DefaultPolicy}, reservedNames...))
		w.Device = l.deviceOf(s)
		w.Family = l.family(s)
		w.Interface, w.Policy = l.carrier(s)
		w.Attach = l.attach(s, w.Device)
		w.Probes = l.probesOf(s, LoopbackName)
		l.protect(w, conns)
		l.claim(s, w.Device)
		if w.Enabled && !s.bad {
			l.checkIDs(w, use)
		}
	}
	return ws
}

func buildPseudowire(s *section) Pseudowire {
	id := func(option string, otherwise uint32) uint32 {
		if s.has(option) {
			return uint32(one[int64](s, option))
		}
		return otherwise
	}
	remote := one[endValue](s, "remote")
	p := Pseudowire{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Local: one[netip.Addr](s, "local"),
		Remote: remote.addr, RemoteHost: remote.host, Encap: one[string](s, "encap"),
		Cookie: one[string](s, "cookie"), PeerCookie: one[string](s, "peer_cookie"), L2Spec: one[string](s, "l2spec"),
		MTU: one[sizeValue](s, "mtu").mtu(), Gateway: one[netip.Addr](s, "gateway"),
	}
	p.TunnelID = id("tunnel_id", 0)
	p.PeerTunnel = id("peer_tunnel_id", p.TunnelID)
	p.SessionID = id("session_id", p.TunnelID)
	p.PeerID = id("peer_session_id", p.PeerTunnel)
	if p.Encap == "udp" {
		p.LocalPort, p.RemotePort, p.Checksum = one[uint16](s, "local_port"), one[uint16](s, "remote_port"), one[bool](s, "checksum")
	}
	return p
}

// protect holds a pseudowire against the IPsec section that it names.
func (l *loader) protect(w *wire, conns []*conn) {
	if w.opts["ipsec"] == nil {
		if w.Policy != "" {
			l.needsTunnel(w, "there is no option ipsec")
		} else if w.Enabled && !w.bad {
			l.warn(w.section, "ipsec", item{line: w.Line}, "not encrypted: without this option its frames cross the WAN in clear")
		}
		l.checkCarrier(w.section, w.Interface, w.Family)
		w.Redundancy = l.redundancy(w, conns)
		return
	}
	if !w.has("ipsec") {
		return
	}
	it := w.first("ipsec")
	if _, ok := l.refer(w.section, "ipsec", it); !ok {
		w.bad = true
		return
	}
	w.IPsec = it.text
	c := conns[order.First(len(conns), func(i int) bool { return conns[i].Name == w.IPsec })]
	if w.Enabled && !c.Enabled {
		l.warn(w.section, "ipsec", it, "is not enabled: the pseudowire waits for it")
	}
	l.agree(w, c)
	if c.Mode == kstate.ModeTransport {
		l.checkTransport(w, c)
		l.checkCarrier(w.section, w.Interface, w.Family)
	} else {
		l.checkTunnel(w, c)
	}
	w.Redundancy = l.redundancy(w, conns)
	l.agreeRedundancy(w, c)
	if !w.bad {
		c.users = append(c.users, w)
	}
}

// needsTunnel refuses a pseudowire over a policy.
func (l *loader) needsTunnel(w *wire, why string) {
	l.fail(w.section, "policy", w.first("policy"),
		"want option ipsec with mode 'tunnel', and local and remote that belong to no WAN, for what moves from WAN to WAN: %s, and the kernel's L2TP sockets keep their addresses", why)
}

// agree has a pseudowire and its IPsec section carried by the same.
func (l *loader) agree(w *wire, c *conn) {
	mine, theirs := carrierText(w.Interface, w.Policy), carrierText(c.Interface, c.Policy)
	if mine != "" && theirs != "" && mine != theirs && !w.bad {
		option := "interface"
		if w.Policy != "" {
			option = "policy"
		}
		l.fail(w.section, option, w.first(option), "want %s, which carries ipsec %s (line %d)", theirs, c.Name, c.Line)
		return
	}
	switch {
	case w.bad:
	case mine == "":
		w.Interface, w.Policy = c.Interface, c.Policy
	case theirs == "" && (w.Policy == "" || c.Mode == kstate.ModeTunnel):
		c.Interface, c.Policy = w.Interface, w.Policy
	}
}

func carrierText(iface, policy string) string {
	switch {
	case iface != "":
		return "interface " + iface
	case policy != "":
		return "policy " + policy
	}
	return ""
}

// checkTransport: the SA is for the two outer addresses, which must be the pseudowire's.
func (l *loader) checkTransport(w *wire, c *conn) {
	if w.Policy != "" {
		l.needsTunnel(w, fmt.Sprintf("ipsec %s (line %d) has mode 'transport'", c.Name, c.Line))
		return
	}
	at := fmt.Sprintf("ipsec %s (line %d)", c.Name, c.Line)
	if mine, theirs := endText(w.Remote, w.RemoteHost), endText(c.Remote, c.RemoteHost); mine != theirs && w.has("remote") && c.has("remote") {
		l.fail(w.section, "remote", w.first("remote"), "want %s, the remote of %s: with mode 'transport' nothing but packets between its two ends is protected, %s is not covered by it", theirs, at, mine)
	}
	if w.Local.IsValid() && c.Local.IsValid() && w.Local != c.Local {
		l.fail(w.section, "local", w.first("local"), "want %s, the local of %s: with mode 'transport' nothing but packets between its two ends is protected, %s is not covered by it", c.Local, at, w.Local)
	}
	if !w.bad && w.Family != c.Family {
		l.fail(w.section, "family", w.first("family"), "want %s, the family of %s", c.Family, at)
	}
	if !w.bad && !c.Local.IsValid() {
		c.Local = w.Local // the selector is for that address
	}
}

func endText(a netip.Addr, host string) string {
	if a.IsValid() {
		return a.String()
	}
	return host
}

// checkTunnel: the selectors must cover the two inner addresses.
func (l *loader) checkTunnel(w *wire, c *conn) {
	at := fmt.Sprintf("ipsec %s (line %d)", c.Name, c.Line)
	cover := func(option, selectors string, a netip.Addr, given []netip.Prefix) {
		if len(given) > 0 && !order.Any(len(given), func(i int) bool { return given[i].Contains(a) }) {
			l.fail(w.section, option, w.first(option), "want an address that %s protects: %s is not covered by its %s %s", at, host(a), selectors, joinPrefixes(given))
		}
	}
	if w.Local.IsValid() {
		cover("local", "local_ts", w.Local, many[netip.Prefix](c.section, "local_ts"))
	} else if w.opts["local"] == nil {
		l.fail(w.section, "local", item{line: w.Line}, "want this option: with mode 'tunnel' of %s it is the inner address", at)
	}
	if w.Remote.IsValid() {
		cover("remote", "remote_ts", w.Remote, many[netip.Prefix](c.section, "remote_ts"))
	} else if w.RemoteHost != "" {
		l.fail(w.section, "remote", w.first("remote"), "want an address: with mode 'tunnel' of %s it is the inner one of the far end", at)
	}
	if w.Policy == "" && c.Policy == "" {
		return
	}
	if w.Remote.IsValid() && w.Remote == c.Remote {
		l.fail(w.section, "remote", w.first("remote"), "want an inner address of the far end: this is the outer one of %s", at)
	}
	for i := range l.config.Interfaces {
		if o := &l.config.Interfaces[i]; w.Local.IsValid() && o.owns(w.Local) {
			l.fail(w.section, "local", w.first("local"), "want an address of no WAN, this is one of interface %s (line %d): what moves from WAN to WAN must stand on an address of its own", o.Name, o.Line)
			return
		}
	}
}

// host is the network of one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// wireUse is what the enabled pseudowires so far take.
type wireUse struct {
	tunnels  map[uint32]*wire
	sessions map[string]*wire // tunnel and session id
	ports    map[string]*wire // local end of UDP
}

// checkIDs refuses ids and ports that another pseudowire has. Sessions of one tunnel agree in everything but the session.
func (l *loader) checkIDs(w *wire, use wireUse) {
	if o := use.tunnels[w.TunnelID]; o != nil && !w.sameTunnel(o) {
		l.fail(w.section, "tunnel_id", w.first("tunnel_id"), "want another tunnel id, pseudowire %s (line %d) has it with other ends, ports or peer_tunnel_id", o.Name, o.Line)
		return
	}
	session := fmt.Sprint(w.TunnelID, w.SessionID)
	if w.Encap == "ip" {
		session = fmt.Sprint("ip", w.SessionID) // the kernel finds it by that alone
	}
	if o := use.sessions[session]; o != nil {
		l.fail(w.section, "session_id", w.first("session_id"), "want another session id than %d, pseudowire %s (line %d) has it", w.SessionID, o.Name, o.Line)
		return
	}
	port := fmt.Sprint(w.LocalPort, w.Local, w.Family)
	if !w.Local.IsValid() {
		port += carrierText(w.Interface, w.Policy)
	}
	if o := use.ports[port]; w.LocalPort != 0 && o != nil && !w.sameTunnel(o) {
		l.fail(w.section, "local_port", w.first("local_port"), "want another local_port than %d, pseudowire %s (line %d) has it with another tunnel at the same address", w.LocalPort, o.Name, o.Line)
		return
	}
	if use.tunnels[w.TunnelID] == nil {
		use.tunnels[w.TunnelID] = w
	}
	use.sessions[session], use.ports[port] = w, w
}

// sameTunnel says that two pseudowires can be sessions of one tunnel.
func (w *wire) sameTunnel(o *wire) bool {
	return w.TunnelID == o.TunnelID && w.PeerTunnel == o.PeerTunnel && w.Local == o.Local && w.Remote == o.Remote && w.RemoteHost == o.RemoteHost &&
		w.Family == o.Family && w.Encap == o.Encap && w.LocalPort == o.LocalPort && w.RemotePort == o.RemotePort && w.Checksum == o.Checksum &&
		w.Interface == o.Interface && w.Policy == o.Policy && w.IPsec == o.IPsec
}
