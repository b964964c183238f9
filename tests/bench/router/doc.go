// Package router measures the daemon on an emulated router (tests/vm, architectures mipsel and armhf), whose time counts instructions:
// MULTIWAN_MIPS is how many millions of them its processor works off in a second. It prints a line for each figure.
package router
