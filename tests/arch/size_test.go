package arch

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxSize   = 6 << 20         // bytes of the binary for mipsle, soft float
	goalSize  = 4<<20 + 512<<10 // what we aim at
	maxDirect = 12              // libraries that the program imports
)

// TestSize builds the program as it is shipped to a small router.
func TestSize(t *testing.T) {
	const binary = "build/multiwan-mipsle"
	if b, err := exec.Command("make", "-s", "-C", "../..", binary).CombinedOutput(); err != nil {
		t.Fatalf("build for mipsle: %v\n%s", err, b)
	}
	st, err := os.Stat("../../" + binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("mipsle: %d KiB (goal %d, limit %d)", st.Size()>>10, goalSize>>10, maxSize>>10)
	if st.Size() > maxSize {
		t.Errorf("mipsle: %d KiB, at most %d", st.Size()>>10, maxSize>>10)
	}
}

// TestDirectDependencies counts the modules that the program imports. Those of the tests alone are in go.mod too, but cost no user
// anything.
func TestDirectDependencies(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) v\S+(?: // indirect)?$`).FindAllStringSubmatch(string(b), -1) {
		modules = append(modules, m[1])
	}
	direct := map[string]bool{}
	for _, p := range listPackages(t, "./src/...") {
		for _, i := range p.Imports {
			if !isOutside(i) {
				continue
			}
			at := slices.IndexFunc(modules, func(m string) bool { return i == m || strings.HasPrefix(i, m+"/") })
			if at < 0 {
				t.Fatalf("no module of go.mod has %s, which %s imports", i, p.ImportPath)
			}
			direct[modules[at]] = true
		}
	}
	names := slices.Sorted(maps.Keys(direct))
	if len(names) == 0 {
		t.Fatal("found no dependency: looked for the wrong thing")
	}
	t.Logf("%d direct dependencies: %s", len(names), strings.Join(names, " "))
	if len(names) > maxDirect {
		t.Errorf("%d direct dependencies, at most %d: %s", len(names), maxDirect, strings.Join(names, " "))
	}
}
