package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// routed turns a configuration to steering without marks.
const routed = "config globals 'globals'\n\toption steering 'route'\n\n"

// needRoute names what the kernel must have for it.
func needRoute(t *testing.T) {
	t.Helper()
	lab.Need(t, lab.Netns, lab.Nft, lab.MultipathNexthop, lab.Resilient)
}

// TestRouteShares deals connections out by the kernel alone: no mark anywhere,
// shares by weight, settings put back on stop.
func TestRouteShares(t *testing.T) {
	t.Parallel()
	needRoute(t)
	n := lab.T1(t, 3)
	n.Internet.Echo()
	hash := func() string {
		return n.Router.GetSysctl("net.ipv4.fib_multipath_hash_policy") + n.Router.GetSysctl("net.ipv6.fib_multipath_hash_policy")
	}
	before := hash()
	weights := []int{1, 2, 3}
	r := start(t, n, routed, weighted(n, weights))
	checkNoMarks(t, n)
	if got := hash(); got != "11" {
		t.Errorf("hash policies of IPv4 and IPv6 are %s, want 1 and 1", got)
	}
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		// The kernel hashes, so counts scatter: with 2,400 connections five points
		// are 4.9 times the standard deviation.
		const flows = 2400
		tally := n.Client.ConnectN(lab.Echo(to), flows, lab.ConnectOptions{})
		if tally.OK != flows {
			t.Fatalf("%d of %d connections worked: %v", tally.OK, flows, tally.Errors)
		}
		for i, got := range byWAN(t, n, tally) {
			share, want := 100*float64(got)/flows, 100*float64(weights[i])/6
			if !near(share, want, 5) {
				t.Errorf("wan%d got %.1f %%, want %.1f", i, share, want)
			}
		}
	})
	r.noSpoofing()
	if _, err := r.CLI("stop"); err != nil {
		t.Fatal(err)
	}
	if got := hash(); got != before {
		t.Errorf("hash policies are %s after stop, were %s", got, before)
	}
	if left := n.Router.IP("nexthop show"); left != "" {
		t.Errorf("nexthops left behind:\n%s", left)
	}
}

// checkNoMarks looks for marks in the ruleset and the routing rules.
func checkNoMarks(t *testing.T, n *lab.Network) {
	t.Helper()
	ruleset, err := n.Router.Exec("", "nft", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	rules := n.Router.IP("-4 rule show") + n.Router.IP("-6 rule show")
	if !strings.Contains(ruleset, "table inet multiwan") || strings.Contains(ruleset, "mark") || strings.Contains(rules, "mark") {
		t.Errorf("steering route has marks, or no table:\n%s\n%s", ruleset, rules)
	}
}

// TestRouteWays is preferred and backup, rules, inbound to the router and bound
// sockets, all without marks.
func TestRouteWays(t *testing.T) {
	t.Parallel()
	needRoute(t)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.Echo()
	r := start(t, n, routed, n.UCI(fastProbe, perWAN))
	checkNoMarks(t, n)
	checkWays(t, r)
	checkInbound(t, r, lab.EchoPort, "router")
	for i, w := range n.WANs {
		for is4, to := range byRule[i] {
			src := lab.Client6
			if is4 {
				src = lab.Client4
			}
			if e := r.explain(src, to, "udp", lab.EchoPort); oneWay(e) != w.Name || !e.Agrees {
				t.Errorf("explain: %s", asJSON(t, e))
			}
		}
	}
}

// TestRouteFailover moves the flows of the member that dies, and no other.
func TestRouteFailover(t *testing.T) {
	t.Parallel()
	needRoute(t)
	n := lab.T1(t, 3)
	n.Internet.Echo()
	r := start(t, n, routed, weighted(n, []int{1, 1, 1}))
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		t.Run(to.String(), func(t *testing.T) {
			var flows []*lab.Flow
			carried := map[*lab.WAN]int{}
			for range 24 {
				f := n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{Interval: 40 * time.Millisecond})
				carried[n.ByAddr(f.WaitAnswer(t, time.Time{}, 2*time.Second).Source.Addr())]++
				flows = append(flows, f)
			}
			dead := n.WANs[1]
			if carried[dead] == 0 || carried[dead] == len(flows) {
				t.Fatalf("flows by WAN: %v", carried)
			}
			dead.BlackHole()
			r.down(dead)
			at := time.Now()
			for _, f := range flows {
				f.WaitAnswer(t, at, 3*time.Second)
			}
			dead.Heal()
			r.up(dead)
			time.Sleep(300 * time.Millisecond)
			var done sync.WaitGroup
			for _, f := range flows {
				done.Go(func() { checkMoved(t, n, f.Stop(), dead) })
			}
			done.Wait()
		})
	}
	// The kernel moves a flow before its translation is evicted, some milliseconds later: a packet of each may still carry the old source.
	for _, w := range n.WANs {
		if got := w.Spoofed(); got > 2*24 {
			t.Errorf("%s dropped %d packets with foreign sources, of 48 flows", w.Name, got)
		}
	}
}

// checkMoved holds that a flow of the dead WAN came to another one, and that any
// other flow kept its WAN and port and lost nothing.
func checkMoved(t *testing.T, n *lab.Network, report lab.Report, dead *lab.WAN) {
	t.Helper()
	var sources []netip.AddrPort
	for _, p := range report.Packets {
		if !p.Lost() && (len(sources) == 0 || sources[len(sources)-1] != p.Source) {
			sources = append(sources, p.Source)
		}
	}
	first := n.ByAddr(sources[0].Addr())
	switch {
	case first != dead && (len(sources) != 1 || report.Lost() != 0):
		t.Errorf("a flow of %s came from %v and lost %d packets although its WAN was well", first.Name, sources, report.Lost())
	case first == dead && len(sources) < 2:
		t.Errorf("a flow of the dead %s did not move: %v", dead.Name, sources)
	}
}

// TestRouteRefusals keeps the last good configuration where a new one asks for
// what this steering cannot do.
func TestRouteRefusals(t *testing.T) {
	t.Parallel()
	needRoute(t)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, routed, n.UCI(fastProbe, perWAN))
	for what, text := range map[string]string{
		"sticky":         "config policy 'p'\n\tlist interface 'wan0'\n\toption sticky '60'\n",
		"balance source": "config policy 'p'\n\tlist interface 'wan0'\n\toption balance 'source'\n",
		"failback keep":  "config policy 'p'\n\tlist interface 'wan0'\n\toption failback 'keep'\n",
		"failback drain": "config policy 'p'\n\tlist interface 'wan0'\n\toption failback 'drain'\n",
		"nftset":         "config rule 'x'\n\toption nftset 'video'\n\toption policy 'wan0'\n",
		"dscp":           "config rule 'x'\n\toption dscp 'ef'\n\toption policy 'wan0'\n",
		"src_iface":      "config rule 'x'\n\toption src_iface 'lan'\n\toption policy 'wan0'\n",
		"negation":       "config rule 'x'\n\toption dest_ip '!192.0.2.1'\n\toption policy 'wan0'\n",
	} {
		r.Write(strings.Join([]string{routed, n.UCI(fastProbe, perWAN), text}, "\n"))
		r.Reload()
		d := r.await(patience, what+" refused", func(d status.Document) bool { return d.Config.State == "last-good" })
		if said := fmt.Sprint(d.Config.Errors); !strings.Contains(said, "steering 'route'") {
			t.Errorf("%s: %s, want a reason that names the steering", what, said)
		}
		r.Write(strings.Join([]string{routed, n.UCI(fastProbe, perWAN)}, "\n"))
		r.Reload()
		r.await(patience, "the good file again", func(d status.Document) bool { return d.Config.State == "ok" })
	}
	r.checkRules()
}

// TestRouteDeadWithoutAlternative refuses what has no other way than a WAN that
// is down.
func TestRouteDeadWithoutAlternative(t *testing.T) {
	t.Parallel()
	needRoute(t)
	n := lab.T1(t, 2)
	serve(n, 7001, 7002)
	r := start(t, n, routed, n.UCI(fastProbe, noWay))
	w := n.WANs[1]
	w.BlackHole()
	r.down(w)
	r.steadyExcept(w)
	for _, to := range []netip.Addr{lab.Internet4b, lab.Internet6b, lab.Internet4c, lab.Internet6c} {
		answers := n.Client.Capture("eth0", func(f lab.Frame) bool { return refuses(f, to) })
		begin := time.Now()
		_, err := exchange(n.Client, shot{network: "tcp", to: lab.Echo(to), wait: 4 * time.Second})
		if got := answers.Stop(); !isRefusal(err) || len(got) == 0 || got[0].At.Sub(begin) > time.Second {
			t.Errorf("to %s: ended with %v after %v and %d refusals, want one within 1 s", to, err, time.Since(begin), len(got))
		}
	}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		if _, err := exchange(n.Client, shot{network: "udp", to: netip.AddrPortFrom(to, 7001), wait: 400 * time.Millisecond}); !isTimeout(err) {
			t.Errorf("blackhole: %v", err)
		}
		if got, err := exchange(n.Client, shot{network: "udp", to: netip.AddrPortFrom(to, 7002)}); err != nil || n.ByAddr(got.Addr()) != n.WANs[0] {
			t.Errorf("main: seen as %s, %v; want wan0", got, err)
		}
	}
	r.noSpoofing()
}
