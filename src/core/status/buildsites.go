package status

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
)

// Sites is what is known of what joins sites: the last pass, and what the kernel and the IKE daemon said when the status was asked for.
type Sites struct {
	Plan *overlay.Plan
	// Standings are those of the last pass, by Key.
	Standings map[string]Standing
	Indexes   map[string]int   // of devices, by name
	Conns     map[string]IPsec // by name
	Traffic   map[kstate.SessionKey]Traffic
	// Guards are what the kernel does with packets between the ends of a tunnel, by its id.
	Guards map[uint32]string
	Bonds  map[string]BondNow // by device
	// Arrivals are by the counters of paths of duplicated pseudowires.
	Arrivals map[string]overlay.Arrivals
}

// BondNow is how the kernel says that a bond does.
type BondNow struct {
	Active       string   // slave, of modes that have one
	Working      []string // slaves
	Partner      string
	PartnerPorts int
}

// sites fills in what joins sites.
func (s *Source) sites(d *Document) {
	for _, w := range s.Sites.Plan.Pseudowires {
		i := order.First(len(s.Config.Pseudowires), func(i int) bool { return s.Config.Pseudowires[i].Name == w.Name })
		if i >= 0 {
			d.Pseudowires[w.Name] = s.pseudowire(s.Config.Pseudowires[i], w)
		}
		if r := d.Pseudowires[w.Name].Redundancy; r != nil {
			d.Warnings = append(d.Warnings, r.warnings(w.Name)...)
		}
		if d.Pseudowires[w.Name].Guard == "clear" {
			d.Warnings = append(d.Warnings, fmt.Sprintf("pseudowire %s: the kernel has no policy that protects or stops its packets", w.Name))
		}
	}
	for _, c := range s.Config.IPsec {
		if !c.Enabled {
			continue
		}
		x, known := s.Sites.Conns[c.Name]
		if !known {
			x = IPsec{State: overlay.Waiting, Reason: "the address of an end is not known yet", LocalID: c.LocalID, RemoteID: c.RemoteID}
		}
		x.Mode = c.Mode
		d.IPsec[c.Name] = x
	}
	for _, b := range s.Sites.Plan.Bonds {
		d.Bonds[b.Name] = s.bond(b)
	}
	for _, t := range s.Sites.Plan.Tunnels {
		st := s.Sites.Standings[KindTunnel+" "+t.Name]
		d.Tunnels[t.Name] = Tunnel{State: cmp.Or(st.State, t.State), Since: epoch(st.Since), Reason: t.Reason, Device: t.Device, Interface: t.WAN,
			Local: addrText(t.Local), Remote: addrText(t.Remote), Prefix: netText(t.Prefix), MTU: t.MTU, How: t.How}
	}
}

func (s *Source) pseudowire(c config.Pseudowire, w overlay.PseudowirePlan) Pseudowire {
	st := s.Sites.Standings[KindPseudowire+" "+w.Name]
	out := Pseudowire{State: cmp.Or(st.State, w.State), Since: epoch(st.Since), Reason: st.Reason, Device: w.Device, Index: s.Sites.Indexes[w.Device],
		Interface: w.WAN, Policy: c.Policy, Local: addrText(w.Local), Remote: addrText(w.Remote), Encap: c.Encap, LocalPort: c.LocalPort,
		RemotePort: c.RemotePort, TunnelID: c.TunnelID, PeerTunnel: c.PeerTunnel, SessionID: c.SessionID, PeerSession: c.PeerID,
		Protected: w.IPsec != "", IPsec: w.IPsec, MTU: w.MTU, MSS4: w.MSS4, MSS6: w.MSS6, How: w.How, Attached: w.Attached, Detached: w.Detached,
		Probes: []Probe{}}
	if out.Protected {
		out.Guard = s.Sites.Guards[c.TunnelID]
	}
	if t, ok := s.Sites.Traffic[kstate.SessionKey{Tunnel: c.TunnelID, ID: c.SessionID}]; ok {
		out.Traffic = &t
	}
	out.Redundancy = s.redundancy(w)
	for _, h := range s.Health[w.Name] { // a far end has one, of no family
		out.RTT, out.Probes = millis(h.RTT), append(out.Probes, probesOf(0, h)...)
		if order.Any(len(out.Probes), func(i int) bool { return out.Probes[i].Loss != nil }) {
			out.Loss = number(h.Loss, 1)
		}
	}
	return out
}

func (s *Source) bond(b overlay.BondPlan) Bond {
	st := s.Sites.Standings[KindBond+" "+b.Name]
	now, seen := s.Sites.Bonds[b.Device]
	out := Bond{State: cmp.Or(st.State, b.State), Since: epoch(st.Since), Reason: st.Reason, Device: b.Device, Mode: b.Mode, Active: []string{},
		Why: st.Why, Members: []Member{}, Partner: now.Partner, PartnerPorts: now.PartnerPorts,
		MTU: b.MTU, MSS4: b.MSS4, MSS6: b.MSS6, Attached: b.Attached, Detached: b.Detached}
	for _, c := range s.Config.Bonds {
		if c.Name == b.Name {
			out.Monitor = c.Monitor
		}
	}
	for _, m := range b.Members {
		slave := slaveOf(s.Sites.Plan.Want, m.Device)
		works := slices.Contains(now.Working, slave)
		if seen && m.In && !works && out.State == "up" {
			out.State, out.Reason = "degraded", m.Name+": the kernel finds no link"
		}
		if now.Active != "" && slave == now.Active {
			out.Active = []string{m.Name}
		}
		out.Members = append(out.Members, Member{Name: m.Name, Device: m.Device, In: m.In, Works: works, Verdict: m.Verdict, Reason: m.Reason})
	}
	if seen && len(now.Working) == 0 && (out.State == "up" || out.State == "degraded") {
		out.State, out.Reason = "down", "the kernel finds no link on any member"
	}
	if now.Active == "" {
		out.Active = append(out.Active, strings.Fields(st.Active)...)
	}
	return out
}

// slaveOf returns the device that a bond has in the place of a member's: itself, or with LACP the end of the detour past it.
func slaveOf(want kstate.Overlay, device string) string {
	for _, m := range want.Mirrors {
		if m.To != device {
			continue
		}
		for _, l := range want.Links {
			if l.Peer == m.From {
				return l.Name
			}
		}
	}
	return device
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func netText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// Layer2 is the family of transitions of far ends, in the place of ipv4 and ipv6.
const Layer2 = "layer2"

// FamilyText names a family, or Layer2 for none.
func FamilyText(f kstate.Family) string {
	if f == 0 {
		return Layer2
	}
	return f.String()
}

// Changed turns a change of a part of what joins sites into an entry of the history.
func Changed(is, was Standing, at time.Time) Transition {
	t := Transition{Time: seconds(at), Interface: is.Name, Family: is.Kind, From: cmp.Or(was.State, "new"), To: is.State, Reason: is.Reason, Evidence: []Evidence{}}
	if is.State == was.State && is.Kind == KindBond {
		t.From, t.To, t.Reason = cmp.Or(was.Active, "none"), is.Active, is.Why
	}
	return t
}
