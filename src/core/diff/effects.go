package diff

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// Effects returns what has to happen once after the kernel holds what next says, prev being what it held before: first evictions, then
// flushes, then hooks, in an order that depends on nothing but the arguments. Equal views have no effects. After an unknown prev hosts
// behind us leave the ports of the router's own programs, and no more.
//
// Nothing is evicted unless another WAN can carry it (promise P3), and nothing but what left by the WAN in question (P4).
func Effects(prev, next View) []Effect {
	evict := held(prev, next)
	if !prev.Known() {
		return evict
	}
	var hooks []Effect
	var flush []string
	for _, name := range order.Keys(prev.WANs) {
		for _, fam := range kstate.Families {
			was, is := prev.WANs[name].Sides[fam], next.WANs[name].Sides[fam]
			for _, e := range evictions(prev, next, name, fam) {
				evict = append(evict, Effect{Evict: e})
			}
			if was.Carries && !is.Carries {
				flush = append(flush, was.Sticky...)
			}
		}
	}
	if len(flush) > 0 {
		evict = append(evict, Effect{Flush: flush})
	}
	for _, h := range order.Join(wanHooks(prev, next), policyHooks(prev, next)) {
		hooks = append(hooks, Effect{Hook: h})
	}
	return append(evict, hooks...)
}

// held takes from hosts behind us the fixed ports of addresses that are new to us. Translation of ours keeps off them, but a connection
// from before holds its port for as long as it lives, and the kernel drops what the router sends from it to the same peer.
func held(prev, next View) []Effect {
	var out []Effect
	if len(next.FixedPorts) == 0 {
		return nil
	}
	same := slices.Equal(prev.FixedPorts, next.FixedPorts)
	for _, name := range order.Keys(next.WANs) {
		for _, fam := range kstate.Families {
			known := prev.WANs[name].Sides[fam].Addrs
			fresh := order.Without(next.WANs[name].Sides[fam].Addrs, func(a netip.Addr) bool {
				return same && slices.Contains(known, a)
			})
			if len(fresh) > 0 {
				out = append(out, Effect{Evict: &Eviction{WAN: name, Family: fam, Held: fresh, Ports: next.FixedPorts, Reason: "these ports are the router's"}})
			}
		}
	}
	return out
}

// evictions returns those of one WAN and family.
func evictions(prev, next View, name string, fam kstate.Family) []*Eviction {
	was, is := prev.WANs[name].Sides[fam], next.WANs[name].Sides[fam]
	if mark := prev.WANs[name].Mark; mark != 0 && prev.Mask != next.Mask && prev.Mask&next.Mask != 0 {
		// What the old mask left in connections would be read as other WANs by the new one, those from outside included.
		return []*Eviction{{WAN: name, Family: fam, Mark: mark, Mask: plan.WANMask(prev.Mask), Reason: "mark_mask changed"}}
	}
	var out []*Eviction
	if _, still := next.WANs[name]; still {
		if e := renumbered(prev, next, name, fam); e != nil {
			out = append(out, e)
		}
	}
	switch {
	case !is.works():
		out = append(out, stopped(prev, next, name, fam)...)
	case was.Carries:
		out = append(out, movedAway(prev, next, name, fam)...)
	}
	return out
}

// renumbered takes the connections of addresses that the WAN does not have any more, whatever its state: they can never be answered.
func renumbered(prev, next View, name string, fam kstate.Family) *Eviction {
	is := next.WANs[name].Sides[fam].Addrs
	e := &Eviction{WAN: name, Family: fam, Mask: prev.Mask, Reason: "address changed"}
	for _, a := range prev.WANs[name].Sides[fam].Addrs {
		if !slices.Contains(is, a) && !heldByOther(next, name, fam, a) {
			e.Gone = append(e.Gone, a)
		}
	}
	if len(e.Gone) == 0 || len(is) == 0 {
		return nil
	}
	return e
}

// heldByOther says whether an address moved to another WAN (two WANs on one device, written anew).
func heldByOther(v View, name string, fam kstate.Family, a netip.Addr) bool {
	for other, w := range v.WANs {
		if other != name && slices.Contains(w.Sides[fam].Addrs, a) {
			return true
		}
	}
	return false
}

// outbound is the eviction of all connections that left by a WAN.
func outbound(prev View, name string, fam kstate.Family, reason string) *Eviction {
	w := prev.WANs[name]
	return &Eviction{WAN: name, Family: fam, Mark: w.Mark, Mask: prev.Mask, Translated: w.Sides[fam].Addrs, Reason: reason}
}

// works says whether a WAN carries because it is sound, and not because a policy has nothing better.
func (s SideView) works() bool { return s.Carries && class(s.State) == "up" }

// stopped takes the connections of a WAN that does not work, those of policies that have another WAN now and had none, or did not need
// one, before: at once when a WAN is lost, or when the first of the others is back. The WAN may still carry for other policies.
func stopped(prev, next View, name string, fam kstate.Family) []*Eviction {
	gone := !prev.WANs[name].Sides[fam].works()
	var moved, stuck []string
	for _, pol := range policiesOf(prev, next, name, fam) {
		switch {
		case !elsewhere(next, pol, name, fam):
			stuck = append(stuck, pol)
		case !gone || !elsewhere(prev, pol, name, fam):
			moved = append(moved, pol)
		}
	}
	if len(moved) == 0 {
		return nil
	}
	reason := next.WANs[name].Sides[fam].Reason
	if reason == "" {
		reason = "no longer carries"
	}
	e := outbound(prev, name, fam, reason)
	if len(stuck) > 0 {
		e.Policies = moved
	}
	return []*Eviction{e}
}

// elsewhere says whether a policy has a WAN other than this that is known to work.
func elsewhere(v View, pol, name string, fam kstate.Family) bool {
	s := v.Policies[pol].Sides[fam]
	return len(s.Active) > 0 && s.State != "best_effort" && !slices.Contains(s.Active, name)
}

// failback is what a policy does with the connections that it left behind.
type failback struct {
	mode  string
	drain time.Duration
}

// movedAway takes, as each policy's failback says, the connections that policies left behind on a WAN that still works.
func movedAway(prev, next View, name string, fam kstate.Family) []*Eviction {
	all := policiesOf(prev, next, name, fam)
	groups := make(map[failback][]string)
	for _, pol := range all {
		if !slices.Contains(prev.Policies[pol].Sides[fam].Active, name) || !elsewhere(next, pol, name, fam) {
			continue
		}
		how := failback{mode: next.Policies[pol].Failback}
		if how.mode == "drain" {
			how.drain = next.Policies[pol].Drain
		}
		groups[how] = append(groups[how], pol)
	}
	var out []*Eviction
	modes := slices.Collect(maps.Keys(groups))
	order.By(modes, func(i, j int) int { return byMode(modes[i], modes[j]) })
	for _, how := range modes {
		if how.mode == "keep" {
			continue
		}
		pols := groups[how]
		e := outbound(prev, name, fam, "policy "+text(pols)+" moved to "+text(next.Policies[pols[0]].Sides[fam].Active))
		e.NotTCP = how.mode == "move_udp"
		if how.mode == "drain" {
			e.After, e.Drains = how.drain, pols
		}
		if len(pols) < len(all) {
			e.Policies = pols
		}
		out = append(out, e)
	}
	return out
}

func byMode(a, b failback) int {
	return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.drain, b.drain))
}

// policiesOf returns, sorted, the policies of next whose connections may be on a WAN: those that use it, used it, or may use it, since
// connections outlive what made their policy choose it.
func policiesOf(prev, next View, name string, fam kstate.Family) []string {
	var out []string
	for pol, n := range next.Policies {
		p := prev.Policies[pol]
		if slices.Contains(n.Members, name) || slices.Contains(p.Members, name) || slices.Contains(p.Sides[fam].Active, name) {
			out = append(out, pol)
		}
	}
	slices.Sort(out)
	return out
}
