package joined

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// TestScale has two daemons hold many pseudowires between them.
func TestScale(t *testing.T) {
	lab.Need(t, lab.L2TP)
	for _, count := range []int{1, 100, 1000} {
		t.Run(strconv.Itoa(count), func(t *testing.T) {
			n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
			// One after the other: they share the processor. Alone, an end would go on making pseudowires anew whose far ends are dead.
			n.A.Daemon = lab.StartDaemon(n.A.Router, config(n.A, many(n.A, count)))
			first := settle(t, n.A.Daemon, 0, false)
			n.B.Daemon = lab.StartDaemon(n.B.Router, config(n.B, many(n.B, count)))
			settle(t, n.B.Daemon, 0, true)
			if got := sessions(t, n.A); got != count {
				t.Fatalf("%d sessions\n%s", got, n.A.Daemon.Log())
			}
			var listed []float64
			for range 5 {
				began := time.Now()
				sessions(t, n.A)
				n.A.Router.IP("l2tp show tunnel")
				listed = append(listed, float64(time.Since(began).Microseconds())/1000)
			}
			what := fmt.Sprintf("%d pseudowires", count)
			if count == 1 {
				what = "1 pseudowire"
			}
			figure(what+": longest pass of the start", "ms", "", "on a 500 MIPS processor", first.Timings.Pass)
			figure(what+": of that, planning", "ms", "", "", first.Timings.Plan)
			figure(what+": of that, changing the kernel", "ms", "", "", first.Timings.Apply)
			figure(what+": RSS", "MiB", "", "", running.Use(t, n.A.Daemon.PID()).RSS)
			settle(t, n.A.Daemon, 0, true) // it has heard of the far ends
			var idle []float64
			writes := ask(t, n.A.Daemon).Counters.Writes
			for range 5 {
				before := ask(t, n.A.Daemon)
				n.A.Router.IP("address replace %s/24 dev wan0 valid_lft 3600 preferred_lft 3600", n.A.WANs[0].Addr4)
				time.Sleep(300*time.Millisecond + time.Duration(count)*4*time.Millisecond) // a status asked for now would take its share of the processor
				idle = append(idle, settle(t, n.A.Daemon, before.Counters.Passes, true).Timings.Pass)
			}
			figure(what+": pass that changes nothing", "ms", "", "", idle...)
			figure(what+": ip l2tp show session, and tunnel", "ms", "", "the kernel's part of each pass, and two new processes", listed...)
			if after := ask(t, n.A.Daemon).Counters.Writes; after != writes {
				t.Logf("%d writes while nothing changed", after-writes)
			}
		})
	}
}

// many are pseudowires with addresses, a tunnel each. What is measured are passes, so each far end is asked once only: a thousand probes in a
// second are more than this processor can do for both ends.
func many(s *lab.Site, count int) string {
	var b strings.Builder
	b.WriteString("config probe 'seldom'\n\toption method 'loopback'\n\toption interval '3600'\n\toption down_interval '3600'\n\toption timeout '60'\n" +
		"\toption up '1'\n\n")
	side := 1
	if s.Name == "b" {
		side = 2
	}
	for i := range count {
		fmt.Fprintf(&b, "config pseudowire 'pw%d'\n\toption interface 'wan0'\n\toption remote '%s'\n\toption local_port '%[3]d'\n\toption remote_port '%[3]d'\n"+
			"\toption tunnel_id '%d'\n\tlist ipaddr '10.%d.%d.%d/30'\n\tlist probe 'seldom'\n\n", i, s.Far.WANs[0].Addr4, 20000+i, i+1, 100+i>>6, i&63, side)
	}
	return b.String()
}

// settle waits until a pass after the given number of them is done, and on request until no other follows, and returns what the daemon says of the
// longest that it saw.
func settle(t *testing.T, d *lab.Daemon, passes uint64, quiet bool) (longest status.Document) {
	t.Helper()
	end := time.Now().Add(10 * time.Minute)
	last, since := passes, time.Now()
	for pause := time.Duration(0); last == passes || quiet && time.Since(since) < max(time.Second, pause); time.Sleep(pause) {
		if time.Now().After(end) {
			t.Fatalf("no pass, or no end of them\n%s", d.Log())
		}
		asked := time.Now()
		doc := ask(t, d)
		// A status of a thousand pseudowires takes its time, and a pass is not to wait for many.
		pause = max(50*time.Millisecond, 5*time.Since(asked))
		if doc.Counters.Passes != last {
			last, since = doc.Counters.Passes, time.Now()
			if doc.Timings.Pass > longest.Timings.Pass {
				longest = doc
			}
		}
	}
	return longest
}

func sessions(t *testing.T, s *lab.Site) int {
	t.Helper()
	return strings.Count(s.Router.IP("l2tp show session"), "Session ")
}
