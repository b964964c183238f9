package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// foreignPackages have the tools, the same that .ci/setup installs on the build machine.
var foreignPackages = []string{"iproute2", "nftables", "conntrack", "tcpdump", "iputils-ping", "iputils-arping", "ethtool", "kmod", "procps",
	"util-linux", "dash", "busybox-static", "netbase"}

// userland is where programs of an architecture lie: below root, a directory of unpacked packages, or, where that is empty, on this machine.
type userland struct{ root string }

// userlandFor returns the one of an architecture. That of a foreign one is downloaded once.
func userlandFor(cache string, arch architecture, a apt) (userland, error) {
	if !arch.foreign {
		return userland{}, nil
	}
	dir := filepath.Join(cache, arch.cacheName("userland"))
	wanted := strings.Join(foreignPackages, " ")
	if have, err := os.ReadFile(filepath.Join(dir, "packages")); err == nil && string(have) == wanted {
		return userland{dir}, nil
	}
	note("download the tools of %s", arch.name)
	download := append([]string{"-q", "-y", "--download-only", "install"}, foreignPackages...)
	if err := a.run(cache, "apt-get", download...); err != nil {
		if err := a.run(cache, "apt-get", "-q", "update"); err != nil { // the archive may have newer ones by now
			return userland{}, err
		}
		if err := a.run(cache, "apt-get", download...); err != nil {
			return userland{}, err
		}
	}
	debs, err := filepath.Glob(filepath.Join(filepath.Dir(a.config), "archives/*.deb"))
	if err != nil {
		return userland{}, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return userland{}, err
	}
	for _, deb := range debs {
		if err := command(cache, "dpkg-deb", "-x", deb, dir); err != nil {
			return userland{}, err
		}
	}
	return userland{dir}, os.WriteFile(filepath.Join(dir, "packages"), []byte(wanted), 0o644)
}

// place is where the file is that the machine will have at a path, links followed. Packages of Debian 12 still name /bin, /sbin and /lib,
// which are links, and point to places of the machine's root.
func (u userland) place(path string) string {
	if u.root == "" {
		return real(path)
	}
	p := filepath.Join(u.root, path)
	if _, err := os.Lstat(p); err != nil {
		p = filepath.Join(u.root, strings.TrimPrefix(path, "/usr"))
	}
	target, err := os.Readlink(p)
	switch {
	case err != nil: // no link
		return p
	case filepath.IsAbs(target):
		return u.place(target)
	}
	return u.place(strings.TrimPrefix(filepath.Join(filepath.Dir(p), target), u.root))
}

// loaded are the libraries that a program of a foreign architecture needs, with their own, and its loader, as paths of the machine.
func (u userland) loaded(program string, seen map[string]bool) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		if strings.Contains(err.Error(), "bad magic") { // a script
			return nil, nil
		}
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	defer f.Close()
	var found []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return nil, err
			}
			found = append(found, "/usr"+strings.TrimPrefix(strings.TrimRight(string(b), "\x00"), "/usr"))
		}
	}
	names, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		lib, err := u.library(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		if !slices.Contains(found, lib) {
			found = append(found, lib)
		}
		further, err := u.loaded(u.place(lib), seen)
		if err != nil {
			return nil, err
		}
		found = append(found, further...)
	}
	return found, nil
}

// library finds one where Debian keeps those of an architecture.
func (u userland) library(name string) (string, error) {
	for _, pattern := range []string{"usr/lib/*-linux-gnu*/", "lib/*-linux-gnu*/", "usr/lib/", "lib/"} {
		m, _ := filepath.Glob(filepath.Join(u.root, pattern, name))
		if len(m) > 0 {
			return "/usr" + strings.TrimPrefix(strings.TrimPrefix(m[0], u.root), "/usr"), nil
		}
	}
	return "", fmt.Errorf("library %s not found", name)
}
