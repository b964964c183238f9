package daemon

import (
	"fmt"

	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/reconcile"
)

// siteNotes says what of what joins sites a connection meets: a pseudowire behind the device that it leaves by, or a guard, where it is
// itself the outer packets of one.
func siteNotes(s *reconcile.Snapshot, f plan.Flow, e *status.Explanation) []string {
	if s.Overlay == nil {
		return nil
	}
	leaves := map[string]bool{}
	if e.Kernel != nil && e.Kernel.Device != "" {
		leaves[e.Kernel.Device] = true
	}
	for _, w := range e.Ways {
		leaves[w.Device] = true
	}
	var out []string
	for _, w := range s.Overlay.Pseudowires {
		by := protection(w)
		if leaves[w.Device] || leaves[w.Attached] && w.Attached != "" {
			note := fmt.Sprintf("device %s is pseudowire %s to %s, %s", w.Device, w.Name, w.Remote, by)
			if !leaves[w.Device] {
				note = fmt.Sprintf("%s has pseudowire %s to %s, %s", w.Attached, w.Name, w.Remote, by)
			}
			out = append(out, note)
		}
		for _, t := range s.Overlay.Want.Tunnels {
			if t.Local == w.Local && t.Remote == w.Remote && outer(t, f) {
				out = append(out, fmt.Sprintf("these are outer packets of pseudowire %s, %s", w.Name, by))
			}
		}
	}
	return out
}

func protection(w overlay.PseudowirePlan) string {
	if w.IPsec == "" {
		return "in clear"
	}
	return "dropped unless under ipsec " + w.IPsec
}

// outer says whether a flow is that of a tunnel's packets.
func outer(t kstate.Tunnel, f plan.Flow) bool {
	proto := uint8(kstate.ProtoL2TP)
	if t.Encap == kstate.EncapUDP {
		proto = kstate.ProtoUDP
	}
	return f.Dst == t.Remote && (!f.Src.IsValid() || f.Src == t.Local) && f.Proto == proto && f.Dport == t.RemotePort
}
