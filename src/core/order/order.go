package order

import "sort"

// By sorts s in place by compare, which is negative, zero or positive as of cmp.Compare. Equal elements keep their order.
func By[T any](s []T, compare func(a, b T) int) {
	sort.Stable(sorter{
		len:  len(s),
		less: func(i, j int) bool { return compare(s[i], s[j]) < 0 },
		swap: func(i, j int) { s[i], s[j] = s[j], s[i] },
	})
}

// sorter is the one type that sort.Stable sees.
type sorter struct {
	len  int
	less func(i, j int) bool
	swap func(i, j int)
}

func (s sorter) Len() int           { return s.len }
func (s sorter) Less(i, j int) bool { return s.less(i, j) }
func (s sorter) Swap(i, j int)      { s.swap(i, j) }
