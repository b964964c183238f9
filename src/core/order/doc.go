// Package order sorts, searches, joins and thins slices with little machine code. What package slices offers is compiled anew for every type,
// slices.SortFunc with eight kilobytes each time on MIPS, a quarter of a megabyte in this program; what is here is compiled once, or is short.
package order
