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
