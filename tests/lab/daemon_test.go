package lab

import (
	"strings"
	"testing"
	"time"
)

// TestDaemon starts, kills, restarts and stops the true program.
func TestDaemon(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	n := T1(t, 1)
	d := StartDaemon(n.Router, n.UCI())
	pid := d.PID()
	out, err := d.CLI("status")
	if err != nil || !strings.Contains(out, "wan0") {
		t.Errorf("status: %v: %s", err, out)
	}
	d.Kill()
	if d.Running() {
		t.Error("runs after kill -9")
	}
	d.Start()
	if d.PID() == pid {
		t.Error("the restarted daemon has the old process id")
	}
	d.Reload()
	d.Stop()
	if !Wait(time.Second, func() bool { return !d.Running() }) {
		t.Error("runs after SIGTERM")
	}
}
