// Package filter writes socket filters: programs of classic BPF, by which the kernel drops what a socket does not want (linux/filter.h).
// x/net's assembler does it too, but knows 20 kinds of instructions of which these filters use seven, and takes 20 KB of flash for that.
package filter
