package order

import (
	"slices"
	"sort"
)

// By sorts the slice s in place. compare says how the element i stands to the element j: negative, zero or positive as of cmp.Compare. Equal
// elements keep their order.
func By(s any, compare func(i, j int) int) {
	sort.SliceStable(s, func(i, j int) bool { return compare(i, j) < 0 })
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

// Join returns the elements of all lists, in a slice of their own.
func Join[T any](lists ...[]T) []T {
	var all []T
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Fresh returns a function that says of each value, which must be comparable, whether it comes for the first time.
func Fresh() func(v any) bool {
	seen := map[any]bool{}
	return func(v any) bool {
		was := seen[v]
		seen[v] = true
		return !was
	}
}

// Without returns the elements of s for which gone does not hold, in a slice of their own.
func Without[T any](s []T, gone func(T) bool) []T {
	var kept []T
	for _, x := range s {
		if !gone(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

// Incomparable, as a field without a name, makes a struct one that cannot be compared by ==. The compiler writes a function for that for every
// struct that could be, and the linker keeps it for all that are ever in a slice.
type Incomparable [0]func()
