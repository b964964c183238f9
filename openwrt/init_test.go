// Package openwrt_test tries what we ship for OpenWrt without OpenWrt.
package openwrt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubs stand for rc.common and procd: each says how it was called.
const stubs = `
for f in extra_command procd_open_instance procd_set_param procd_close_instance procd_add_reload_trigger; do
	eval "$f() { echo $f \"\$@\"; }"
done
_procd_status() { echo "procd's status"; return 3; }
. ../files/etc/init.d/multiwan
PROG=./multiwan
`

// inScript runs a line behind the init script, with a program that says its arguments and ends with a code.
func inScript(t *testing.T, line, code string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	program := "#!/bin/sh\necho \"multiwan $*\"\nexit " + code + "\n"
	if err := os.WriteFile(filepath.Join(dir, "multiwan"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dash", "-c", strings.ReplaceAll(stubs, "./multiwan", filepath.Join(dir, "multiwan"))+line)
	out, err := cmd.Output()
	return string(out), err
}

func TestInitStop(t *testing.T) {
	for _, c := range []struct {
		env  string
		asks bool
	}{
		{"action=stop", true},
		{"action=stop PKG_UPGRADE=0", true},
		{"action=stop PKG_UPGRADE=1", false},
		{"action=restart", false},
		{"action=shutdown", false},
		{`action='eval reload "$@" || restart "$@" && :'`, false},
	} {
		out, err := inScript(t, c.env+"\nstop_service", "0")
		if err != nil {
			t.Errorf("%s: %v", c.env, err)
		}
		if asks := strings.Contains(out, "multiwan stop\n"); asks != c.asks {
			t.Errorf("%s: removes our state: %v, want %v", c.env, asks, c.asks)
		}
	}
}

func TestInitStart(t *testing.T) {
	out, err := inScript(t, "start_service; service_triggers", "0")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"respawn 3600 5 0", "file /etc/config/multiwan /etc/config/network", "reload_signal HUP",
		"procd_add_reload_trigger multiwan network",
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestInitStatus(t *testing.T) {
	out, err := inScript(t, "status_service", "0")
	if err != nil || !strings.Contains(out, "multiwan status\n") || strings.Contains(out, "procd's") {
		t.Errorf("with a daemon: %v\n%s", err, out)
	}
	out, err = inScript(t, "status_service", "3")
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 3 || !strings.Contains(out, "procd's status\n") {
		t.Errorf("without a daemon: %v, want procd's code 3\n%s", err, out)
	}
}
