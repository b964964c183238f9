package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opened is a package of apk as a reader of its own finds it: the tree and the blocks of data.
type opened struct {
	t    *testing.T
	tree []byte
	data map[[2]uint32][]byte // by directory and file
}

// open reads the blocks of a package.
func open(t *testing.T, b []byte) *opened { return opens(t, b, "pckg") }

func opens(t *testing.T, b []byte, schema string) *opened {
	t.Helper()
	if string(b[:4]) != "ADBd" {
		t.Fatalf("begins with %q", b[:4])
	}
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(b[4:])))
	if err != nil || string(plain[:8]) != "ADB."+schema {
		t.Fatalf("%v, %q", err, plain[:8])
	}
	o := &opened{t: t, data: map[[2]uint32][]byte{}}
	for plain = plain[8:]; len(plain) > 0; {
		head := binary.LittleEndian.Uint32(plain)
		kind, n := head>>30, int(head&0x3fffffff)
		body := plain[4:n]
		plain = plain[(n+7)&^7:]
		switch {
		case kind == 0 && o.tree == nil:
			o.tree = body
		case kind == 2 && o.tree != nil:
			o.data[[2]uint32{binary.LittleEndian.Uint32(body), binary.LittleEndian.Uint32(body[4:])}] = body[8:]
		default:
			t.Fatalf("a block of kind %d", kind)
		}
	}
	return o
}

// fields are the slots of an object or array, by number; there are none behind the last.
func (o *opened) fields(v uint32) []uint32 {
	if v == 0 {
		return nil
	}
	at := v & 0x0fffffff
	if kind := v >> 28; kind != 0xd && kind != 0xe || at%4 != 0 {
		o.t.Fatalf("%#x is no object", v)
	}
	out := make([]uint32, binary.LittleEndian.Uint32(o.tree[at:]))
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(o.tree[int(at)+4*i:])
	}
	return out
}

func field(list []uint32, i int) uint32 {
	if i >= len(list) {
		return 0
	}
	return list[i]
}

func (o *opened) bytes(v uint32) []byte {
	at := v & 0x0fffffff
	b := o.tree[at:]
	switch v >> 28 {
	case 0:
		return nil
	case 0x8:
		return b[1 : 1+int(b[0])]
	case 0x9:
		if at%2 != 0 {
			o.t.Fatalf("%#x is not aligned", v)
		}
		return b[2 : 2+int(binary.LittleEndian.Uint16(b))]
	case 0xa:
		if at%4 != 0 {
			o.t.Fatalf("%#x is not aligned", v)
		}
		return b[4 : 4+int(binary.LittleEndian.Uint32(b))]
	}
	o.t.Fatalf("%#x is no blob", v)
	return nil
}

func (o *opened) int(v uint32) uint32 {
	switch v >> 28 {
	case 0x1:
		return v & 0x0fffffff
	case 0x2:
		return binary.LittleEndian.Uint32(o.tree[v&0x0fffffff:])
	}
	o.t.Fatalf("%#x is no number", v)
	return 0
}

// files reads names with modes and data, and holds hashes and owners.
func (o *opened) files(paths uint32) (modes map[string]uint32, data map[string]string) {
	modes, data = map[string]uint32{}, map[string]string{}
	last := "\x00"
	for i, d := range o.fields(paths) {
		if i == 0 {
			continue
		}
		dir := o.fields(d)
		name := string(o.bytes(field(dir, 1)))
		if name != "" && name <= last || (name == "") != (i == 1) {
			o.t.Errorf("directory %q stands behind %q", name, last)
		}
		last = name
		for j, f := range o.fields(field(dir, 3)) {
			if j == 0 {
				continue
			}
			file := o.fields(f)
			full := path.Join(name, string(o.bytes(field(file, 1))))
			body := o.data[[2]uint32{uint32(i), uint32(j)}]
			sum := sha256.Sum256(body)
			if n := o.int(field(file, 3)); int(n) != len(body) || !bytes.Equal(o.bytes(field(file, 5)), sum[:]) {
				o.t.Errorf("%s: %d bytes of %d, or another hash", full, len(body), n)
			}
			if o.int(field(file, 4)) != 1700000000 {
				o.t.Errorf("%s: time %d", full, o.int(field(file, 4)))
			}
			acl := o.fields(field(file, 2))
			if string(o.bytes(field(acl, 2))) != "root" || string(o.bytes(field(acl, 3))) != "root" {
				o.t.Errorf("%s is not root's", full)
			}
			modes[full], data[full] = o.int(field(acl, 1)), string(body)
		}
	}
	return modes, data
}

// TestApk: members, names, modes, hashes, dependencies and scripts, as a reader of the published format finds them.
func TestApk(t *testing.T) {
	dir := packed(t)
	for _, a := range architectures {
		o := open(t, read(t, filepath.Join(dir, "multiwan-1.2.3-r1."+a.name+".apk")))
		root := o.fields(binary.LittleEndian.Uint32(o.tree[4:]))
		info := o.fields(field(root, 1))
		for i, want := range map[int]string{1: "multiwan", 2: "1.2.3-r1", 5: a.name, 6: "Apache-2.0"} {
			if got := string(o.bytes(field(info, i))); got != want {
				t.Errorf("%s: field %d is %q, want %q", a.name, i, got, want)
			}
		}
		id := o.bytes(field(info, 3))
		blank := bytes.Replace(o.tree, id, make([]byte, 20), 1)
		if sum := sha256.Sum256(blank); len(id) != 20 || !bytes.Equal(id, sum[:20]) {
			t.Errorf("%s: id %x", a.name, id)
		}
		var depends []string
		for i, d := range o.fields(field(info, 15)) {
			if i > 0 {
				f := o.fields(d)
				name := string(o.bytes(field(f, 1)))
				if field(f, 3) != 0 {
					name = fmt.Sprintf("%d %s", o.int(field(f, 3)), name)
				}
				depends = append(depends, name)
			}
		}
		if want := []string{"kmod-nf-conntrack-netlink", "kmod-nft-core", "kmod-nft-nat", "libc", "23 mwan3"}; !slices.Equal(depends, want) {
			t.Errorf("%s: depends on %q", a.name, depends)
		}
		modes, data := o.files(field(root, 2))
		for name, mode := range map[string]uint32{"etc/config/multiwan": 0o600, "etc/init.d/multiwan": 0o755, "usr/sbin/multiwan": 0o755,
			"lib/apk/packages/multiwan.list": 0o644, "lib/upgrade/keep.d/multiwan": 0o644} {
			if modes[name] != mode {
				t.Errorf("%s: %s has mode %o, want %o", a.name, name, modes[name], mode)
			}
		}
		if data["usr/sbin/multiwan"] != a.program {
			t.Errorf("%s has the program of %q", a.name, data["usr/sbin/multiwan"])
		}
		checkLists(t, data)
		checkScripts(t, o, field(root, 3))
	}
}

// checkLists holds the entries that OpenWrt's scripts need: without the list a service is not enabled.
func checkLists(t *testing.T, data map[string]string) {
	t.Helper()
	var list []string
	for name := range data {
		if !strings.HasPrefix(name, "lib/apk/packages/") {
			list = append(list, "/"+name)
		}
	}
	slices.Sort(list)
	if got := data["lib/apk/packages/multiwan.list"]; got != strings.Join(list, "\n")+"\n" || !strings.Contains(got, "\n/etc/init.d/multiwan\n") {
		t.Errorf("list %q", got)
	}
	if got := data["lib/apk/packages/multiwan.conffiles"]; got != "/etc/config/multiwan\n" {
		t.Errorf("conffiles %q", got)
	}
	want := fmt.Sprintf("/etc/config/multiwan %x\n", sha256.Sum256([]byte(data["etc/config/multiwan"])))
	if got := data["lib/apk/packages/multiwan.conffiles_static"]; got != want {
		t.Errorf("conffiles_static %q, want %q", got, want)
	}
}

func checkScripts(t *testing.T, o *opened, scripts uint32) {
	t.Helper()
	have := o.fields(scripts)
	text := map[string]string{}
	for name, i := range scriptFields {
		text[name] = string(o.bytes(field(have, i)))
	}
	for name, wants := range map[string][]string{
		"post-install":  {"export pkgname=\"multiwan\"\n", "\ndefault_postinst\n"},
		"post-upgrade":  {"\nexport PKG_UPGRADE=1\n", "\ndefault_postinst\n", "/etc/init.d/multiwan restart\n"},
		"pre-deinstall": {"export pkgname=\"multiwan\"\n", "\ndefault_prerm\n"},
	} {
		for _, want := range wants {
			if !strings.HasPrefix(text[name], "#!/bin/sh\n") || !strings.Contains(text[name], want) {
				t.Errorf("%s: no %q in %q", name, want, text[name])
			}
		}
	}
	if len(slices.Collect(maps.Keys(text))) != 3 || strings.Contains(text["post-install"], "PKG_UPGRADE=1\n") {
		t.Errorf("scripts: %q", text)
	}
}

// TestApkValues: long texts, large numbers and equal data, which the packages of today may not have.
func TestApkValues(t *testing.T) {
	c := newContainer()
	long, longer := strings.Repeat("x", 300), strings.Repeat("y", 70000)
	values := []word{c.text("a"), c.text(long), c.text(longer), c.number(7), c.number(1 << 28), c.text("a"), c.text("")}
	w := c.array(values)
	c.root(w)
	if c.array(values) != w {
		t.Error("the same array is written twice")
	}
	o := &opened{t: t, tree: c.data}
	got := o.fields(binary.LittleEndian.Uint32(c.data[4:]))
	if len(got) != 7 || got[1] != got[6] {
		t.Fatalf("slots %x", got)
	}
	for i, want := range []string{1: "a", 2: long, 3: longer} {
		if i > 0 && string(o.bytes(got[i])) != want {
			t.Errorf("slot %d differs", i)
		}
	}
	if o.int(got[4]) != 7 || o.int(got[5]) != 1<<28 {
		t.Errorf("numbers %x", got)
	}
}
