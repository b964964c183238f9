// Package order sorts and searches slices with little machine code. What package slices offers is compiled anew for every type, slices.SortFunc
// with eight kilobytes each time on MIPS, a quarter of a megabyte in this program; what these call is compiled once. What is sorted here is short.
package order
