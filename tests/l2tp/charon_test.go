package l2tp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/xfrm"
	"multiwan/tests/lab"
)

// charon is strongSwan's daemon on a host, with files of its own.
type charon struct {
	t   *testing.T
	h   *lab.Host
	dir string
	cmd *exec.Cmd
}

// startCharon starts it without any connection and waits for its control socket.
func startCharon(t *testing.T, h *lab.Host, dir string) *charon {
	t.Helper()
	conf := fmt.Sprintf("charon-systemd {\n  plugins {\n    include /etc/strongswan.d/charon/*.conf\n    vici {\n      socket = unix://%s/vici\n    }\n  }\n"+
		"  filelog {\n    l {\n      path = %s/log\n      flush_line = yes\n    }\n  }\n}\n", dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "strongswan.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "vici")) // of one that was killed
	c := &charon{t: t, h: h, dir: dir}
	c.cmd = h.Command(context.Background(), "charon-systemd")
	c.cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+filepath.Join(dir, "strongswan.conf"))
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop(syscall.SIGKILL) })
	if !lab.Wait(20*time.Second, func() bool { _, err := c.swanctl("", "--version"); return err == nil }) {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("charon does not answer: %s", log)
	}
	return c
}

func (c *charon) swanctl(stdin string, args ...string) (string, error) {
	if _, err := os.Stat(filepath.Join(c.dir, "vici")); err != nil {
		return "", err
	}
	return c.h.Exec(stdin, "swanctl", append(args, "--uri", "unix://"+filepath.Join(c.dir, "vici"))...)
}

// stop ends it by a signal.
func (c *charon) stop(s syscall.Signal) {
	if c.cmd.ProcessState != nil {
		return
	}
	c.cmd.Process.Signal(s)
	c.cmd.Wait()
}

// trap loads a connection for exactly the ends of a tunnel, whose policies stand at once and wait for the first packet.
func (c *charon) trap(k kstate.Tunnel) {
	c.t.Helper()
	ts := func(a fmt.Stringer, port uint16) string { return fmt.Sprintf("%s[udp/%d]", a, port) }
	file := filepath.Join(c.dir, "swanctl.conf")
	conf := fmt.Sprintf("connections {\n  c {\n    version = 2\n    local_addrs = %s\n    remote_addrs = %s\n    local {\n      auth = psk\n      id = a\n    }\n    remote {\n      auth = psk\n      id = b\n    }\n"+
		"    children {\n      c {\n        mode = transport\n        local_ts = %s\n        remote_ts = %s\n        start_action = trap\n        esp_proposals = aes128gcm16\n      }\n    }\n  }\n}\n"+
		"secrets {\n  ike-c {\n    secret = x\n  }\n}\n", k.Local, k.Remote, ts(k.Local, k.LocalPort), ts(k.Remote, k.RemotePort))
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if out, err := c.swanctl("", "--load-all", "--file", file); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
}

// TestBesideCharon keeps our policies through everything that charon does: start, policies of its own with the same ends, their end, its
// own end, and another start after it was killed.
func TestBesideCharon(t *testing.T) {
	lab.Need(t, lab.ESP)
	a, _ := pair(t)
	x := dialXfrm(t, a)
	tunnel := tunnels()[0]
	want := tunnel.Blocks()
	add(t, x, want[:]...)
	check := func(what string, state xfrm.State) {
		t.Helper()
		got := observedBlocks(t, x)
		for _, k := range want {
			if !slices.Contains(got, k) {
				t.Errorf("%s: %s is gone", what, k)
			}
			p, err := x.Protection(t.Context(), k)
			if err != nil || p.State != state {
				t.Errorf("%s, %s: %s by %+v, %v", what, k.Dir, p.State, p.Policy, err)
			}
			if state == xfrm.Waiting {
				t.Logf("%s: charon's policy has priority %d, templates %+v", k.Dir, p.Policy.Priority, p.Policy.Templates)
				if p.Policy.Priority >= kstate.BlockPriority || p.Policy.SrcPort != k.SrcPort || p.Policy.User != 0 {
					t.Errorf("%s: charon's policy is %+v", what, p.Policy)
				}
			}
		}
	}
	dir := t.TempDir()
	c := startCharon(t, a, dir)
	check("started", xfrm.Blocked)
	c.trap(tunnel)
	check("trap", xfrm.Waiting)
	if out, err := c.swanctl("", "--uninstall", "--child", "c"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	check("trap gone", xfrm.Blocked)
	c.trap(tunnel)
	c.stop(syscall.SIGTERM)
	check("stopped", xfrm.Blocked)
	c = startCharon(t, a, dir)
	c.trap(tunnel)
	c.stop(syscall.SIGKILL)
	check("killed", xfrm.Waiting)
	c = startCharon(t, a, dir)
	check("started after a kill", xfrm.Waiting)
	t.Log(a.IP("xfrm policy"))
}
