package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// schemaPackage says what a container is about.
const schemaPackage = 0x676b6370 // "pckg"

// Numbers of fields, from src/apk_adb.h of apk-tools.
const (
	infoName, infoVersion, infoID, infoDescription, infoArch, infoLicense, infoOrigin, infoMaintainer = 1, 2, 3, 4, 5, 6, 7, 8
	infoSize, infoFileSize, infoDepends, infoProvides                                                 = 12, 13, 15, 16
	dependName, dependVersion, dependMatch                                                            = 1, 2, 3
	packageInfo, packagePaths, packageScripts                                                         = 1, 2, 3
	dirName, dirACL, dirFiles                                                                         = 1, 2, 3
	fileName, fileACL, fileSize, fileTime, fileHash                                                   = 1, 2, 3, 4, 5
	aclMode, aclUser, aclGroup                                                                        = 1, 2, 3
	matchAny, matchConflict                                                                           = 7, 16
)

// scriptFields are the fields of scripts, by their names.
var scriptFields = map[string]int{"post-install": 3, "pre-deinstall": 4, "post-upgrade": 7}

// apkFileName is the package's name as a file; the architecture is only there to tell the files apart.
func (s spec) apkFileName() string { return s.name + "-" + s.version + "." + s.apkArch() + ".apk" }

func (s spec) apkArch() string {
	if s.arch == "all" {
		return "noarch"
	}
	return s.arch
}

// apkExtras are what OpenWrt's scripts look for in a package of apk: which files it has (default_postinst finds the service by that),
// which of them are configuration, and what they were.
func (s spec) apkExtras() []file {
	base := "lib/apk/packages/" + s.name
	var list, static strings.Builder
	for _, f := range sortedBy(s.files, func(f file) string { return f.path }) {
		list.WriteString("/" + f.path + "\n")
		if slices.Contains(s.conffiles, "/"+f.path) {
			fmt.Fprintf(&static, "/%s %x\n", f.path, sha256.Sum256(f.data))
		}
	}
	out := []file{{path: base + ".list", mode: 0o644, data: []byte(list.String())}}
	if len(s.conffiles) > 0 {
		out = append(out, file{path: base + ".conffiles", mode: 0o644, data: []byte(strings.Join(s.conffiles, "\n") + "\n")},
			file{path: base + ".conffiles_static", mode: 0o644, data: []byte(static.String())})
	}
	return out
}

// apkScripts are those of OpenWrt's own build. apk neither stops nor starts a service when it upgrades, so a user's part of a script
// that follows has to.
func (s spec) apkScripts() map[string]string {
	head := "#!/bin/sh\n"
	library := "[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n" +
		"export root=\"${IPKG_INSTROOT}\"\nexport pkgname=\"" + s.name + "\"\n"
	install := "[ \"${IPKG_NO_SCRIPT}\" = \"1\" ] && exit 0\n" + library + "add_group_and_user\ndefault_postinst\n" + s.postinst
	return map[string]string{
		"post-install": head + install, "post-upgrade": head + "export PKG_UPGRADE=1\n" + install,
		"pre-deinstall": head + library + "default_prerm\n",
	}
}

// apkInfo is what a package and an index say of a package with files of so many bytes.
func (s spec) apkInfo(c *container, size int) map[int]word {
	return map[int]word{
		infoName: c.text(s.name), infoVersion: c.text(s.version), infoDescription: c.text(s.about()), infoArch: c.text(s.apkArch()),
		infoLicense: c.text("Apache-2.0"), infoOrigin: c.text("multiwan"), infoMaintainer: c.text(maintainer), infoDepends: s.apkDepends(c),
		infoSize: c.number(uint64(max(size, 1))),
		// A name that no package owns by itself, as OpenWrt's build gives one to each.
		infoProvides: c.array([]word{c.object(map[int]word{dependName: c.text(s.name + "-any")})}),
	}
}

// apk is a package of apk-tools 3: a container that describes it, and a block of data for each file that is not empty; and its line in an
// index.
func (s spec) apk() ([]byte, apkEntry, error) {
	c := newContainer()
	dirs := tree(append(slices.Clone(s.files), s.apkExtras()...))
	var paths []word
	size := 0
	for _, d := range dirs {
		paths = append(paths, s.apkDir(c, d))
		for _, f := range d.files {
			size += len(f.data)
		}
	}
	info := s.apkInfo(c, size)
	var at int
	info[infoID], at = c.room(20)
	root := map[int]word{packageInfo: c.object(info), packagePaths: c.array(paths)}
	scripts := map[int]word{}
	texts := s.apkScripts()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		scripts[scriptFields[name]] = c.text(texts[name])
	}
	root[packageScripts] = c.object(scripts)
	c.root(c.object(root))
	id := sha256.Sum256(c.data) // of all, with room for it
	copy(c.data[at:at+20], id[:])
	out := binary.LittleEndian.AppendUint32([]byte("ADB."), schemaPackage)
	out = block(out, blockADB, c.data)
	for i, d := range dirs {
		for j, f := range d.files {
			if len(f.data) > 0 {
				which := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(i+1)), uint32(j+1))
				out = block(out, blockData, which, f.data)
			}
		}
	}
	file, err := deflated(out)
	return file, apkEntry{spec: s, size: size, file: len(file), hash: sha256.Sum256(c.data)}, err
}

// apkDepends writes what the package needs, and what it cannot be beside.
func (s spec) apkDepends(c *container) word {
	list := words(s.depends)
	for _, d := range words(s.conflicts) {
		list = append(list, "!"+d)
	}
	list = sortedBy(list, func(d string) string { return strings.TrimPrefix(d, "!") })
	var out []word
	for _, d := range slices.Compact(list) {
		name, conflict := strings.CutPrefix(d, "!")
		fields := map[int]word{dependName: c.text(name)}
		if conflict {
			fields[dependMatch] = c.number(matchAny | matchConflict)
		}
		out = append(out, c.object(fields))
	}
	return c.array(out)
}

// apkDir writes a directory with its files; the root has no name.
func (s spec) apkDir(c *container, d dir) word {
	acl := func(mode int64) word {
		return c.object(map[int]word{aclMode: c.number(uint64(mode)), aclUser: c.text("root"), aclGroup: c.text("root")})
	}
	var files []word
	for _, f := range d.files {
		hash := sha256.Sum256(f.data)
		files = append(files, c.object(map[int]word{
			fileName: c.text(path.Base(f.path)), fileACL: acl(f.mode), fileSize: c.number(uint64(len(f.data))),
			fileTime: c.number(uint64(s.stamp.Unix())), fileHash: c.blob(hash[:]),
		}))
	}
	return c.object(map[int]word{dirName: c.text(d.name), dirACL: acl(0o755), dirFiles: c.array(files)})
}

// dir is a directory of a package.
type dir struct {
	name  string
	files []file
}

// tree returns the directories of files by name, those above them too, and the root, which has the empty name, first.
func tree(files []file) []dir {
	all := map[string][]file{"": nil}
	for _, f := range sortedBy(files, func(f file) string { return f.path }) {
		for _, d := range parents(f.path) {
			all[d] = slices.Clip(all[d])
		}
		name := path.Dir(f.path)
		if name == "." {
			name = ""
		}
		all[name] = append(all[name], f)
	}
	var out []dir
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, dir{name, all[name]})
	}
	return out
}

// words are the names of a list with commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
