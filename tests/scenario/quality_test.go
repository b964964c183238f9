package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// lose makes the provider drop one of n answers to pings, counted, not drawn:
// the loss is the same in every window.
func lose(w *lab.WAN, one int) {
	script := "table inet lossy\ndelete table inet lossy\n"
	if one > 0 {
		script += fmt.Sprintf(`table inet lossy {
	chain c {
		type filter hook forward priority -290;
		icmp type echo-reply numgen inc mod %d 0 drop
		icmpv6 type echo-reply numgen inc mod %d 0 drop
	}
}
`, one, one)
	}
	w.ISP.NFT(script)
}

// qualityProbe judges by loss and latency. The window is so long that every
// one of it has the same loss to a few per cent.
func qualityProbe(interval string) string {
	return `
config probe 'builtin'
	list target '1.1.1.1'
	list target '2606:4700:4700::1111'
	option timeout '2'
	option window '32'
	option loss_down '25'
	option loss_up '6'
	option latency_down '900'
	option latency_up '300'
	option interval '` + interval + "'\n"
}

// qualitySteps are the verdicts on a WAN since a time, without suspicions.
func (r *router) qualitySteps(w *lab.WAN, since time.Time) map[string][]string {
	out := map[string][]string{}
	for _, tr := range r.history(w) {
		if !when(tr.Time).Before(since) {
			out[tr.Family] = append(out[tr.Family], tr.To)
		}
	}
	return out
}

// awaitQuality waits until both families of a WAN are in a state, and shows who
// carries then.
func (r *router) awaitQuality(w *lab.WAN, state string, limit time.Duration) {
	r.t.Helper()
	r.await(limit, w.Name+" "+state, func(d status.Document) bool {
		s := sides(d, w)
		return s["ipv4"].State == state && s["ipv6"].State == state
	})
}

// TestS26BetweenThresholds keeps a line between the thresholds of failure and
// recovery: what was good stays good, what was bad stays bad, nothing flaps.
// Degraded is shown, and gives its traffic to a sound WAN.
func TestS26BetweenThresholds(t *testing.T) {
	t.Parallel()

	betweenThresholds(t, 8*time.Second, "0.1")
}

// TestS26TenMinutes is the same at one probe a second.
func TestS26TenMinutes(t *testing.T) {
	lab.Long(t)
	t.Parallel()
	betweenThresholds(t, 10*time.Minute, "1")
}

func betweenThresholds(t *testing.T, between time.Duration, interval string) {
	lab.Need(t, lab.Nft, lab.Tun)
	n := lab.Build(t, lab.Options{WANs: []lab.Kind{lab.RelayedEther, lab.Ethernet}})
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	limit := max(30*time.Second, between/5)
	// 12 % and 600 ms on a line that is taken as good.
	a.Line.Set(lab.Quality{Delay: 300 * time.Millisecond})
	lose(a, 8)
	r := launch(t, n, n.UCI(qualityProbe(interval)))
	r.uses("default", a)
	began := time.Now()
	time.Sleep(between)
	if steps := r.qualitySteps(a, began); len(steps) != 0 {
		t.Errorf("a good line between the thresholds became %v", steps)
	}
	r.uses("default", a)

	// Half of the answers are lost.
	lose(a, 2)
	r.awaitQuality(a, "degraded", limit)
	r.uses("default", b)
	newFlows(t, n, b)
	for family, s := range sides(r.status(), a) {
		t.Logf("%s: %s", family, s.Reason)
		if s.Loss == nil || *s.Loss < 25 {
			t.Errorf("%s is degraded with loss %v", family, s.Loss)
		}
	}

	// 12 % and 600 ms on a line that was bad.
	lose(a, 8)
	began = time.Now()
	time.Sleep(between)
	if steps := r.qualitySteps(a, began); len(steps) != 0 {
		t.Errorf("a bad line between the thresholds became %v", steps)
	}
	r.uses("default", b)

	lose(a, 0)
	a.Line.Set(lab.Quality{Delay: 50 * time.Millisecond})
	r.awaitQuality(a, "up", limit)
	r.uses("default", a)
	r.noSpoofing()
}

// TestS26DegradedAlone has nothing better than the bad line: it is used on, and
// nothing is evicted.
func TestS26DegradedAlone(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 1)
	n.Internet.Echo()
	a := n.WANs[0]
	r := start(t, n, n.UCI(qualityProbe("0.1")))
	talks := []*talk{dial(t, n.Client, lab.Echo(lab.Internet4)), dial(t, n.Client, lab.Echo(lab.Internet6))}
	was, evictions := entries(t, n.Router, "dport=7"), strings.Count(r.Log(), "evict ")
	lose(a, 2)
	r.awaitQuality(a, "degraded", patience)
	time.Sleep(300 * time.Millisecond)
	for _, k := range talks {
		if err := k.says(2 * time.Second); err != nil {
			t.Errorf("connection by the only WAN: %v", err)
		}
	}
	now := entries(t, n.Router)
	for tuple, id := range was {
		if now[tuple] != id {
			t.Errorf("connection %s had id %s, has %q", tuple, id, now[tuple])
		}
	}
	if s := r.status().Policies["default"].State; s != "up" || strings.Count(r.Log(), "evict ") != evictions {
		t.Errorf("the policy is %s, or connections were evicted", s)
	}
	newFlows(t, n, a)
}
