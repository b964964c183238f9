package overlay

import (
	"fmt"
	"net/netip"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// carrier is the WAN that takes outer packets, with the address that they leave with.
type carrier struct {
	wan   string
	local netip.Addr // invalid while there is none
	why   string     // there is none
	away  string     // why it is not there at the moment, though local stays
}

// carry finds the carrier. now is the address in use, which stays as long as the carrier has it.
func (b *builder) carry(iface, policy string, f kstate.Family, now netip.Addr) carrier {
	if iface != "" {
		return b.byWAN([]string{iface}, f, now, fmt.Sprintf("interface %s has no %s address", iface, f))
	}
	return b.byWAN(b.f.Active[policy][f], f, now, fmt.Sprintf("policy %s has no interface for %s", policy, f))
}

func (b *builder) byWAN(wans []string, f kstate.Family, now netip.Addr, why string) carrier {
	found := carrier{why: why}
	for _, name := range wans {
		for _, a := range b.f.WANs[name].Side(f).Addrs {
			if !found.local.IsValid() || a.Addr() == now {
				found = carrier{wan: name, local: a.Addr()}
			}
		}
	}
	if !found.local.IsValid() && now.IsValid() && kstate.FamilyOf(now) == f {
		found = carrier{local: now, wan: first(wans), away: why + " at the moment"} // the address is away for a moment: what stands may stay
	}
	return found
}

func first(names []string) string {
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

// carryConn finds the outer ends of a connection. One that names no carrier takes that of its first pseudowire.
func (b *builder) carryConn(x *conn) {
	iface, policy := x.Interface, x.Policy
	if iface == "" && policy == "" && len(x.users) > 0 {
		iface, policy = x.users[0].Interface, x.users[0].Policy
	}
	sa := b.f.SAs[x.Name]
	last := b.last(x)
	if !sa.Local.IsValid() {
		sa.Local = last.Local
	}
	switch {
	case x.Any:
		if x.remote = sa.Remote; !x.remote.IsValid() {
			x.remote = last.Remote
		}
	case x.RemoteHost != "":
		if x.remote = b.resolve(x.RemoteHost); !x.remote.IsValid() {
			x.remote = sa.Remote
		}
	default:
		x.remote = x.Remote
	}
	switch {
	case iface != "" || policy != "":
		x.carrier = b.carry(iface, policy, x.Family, sa.Local)
		if sa.Installed && sa.Local.IsValid() && x.local.IsValid() && b.elsewhere(x) {
			x.local = sa.Local // all that the far end knows; the other lines carry its packets
		}
		if x.Local.IsValid() {
			x.local, x.why = x.Local, ""
		}
	case x.Local.IsValid():
		x.local = x.Local
	case !x.Any:
		x.carrier = b.routed(x.remote, "peer of ipsec "+x.Name)
	}
	if x.remote.IsValid() {
		b.plan.Remotes = append(b.plan.Remotes, x.remote)
	}
}

// last is the tunnel that stands between the ends of a connection in transport mode, whether or not there is an SA at the moment.
func (b *builder) last(x *conn) kstate.Tunnel {
	for _, w := range x.users {
		if t, ok := b.there[w.TunnelID]; ok && x.Mode == kstate.ModeTransport {
			return t
		}
	}
	return kstate.Tunnel{}
}

// routed is the carrier of what neither a WAN nor a policy carries: the routing table chooses the source address.
func (b *builder) routed(remote netip.Addr, whose string) carrier {
	if !remote.IsValid() {
		return carrier{why: "the address of the " + whose + " is not known"}
	}
	b.plan.Sources = append(b.plan.Sources, remote)
	if src := b.f.Sources[remote]; src.IsValid() {
		return carrier{local: src}
	}
	return carrier{why: fmt.Sprintf("no route to %s", remote)}
}

// ends finds the two ends of a pseudowire's tunnel.
func (b *builder) ends(w *wire) {
	now := b.there[w.TunnelID]
	b.farEnd(w, now)
	switch {
	case w.sec != nil && w.sec.Mode == kstate.ModeTunnel:
		w.carrier = carrier{wan: w.sec.wan, local: w.Local, why: w.sec.why}
		if !w.Local.IsValid() {
			w.local = single(w.sec.LocalTS)
		}
		if w.local.IsValid() {
			w.why = ""
		}
	case w.sec != nil:
		w.carrier = w.sec.carrier
	case w.Interface != "" || w.Policy != "":
		w.carrier = b.carry(w.Interface, w.Policy, w.Family, now.Local)
	case !w.Local.IsValid():
		w.carrier = b.routed(w.remote, "far end")
	}
	if w.Local.IsValid() {
		w.local, w.why = w.Local, ""
	}
	switch {
	case !w.local.IsValid() && w.why != "":
		w.hold(Waiting, "%s", w.why)
	case !w.local.IsValid():
		w.hold(Waiting, "no local address")
	case !w.remote.IsValid():
		w.hold(Waiting, "%s", w.missingRemote())
	case kstate.FamilyOf(w.local) != kstate.FamilyOf(w.remote):
		w.hold(Refused, "local %s and remote %s are of two families", w.local, w.remote)
	case !w.covered():
		w.hold(Refused, "ipsec %s selects %v and %v, which does not cover %s and %s", w.sec.Name, w.sec.LocalTS, w.sec.RemoteTS, w.local, w.remote)
		b.warn("pseudowire %s: %s", w.Name, w.reason)
	}
}

// covered says whether the selectors of tunnel mode have both ends in them; those of transport mode are made of the ends.
func (w *wire) covered() bool {
	has := func(ts []netip.Prefix, a netip.Addr) bool {
		return order.Any(len(ts), func(i int) bool { return ts[i].Contains(a) })
	}
	return w.sec == nil || w.sec.Mode != kstate.ModeTunnel || has(w.sec.LocalTS, w.local) && has(w.sec.RemoteTS, w.remote)
}

// farEnd finds the remote end: as configured, by name, or, in transport mode, that of the connection. A name that is not resolved at the
// moment leaves a tunnel that stands where it is.
func (b *builder) farEnd(w *wire, now kstate.Tunnel) {
	switch {
	case w.Remote.IsValid():
		w.remote = w.Remote
	case w.RemoteHost != "":
		if w.remote = b.resolve(w.RemoteHost); !w.remote.IsValid() && now.Family() == w.Family {
			w.remote = now.Remote
		}
	case w.sec != nil && w.sec.Mode == kstate.ModeTransport:
		w.remote = w.sec.remote
	case w.sec != nil:
		w.remote = single(w.sec.RemoteTS)
	}
	if w.remote.IsValid() && (w.sec == nil || w.sec.Mode == kstate.ModeTransport) {
		b.plan.Remotes = append(b.plan.Remotes, w.remote)
	}
}

func (w *wire) missingRemote() string {
	switch {
	case w.RemoteHost != "":
		return fmt.Sprintf("name %s is not resolved", w.RemoteHost)
	case w.sec != nil && w.sec.Any:
		return "the peer has not called yet"
	case w.sec != nil && w.sec.RemoteHost != "":
		return fmt.Sprintf("name %s is not resolved", w.sec.RemoteHost)
	}
	return "no remote address"
}

// single returns the one address that selectors stand for, if they do.
func single(ts []netip.Prefix) netip.Addr {
	if len(ts) == 1 && ts[0].IsSingleIP() {
		return ts[0].Addr()
	}
	return netip.Addr{}
}
