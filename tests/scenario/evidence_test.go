package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// TestP10Evidence asks the history for the last probes of each target behind
// every change of state.
func TestP10Evidence(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	a := n.WANs[0]
	r := start(t, n, n.UCI(pace("0.2")), "\toption up '2'\n\toption down_interval '0.2'\n")
	time.Sleep(2 * time.Second)
	cut := a.CutInternet() // the gateway still answers
	r.turned(a, "ipv4", "down", cut, patience)
	r.turned(a, "ipv6", "down", cut, patience)
	a.Heal()
	r.up(a)

	targets := map[string][]string{"ipv4": {"1.1.1.1", "8.8.8.8", "gateway"}, "ipv6": {"2606:4700:4700::1111", "2001:4860:4860::8888", "gateway"}}
	seen := map[string]int{}
	for _, tr := range r.history(a) {
		seen[tr.Family+" "+tr.To]++
		by := map[string][]status.Evidence{}
		var last float64
		answered := false
		for _, e := range tr.Evidence {
			by[e.Target] = append(by[e.Target], e)
			if e.Time < last-0.001 || e.Time > tr.Time+0.001 {
				t.Errorf("%s %s: evidence of %f is out of order or after the change at %f", tr.Family, tr.To, e.Time, tr.Time)
			}
			last, answered = e.Time, answered || e.RTT != nil
			if (e.RTT == nil) == (e.Failure == "") || e.Probe != "builtin" {
				t.Errorf("%s %s: evidence %+v", tr.Family, tr.To, e)
			}
		}
		if !answered {
			t.Errorf("%s %s: no probe was ever answered: %+v", tr.Family, tr.To, tr.Evidence)
		}
		for _, target := range targets[tr.Family] {
			checkEvidence(t, tr, target, by[target], cut)
		}
	}
	for _, want := range []string{"ipv4 up", "ipv4 down", "ipv6 up", "ipv6 down"} {
		if seen[want] == 0 {
			t.Errorf("the history has no %q: %v", want, seen)
		}
	}
	text, err := r.CLI("history", a.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"down", "1.1.1.1", "8.8.8.8", "gateway", "no answer", "probes in a row lost"} {
		if !strings.Contains(text, want) {
			t.Errorf("the history as text does not have %q:\n%s", want, text)
		}
	}
}

// checkEvidence holds the probes of one target against what the change says.
func checkEvidence(t *testing.T, tr status.Transition, target string, list []status.Evidence, cut time.Time) {
	t.Helper()
	if len(list) == 0 {
		t.Errorf("%s %s: no probe of %s", tr.Family, tr.To, target)
		return
	}
	lost, bursts := 0, 0
	for _, e := range list {
		if when(e.Time).After(cut) && e.Failure == "no answer" {
			lost++
		}
		if e.Burst {
			bursts++
		}
	}
	switch {
	case tr.To == "down" && target == "gateway":
		if lost != 0 {
			t.Errorf("%s down: the gateway answered, the evidence says %+v", tr.Family, list)
		}
	case tr.To == "down":
		if lost < 5 || bursts == 0 {
			t.Errorf("%s down: %d of the last probes of %s lost, %d in the burst: %+v", tr.Family, lost, target, bursts, list)
		}
	}
}

// TestProbeCommand asks for bursts by one WAN, whatever its state.
func TestProbeCommand(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe))
	a.CutInternet()
	r.down(a)
	other := n.Router.Capture(b.Device, func(f lab.Frame) bool { return f.Out && f.Dst == lab.Internet4b })

	var bursts []status.Burst
	r.ask(&bursts, "probe", "--json", "--count", "5", a.Name, "gateway")
	if len(bursts) != 2 {
		t.Errorf("bursts to the gateway: %+v, want one a family", bursts)
	}
	for _, u := range bursts {
		if u.Interface != a.Name || u.Device != a.Device || u.Sent != 5 || u.Received != 5 || u.Mean == nil || u.Error != "" {
			t.Errorf("burst to the gateway: %+v", u)
		}
	}
	bursts = nil
	r.ask(&bursts, "probe", "--json", "--count", "5", a.Name, lab.Internet4b.String())
	if len(bursts) != 1 || bursts[0].Sent != 5 || bursts[0].Received != 0 || bursts[0].Loss != 100 || bursts[0].Source != a.Addr4.String() {
		t.Errorf("burst into the internet by the dead WAN: %+v", bursts)
	}
	if other.Count() != 0 {
		t.Error("probes of one WAN left by the other")
	}
	bursts = nil
	r.ask(&bursts, "probe", "--json", "--count", "5", b.Name)
	families := map[string]bool{}
	for _, u := range bursts {
		families[u.Family] = true
		if u.Received != 5 {
			t.Errorf("burst to the targets of the sound WAN: %+v", u)
		}
	}
	if !families["ipv4"] || !families["ipv6"] {
		t.Errorf("bursts to the targets of the sound WAN: %+v, want both families", bursts)
	}
	if _, err := r.CLI("probe", "nonsense"); err == nil {
		t.Error("a WAN that is not there can be probed")
	}
	if _, err := r.CLI("probe", a.Name, lab.Internet4b.String()); err == nil {
		t.Error("no error although nothing was answered")
	}
}

// TestAdministrative takes WANs out of use and puts them back by hand.
func TestAdministrative(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe))
	flow := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
	arrived(t, flow, a, time.Time{}, patience)
	command := func(words ...string) time.Time {
		t.Helper()
		if _, err := r.CLI(words[0], words[1:]...); err != nil {
			t.Fatal(err)
		}
		return time.Now()
	}

	at := command("down", a.Name)
	arrived(t, flow, b, at.Add(-100*time.Millisecond), time.Second)
	r.uses("default", b)
	d := r.status().Interfaces[a.Name]
	if d.Forced != "down" || d.ForcedTo != 0 {
		t.Errorf("taken down by hand: forced %q until %d", d.Forced, d.ForcedTo)
	}
	newFlows(t, n, b)
	sent := d.Probes[0].Sent
	if !lab.Wait(2*time.Second, func() bool { return r.status().Interfaces[a.Name].Probes[0].Sent > sent }) {
		t.Error("a WAN that was taken down by hand is not probed any more")
	}

	// The last one is not taken away either.
	command("down", b.Name, "2")
	if d := r.status().Interfaces[b.Name]; d.Forced != "down" || d.ForcedTo == 0 {
		t.Errorf("taken down for two seconds: forced %q until %d", d.Forced, d.ForcedTo)
	}
	r.await(2*time.Second, "the policy makes the best of it", func(d status.Document) bool { return d.Policies["default"].State == "best_effort" })
	newFlows(t, n, b)
	r.await(4*time.Second, "the second WAN is back by itself", func(d status.Document) bool {
		return d.Interfaces[b.Name].Forced == "" && d.Policies["default"].State == "backup"
	})

	command("up", a.Name)
	r.uses("default", a)
	newFlows(t, n, a)
	if lost := flow.Stop().Lost(); lost > 5 {
		t.Errorf("the flow lost %d packets, though both lines work", lost)
	}
	r.noSpoofing()
}

// children is what a process has started: those that run, and the page faults
// of those that ended and were waited for (cminflt of proc(5)), which no program
// runs without.
func children(t *testing.T, pid int) (running []string, faults int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	field := func(path string, n int) string {
		b, err := os.ReadFile(path)
		_, rest, found := strings.Cut(string(b), ") ")
		if err != nil || !found {
			return ""
		}
		return strings.Fields(rest)[n-3]
	}
	for _, path := range stats {
		if field(path, 4) == strconv.Itoa(pid) {
			running = append(running, path)
		}
	}
	faults, err = strconv.Atoi(field(fmt.Sprintf("/proc/%d/stat", pid), 11))
	if err != nil {
		t.Fatal(err)
	}
	return running, faults
}

// TestP1NoFork goes through a failover and back: no program is started, until a
// hook asks for one, which shows that the count would tell.
func TestP1NoFork(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	dir, option := hookDir(t)
	r := start(t, n, option, n.UCI(fastProbe))
	flow := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
	arrived(t, flow, a, time.Time{}, patience)
	pid := r.daemonPID(t)
	if ignored := readFile(t, fmt.Sprintf("/proc/%d/status", pid)); !strings.Contains(ignored, "SigIgn:") || ignoresChildren(t, ignored) {
		t.Fatal("children would vanish uncounted")
	}
	none := func(what string) {
		t.Helper()
		if running, faults := children(t, pid); len(running) != 0 || faults != 0 {
			t.Errorf("%s: the daemon has children %v, and had some with %d page faults", what, running, faults)
		}
	}
	none("start")
	cut := a.BlackHole()
	arrived(t, flow, b, cut, patience)
	none("failover")
	healed := a.Heal()
	arrived(t, flow, a, healed, patience)
	none("failback")
	if !r.logged("evict ipv4 connections of wan0") || !r.logged("evict ipv4 connections of wan1") {
		t.Error("nothing was evicted")
	}

	out := filepath.Join(t.TempDir(), "ran")
	script(t, dir, "50-hook", "echo ran > "+out+"\n", 0o755)
	r.Reload()
	if !lab.Wait(patience, func() bool { _, faults := children(t, pid); return faults > 0 }) {
		t.Errorf("a hook ran (%q) and the count does not tell", readFile(t, out))
	}
}

// ignoresChildren reports whether a process has SIGCHLD (17) ignored.
func ignoresChildren(t *testing.T, status string) bool {
	t.Helper()
	_, rest, _ := strings.Cut(status, "SigIgn:")
	mask, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask>>(17-1)&1 == 1
}
