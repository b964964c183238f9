package lab

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Binary is the program under test: the file that MULTIWAN_BIN names, or else
// one built from this tree, once a process.
func Binary(tb TB) string {
	tb.Helper()
	if p := os.Getenv("MULTIWAN_BIN"); p != "" {
		return p
	}
	p, err := build()
	if err != nil {
		tb.Fatalf("build the daemon: %v", err)
	}
	return p
}

// build puts the program into the user's cache, one place a tree, and moves it
// there in one step: test processes that build at the same time do not disturb
// each other, and nothing is left over after them.
var build = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	tree := fnv.New64a()
	tree.Write(mod)
	dir := filepath.Join(cache, "multiwan", fmt.Sprintf("tree-%x", tree.Sum64()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	fresh := filepath.Join(dir, fmt.Sprintf("multiwan.%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", fresh, "multiwan/src/cmd/multiwan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	final := filepath.Join(dir, "multiwan")
	return final, os.Rename(fresh, final)
})
