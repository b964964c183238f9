package daemon

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/plan"
	"multiwan/src/journal"
	"multiwan/src/probe"
)

// TestOverdue: a prober that has a way and has sent nothing for two intervals is reported, be it that it never sent anything.
func TestOverdue(t *testing.T) {
	probes := []probe.Probe{{Params: health.Params{Interval: time.Second, DownInterval: 5 * time.Second, Timeout: time.Second,
		Targets: []health.Target{{Text: "1.1.1.1"}, {Text: "gateway", Gateway: true, EvidenceOnly: true}}}}}
	gateway := netip.MustParseAddr("192.0.2.1")
	open := way{probe.Path{Device: "eth0", Gateway: gateway}, true}
	now := time.Now()
	ago := func(s time.Duration) time.Time { return now.Add(-s * time.Second) }
	for _, c := range []struct {
		name          string
		state         health.State
		way           way
		since         time.Time
		sent, gateway time.Time
		want          string
	}{
		{"sends", health.Up, open, ago(99), ago(1), ago(1), ""},
		{"late, but within two intervals", health.Down, open, ago(99), ago(10), ago(10), ""},
		{"stuck", health.Up, open, ago(99), ago(12), ago(1), "nothing sent to 1.1.1.1 for more than 11s"},
		{"stuck by the gateway", health.Up, open, ago(99), ago(1), ago(12), "nothing sent to gateway for more than 11s"},
		{"never sent", health.Waiting, open, ago(12), time.Time{}, ago(1), "nothing sent to 1.1.1.1 for more than 11s"},
		{"has just got its way", health.Waiting, open, ago(1), ago(99), ago(99), ""},
		{"no way", health.Waiting, way{carrier: true}, ago(99), ago(99), ago(99), ""},
		{"no carrier", health.Down, way{open.path, false}, ago(99), ago(99), ago(99), ""},
		{"switched off", health.Disabled, open, ago(99), ago(99), ago(99), ""},
		{"a line without gateway", health.Up, way{probe.Path{Device: "ppp0"}, true}, ago(99), ago(1), time.Time{}, ""},
	} {
		s := health.Snapshot{State: c.state, Probes: []health.ProbeSnapshot{{Targets: []health.TargetSnapshot{
			{Target: "1.1.1.1", LastSent: c.sent}, {Target: "gateway", LastSent: c.gateway}}}}}
		got := ""
		if err := overdue(s, probes, c.way, c.since, now); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestListen: the events of a device are heard from the pass on that found it, and the loop is told to look again for those before.
func TestListen(t *testing.T) {
	d, _ := bare(t, twoWANs)
	wans := map[string]plan.WAN{"wan": {Device: "eth0", Index: 7}, "wanb": {Device: "eth1"}}
	if !d.lines.listen(wans, nil) || !d.lines.concerns(7, "") || d.lines.concerns(0, "") {
		t.Error("the first device is not listened to")
	}
	if d.lines.listen(wans, nil) {
		t.Error("nothing is new")
	}
	wans["wan"] = plan.WAN{Device: "eth0", Index: 8}
	if !d.lines.listen(wans, nil) || !d.lines.concerns(8, "") || d.lines.concerns(7, "") {
		t.Error("a device that was made anew is not listened to")
	}
	if d.lines.listen(map[string]plan.WAN{"wan": {Device: "eth0"}}, nil) || d.lines.concerns(8, "") || !d.lines.concerns(9, "eth0") {
		t.Error("an absent device is known by its name alone")
	}
}

// TestForever: a subscription that fails or ends is made anew, its fault is shown while it lasts and no longer, and each beginning is told.
func TestForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newRecord(journal.New(&log))
		ctx, stop := context.WithCancel(t.Context())
		sources := []chan int{make(chan int), nil, make(chan int)} // of each try; nil: it fails
		var tries, begun atomic.Int32
		taken := make(chan int, 2)
		done := make(chan error)
		go func() {
			done <- forever(ctx, func(context.Context) (<-chan int, error) {
				if c := sources[tries.Add(1)-1]; c != nil {
					return c, nil
				}
				return nil, errors.New("no sockets")
			}, func() { begun.Add(1) }, func(e int) { taken <- e }, func(err error) { r.fault("watch", err) })
		}()
		synctest.Wait()
		sources[0] <- 1
		close(sources[0])
		synctest.Wait()
		if w := r.warnings(); !slices.Equal(w, []string{"watch: the subscription ended"}) {
			t.Errorf("ended: warnings %q", w)
		}
		time.Sleep(rewatch)
		synctest.Wait()
		if w := strings.Join(r.warnings(), " "); tries.Load() != 2 || !strings.Contains(w, "no sockets") {
			t.Errorf("failed: %d tries, warnings %q", tries.Load(), w)
		}
		time.Sleep(rewatch)
		synctest.Wait()
		sources[2] <- 2
		if w := r.warnings(); len(w) != 0 || begun.Load() != 2 || <-taken != 1 || <-taken != 2 {
			t.Errorf("again: warnings %q, %d beginnings", w, begun.Load())
		}
		stop()
		close(sources[2])
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
