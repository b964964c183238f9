package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestApkIndex: the index has every package as the package has itself, in the order that apk looks it up by, with the size of its file, the hash of
// its container, and how the file is called.
func TestApkIndex(t *testing.T) {
	dir := packed(t)
	o := opens(t, read(t, filepath.Join(dir, "packages.adb")), "indx")
	root := o.fields(binary.LittleEndian.Uint32(o.tree[4:]))
	spec := string(o.bytes(field(root, 3)))
	if !strings.HasPrefix(spec, "${name}-") || len(o.data) > 0 {
		t.Errorf("files are called %q, %d blocks of data", spec, len(o.data))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.apk"))
	if err != nil {
		t.Fatal(err)
	}
	list := o.fields(field(root, 2))[1:]
	if len(list) != len(files) {
		t.Errorf("%d packages of %d files", len(list), len(files))
	}
	last := ""
	for _, v := range list {
		entry := o.fields(v)
		text := func(i int) string { return string(o.bytes(field(entry, i))) }
		name := strings.NewReplacer("${name}", text(1), "${version}", text(2), "${arch}", text(5)).Replace(spec)
		b := read(t, filepath.Join(dir, name))
		p := open(t, b)
		hash := sha256.Sum256(p.tree)
		if int(o.int(field(entry, 13))) != len(b) || text(3) != string(hash[:]) {
			t.Errorf("%s: %d bytes of %d, or another hash", name, o.int(field(entry, 13)), len(b))
		}
		if key := text(1) + "\x00" + text(2) + "\x00" + text(3); key <= last {
			t.Errorf("%s stands behind %q", name, last)
		} else {
			last = key
		}
		info := p.fields(field(p.fields(binary.LittleEndian.Uint32(p.tree[4:])), 1))
		for i := 1; i < 22; i++ {
			if is, want := told(o, field(entry, i)), told(p, field(info, i)); i != 3 && i != 13 && is != want {
				t.Errorf("%s: field %d is %s, in the package %s", name, i, is, want)
			}
		}
	}
}

// told is a value in words, with those inside of it.
func told(o *opened, v uint32) string {
	switch v >> 28 {
	case 0x8, 0x9, 0xa:
		return fmt.Sprintf("%q", bytes.TrimSpace(o.bytes(v)))
	case 0xd, 0xe:
		var all []string
		for _, f := range o.fields(v)[1:] {
			all = append(all, told(o, f))
		}
		return "(" + strings.Join(all, ", ") + ")"
	case 0:
		return "none"
	}
	return fmt.Sprint(o.int(v))
}
