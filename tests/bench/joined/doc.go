// Package joined measures what joins sites, in the virtual machine of the tests, whose kernel has what it needs and whose clock counts
// instructions: its figures compare with each other, not with those of hardware. The command bench runs it and reads the lines that
// figure prints.
package joined
