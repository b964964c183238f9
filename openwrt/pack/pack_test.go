package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// packed runs pack over the project's files with programs that are only words.
func packed(t *testing.T) string {
	t.Helper()
	root, out := t.TempDir(), t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "files"), os.DirFS("../../files")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "build"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, a := range architectures {
		if err := os.WriteFile(filepath.Join(root, "build/multiwan-"+a.program), []byte(a.program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	page := filepath.Join(root, "luci-app/luci-app-multiwan/htdocs/luci-static/resources/view/multiwan")
	if err := os.MkdirAll(page, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(page, "status.js"), []byte("'use strict';\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "luci-app/luci-app-multiwan/po"), os.DirFS("../../luci-app/luci-app-multiwan/po")); err != nil {
		t.Fatal(err)
	}
	if err := run(root, out, "v1.2.3", time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	return out
}

// entries are the members of a gzip'd tar.
func entries(t *testing.T, b []byte) (names []string, all map[string]*tar.Header, data map[string]string) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	all, data = map[string]*tar.Header{}, map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names, all, data
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1700000000 {
			t.Errorf("%s: owner %d:%d, time %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		names, all[h.Name], data[h.Name] = append(names, h.Name), h, string(text)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkFiles looks at names and modes of what is installed.
func checkFiles(t *testing.T, data []byte, program string, want map[string]int64) {
	t.Helper()
	_, all, text := entries(t, data)
	for name, mode := range want {
		if h := all[name]; h == nil || h.Mode != mode {
			t.Errorf("%s: %+v, want mode %o", name, h, mode)
		}
	}
	if got := text["./usr/sbin/multiwan"]; got != program {
		t.Errorf("the program is that of %q, want %q", got, program)
	}
}

func TestIpk(t *testing.T) {
	dir := packed(t)
	for _, a := range architectures {
		names, _, outer := entries(t, read(t, filepath.Join(dir, "multiwan_1.2.3-r1_"+a.name+".ipk")))
		if !slices.Equal(names, []string{"./debian-binary", "./data.tar.gz", "./control.tar.gz"}) || outer["./debian-binary"] != "2.0\n" {
			t.Errorf("%s: members %q", a.name, names)
		}
		checkFiles(t, []byte(outer["./data.tar.gz"]), a.program, map[string]int64{
			"./": 0o755, "./etc/init.d/multiwan": 0o755, "./etc/config/multiwan": 0o600, "./usr/sbin/multiwan": 0o755,
			"./lib/upgrade/keep.d/multiwan": 0o644, "./usr/libexec/multiwan-collectd": 0o755, "./usr/share/acl.d/multiwan.json": 0o644,
		})
		if strings.Contains(outer["./data.tar.gz"], "systemd") {
			t.Errorf("%s has a systemd unit", a.name)
		}
		_, all, control := entries(t, []byte(outer["./control.tar.gz"]))
		for _, want := range []string{"Package: multiwan\n", "Version: 1.2.3-r1\n", "Architecture: " + a.name + "\n", "Depends: libc, "} {
			if !strings.Contains(control["./control"], want) {
				t.Errorf("%s: no %q in\n%s", a.name, want, control["./control"])
			}
		}
		if control["./conffiles"] != "/etc/config/multiwan\n" || all["./postinst"].Mode != 0o755 || all["./prerm"].Mode != 0o755 ||
			!strings.Contains(control["./postinst-pkg"], "/etc/init.d/multiwan restart") {
			t.Errorf("%s: conffiles %q or scripts", a.name, control["./conffiles"])
		}
	}
}

func TestIndex(t *testing.T) {
	dir := packed(t)
	entries := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(dir, "Packages")))), "\n\n")
	if len(entries) != len(architectures)+4 {
		t.Errorf("%d entries", len(entries))
	}
	for _, e := range entries {
		_, name, _ := strings.Cut(e, "Filename: ")
		name, _, _ = strings.Cut(name, "\n")
		b := read(t, filepath.Join(dir, name))
		if want := fmt.Sprintf("Size: %d\nSHA256sum: %x", len(b), sha256.Sum256(b)); !strings.HasSuffix(e, want) {
			t.Errorf("%s\ndoes not end in %s", e, want)
		}
	}
}

// TestParts: the packages without a program are for all architectures, and the page is where LuCI looks for it.
func TestParts(t *testing.T) {
	dir := packed(t)
	for name, want := range map[string]string{
		"multiwan-l2tpv3":   "Depends: libc, multiwan, kmod-l2tp, ",
		"multiwan-ipsec":    "Depends: libc, multiwan-l2tpv3, strongswan-charon, ",
		"luci-app-multiwan": "Depends: libc, luci-base, multiwan\n",
	} {
		_, _, outer := entries(t, read(t, filepath.Join(dir, name+"_1.2.3-r1_all.ipk")))
		_, _, control := entries(t, []byte(outer["./control.tar.gz"]))
		if !strings.Contains(control["./control"], want) || !strings.Contains(control["./control"], "Architecture: all\n") {
			t.Errorf("%s: %s", name, control["./control"])
		}
		o := open(t, read(t, filepath.Join(dir, name+"-1.2.3-r1.noarch.apk")))
		if info := o.fields(o.fields(binary.LittleEndian.Uint32(o.tree[4:]))[1]); string(o.bytes(info[5])) != "noarch" {
			t.Errorf("%s: architecture %q", name, o.bytes(info[5]))
		}
		if _, all, _ := entries(t, []byte(outer["./data.tar.gz"])); (all["./lib/netifd/proto/l2tpv3.sh"] != nil) != (name == "multiwan-l2tpv3") {
			t.Errorf("%s: the protocol handler is in the wrong package", name)
		} else if h := all["./lib/netifd/proto/l2tpv3.sh"]; h != nil && h.Mode != 0o755 {
			t.Errorf("the protocol handler has mode %o", h.Mode)
		}
		if name != "luci-app-multiwan" {
			continue
		}
		if _, _, data := entries(t, []byte(outer["./data.tar.gz"])); data["./www/luci-static/resources/view/multiwan/status.js"] == "" {
			t.Error("the page is not where it belongs")
		}
		if !strings.Contains(control["./postinst-pkg"], "rpcd reload") {
			t.Error("rpcd does not learn of the page")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "luci-proto-l2tpv3_1.2.3-r1_all.ipk")); err == nil {
		t.Error("a page that is not there has a package")
	}
}

func TestDeb(t *testing.T) {
	b := read(t, filepath.Join(packed(t), "multiwan_1.2.3-1_amd64.deb"))
	b, ok := bytes.CutPrefix(b, []byte("!<arch>\n"))
	if !ok {
		t.Fatal("no ar archive")
	}
	got := map[string][]byte{}
	var names []string
	for len(b) > 0 {
		name := strings.TrimSpace(string(b[:16]))
		n, err := strconv.Atoi(strings.TrimSpace(string(b[48:58])))
		if err != nil || string(b[58:60]) != "`\n" {
			t.Fatalf("header %q", b[:60])
		}
		names, got[name] = append(names, name), b[60:60+n]
		b = b[60+n+n%2:]
	}
	if !slices.Equal(names, []string{"debian-binary", "control.tar.gz", "data.tar.gz"}) {
		t.Fatalf("members %q", names)
	}
	checkFiles(t, got["data.tar.gz"], "amd64", map[string]int64{
		"./lib/systemd/system/multiwan.service": 0o644, "./etc/config/multiwan": 0o600, "./usr/sbin/multiwan": 0o755})
	if _, all, _ := entries(t, got["data.tar.gz"]); all["./etc/init.d/multiwan"] != nil {
		t.Error("has the init script of OpenWrt")
	}
}

func TestReproducible(t *testing.T) {
	one, two := packed(t), packed(t)
	list, err := os.ReadDir(one)
	if err != nil || len(list) != 2*(len(architectures)+4)+5 {
		t.Fatalf("%d files: %v", len(list), err)
	}
	for _, f := range list {
		if !bytes.Equal(read(t, filepath.Join(one, f.Name())), read(t, filepath.Join(two, f.Name()))) {
			t.Errorf("%s differs", f.Name())
		}
	}
}

func TestVersion(t *testing.T) {
	for in, want := range map[string]string{
		"v1.2.3": "1.2.3-r1", "1.2.3": "1.2.3-r1", "16bd81b": "0~16bd81b-r1", "v1.2.3-4-g16bd81b-dirty": "0~16bd81b-r1", "dev": "0-r1",
	} {
		if got := versionOf(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
