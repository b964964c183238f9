// Package overlay tests what core/overlay plans against a real kernel, in namespaces of its own: every set-up is made, seen again as it is
// wanted, changed in place, and taken away without a trace.
package overlay
