package sites

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// withoutL2TP takes L2TP out of the kernel and keeps the kernel from loading it again, until the test ends.
func withoutL2TP(t *testing.T) {
	t.Helper()
	const setting = "/proc/sys/kernel/modprobe"
	program, err := os.ReadFile(setting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(setting, program, 0o644); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(setting, []byte("/nowhere"), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"l2tp_ip6", "l2tp_ip", "l2tp_eth", "l2tp_netlink", "l2tp_core"} {
		if !strings.Contains("\n"+string(loaded), "\n"+m+" ") {
			continue
		}
		var out []byte
		// Namespaces of earlier tests hold it for a moment.
		if !lab.Wait(10*time.Second, func() bool { out, err = exec.Command("rmmod", m).CombinedOutput(); return err == nil }) {
			t.Fatalf("rmmod %s: %v\n%s", m, err, out)
		}
	}
}

// TestNoModule runs both ends on a kernel without L2TP. Status and log name the module and the package that brings it, and all else works.
// As modules come, one after the other, what needs them comes up by itself.
func TestNoModule(t *testing.T) {
	lab.Need(t, lab.Machine, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	n.Internet.Echo()
	wire := n.Wire(lab.Frame.L2TP)
	withoutL2TP(t)
	for _, s := range []*lab.Site{n.A, n.B} {
		own := map[*lab.Site]string{n.A: "10.8.0.1/30", n.B: "10.8.0.2/30"}[s]
		s.Start(config(s, cable{}, cable{name: "ip", id: 2, with: "pw", bridge: "-", options: []string{"encap ip", "ipaddr " + own}}))
	}
	says := func(words ...string) func() bool {
		return func() bool {
			return slices.ContainsFunc(n.A.Status().Warnings, func(w string) bool {
				return !slices.ContainsFunc(words, func(s string) bool { return !strings.Contains(w, s) })
			})
		}
	}
	if !lab.Wait(5*time.Second, says("l2tp_eth", "kmod-l2tp-eth")) {
		t.Errorf("warnings without L2TP: %q", n.A.Status().Warnings)
	}
	for name, w := range n.A.Status().Pseudowires {
		if w.State != "waiting" || !strings.Contains(w.Reason, "kmod-l2tp-eth") {
			t.Errorf("without L2TP %s is %+v", name, w)
		}
	}
	// The rest: the line is up and steered.
	if d := until(t, n.A, "the line is up", func(d *status.Document) bool { return d.Interfaces["wan0"].State == "up" }); len(d.Interfaces) != 1 {
		t.Errorf("%d lines", len(d.Interfaces))
	}
	flow := n.A.Router.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	flow.Stop()
	time.Sleep(30 * time.Second)
	for _, level := range []string{"level=warn", "level=err"} {
		lines := 0
		for line := range strings.Lines(n.A.Daemon.Log()) {
			if strings.Contains(line, level) && strings.Contains(line, "l2tp") {
				lines++
			}
		}
		if lines > 2 {
			t.Errorf("%d lines of %s in 30 s of a missing module:\n%s", lines, level, n.A.Daemon.Log())
		}
	}

	load := func(module string) time.Time {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			t.Fatalf("modprobe %s: %v\n%s", module, err, out)
		}
		return time.Now()
	}
	load("l2tp_netlink") // tunnels can be made now, their Ethernet devices cannot
	if !lab.Wait(15*time.Second, says("l2tp_eth", "kmod-l2tp-eth")) {
		t.Errorf("warnings without l2tp_eth: %q", n.A.Status().Warnings)
	}
	begin := load("l2tp_eth")
	t.Logf("frames pass %v after l2tp_eth is there", n.Reaches(70*time.Second).Received.Sub(begin))
	if !lab.Wait(15*time.Second, says("l2tp_ip", "kmod-l2tp-ip")) {
		t.Errorf("warnings without l2tp_ip: %q", n.A.Status().Warnings)
	}
	begin = load("l2tp_ip")
	until(t, n.A, "the one over IP is up", func(d *status.Document) bool { return d.Pseudowires["ip"].State == "up" })
	t.Logf("the one over IP is up %v after l2tp_ip is there", time.Since(begin))
	if w := n.A.Status().Warnings; slices.ContainsFunc(w, func(w string) bool { return strings.Contains(w, "kmod") }) {
		t.Errorf("warnings when all is there: %q", w)
	}
	noClear(t, wire)
}
