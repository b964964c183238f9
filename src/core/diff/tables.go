package diff

import (
	"cmp"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// netfilter returns at most one operation: kernel/nft finds by itself which chains, sets and rules differ, and changes them in one
// transaction. To notice that something differs it is enough to compare texts.
func netfilter(want, have []kstate.Table) []Op {
	if sameTables(want, have) {
		return nil
	}
	op := Op{Verb: Replace, Kind: Netfilter, Tables: want}
	if len(want) == 0 {
		op.Verb = Delete
	}
	return []Op{op}
}

func sameTables(a, b []kstate.Table) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	byKey := func(x, y kstate.Table) int { return cmp.Compare(x.Key(), y.Key()) }
	a, b = slices.Clone(a), slices.Clone(b)
	order.By(a, func(i, j int) int { return byKey(a[i], a[j]) })
	order.By(b, func(i, j int) int { return byKey(b[i], b[j]) })
	return slices.EqualFunc(a, b, sameTable)
}

// sameTable compares two tables; the order of rules counts, that of chains, sets and counters does not.
func sameTable(a, b kstate.Table) bool {
	if a.Key() != b.Key() || len(a.Chains) != len(b.Chains) || len(a.Sets) != len(b.Sets) || len(a.Counters) != len(b.Counters) {
		return false
	}
	sets := make(map[kstate.Set]bool, len(a.Sets))
	for _, s := range a.Sets {
		sets[s] = true
	}
	for _, s := range b.Sets {
		if !sets[s] {
			return false
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(a.Counters)), slices.Sorted(slices.Values(b.Counters))) {
		return false
	}
	chains := make(map[string]*kstate.Chain, len(a.Chains))
	for i := range a.Chains {
		chains[a.Chains[i].Name] = &a.Chains[i]
	}
	for i := range b.Chains {
		if x := chains[b.Chains[i].Name]; x == nil || !sameChain(x, &b.Chains[i]) {
			return false
		}
	}
	return true
}

func sameChain(a, b *kstate.Chain) bool {
	return a.Header() == b.Header() && slices.EqualFunc(a.Rules, b.Rules, func(x, y kstate.NftRule) bool { return x.String() == y.String() })
}
