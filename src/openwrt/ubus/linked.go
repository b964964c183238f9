//go:build !mips && !mipsle

package ubus

// Linked says whether programs for this kind of processor have ubus in them.
const Linked = true
