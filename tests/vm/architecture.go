package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// architecture is a kind of machine, as data: to have another one, add it here.
type architecture struct {
	name    string   // of -arch, as Debian calls it
	foreign bool     // not that of the build machine: its packages come from a place of their own
	env     []string // of the go command
	// qemu is the emulator with its options: one processor and counted instructions. shift=1 are 500 million instructions a second, shift=2
	// are 250, about what a 24Kc of 580 MHz gets done.
	qemu    []string
	mips    int    // millions of instructions a second, as the option says
	options string // of the kernel, besides those of all
	flavour string // end of the names of kernel packages and of releases
	pack    bool   // the kernel is a bzImage, out of which QEMU boots the ELF file; others it boots as they are
	modules []string
}

var architectures = []architecture{{
	name:    "amd64",
	env:     []string{"GOARCH=amd64"},
	qemu:    []string{"qemu-system-x86_64", "-machine", "pc", "-cpu", "max", "-m", "1024", "-icount", "shift=1,sleep=off"},
	mips:    500,
	options: "console=ttyS0 mitigations=off random.trust_cpu=on tsc=reliable",
	flavour: "amd64",
	pack:    true,
	modules: []string{"aesni_intel", "curve25519_x86_64"},
}, {
	// Debian's programs for it want a floating-point unit, which a 24Kf is a 24Kc with; ours do without. Its kernel uses 256 MiB: what a
	// Malta has beyond lies behind its devices. It measures its clock by the real-time clock, which must follow the guest's time. Idle time
	// is not jumped over: QEMU 7.2 sets the next turn of this timer before it raises the interrupt, and would jump to that.
	name:    "mipsel",
	foreign: true,
	env:     []string{"GOARCH=mipsle", "GOMIPS=softfloat"},
	qemu:    []string{"qemu-system-mipsel", "-machine", "malta", "-cpu", "24Kf", "-m", "256", "-icount", "shift=2,sleep=on", "-rtc", "clock=vm"},
	mips:    250,
	options: "console=ttyS0",
	flavour: "4kc-malta",
	modules: []string{"aes_generic", "curve25519-generic"},
}, {
	name:    "armhf",
	foreign: true,
	env:     []string{"GOARCH=arm", "GOARM=7"},
	qemu:    []string{"qemu-system-arm", "-machine", "virt", "-cpu", "cortex-a7", "-m", "512", "-icount", "shift=1,sleep=on"},
	mips:    500,
	options: "console=ttyAMA0",
	flavour: "armmp",
	modules: []string{"aes_generic", "curve25519-generic"},
}}

// findArchitecture returns the one of a name.
func findArchitecture(name string) (architecture, error) {
	i := slices.IndexFunc(architectures, func(a architecture) bool { return a.name == name })
	if i < 0 {
		return architecture{}, fmt.Errorf("no such architecture: %q", name)
	}
	return architectures[i], nil
}

// imageName matches the plain kernels; cloud and rt variants lack what we test or add nothing. The signed and the unsigned package hold
// the same kernel.
func (a architecture) imageName() *regexp.Regexp {
	return regexp.MustCompile(`^linux-image-(\d[\d.]*(?:-\d+)?(?:\+deb\d+)?)-` + regexp.QuoteMeta(a.flavour) + `(?:-unsigned)?$`)
}

// cacheName is the name of something in the cache that each architecture has.
func (a architecture) cacheName(what string) string {
	if !a.foreign {
		return what
	}
	return what + "-" + a.name
}

// commandLine is that of the kernel.
func (a architecture) commandLine() string {
	return strings.TrimSpace("quiet panic=1 cryptomgr.notests " + a.options)
}
