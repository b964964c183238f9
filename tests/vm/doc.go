// Command vm runs Go tests inside a virtual machine with one of Debian's
// kernels, for what the kernel of the build machine lacks: L2TP, ESP, bonding,
// netem, flowtables, sit, VLANs.
//
//	go run ./tests/vm run -kernel 6.1 -test TestPlug ./tests/scenario
//	go run ./tests/vm kernels
//
// The machine has no disk and no network: its root is an initramfs with the
// test binary, the daemon, Debian's tools with their libraries and the modules
// of the kernel. It runs under plain emulation with counted instructions, so
// idle guest time costs nothing and guest time does not depend on how busy the
// host is. Test output comes over the serial line; the exit status is that of
// the tests.
//
// Kernel packages are downloaded by apt-get and unpacked under the user's cache
// directory; nothing is installed.
package main
