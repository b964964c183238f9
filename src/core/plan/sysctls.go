package plan

import "multiwan/src/core/kstate"

// wantSysctls plans the few settings outside our own objects (promise P7): loose reverse path filtering on WANs where it is strict,
// since replies come in by a WAN that is not the way back to their source; hashing by ports where the kernel balances.
func (b *builder) wantSysctls() {
	for _, w := range b.wans {
		dev := w.dev()
		if w.Index == 0 || !w.has(kstate.IPv4) || max(b.f.RPFilter["all"], b.f.RPFilter[dev]) != 1 {
			continue
		}
		b.wantSysctl("net/ipv4/conf/"+dev+"/rp_filter", "2", "strict reverse path filtering would drop what comes in by "+w.Name)
	}
	if b.routed {
		for _, v := range []string{"ipv4", "ipv6"} {
			b.wantSysctl("net/"+v+"/fib_multipath_hash_policy", "1", "balance by ports, not by addresses alone")
		}
	}
}

func (b *builder) wantSysctl(name, value, why string) {
	s := kstate.Sysctl{Name: name, Value: value}
	if _, dup := b.plan.Why[s.Key()]; dup {
		return
	}
	b.plan.Want.Sysctls = append(b.plan.Want.Sysctls, s)
	b.plan.Why[s.Key()] = why
}
