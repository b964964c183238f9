package scenario_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// mainTable is what table main and the addresses are, of both families.
func mainTable(h *lab.Host) string {
	return h.IP("-4 route show table main") + h.IP("-6 route show table main") + h.IP("-o address show")
}

// ourRules lists the rules with our protocol number, `ip rule`'s words.
func ourRules(h *lab.Host, family string) (ours, others []string) {
	for _, line := range strings.Split(strings.TrimSpace(h.IP("%s -d rule show", family)), "\n") {
		line = strings.Join(strings.Fields(line), " ")
		if strings.Contains(line, "proto 77") {
			ours = append(ours, strings.Replace(line, " proto 77", "", 1))
		} else {
			others = append(others, line)
		}
	}
	return ours, others
}

// TestS1Tables holds the kernel against docs/steering.md, number by number.
func TestS1Tables(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	before := mainTable(n.Router)
	_, foreign4 := ourRules(n.Router, "-4")
	_, foreign6 := ourRules(n.Router, "-6")
	forward := n.Router.GetSysctl("net.ipv4.ip_forward")
	start(t, n, n.UCI(fastProbe))

	if d := cmp.Diff(before, mainTable(n.Router)); d != "" {
		t.Errorf("table main or the addresses changed:\n%s", d)
	}
	if got := n.Router.GetSysctl("net.ipv4.ip_forward"); got != forward {
		t.Errorf("ip_forward is %s, was %s", got, forward)
	}
	for family, want := range map[string]struct {
		rules, foreign []string
		tables         map[int]string
	}{
		"-4": {wantRules("198.18.%d.2", "198.18.%d.0/24", 0, 7), foreign4, map[int]string{
			19713: "default via 198.18.0.1 dev wan0 proto 77 src 198.18.0.2 metric 1\n198.18.0.0/24 dev wan0 proto 77 scope link src 198.18.0.2 metric 1\nprohibit default proto 77 metric 2000",
			19714: "default via 198.18.1.1 dev wan1 proto 77 src 198.18.1.2 metric 1\n198.18.1.0/24 dev wan1 proto 77 scope link src 198.18.1.2 metric 1\nprohibit default proto 77 metric 2000",
			19777: "default via 198.18.0.1 dev wan0 proto 77 src 198.18.0.2 metric 1",
		}},
		"-6": {wantRules("2001:db8:%d::2", "2001:db8:%d::/64", 1, 3), foreign6, map[int]string{
			19713: "default via fe80::100 dev wan0 proto 77 src 2001:db8:1::2 metric 1 pref medium\n2001:db8:1::/64 dev wan0 proto 77 src 2001:db8:1::2 metric 1 pref medium\nprohibit default dev lo proto 77 metric 2000 pref medium",
			19714: "default via fe80::101 dev wan1 proto 77 src 2001:db8:2::2 metric 1 pref medium\n2001:db8:2::/64 dev wan1 proto 77 src 2001:db8:2::2 metric 1 pref medium\nprohibit default dev lo proto 77 metric 2000 pref medium",
			19777: "default via fe80::100 dev wan0 proto 77 src 2001:db8:1::2 metric 1 pref medium",
		}},
	} {
		ours, others := ourRules(n.Router, family)
		if d := cmp.Diff(want.rules, ours); d != "" {
			t.Errorf("%s rules:\n%s", family, d)
		}
		if d := cmp.Diff(want.foreign, others); d != "" {
			t.Errorf("%s rules of others:\n%s", family, d)
		}
		for table, routes := range want.tables {
			if d := cmp.Diff(sortedLines(routes), sortedLines(n.Router.IP("%s route show table %d", family, table))); d != "" {
				t.Errorf("%s table %d:\n%s", family, table, d)
			}
		}
	}
}

// wantRules is the rule table of two WANs, of which the first is preferred.
func wantRules(addr, prefix string, first, suppress int) []string {
	a0, a1 := fmt.Sprintf(addr, first), fmt.Sprintf(addr, first+1)
	p0, p1 := fmt.Sprintf(prefix, first), fmt.Sprintf(prefix, first+1)
	return []string{
		"6000: from all fwmark 0x41000000/0x7f000000 lookup 19713",
		"6000: from all fwmark 0x42000000/0x7f000000 lookup 19714",
		"6100: from all to " + p0 + " iif lo goto 6200",
		"6100: from all to " + p1 + " iif lo goto 6200",
		fmt.Sprintf("6150: from %s iif lo lookup main suppress_prefixlength %d", a0, suppress),
		fmt.Sprintf("6150: from %s iif lo lookup main suppress_prefixlength %d", a1, suppress),
		"6200: from " + a0 + " iif lo lookup 19713",
		"6200: from " + a1 + " iif lo lookup 19714",
		"6400: from all lookup main suppress_prefixlength 0",
		"6500: from all fwmark 0x1000000/0x7f000000 lookup 19713",
		"6500: from all fwmark 0x2000000/0x7f000000 lookup 19714",
		"6510: from all fwmark 0x1000000/0x7f000000 prohibit",
		"6510: from all fwmark 0x2000000/0x7f000000 prohibit",
		"6510: from all fwmark 0x3e000000/0x7f000000 blackhole",
		"6510: from all fwmark 0x3f000000/0x7f000000 unreachable",
		"6560: from " + p0 + " lookup 19713",
		"6560: from " + p1 + " lookup 19714",
		"6900: from all iif lo lookup 19777",
	}
}

func sortedLines(s string) map[string]bool {
	set := map[string]bool{}
	for _, line := range strings.Split(s, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			set[line] = true
		}
	}
	return set
}

// monitor collects what a watching program prints.
type monitor struct {
	mu  sync.Mutex
	out bytes.Buffer
	cmd *exec.Cmd
}

func (m *monitor) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(p)
}

func (m *monitor) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.String()
}

// watch runs a program that prints events until the test ends; ready provokes
// one, by which it is known to listen.
func watch(t *testing.T, h *lab.Host, ready func(), name string, args ...string) *monitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &monitor{}
	m.cmd = h.Command(ctx, name, args...)
	m.cmd.Stdout = m
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); m.cmd.Wait() })
	if !lab.Wait(patience, func() bool { ready(); time.Sleep(20 * time.Millisecond); return m.String() != "" }) {
		t.Fatalf("%s hears nothing", name)
	}
	return m
}

// TestS1Fixpoint starts a second time over what the first daemon left: the
// kernel is not written to, as it says itself.
func TestS1Fixpoint(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	r := start(t, n, n.UCI(fastProbe))
	r.Stop()
	routes := watch(t, n.Router, func() {
		n.Router.IP("rule add pref 30000 from 192.0.2.1 lookup 500")
		n.Router.IP("rule del pref 30000")
	}, "ip", "monitor", "route", "rule", "nexthop")
	sets := watch(t, n.Router, func() { n.Router.NFT("table ip ready\ndelete table ip ready\n") }, "nft", "monitor", "ruleset")
	seenRoutes, seenSets := routes.String(), sets.String()
	r.Start()
	d := r.steady()
	if d.Counters.Writes != 0 || d.Counters.Failed != 0 || d.Counters.Repairs != 0 {
		t.Errorf("the second start wrote: %+v", d.Counters)
	}
	if got := strings.TrimPrefix(routes.String(), seenRoutes); got != "" {
		t.Errorf("routes or rules changed at the second start:\n%s", got)
	}
	if got := strings.TrimPrefix(sets.String(), seenSets); got != "" {
		t.Errorf("the ruleset changed at the second start:\n%s", got)
	}
}

// TestS1StopRemoves leaves nothing behind after `multiwan stop`.
func TestS1StopRemoves(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	dump := func() string {
		rules := n.Router.IP("-4 rule show") + n.Router.IP("-6 rule show")
		tables, err := n.Router.Exec("", "nft", "list", "tables")
		if err != nil {
			t.Fatal(err)
		}
		return mainTable(n.Router) + n.Router.IP("-4 route show table all") + n.Router.IP("-6 route show table all") + rules + tables + n.Router.IP("nexthop show")
	}
	before := dump()
	r := start(t, n, n.UCI(fastProbe))
	if dump() == before {
		t.Fatal("the daemon did nothing")
	}
	if _, err := r.CLI("stop"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, dump()); d != "" {
		t.Errorf("left behind:\n%s", d)
	}
	if !lab.Wait(patience, func() bool { return !r.Running() }) {
		t.Error("the daemon still runs")
	}
}

// TestRPFilter loosens strict reverse path filtering of a WAN, whether the
// device or all devices ask for it, says so, and restores it.
func TestRPFilter(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	for name, strict := range map[string][]string{"device": {"wan1"}, "all": {"all"}} {
		t.Run(name, func(t *testing.T) {
			n := lab.T1(t, 2)
			for _, dev := range strict {
				n.Router.Sysctl("net.ipv4.conf."+dev+".rp_filter", "1")
			}
			get := func(dev string) string { return n.Router.GetSysctl("net.ipv4.conf." + dev + ".rp_filter") }
			was := map[string]string{"wan0": get("wan0"), "wan1": get("wan1"), "all": get("all"), "lan": get("lan")}
			r := start(t, n, n.UCI(fastProbe))
			if got := get("wan1"); got != "2" {
				t.Errorf("rp_filter of wan1 is %s, want 2", got)
			}
			if get("all") != was["all"] || get("lan") != was["lan"] {
				t.Errorf("rp_filter of all is %s and of lan %s, want %s and %s: they are not ours", get("all"), get("lan"), was["all"], was["lan"])
			}
			warned := strings.Join(r.status().Warnings, "\n")
			if !strings.Contains(warned, "wan1.rp_filter") {
				t.Errorf("the status does not tell of rp_filter: %s", warned)
			}
			n.Router.Echo()
			checkInbound(t, r, lab.EchoPort, "router")
			if _, err := r.CLI("stop"); err != nil {
				t.Fatal(err)
			}
			for dev, want := range was {
				if got := get(dev); got != want {
					t.Errorf("rp_filter of %s is %s after stop, was %s", dev, got, want)
				}
			}
		})
	}
}

// steeringWarnings are the warnings that are no setting of the kernel.
func steeringWarnings(d status.Document) []string {
	var out []string
	for _, w := range d.Warnings {
		if !strings.HasPrefix(w, "setting ") {
			out = append(out, w)
		}
	}
	return out
}
