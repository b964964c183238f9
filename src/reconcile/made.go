package reconcile

import (
	"maps"
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// made is what the state file knows of the overlay: what the kernel does not tell, and what a restart goes on with.
type made struct {
	// Boot is the run of the kernel that Tunnels and Sessions belong to.
	Boot     string
	Tunnels  []kstate.Tunnel
	Sessions []session
	// Addrs are addresses of ours: Linux before 5.18 does not keep whose they are.
	Addrs []kstate.Address
	// Ports are the devices, and after a blank their bridges, that we put into those: what somebody else put there is left there.
	Ports []string
	// Names are host names as they were last resolved.
	Names map[string]netip.Addr
	// FarEnds are the last verdicts of pseudowires and members of bonds.
	FarEnds map[string]verdict
}

func portText(p kstate.Port) string { return p.Device + " " + p.Master }

// session is a session by what the kernel tells sessions apart by, with what it does not report.
type session struct {
	kstate.SessionKey
	Device, L2Spec string
}

func sessionOf(s kstate.Session) session {
	return session{SessionKey: s.SessionKey(), Device: s.Device, L2Spec: s.L2Spec}
}

// valid returns m without what a former run of the kernel had.
func (m made) valid(boot string) made {
	if m.Boot != boot {
		m.Tunnels, m.Sessions, m.Addrs, m.Ports = nil, nil, nil, nil
	}
	m.Boot = boot
	return m
}

// own returns what of what was seen is ours, and the ids of the tunnels of others. A session is ours if its device has our alias or if we noted it before
// we made it; a tunnel, if it has a session of ours or was noted exactly as it is. A tunnel over UDP that our blocks stand around is ours, too:
// they outlive what they guard, also where the notes are lost before the alias is given. Over IP they name no tunnel, only the two ends,
// between which others may have theirs.
func (m made) own(seen Seen) (ours kstate.Overlay, foreign map[uint32]bool) {
	all := seen.All
	ours, foreign = all, map[uint32]bool{}
	for _, a := range m.Addrs {
		if on, there := seen.Addrs[a.Prefix.Addr()]; there && on == a.Device {
			ours.Addrs = append(slices.Clip(ours.Addrs), a)
		}
	}
	ours.Tunnels, ours.Sessions = nil, nil
	alias := map[string]bool{}
	for _, l := range all.Links {
		alias[l.Name] = true
	}
	noted := map[session]bool{}
	spec := map[kstate.SessionKey]session{}
	for _, s := range m.Sessions {
		noted[session{SessionKey: s.SessionKey, Device: s.Device}] = true
		spec[s.SessionKey] = s
	}
	blocks := map[kstate.Block]bool{}
	for _, b := range all.Blocks {
		blocks[b] = true
	}
	owned, guarded := map[uint32]bool{}, map[uint32]bool{}
	for _, t := range all.Tunnels {
		b := t.Blocks()
		guarded[t.ID] = t.Encap == kstate.EncapUDP && blocks[b[0]] && blocks[b[1]]
	}
	for _, s := range all.Sessions {
		if s.Foreign || !alias[s.Device] && !guarded[s.Tunnel] && !noted[session{SessionKey: s.SessionKey(), Device: s.Device}] {
			continue
		}
		if known := spec[s.SessionKey()]; known.Device == s.Device {
			s.L2Spec = known.L2Spec
		}
		owned[s.Tunnel] = true
		ours.Sessions = append(ours.Sessions, s)
	}
	for _, t := range all.Tunnels {
		if owned[t.ID] || guarded[t.ID] || slices.Contains(m.Tunnels, t) {
			ours.Tunnels = append(ours.Tunnels, t)
		} else {
			foreign[t.ID] = true
		}
	}
	return ours, foreign
}

// put returns have without the ports of bridges of others that we neither want nor have put there: a device of ours may be a port of a bridge
// that somebody else manages.
func (m made) put(have, want kstate.Overlay) kstate.Overlay {
	known := map[string]bool{}
	for _, p := range m.Ports {
		known[p] = true
	}
	for i := range want.Ports {
		known[portText(want.Ports[i])] = true
	}
	for i := range have.Links {
		known[have.Links[i].Name] = true
	}
	ports := have.Ports
	have.Ports = nil
	for _, p := range ports {
		if known[p.Master] || known[portText(p)] {
			have.Ports = append(have.Ports, p)
		}
	}
	return have
}

// note remembers the tunnels, sessions, addresses and ports that are there, as put returns them, and those that will be.
func (m *made) note(have, want kstate.Overlay) {
	m.Tunnels, m.Sessions, m.Addrs, m.Ports = nil, nil, nil, nil
	fresh := order.Fresh()
	for _, p := range order.Join(have.Ports, want.Ports) {
		if t := portText(p); fresh(t) {
			m.Ports = append(m.Ports, t)
		}
	}
	for _, a := range order.Join(have.Addrs, want.Addrs) {
		if fresh(a) {
			m.Addrs = append(m.Addrs, a)
		}
	}
	for _, t := range order.Join(have.Tunnels, want.Tunnels) {
		if fresh(t) {
			m.Tunnels = append(m.Tunnels, t)
		}
	}
	for _, s := range order.Join(want.Sessions, have.Sessions) {
		if fresh(session{SessionKey: s.SessionKey(), Device: s.Device}) { // what is there does not tell its l2spec
			m.Sessions = append(m.Sessions, sessionOf(s))
		}
	}
}

// adopted returns the verdicts that hold until health has news.
func (m made) adopted() map[string]verdict {
	out := maps.Clone(m.FarEnds)
	for name, v := range out {
		v.Adopted = true
		out[name] = v
	}
	return out
}
