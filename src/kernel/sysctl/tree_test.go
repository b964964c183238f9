package sysctl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

func tree(t *testing.T) (*Tree, string) {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "sys")
	for name, value := range map[string]string{"net/ipv4/conf/eth0.111/rp_filter": "1\n", "net/ipv4/fib_multipath_hash_policy": "0\n"} {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "outside"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return tr, root
}

func TestSetThenGet(t *testing.T) {
	tr, root := tree(t)
	want := kstate.Sysctl{Name: "net/ipv4/conf/eth0.111/rp_filter", Value: "2"}
	if err := tr.Set(want); err != nil {
		t.Fatal(err)
	}
	got, err := tr.Get(want.Name)
	if err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if b, _ := os.ReadFile(filepath.Join(root, want.Name)); string(b) != "2\n" {
		t.Errorf("the file holds %q", b)
	}
}

func TestSetLeavesEqualAlone(t *testing.T) {
	tr, root := tree(t)
	p := filepath.Join(root, "net/ipv4/fib_multipath_hash_policy")
	if err := os.WriteFile(p, []byte("0"), 0o644); err != nil { // no newline: a write would show
		t.Fatal(err)
	}
	if err := tr.Set(kstate.Sysctl{Name: "net/ipv4/fib_multipath_hash_policy", Value: "0"}); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(p); string(b) != "0" {
		t.Errorf("written although equal: %q", b)
	}
}

func TestBadNames(t *testing.T) {
	tr, _ := tree(t)
	for _, name := range []string{"", ".", "/net/ipv4", "net/../../outside", "../outside", "net//ipv4", "net/ipv4/", "net/\nx"} {
		if _, err := tr.Get(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("get %q: %v, want %v", name, err, fs.ErrInvalid)
		}
		if err := tr.Set(kstate.Sysctl{Name: name, Value: "1"}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("set %q: %v, want %v", name, err, fs.ErrInvalid)
		}
	}
	if err := tr.Set(kstate.Sysctl{Name: "net/ipv4/fib_multipath_hash_policy", Value: "1\n2"}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a value of two lines: %v", err)
	}
}

func TestMissing(t *testing.T) {
	tr, root := tree(t)
	missing := kstate.Sysctl{Name: "net/ipv4/conf/gone/rp_filter", Value: "2"}
	if err := tr.Set(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("set: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, missing.Name)); err == nil {
		t.Error("made a file")
	}
	got, err := tr.Observe([]string{missing.Name, "net/ipv4/fib_multipath_hash_policy"})
	want := []kstate.Sysctl{{Name: "net/ipv4/fib_multipath_hash_policy", Value: "0"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("observe: %v\n%s", err, diff)
	}
}
