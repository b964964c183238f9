package scenario_test

import (
	"os"
	"strings"
	"testing"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// untouched is a network in which strict reverse path filtering makes the daemon
// change settings, with rules, routes and nftables of others, and the kernel's
// whole state before the daemon came.
func untouched(t *testing.T) (*lab.Network, kernelState) {
	t.Helper()
	n := lab.T1(t, 2)
	n.Router.Sysctl("net.ipv4.conf.wan1.rp_filter", "1")
	n.Router.NFT(fw4Table(1))
	n.Router.IP("rule add pref 1000 from 192.0.2.0/24 lookup 100")
	n.Router.IP("-6 rule add pref 10000 to 2001:db8:dead::/48 lookup 100 proto 4")
	n.Router.IP("route add 192.0.2.0/24 via %s table 100", n.WANs[1].Gateway4)
	n.Router.IP("-6 route add 2001:db8:dead::/48 via %s dev wan1 table 100", n.WANs[1].Gateway6)
	return n, withSettings(t, n.Router, dump(t, n.Router))
}

// statePath is where the daemon keeps its state.
func (r *router) statePath() string { return strings.TrimSuffix(r.Socket, ".sock") + ".state" }

// gone fails the test unless the kernel is as it was before the start and the
// state file is removed.
func (r *router) gone(before kernelState) {
	r.t.Helper()
	same(r.t, "not as before the start", before, withSettings(r.t, r.Router, dump(r.t, r.Router)))
	if _, err := os.Stat(r.statePath()); !os.IsNotExist(err) {
		r.t.Errorf("the state file is still there (%v)", err)
	}
}

// TestS17StopRemovesEverything compares the kernel, every setting of the network
// included, before the start and after each way to end for good.
func TestS17StopRemovesEverything(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	stop := func(t *testing.T, r *router) {
		if _, err := r.CLI("stop"); err != nil {
			t.Errorf("%v", err)
		}
	}
	for name, end := range map[string]func(*testing.T, *router){
		"running": func(t *testing.T, r *router) {
			stop(t, r)
			if !lab.Wait(patience, func() bool { return !r.Running() }) {
				t.Error("the daemon still runs")
			}
		},
		"killed":     func(t *testing.T, r *router) { r.Kill(); stop(t, r) },
		"terminated": func(t *testing.T, r *router) { r.Stop(); stop(t, r) },
		"twice":      func(t *testing.T, r *router) { r.Kill(); stop(t, r); stop(t, r) },
	} {
		t.Run(name, func(t *testing.T) {
			n, before := untouched(t)
			r := start(t, n, n.UCI(fastProbe, bySecond))
			if n.Router.GetSysctl("net.ipv4.conf.wan1.rp_filter") != "2" {
				t.Error("rp_filter of wan1 was not loosened: nothing to give back")
			}
			end(t, r)
			r.gone(before)
		})
	}
}

// TestS17StopWithSteeringRoute does the same with nexthop groups and without
// marks.
func TestS17StopWithSteeringRoute(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.Resilient)
	n, before := untouched(t)
	r := start(t, n, n.UCI(fastProbe, "config globals 'globals'\n\toption steering 'route'\n",
		"config policy 'default'\n\tlist member 'a'\n\tlist member 'b'\nconfig member 'a'\n\toption interface 'wan0'\n\toption metric '1'\nconfig member 'b'\n\toption interface 'wan1'\n\toption metric '1'\n"))
	if got := n.Router.IP("nexthop show"); !strings.Contains(got, "resilient") {
		t.Errorf("no resilient group among %q", got)
	}
	r.Kill()
	if _, err := r.CLI("stop"); err != nil {
		t.Error(err)
	}
	r.gone(before)
}

// TestS17Disabled takes everything away when `option enabled` becomes 0, and puts
// it back when it becomes 1.
func TestS17Disabled(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n, before := untouched(t)
	config := n.UCI(fastProbe, bySecond)
	r := start(t, n, config)
	running := withSettings(t, n.Router, dump(t, n.Router))
	off := config + "config globals 'globals'\n\toption enabled '0'\n"
	r.Write(off)
	r.Reload()
	r.await(patience, "all policies gone", func(d status.Document) bool { return d.Counters.Reloads == 2 && len(d.Policies) == 0 })
	if !lab.Wait(patience, func() bool { return !strings.Contains(n.Router.IP("rule show"), "19713") }) {
		t.Error("rules are left")
	}
	rest()
	same(t, "disabled: not as before the start", before, withSettings(t, n.Router, dump(t, n.Router)))
	if d := r.status(); d.Counters.Failed != 0 || d.Config.State != "ok" {
		t.Errorf("disabled: %s", brief(d))
	}
	r.Write(config)
	r.Reload()
	r.await(patience, "all policies back", func(d status.Document) bool { return d.Counters.Reloads == 3 && len(d.Policies) > 0 })
	r.steady()
	same(t, "enabled again: not as before", running, withSettings(t, n.Router, dump(t, n.Router)))

	// A start with it off removes what a killed daemon left.
	r.Kill()
	r.Write(off)
	r.Start()
	if !lab.Wait(patience, func() bool { return !strings.Contains(n.Router.IP("rule show"), "19713") }) {
		t.Error("rules are left")
	}
	rest()
	same(t, "started disabled: not as before the first start", before, withSettings(t, n.Router, dump(t, n.Router)))
}
