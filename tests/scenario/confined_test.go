package scenario_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestConfined: with the two rights that the service has under ujail the daemon does all its work: settings of the kernel, rules, nftables,
// fail-over with eviction, hooks, and at the end everything goes.
func TestConfined(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink, lab.Setpriv)
	n, before := untouched(t)
	n.Internet.Echo()
	hooks := t.TempDir()
	said := filepath.Join(t.TempDir(), "said")
	if err := os.WriteFile(filepath.Join(hooks, "10"), []byte("#!/bin/sh\necho $ACTION $INTERFACE >> "+said+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(n.UCI(fastProbe), "option steering", "option hook_dir '"+hooks+"'\n\toption steering", 1)
	if !strings.Contains(config, hooks) {
		config += "\nconfig globals 'globals'\n\toption hook_dir '" + hooks + "'\n"
	}
	d := lab.StartConfined(n.Router, config)
	status, err := os.ReadFile("/proc/" + strconv.Itoa(d.PID()) + "/status")
	if err != nil || !strings.Contains(string(status), "CapBnd:\t0000000000003000\n") || !strings.Contains(string(status), "CapEff:\t0000000000003000\n") {
		t.Fatalf("%v: other rights:\n%s", err, status)
	}
	flow := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{Interval: 10 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, patience)
	at := n.WANs[0].BlackHole()
	if p := flow.WaitAnswer(t, at, patience); n.ByAddr(p.Source.Addr()) != n.WANs[1] {
		t.Errorf("answered by way of %s", p.Source)
	}
	if !lab.Wait(patience, func() bool { b, _ := os.ReadFile(said); return strings.Contains(string(b), "down wan0\n") }) {
		b, _ := os.ReadFile(said)
		t.Errorf("the hook said %q", b)
	}
	if out, err := d.CLI("stop"); err != nil {
		t.Errorf("stop: %v, %s", err, out)
	}
	same(t, "not as before the start", before, withSettings(t, n.Router, dump(t, n.Router)))
}
