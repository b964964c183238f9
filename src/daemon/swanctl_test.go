package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/reconcile"
)

// TestSwanctlFile: the file has what is loaded, for root alone, survives a pass that decided nothing, and goes with the last connection.
func TestSwanctlFile(t *testing.T) {
	var fault error
	f := &swanctlFile{path: filepath.Join(t.TempDir(), "run", "swanctl.conf"), fault: func(_ string, err error) { fault = err }}
	conn := kstate.Conn{Name: "dc", Remote: "192.0.2.7", PSK: kstate.Secret("key")}
	f.follow(reconcile.Snapshot{Overlay: &overlay.Plan{Conns: []kstate.Conn{conn}}})
	check := func() {
		t.Helper()
		b, err := os.ReadFile(f.path)
		if err != nil || fault != nil || !strings.Contains(string(b), "multiwan-dc") || !strings.Contains(string(b), "key") {
			t.Fatalf("%v, %v: %s", err, fault, b)
		}
		if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v: mode %v", err, info.Mode())
		}
	}
	check()
	f.follow(reconcile.Snapshot{Err: errors.New("the kernel does not answer")})
	check()
	before, _ := os.Stat(f.path)
	f.follow(reconcile.Snapshot{Overlay: &overlay.Plan{Conns: []kstate.Conn{conn}}})
	if after, _ := os.Stat(f.path); !os.SameFile(before, after) {
		t.Error("written again though nothing changed")
	}
	f.follow(reconcile.Snapshot{})
	if _, err := os.Stat(f.path); !errors.Is(err, os.ErrNotExist) || fault != nil {
		t.Errorf("still there: %v, %v", err, fault)
	}

	f.path = "/proc/none/swanctl.conf"
	f.follow(reconcile.Snapshot{Overlay: &overlay.Plan{Conns: []kstate.Conn{conn}}})
	if fault == nil {
		t.Error("a file that cannot be written is no fault")
	}
}
