package scenario_test

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// watchKernel has `ip monitor` and `nft monitor` listen; the result says what
// they heard since.
func watchKernel(t *testing.T, n *lab.Network) (heard func() string) {
	t.Helper()
	routes := watch(t, n.Router, func() {
		n.Router.IP("rule add pref 30000 from 192.0.2.1 lookup 500")
		n.Router.IP("rule del pref 30000")
	}, "ip", "monitor", "route", "rule", "nexthop")
	sets := watch(t, n.Router, func() { n.Router.NFT("table ip ready\ndelete table ip ready\n") }, "nft", "monitor", "ruleset")
	rest()
	r, s := len(routes.String()), len(sets.String())
	return func() string { return routes.String()[r:] + sets.String()[s:] }
}

// streams are flows by each WAN in each family, and within the LAN.
func streams(t *testing.T, n *lab.Network) map[string]*lab.Flow {
	t.Helper()
	flows := map[string]*lab.Flow{}
	for name, to := range map[string]netip.Addr{
		"wan0 ipv4": lab.Internet4, "wan0 ipv6": lab.Internet6, "wan1 ipv4": lab.Internet4b, "wan1 ipv6": lab.Internet6b,
		"lan ipv4": lab.Neighbour4, "lan ipv6": lab.Neighbour6,
	} {
		flows[name] = n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{})
	}
	for name, f := range flows {
		p := f.WaitAnswer(t, time.Time{}, patience)
		if strings.HasPrefix(name, "wan") && n.ByAddr(p.Source.Addr()).Name != name[:4] {
			t.Fatalf("the flow %s left by %s", name, p.Source)
		}
	}
	return flows
}

// unbroken fails the test where one of the flows with a prefix lost a packet
// since a time, or changed its source.
func unbroken(t *testing.T, flows map[string]*lab.Flow, since time.Time, prefix string) {
	t.Helper()
	for name, f := range flows {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		rep := f.Stop().Between(since, time.Now())
		if rep.Lost() != 0 || len(rep.Packets) == 0 {
			gap, from := rep.LongestGap()
			t.Errorf("the flow %s lost %d of %d packets; longest silence %v, %v after the begin", name, rep.Lost(), len(rep.Packets), gap, from.Sub(since))
		}
		if s := rep.Sources(); len(s) > 1 {
			t.Errorf("the flow %s had sources %v", name, s)
		}
	}
}

// TestS17KillAdopts kills the daemon and starts it again: no packet is lost, no
// connection refused, and the second start writes nothing to the kernel, with
// the state file and without it.
func TestS17KillAdopts(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := dump(t, n.Router)
	for name, prepare := range map[string]func(){
		"with state":    func() {},
		"without state": func() { os.Remove(r.statePath()) },
		"broken state":  func() { os.WriteFile(r.statePath(), []byte(`{"Version":1,"WANs":{"wan0`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			flows := streams(t, n)
			fresh := n.Client.NewConnections(lab.Echo(lab.Internet4), lab.ConnectOptions{})
			fresh6 := n.Client.NewConnections(lab.Echo(lab.Internet6b), lab.ConnectOptions{})
			heard := watchKernel(t, n)
			from := time.Now()
			r.Kill()
			prepare()
			time.Sleep(500 * time.Millisecond)
			r.Start()
			d := r.steady()
			if d.Counters.Writes != 0 || d.Counters.Failed != 0 || d.Counters.Evicted != 0 {
				t.Errorf("the second start wrote: %s", brief(d))
			}
			if got := heard(); got != "" {
				t.Errorf("the kernel changed:\n%s", got)
			}
			for _, f := range []*lab.Connects{fresh, fresh6} {
				if tally := f.Stop(); tally.OK != tally.Started {
					t.Errorf("of %d new connections %d worked: %v", tally.Started, tally.OK, tally.Errors)
				}
			}
			unbroken(t, flows, from, "")
			same(t, "after the restart", want, dump(t, n.Router))
		})
	}
	r.noSpoofing()
}

// TestS17KillWhileDown kills the daemon while a WAN is down: the next one does
// not believe that it is up.
func TestS17KillWhileDown(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe))
	n.WANs[0].BlackHole()
	r.down(n.WANs[0])
	rest()
	for name, prepare := range map[string]func(){"with state": func() {}, "without state": func() { os.Remove(r.statePath()) }} {
		t.Run(name, func(t *testing.T) {
			heard := watchKernel(t, n)
			fresh := n.Client.NewConnections(lab.Echo(lab.Internet4), lab.ConnectOptions{})
			r.Kill()
			prepare()
			r.Start()
			d := r.await(patience, "a verdict", func(d status.Document) bool {
				return d.Interfaces["wan0"].State == "down" && d.Interfaces["wan1"].State == "up"
			})
			rest()
			if d.Counters.Writes != 0 {
				t.Errorf("the second start wrote: %s", brief(d))
			}
			if got := heard(); got != "" {
				t.Errorf("the kernel changed:\n%s", got)
			}
			if tally := fresh.Stop(); tally.OK != tally.Started {
				t.Errorf("of %d new connections %d worked: %v", tally.Started, tally.OK, tally.Errors)
			}
		})
	}
}

// TestS17KillInSwitch kills the daemon at many moments of a switch from wan0 and
// back to it. Whatever the moment, flows by wan1 and within the LAN lose nothing,
// and the next start comes to where it should.
func TestS17KillInSwitch(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	up := dump(t, n.Router)
	flows := streams(t, n)
	from := time.Now()
	wrote := 0
	// again kills the daemon so long after now, starts the next and waits until
	// it has its own word on wan0.
	again := func(after time.Duration, state string) {
		time.Sleep(after)
		r.Kill()
		r.Start()
		d := r.await(patience, "wan0 "+state, func(d status.Document) bool {
			return d.Interfaces["wan0"].State == state && d.Interfaces["wan1"].State == "up" && d.Policies["default"].State == map[string]string{"up": "up", "down": "backup"}[state]
		})
		if d.Counters.Writes > 0 {
			wrote++
		}
	}
	const rounds = 10
	for i := range rounds {
		// What is done by hand is forgotten by the next daemon: wan0 is up.
		r.command("down", "wan0")
		again(upTo(12*time.Millisecond), "up")
		r.command("down", "wan0")
		r.await(patience, "wan1 instead", func(d status.Document) bool { return d.Policies["default"].State == "backup" })
		r.command("up", "wan0")
		again(95*time.Millisecond+upTo(25*time.Millisecond), "up") // the way back waits for 0.1 s of quiet
		if i%3 == 0 {
			n.WANs[0].CarrierDown()
			again(upTo(12*time.Millisecond), "down")
			n.WANs[0].CarrierUp()
			r.up(n.WANs[0])
		}
	}
	t.Logf("%d starts found something to do", wrote)
	r.steady()
	same(t, "after all kills", up, dump(t, n.Router))
	unbroken(t, flows, from, "wan1")
	unbroken(t, flows, from, "lan")
	r.newByBoth(t)
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d))) }

// command runs a command of the program that must work.
func (r *router) command(name string, args ...string) {
	r.t.Helper()
	if _, err := r.CLI(name, args...); err != nil {
		r.t.Fatal(err)
	}
}
