// Package order sorts slices with little machine code. slices.SortFunc is compiled anew for every type, eight kilobytes each time on
// MIPS, a quarter of a megabyte in this program; sort.SliceStable is compiled once. What is sorted here is short.
package order
