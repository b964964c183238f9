package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// deb is an ar archive of the same three members as an .ipk has, control first.
func (s spec) deb() ([]byte, error) {
	data, err := tarball(s.files, s.stamp)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s <multiwan@localhost>\nInstalled-Size: %d\nDepends: %s\nSection: %s\nPriority: optional\nDescription: %s\n",
		s.name, s.version, s.arch, maintainer, (s.size()+1023)/1024, s.depends, s.section, synopsis)
	control, err := tarball(s.controlFiles(text), s.stamp)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []file{
		{path: "debian-binary", data: []byte("2.0\n")},
		{path: "control.tar.gz", data: control},
		{path: "data.tar.gz", data: data},
	} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.path, s.stamp.Unix(), 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

// debianFiles are those of files/ that plain Linux has a use for.
var debianFiles = []string{"etc/config/multiwan", "lib/systemd/system/multiwan.service"}

// debian writes the package for hubs on plain Linux. The service is not started: the shipped configuration steers nothing.
func debian(root, out, version string, stamp time.Time) error {
	for _, arch := range []string{"amd64", "arm64"} {
		files, err := readTree(filepath.Join(root, "files"), func(path string) bool { return slices.Contains(debianFiles, path) })
		if err != nil {
			return err
		}
		binary, err := os.ReadFile(filepath.Join(root, "build/multiwan-"+arch))
		if err != nil {
			return err
		}
		s := spec{
			name: "multiwan", version: strings.Replace(version, "-r", "-", 1), arch: arch, section: "net", depends: "kmod",
			conffiles: []string{"/etc/config/multiwan"}, stamp: stamp,
			files: append(files, file{path: "usr/sbin/multiwan", mode: 0o755, data: binary}),
		}
		b, err := s.deb()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, s.name+"_"+s.version+"_"+arch+".deb"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
