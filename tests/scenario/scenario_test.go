package scenario_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// fastProbe replaces the built-in probe by one that judges within a second, on a
// machine that is busy with other tests too.
const fastProbe = `
config probe 'builtin'
	list target '1.1.1.1'
	list target '2606:4700:4700::1111'
	option interval '0.2'
	option timeout '1'
	option down '5'
	option up '2'
	option down_interval '0.2'
`

// patience is how long a scenario waits for what must come, where no shorter
// bound is promised.
const patience = 15 * time.Second

// router is the daemon on the router of a network.
type router struct {
	*lab.Network
	*lab.Daemon
	t *testing.T
}

// start runs the daemon with a configuration and waits until every interface of
// it is up and the loop is at rest.
func start(t *testing.T, n *lab.Network, config ...string) *router {
	t.Helper()
	r := launch(t, n, config...)
	if c := r.status().Config; len(c.Errors) > 0 {
		t.Fatalf("the configuration has errors: %+v", c.Errors)
	}
	r.steady()
	return r
}

// launch runs the daemon and waits for nothing but its socket.
func launch(t *testing.T, n *lab.Network, config ...string) *router {
	t.Helper()
	return &router{Network: n, Daemon: lab.StartDaemon(n.Router, strings.Join(config, "\n")), t: t}
}

// status asks the running daemon by `multiwan status --json`.
func (r *router) status() status.Document {
	r.t.Helper()
	var d status.Document
	r.ask(&d, "status", "--json")
	return d
}

// ask reads what a command of the program prints as JSON.
func (r *router) ask(into any, command string, args ...string) {
	r.t.Helper()
	out, err := r.CLI(command, args...)
	if out == "" && err != nil {
		r.t.Fatalf("%v", err)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		r.t.Fatalf("multiwan %s: %v in\n%s", command, err, out)
	}
}

// await polls the status until cond holds and returns it; the test ends where it
// does not within the limit.
func (r *router) await(limit time.Duration, what string, cond func(status.Document) bool) status.Document {
	r.t.Helper()
	end := time.Now().Add(limit)
	for {
		d := r.status()
		if cond(d) {
			return d
		}
		if time.Now().After(end) {
			r.t.Fatalf("not within %v: %s\n%s", limit, what, brief(d))
		}
		time.Sleep(40 * time.Millisecond)
	}
}

// steady waits until every family of every enabled interface is up and the
// kernel has not been written to for 0.4 s.
func (r *router) steady() status.Document {
	r.t.Helper()
	return r.steadyExcept()
}

// steadyExcept is steady where some WANs cannot be up.
func (r *router) steadyExcept(sick ...*lab.WAN) status.Document {
	r.t.Helper()
	var writes uint64
	since := time.Now()
	return r.await(patience, "all interfaces up and nothing left to write", func(d status.Document) bool {
		if d.Counters.Writes != writes || !allUp(d, sick) {
			writes, since = d.Counters.Writes, time.Now()
		}
		return time.Since(since) > 400*time.Millisecond
	})
}

func allUp(d status.Document, sick []*lab.WAN) bool {
	for name, i := range d.Interfaces {
		if i.State == "disabled" || slices.ContainsFunc(sick, func(w *lab.WAN) bool { return w.Name == name }) {
			continue
		}
		if i.State != "up" || i.IPv4 != nil && i.IPv4.State != "up" || i.IPv6 != nil && i.IPv6.State != "up" {
			return false
		}
	}
	return len(d.Interfaces) > 0
}

// brief is what a failure shows of a status.
func brief(d status.Document) string {
	var b strings.Builder
	for name, i := range d.Interfaces {
		fmt.Fprintf(&b, "%s %s (%s)", name, i.State, i.Reason)
		for f, s := range map[string]*status.Side{"ipv4": i.IPv4, "ipv6": i.IPv6} {
			if s != nil {
				fmt.Fprintf(&b, "; %s %s %s via %s (%s)", f, s.State, s.Address, s.Gateway, s.Reason)
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "warnings %q\ncounters %+v", d.Warnings, d.Counters)
	return b.String()
}

// down waits until a WAN is judged down in both families.
func (r *router) down(w *lab.WAN) {
	r.t.Helper()
	r.await(patience, w.Name+" down", func(d status.Document) bool { return d.Interfaces[w.Name].State == "down" })
}

// up waits until both families of a WAN are up.
func (r *router) up(w *lab.WAN) {
	r.t.Helper()
	r.await(patience, w.Name+" up", func(d status.Document) bool {
		i := d.Interfaces[w.Name]
		return i.State == "up" && (i.IPv4 == nil || i.IPv4.State == "up") && (i.IPv6 == nil || i.IPv6.State == "up")
	})
}

// bothFamilies runs a part of a scenario towards the internet in each family.
func bothFamilies(t *testing.T, f func(t *testing.T, to netip.Addr)) {
	t.Run("ipv4", func(t *testing.T) { f(t, lab.Internet4) })
	t.Run("ipv6", func(t *testing.T) { f(t, lab.Internet6) })
}

// noSpoofing fails the test where a provider had to drop a packet for its
// source: it left by the wrong WAN, or untranslated.
func (r *router) noSpoofing() {
	r.t.Helper()
	for _, w := range r.WANs {
		if n := w.Spoofed(); n != 0 {
			r.t.Errorf("%s dropped %d packets with foreign sources", w.Name, n)
		}
	}
}

// quickest measures up to three times and fails where no time is within the
// bound: a busy machine can only make them longer. In the VM the clock is the
// guest's, which no load of the host stretches, so there the first must hold.
func quickest(t *testing.T, bound time.Duration, what string, measure func() time.Duration) {
	t.Helper()
	tries := 3
	if lab.InVM() {
		tries = 1
	}
	for try := 1; ; try++ {
		took := measure().Round(time.Millisecond)
		switch {
		case took <= bound:
			return
		case try == tries:
			t.Errorf("%s after %v, want %v", what, took, bound)
			return
		}
		t.Logf("%s after %v, want %v: again", what, took, bound)
	}
}
