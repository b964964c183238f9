// Command pack makes packages for routers, an index of them, and one for Debian. It needs no program of either.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// architectures are OpenWrt's names and the program that runs there.
var architectures = []struct{ name, program string }{
	{"aarch64_cortex-a53", "arm64"},
	{"arm_cortex-a7_neon-vfpv4", "armv7"},
	{"arm_cortex-a9", "armv5"}, // it has no floating point that could be relied on
	{"mips_24kc", "mips"},
	{"mipsel_24kc", "mipsle"},
	{"x86_64", "amd64"},
}

func main() {
	root := flag.String("root", ".", "the project's directory")
	version := flag.String("version", "dev", "what git describes")
	epoch := flag.Int64("epoch", 0, "time of all files, in seconds since 1970")
	out := flag.String("out", "build/packages", "where packages go")
	flag.Parse()
	if err := run(*root, *out, *version, time.Unix(*epoch, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(root, out, version string, stamp time.Time) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var index strings.Builder
	for _, arch := range architectures {
		s, err := router(root, arch.name, arch.program, versionOf(version), stamp)
		if err != nil {
			return err
		}
		b, err := s.ipk()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, s.fileName()), b, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256sum: %x\n\n", s.ipkControl(), s.fileName(), len(b), sha256.Sum256(b))
	}
	if err := os.WriteFile(filepath.Join(out, "Packages"), []byte(index.String()), 0o644); err != nil {
		return err
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write([]byte(index.String())); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "Packages.gz"), zipped.Bytes(), 0o644); err != nil {
		return err
	}
	return debian(root, out, versionOf(version), stamp)
}

// release is a tag, and nothing behind it.
var release = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+)$`)

// versionOf turns what git describes into a version that opkg, apk and dpkg read alike. What is no release is older than any.
func versionOf(described string) string {
	if m := release.FindStringSubmatch(described); m != nil {
		return m[1] + "-r1"
	}
	commit := strings.TrimSuffix(described, "-dirty")
	commit = strings.TrimPrefix(commit[strings.LastIndex(commit, "-")+1:], "g")
	if !regexp.MustCompile(`^[0-9a-f]+$`).MatchString(commit) {
		return "0-r1"
	}
	return "0~" + commit + "-r1"
}

// scripts are those of OpenWrt's own build: enable and start on installation, stop and disable on removal.
func scripts() []file {
	script := func(name, call string) file {
		return file{path: name, mode: 0o755, data: []byte("#!/bin/sh\n[ \"${IPKG_NO_SCRIPT}\" = \"1\" ] && exit 0\n" +
			"[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n" + call + " $0 $@\n")}
	}
	return []file{script("postinst", "default_postinst"), script("prerm", "default_prerm")}
}

func router(root, arch, program, version string, stamp time.Time) (spec, error) {
	files, err := readTree(filepath.Join(root, "files"), func(path string) bool { return !strings.HasPrefix(path, "lib/systemd/") })
	if err != nil {
		return spec{}, err
	}
	binary, err := os.ReadFile(filepath.Join(root, "build/multiwan-"+program))
	if err != nil {
		return spec{}, err
	}
	return spec{
		name: "multiwan", version: version, arch: arch, section: "net", conflicts: "mwan3",
		depends:   "libc, kmod-nft-core, kmod-nft-nat, kmod-nf-conntrack-netlink",
		conffiles: []string{"/etc/config/multiwan"}, scripts: scripts(), stamp: stamp,
		files: append(files, file{path: "usr/sbin/multiwan", mode: 0o755, data: binary}),
	}, nil
}
