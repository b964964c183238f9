package main

import (
	"fmt"
	"strings"
	"time"
)

// spec is what a package says of itself.
type spec struct {
	name, version, arch, depends, section, conflicts string
	conffiles                                        []string // absolute
	scripts                                          []file
	files                                            []file
	stamp                                            time.Time
}

const (
	maintainer = "multiwan developers"
	synopsis   = "Several internet connections: steering, fail-over, joined sites"
)

// fileName is the package's name in a feed.
func (s spec) fileName() string { return s.name + "_" + s.version + "_" + s.arch + ".ipk" }

// size is what the files take, in bytes.
func (s spec) size() (n int) {
	for _, f := range s.files {
		n += len(f.data)
	}
	return n
}

// ipkControl is the control file of an .ipk. A field without a value is left out: opkg crashes on an empty Depends.
func (s spec) ipkControl() string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	field("Package", s.name)
	field("Version", s.version)
	field("Depends", s.depends)
	field("Conflicts", s.conflicts)
	field("License", "Apache-2.0")
	field("Section", s.section)
	field("SourceDateEpoch", fmt.Sprint(s.stamp.Unix()))
	field("Maintainer", maintainer)
	field("Architecture", s.arch)
	field("Installed-Size", fmt.Sprint(s.size()))
	field("Description", " "+synopsis)
	return b.String()
}

// ipk is a gzip'd tar of three members, in the order and with the "./" that OpenWrt's own scripts expect.
func (s spec) ipk() ([]byte, error) {
	data, err := tarball(s.files, s.stamp)
	if err != nil {
		return nil, err
	}
	control, err := tarball(s.controlFiles(s.ipkControl()), s.stamp)
	if err != nil {
		return nil, err
	}
	return members([]file{
		{path: "debian-binary", mode: 0o644, data: []byte("2.0\n")},
		{path: "data.tar.gz", mode: 0o644, data: data},
		{path: "control.tar.gz", mode: 0o644, data: control},
	}, s.stamp)
}

// controlFiles are the files beside the control file, and it.
func (s spec) controlFiles(control string) []file {
	files := append([]file{{path: "control", mode: 0o644, data: []byte(control)}}, s.scripts...)
	if len(s.conffiles) > 0 {
		files = append(files, file{path: "conffiles", mode: 0o644, data: []byte(strings.Join(s.conffiles, "\n") + "\n")})
	}
	return files
}
