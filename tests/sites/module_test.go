package sites

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// refused is what keeps the kernel from loading modules.
const refused = "/run/modprobe.d/refused.conf"

// withoutModules takes modules out of the kernel, users of others first, and keeps it from loading them again, until load or the test's end.
func withoutModules(t *testing.T, modules ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(refused), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(refused) })
	if err := os.WriteFile(refused, []byte("install "+strings.Join(modules, " /bin/false\ninstall ")+" /bin/false\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
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
	withoutModules(t, "l2tp_ip6", "l2tp_ip", "l2tp_eth", "l2tp_netlink", "l2tp_core")
	for _, s := range []*lab.Site{n.A, n.B} {
		own := map[*lab.Site]string{n.A: "10.8.0.1/30", n.B: "10.8.0.2/30"}[s]
		s.Start(config(s, cable{}, cable{name: "ip", id: 2, with: "pw", bridge: "-", options: []string{"encap ip", "ipaddr " + own}}))
	}
	says := func(words ...string) func() bool { return func() bool { return warns(n.A, words...) } }
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

	load(t, "l2tp_core")
	load(t, "l2tp_netlink") // tunnels can be made now, their Ethernet devices cannot
	if !lab.Wait(15*time.Second, says("l2tp_eth", "kmod-l2tp-eth")) {
		t.Errorf("warnings without l2tp_eth: %q", n.A.Status().Warnings)
	}
	begin := load(t, "l2tp_eth")
	t.Logf("frames pass %v after l2tp_eth is there", n.Reaches(70*time.Second).Received.Sub(begin))
	if !lab.Wait(15*time.Second, says("l2tp_ip", "kmod-l2tp-ip")) {
		t.Errorf("warnings without l2tp_ip: %q", n.A.Status().Warnings)
	}
	begin = load(t, "l2tp_ip")
	until(t, n.A, "the one over IP is up", func(d *status.Document) bool { return d.Pseudowires["ip"].State == "up" })
	t.Logf("the one over IP is up %v after l2tp_ip is there", time.Since(begin))
	if warns(n.A, "kmod") {
		t.Errorf("warnings when all is there: %q", n.A.Status().Warnings)
	}
	noClear(t, wire)
}

// TestNoIPsecModule runs both ends on a kernel whose IPsec cannot be told anything, where charon does not start. A pseudowire in clear works; the
// protected one waits, sends nothing in clear, and comes up by itself when module and charon are there.
func TestNoIPsecModule(t *testing.T) {
	lab.Need(t, lab.Machine, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	sites := []*lab.Site{n.A, n.B}
	for _, s := range sites {
		s.Charon = lab.StartCharon(s.Router)
		s.Charon.Stop()
	}
	withoutModules(t, "xfrm_interface", "xfrm_user")
	own := map[*lab.Site]string{n.A: "10.8.0.1/30", n.B: "10.8.0.2/30"}
	for _, s := range sites {
		s.Start(config(s, cable{}, cable{name: "open", id: 2, clear: true, bridge: "-",
			options: []string{"ipaddr " + own[s], "local_port 1750", "remote_port 1750"}}))
	}
	wire := n.Wire(func(f lab.Frame) bool { return f.L2TP() && f.SrcPort != 1750 }) // the protected one's
	if !lab.Wait(5*time.Second, func() bool { return warns(n.A, "xfrm_user", "kmod-ipsec") }) {
		t.Errorf("warnings without xfrm_user: %q", n.A.Status().Warnings)
	}
	if w := n.A.Status().Pseudowires["pw"]; w.State != "waiting" || !strings.Contains(w.Reason, "kmod-ipsec") {
		t.Errorf("without xfrm_user the protected pseudowire is %+v", w)
	}
	until(t, n.A, "the one in clear is up", func(d *status.Document) bool { return d.Pseudowires["open"].State == "up" })
	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 100 * time.Millisecond}) // the bridge that the protected one is to join
	time.Sleep(10 * time.Second)
	if r := flow.Stop(); r.Lost() < len(r.Packets) {
		t.Errorf("%d of %d packets crossed without IPsec", len(r.Packets)-r.Lost(), len(r.Packets))
	}

	begin := load(t, "xfrm_user")
	for _, s := range sites {
		s.Charon.Start()
	}
	t.Logf("frames pass %v after xfrm_user is there", n.Reaches(70*time.Second).Received.Sub(begin))
	if warns(n.A, "kmod") {
		t.Errorf("warnings when all is there: %q", n.A.Status().Warnings)
	}
	noClear(t, wire)
}

// warns tells whether a warning of the status has all the words.
func warns(s *lab.Site, words ...string) bool {
	return slices.ContainsFunc(s.Status().Warnings, func(w string) bool {
		return !slices.ContainsFunc(words, func(s string) bool { return !strings.Contains(w, s) })
	})
}

// load loads a module that was kept out, and says when it was there.
func load(t *testing.T, module string) time.Time {
	t.Helper()
	text, err := os.ReadFile(refused)
	if err == nil {
		err = os.WriteFile(refused, []byte(strings.Replace(string(text), "install "+module+" /bin/false\n", "", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
		t.Fatalf("modprobe %s: %v\n%s", module, err, out)
	}
	return time.Now()
}
