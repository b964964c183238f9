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

// Any says whether fits holds for one of the numbers from 0 to n-1.
func Any(n int, fits func(i int) bool) bool { return First(n, fits) >= 0 }

// First returns the least number from 0 to n-1 for which fits holds, or -1.
func First(n int, fits func(i int) bool) int {
	for i := range n {
		if fits(i) {
			return i
		}
	}
	return -1
}
