package main

import (
	"fmt"
	"strings"
	"time"
)

// spec is what a package says of itself.
type spec struct {
	name, version, arch, depends, section, conflicts string
	synopsis                                         string   // of a part; empty: that of the whole
	postinst                                         string   // our part of the script that runs after installation and upgrade
	conffiles                                        []string // absolute
	files                                            []file
	stamp                                            time.Time
}

const (
	maintainer = "multiwan developers"
	synopsis   = "Several internet connections: steering, fail-over, joined sites"
)

// fileName is the package's name in a feed.
func (s spec) fileName() string { return s.name + "_" + s.version + "_" + s.arch + ".ipk" }

// about is one line of description.
func (s spec) about() string {
	if s.synopsis != "" {
		return s.synopsis
	}
	return synopsis
}

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
	field("Description", " "+s.about())
	return b.String()
}

// ipk is a gzip'd tar of three members, in the order and with the "./" that OpenWrt's own scripts expect.
func (s spec) ipk() ([]byte, error) {
	data, err := tarball(s.files, s.stamp)
	if err != nil {
		return nil, err
	}
	control, err := tarball(append(s.controlFiles(s.ipkControl()), s.ipkScripts()...), s.stamp)
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
	files := []file{{path: "control", mode: 0o644, data: []byte(control)}}
	if len(s.conffiles) > 0 {
		files = append(files, file{path: "conffiles", mode: 0o644, data: []byte(strings.Join(s.conffiles, "\n") + "\n")})
	}
	return files
}

// ipkScripts are those of OpenWrt's own build: enable and start on installation, stop and disable on removal. Our part is a file beside
// them, which default_postinst runs.
func (s spec) ipkScripts() []file {
	script := func(name, head, call string) file {
		return file{path: name, mode: 0o755, data: []byte("#!/bin/sh\n" + head +
			"[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n" + call + " $0 $@\n")}
	}
	out := []file{script("postinst", "[ \"${IPKG_NO_SCRIPT}\" = \"1\" ] && exit 0\n", "default_postinst"), script("prerm", "", "default_prerm")}
	if s.postinst != "" {
		out = append(out, file{path: "postinst-pkg", mode: 0o755, data: []byte("#!/bin/sh\n" + s.postinst)})
	}
	return out
}
