package order

import (
	"slices"
	"sort"
)

// By sorts s in place by compare, which is negative, zero or positive as of cmp.Compare. Equal elements keep their order.
func By[T any](s []T, compare func(a, b T) int) {
	sort.SliceStable(s, func(i, j int) bool { return compare(s[i], s[j]) < 0 })
}

// Keys returns the keys of m, sorted.
func Keys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
