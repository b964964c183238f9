package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kernel is an unpacked kernel package.
type kernel struct {
	version string // as in /lib/modules
	root    string // where the package is unpacked
	image   string // what QEMU boots directly
}

// kernelPackage is one that apt offers.
type kernelPackage struct {
	name   string // linux-image-6.1.0-56-amd64-unsigned
	number []int  // 6 1 0 56, to compare
}

var digits = regexp.MustCompile(`\d+`)

// availableKernels lists what apt offers, newest first.
func availableKernels(a apt, arch architecture) ([]kernelPackage, error) {
	out, err := a.command("/", "apt-cache", "search", "--names-only", "^linux-image-[0-9].*-"+arch.flavour).Output()
	if err != nil {
		return nil, fmt.Errorf("apt-cache search: %w", err)
	}
	var list []kernelPackage
	imageName := arch.imageName()
	for _, line := range strings.Split(string(out), "\n") {
		name, _, _ := strings.Cut(line, " ")
		m := imageName.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		version, _, _ := strings.Cut(m[1], "+")
		p := kernelPackage{name: name}
		for _, d := range digits.FindAllString(version, -1) {
			n, _ := strconv.Atoi(d)
			p.number = append(p.number, n)
		}
		if len(p.number) > 2 { // linux-image-6.12-amd64 is a meta-package
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b kernelPackage) int {
		if c := slices.Compare(b.number, a.number); c != 0 {
			return c
		}
		return strings.Compare(b.name, a.name)
	})
	return list, nil
}

// fetchKernel unpacks the newest package of a series ("6.1") into the cache.
// What is in the cache already is taken without asking apt.
func fetchKernel(cache, series string, a apt, arch architecture) (kernel, error) {
	dir := filepath.Join(cache, arch.cacheName("kernel")+"-"+series)
	if k, err := openKernel(dir); err == nil {
		return k, nil
	}
	tmp, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(tmp)
	// apt drops root for downloads and needs a directory that its user can write.
	if err := os.Chmod(tmp, 0o777); err != nil {
		return kernel{}, err
	}
	deb, err := downloadKernel(tmp, series, a, arch)
	if err != nil && a.update {
		// The lists may be absent, or so old that the archive has a newer package.
		note("apt-get update, for %v", err)
		if err := a.run(tmp, "apt-get", "-q", "update"); err != nil {
			return kernel{}, err
		}
		deb, err = downloadKernel(tmp, series, a, arch)
	}
	if err != nil {
		return kernel{}, err
	}
	root := filepath.Join(tmp, "root")
	if err := command(tmp, "dpkg", "-x", deb, root); err != nil {
		return kernel{}, err
	}
	if err := prepareImage(root, arch); err != nil {
		return kernel{}, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return kernel{}, err
	}
	if err := os.Rename(root, dir); err != nil {
		return kernel{}, err
	}
	return openKernel(dir)
}

// downloadKernel returns the file of the newest package of a series.
func downloadKernel(dir, series string, a apt, arch architecture) (string, error) {
	list, err := availableKernels(a, arch)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(p kernelPackage) bool {
		return fmt.Sprintf("%d.%d", p.number[0], p.number[1]) == series
	})
	if i < 0 {
		return "", fmt.Errorf("apt offers no kernel %s (try apt-get update; `vm kernels` lists what there is)", series)
	}
	note("download %s", list[i].name)
	if err := a.run(dir, "apt-get", "-q", "download", list[i].name); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("expected one package, got %v", debs)
	}
	return debs[0], nil
}

// openKernel finds the parts of an unpacked package.
func openKernel(root string) (kernel, error) {
	m, err := filepath.Glob(filepath.Join(root, "lib/modules/*"))
	if err != nil || len(m) != 1 {
		return kernel{}, fmt.Errorf("%s: no single /lib/modules directory", root)
	}
	k := kernel{version: filepath.Base(m[0]), root: root, image: filepath.Join(root, "vmlinux")}
	_, err = os.Stat(k.image)
	return k, err
}

// prepareImage puts what QEMU boots into a file of a fixed name, out of the compressed kernel where the
// emulator knows no other way, and runs depmod once: both cost seconds at every boot otherwise.
func prepareImage(root string, arch architecture) error {
	m, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil || len(m) != 1 {
		return fmt.Errorf("%s: no single kernel under /boot", root)
	}
	b, err := os.ReadFile(m[0])
	if err != nil {
		return err
	}
	if arch.pack {
		if b, err = unpackImage(b); err != nil {
			return fmt.Errorf("%s: %w", m[0], err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "vmlinux"), b, 0o644); err != nil {
		return err
	}
	version := strings.TrimPrefix(filepath.Base(m[0]), "vmlinuz-")
	return command(root, "depmod", "-b", root, version)
}

// unpackImage takes the ELF file out of a bzImage.
func unpackImage(b []byte) ([]byte, error) {
	payload, err := bzImagePayload(b)
	if err != nil {
		return nil, err
	}
	return decompress(payload)
}

// bzImagePayload finds the compressed kernel by the boot protocol's header
// (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length).
func bzImagePayload(b []byte) ([]byte, error) {
	if len(b) < 0x250 || string(b[0x202:0x206]) != "HdrS" {
		return nil, errors.New("not a bzImage")
	}
	sectors := int(b[0x1f1])
	if sectors == 0 {
		sectors = 4
	}
	from := (sectors+1)*512 + int(binary.LittleEndian.Uint32(b[0x248:]))
	to := from + int(binary.LittleEndian.Uint32(b[0x24c:]))
	if from > to || to > len(b) {
		return nil, errors.New("payload outside of the file")
	}
	return b[from:to], nil
}

// decompress pipes the payload through the tool for its format. The kernel
// appends its size, which the tools take for trailing garbage: what counts is
// an ELF file.
func decompress(b []byte) ([]byte, error) {
	formats := []struct {
		magic string
		tool  []string
	}{
		{"\xfd7zXZ", []string{"xz", "-dc", "--single-stream"}},
		{"\x28\xb5\x2f\xfd", []string{"zstd", "-dcq"}},
		{"\x02\x21\x4c\x18", []string{"lz4", "-dcq"}},
		{"\x1f\x8b", []string{"gzip", "-dcq"}},
	}
	for _, f := range formats {
		if !bytes.HasPrefix(b, []byte(f.magic)) {
			continue
		}
		c := exec.Command(f.tool[0], f.tool[1:]...)
		c.Stdin = bytes.NewReader(b)
		out, err := c.Output()
		if !bytes.HasPrefix(out, []byte("\x7fELF")) {
			return nil, fmt.Errorf("%s gave no ELF file: %w", f.tool[0], err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown compression % x", b[:4])
}

// command runs a program in a directory; the error has what it printed.
func command(dir, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
