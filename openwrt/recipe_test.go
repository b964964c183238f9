package openwrt_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestRecipeInstallsAll: a file that is added to files/ is in the feed's recipe too.
func TestRecipeInstallsAll(t *testing.T) {
	recipe, err := os.ReadFile("multiwan/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = fs.WalkDir(os.DirFS("../files"), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(p, "lib/systemd/") {
			return err
		}
		n++
		if !strings.Contains(string(recipe), "$(PKG_BUILD_DIR)/files/"+p+" ") {
			t.Errorf("the recipe does not install %s", p)
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Fatalf("%d files: %v", n, err)
	}
}

// TestRecipePackages: what `make package` makes, the recipe makes too, of the same name and with the same dependencies.
func TestRecipePackages(t *testing.T) {
	recipe, err := os.ReadFile("multiwan/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := os.ReadFile("pack/packages.go")
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(string(pack), "\" +\n\t\t\t\"", "")
	for _, name := range []string{"multiwan", "multiwan-l2tpv3", "multiwan-ipsec", "luci-app-multiwan", "luci-proto-l2tpv3"} {
		if !strings.Contains(string(recipe), "$(eval $(call BuildPackage,"+name+"))\n") {
			t.Errorf("the recipe does not build %s", name)
		}
		_, block, _ := strings.Cut(string(recipe), "define Package/"+name+"\n")
		block, _, _ = strings.Cut(block, "\nendef")
		_, depends, _ := strings.Cut(strings.ReplaceAll(block, "\\\n", ""), "DEPENDS:=")
		depends, _, _ = strings.Cut(depends, "\n")
		for _, d := range strings.Fields(depends) {
			d = strings.TrimPrefix(d, "+")
			_, own, _ := strings.Cut(joined, `name: "`+name+`"`)
			_, own, _ = strings.Cut(own, "depends:")
			own, _, _ = strings.Cut(own, "\n")
			if !strings.HasPrefix(d, "$") && !strings.Contains(own, d) {
				t.Errorf("%s depends on %s in the recipe alone", name, d)
			}
		}
	}
}
