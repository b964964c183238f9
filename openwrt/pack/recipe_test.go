package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Stand-ins for what OpenWrt's build has: the parts that the recipe uses.
const (
	stubPackage = `INSTALL_DIR=install -d -m0755
INSTALL_BIN=install -m0755
INSTALL_CONF=install -m0600
INSTALL_DATA=install -m0644
CP=cp -fpR
PKG_VERSION?=0~$(PKG_SOURCE_VERSION)
define BuildPackage
install-$(1): ; $$(call Package/$(1)/install,$(DEST)/$(1))
all: install-$(1)
endef
all: ; @echo source $(PKG_SOURCE_PROTO) $(PKG_SOURCE_URL) $(PKG_SOURCE_VERSION) $(PKG_MIRROR_HASH) $(PKG_VERSION) $(GO_PKG_LDFLAGS_X)
`
	stubGo = `define GoPackage/Package/Install/Bin
	install -d $(1)/usr/sbin
	install -m0755 $(PROGRAM) $(1)/usr/sbin/multiwan
endef
`
	stubPo2lmo = "#!/bin/sh\ncp \"$1\" \"$2\"\n"
)

// buildRecipe has make read the feed's recipe and install every package below a directory, from the tree that the recipe lies in.
func buildRecipe(t *testing.T, tree string) (dest, said string) {
	t.Helper()
	top, dest := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"rules.mk": "", "include/package.mk": stubPackage, "feeds/packages/lang/golang/golang-package.mk": stubGo,
		"bin/po2lmo": stubPo2lmo, "program": "the program"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", "-C", filepath.Join(tree, "openwrt/multiwan"), "--no-print-directory", "-s", "all", "TOPDIR="+top, "INCLUDE_DIR="+top+"/include",
		"PKG_BUILD_DIR="+tree, "DEST="+dest, "PROGRAM="+top+"/program")
	cmd.Env = append(os.Environ(), "PATH="+top+"/bin:"+os.Getenv("PATH"), "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dest, string(out)
}

// TestRecipeInstalls: the feed's recipe installs the files that `make package` packs, with their modes.
func TestRecipeInstalls(t *testing.T) {
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dest, _ := buildRecipe(t, tree)
	want := map[string]fs.FileMode{}
	var packages []spec
	for _, p := range parts {
		s, err := p.read(tree)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, s)
	}
	files, err := readTree(filepath.Join(tree, "files"), func(path string) bool { return !strings.HasPrefix(path, "lib/systemd/") && path != protocolFile })
	if err != nil {
		t.Fatal(err)
	}
	packages = append(packages, spec{name: "multiwan", files: append(files, file{path: "usr/sbin/multiwan", mode: 0o755})})
	for _, s := range packages {
		for _, f := range s.files {
			want[s.name+"/"+f.path] = fs.FileMode(f.mode)
		}
	}
	err = fs.WalkDir(os.DirFS(dest), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		if mode, ok := want[p]; !ok {
			t.Errorf("the recipe installs %s, make package does not", p)
		} else if i.Mode() != mode {
			t.Errorf("%s: mode %o, want %o", p, i.Mode(), mode)
		}
		delete(want, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range want {
		t.Errorf("the recipe does not install %s", p)
	}
}

// TestRecipeSource: the recipe names the commit of the checkout that it lies in, with the version of its tag if it has one.
func TestRecipeSource(t *testing.T) {
	tree := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", tree, "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, from := range []string{"files", "luci-app", "openwrt/multiwan"} {
		if err := os.CopyFS(filepath.Join(tree, from), os.DirFS("../../"+from)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	git("add", "openwrt")
	git("commit", "-q", "-m", "first")
	head := git("rev-parse", "HEAD")
	for _, c := range []struct{ tag, version string }{{"", "0~" + head}, {"later", "0~" + head}, {"v1.2.3", "1.2.3"}} {
		if c.tag != "" {
			git("tag", "-m", c.tag, c.tag)
		}
		_, said := buildRecipe(t, tree)
		if want := "source git file://" + tree + " " + head + " skip " + c.version + " main.version=" + c.version + "\n"; said != want {
			t.Errorf("tag %q: %q, want %q", c.tag, said, want)
		}
	}
}

// TestRecipeNames: every package of `make package` has a recipe, and a case in the test of the feed's CI.
func TestRecipeNames(t *testing.T) {
	recipe, script := string(read(t, "../multiwan/Makefile")), "../multiwan/test.sh"
	names := []string{"multiwan"}
	for _, p := range parts {
		names = append(names, p.name)
	}
	for _, name := range names {
		if !strings.Contains(recipe, "$(eval $(call BuildPackage,"+name+"))\n") {
			t.Errorf("no recipe of %s", name)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "multiwan"), []byte("#!/bin/sh\n[ \"$1\" != --version ] || echo 1.2.3\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		for version, want := range map[string]bool{"1.2.3": true, "1.2.4": name != "multiwan"} {
			cmd := exec.Command("sh", script, name, version)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			if err := cmd.Run(); (err == nil) != want {
				t.Errorf("test.sh %s %s: %v", name, version, err)
			}
		}
	}
	if err := exec.Command("sh", script, "else", "1.2.3").Run(); err == nil {
		t.Error("test.sh knows a package that there is not")
	}
}
