// Command pack makes packages for routers, of both kinds that OpenWrt has, an index of each kind, and one for Debian. It needs no program of these.
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
	packages, err := routers(root, versionOf(version), stamp)
	if err != nil {
		return err
	}
	var index strings.Builder
	var entries []apkEntry
	for _, s := range packages {
		b, err := s.ipk()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, s.fileName()), b, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256sum: %x\n\n", s.ipkControl(), s.fileName(), len(b), sha256.Sum256(b))
		b, entry, err := s.apk()
		if err != nil {
			return err
		}
		entries = append(entries, entry)
		if err := os.WriteFile(filepath.Join(out, s.apkFileName()), b, 0o644); err != nil {
			return err
		}
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
	b, err := apkIndex(entries)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "packages.adb"), b, 0o644); err != nil {
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
