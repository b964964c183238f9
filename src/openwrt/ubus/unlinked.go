//go:build mips || mipsle

package ubus

// Linked says whether programs for this kind of processor have ubus in them. Those for MIPS would exceed the 6 MiB that they may take of a
// router's flash; what asks for this constant is left out there by the linker.
const Linked = false
