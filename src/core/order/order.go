package order

import "sort"

// By sorts s in place by compare, which is negative, zero or positive as of cmp.Compare. Equal elements keep their order.
func By[T any](s []T, compare func(a, b T) int) {
	sort.SliceStable(s, func(i, j int) bool { return compare(s[i], s[j]) < 0 })
}
