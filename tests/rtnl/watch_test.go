package rtnl

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

func watch(t *testing.T, h *lab.Host) <-chan rtnl.Event {
	t.Helper()
	watching, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	var events <-chan rtnl.Event
	var err error
	h.Do(func() { events, err = rtnl.Watch(watching) })
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// expect reads events until one passes.
func expect(t *testing.T, events <-chan rtnl.Event, what string, pass func(rtnl.Event) bool) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("%s: the watch ended", what)
			}
			if pass(e) {
				return
			}
		case <-timeout:
			t.Fatalf("%s: no event", what)
		}
	}
}

func TestWatchKinds(t *testing.T) {
	h, c := router(t)
	events := watch(t, h)
	index, err := c.DeviceIndex("eth0")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range sides {
		rule := rulesOf(s)[0]
		must(c.AddRule(rule))
		expect(t, events, "own rule", func(e rtnl.Event) bool {
			return e == rtnl.Event{Kind: rtnl.RuleChanged, Family: s.f, Own: true, Port: c.Port()}
		})
		flag := flags[s.f]
		h.IP("%s rule del pref 6000", flag)
		expect(t, events, "own rule deleted by another", func(e rtnl.Event) bool {
			return e.Kind == rtnl.RuleChanged && e.Gone && e.Own && e.Family == s.f && e.Port != c.Port()
		})
		must(c.ReplaceRoute(routesOf(s)[5]))
		expect(t, events, "own route", func(e rtnl.Event) bool { return e.Kind == rtnl.RouteChanged && e.Own && !e.Gone && e.Family == s.f })
		h.IP("%s route replace %s dev eth0 metric 6 table 19713", flag, routesOf(s)[5].Dst)
		expect(t, events, "own route replaced by another", func(e rtnl.Event) bool {
			return e.Kind == rtnl.RouteChanged && !e.Own && e.Family == s.f && e.Index == index
		})
		h.IP("%s route add default via %s dev eth0", flag, s.gw0)
		expect(t, events, "default route", func(e rtnl.Event) bool { return e.Kind == rtnl.RouteChanged && !e.Own && e.Index == index })
		must(c.ReplaceNexthop(kstate.Nexthop{ID: 77001, Family: s.f, Gateway: s.gw0, Device: "eth0"}))
		expect(t, events, "nexthop", func(e rtnl.Event) bool { return e.Kind == rtnl.NexthopChanged && e.Own && e.Index == index })
		h.IP("addr add %s dev eth0", s.far)
		expect(t, events, "address", func(e rtnl.Event) bool { return e.Kind == rtnl.AddrChanged && e.Index == index && e.Family == s.f })
	}
	h.IP("link set eth0 down")
	expect(t, events, "link", func(e rtnl.Event) bool { return e.Kind == rtnl.LinkChanged && e.Device == "eth0" && e.Index == index })
}

// fullTable puts so many foreign routes into main.
func fullTable(tb testing.TB, h *lab.Host, routes int) {
	tb.Helper()
	var batch strings.Builder
	for i := range routes {
		fmt.Fprintf(&batch, "route add 10.%d.%d.%d/32 via 192.0.2.254\n", i>>16, i>>8&255, i&255)
	}
	if _, err := h.Exec(batch.String(), "ip", "-batch", "-"); err != nil {
		tb.Fatal(err)
	}
}

// TestWatchFlood puts a full routing feed into main: it must cost us neither time nor memory.
func TestWatchFlood(t *testing.T) {
	const feed = 50000
	h, _ := router(t)
	h.IP("link set eth1 up")
	events := watch(t, h)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime(t)
	fullTable(t, h, feed)
	cpu = cpuTime(t) - cpu
	runtime.ReadMemStats(&after)
	mem := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d routes: %v of CPU time, %d bytes more on the heap", feed, cpu, mem)
	if cpu > time.Second {
		t.Errorf("%v of CPU time for %d foreign routes", cpu, feed)
	}
	if mem > 8<<20 {
		t.Errorf("%d bytes more on the heap", mem)
	}
	// The link event, asked for last, must be the first and only thing that came.
	h.IP("link set eth1 down")
	e := <-events
	if e.Kind == rtnl.RouteChanged || e.Kind == rtnl.Lost {
		t.Errorf("the flood came through: %+v", e)
	}
	c := dial(t, h)
	index, err := c.DeviceIndex("eth0")
	if err != nil {
		t.Fatal(err)
	}
	h.IP("route add default via 192.0.2.254 metric 9")
	start := time.Now()
	gws, err := c.DefaultGateways(ctx, kstate.IPv4, index)
	t.Logf("default gateways out of %d routes: %v", feed, time.Since(start))
	start = time.Now()
	for range 100 {
		if _, err := c.DefaultGateways(ctx, kstate.IPv4, index); err != nil {
			t.Fatal(err)
		}
	}
	if again := time.Since(start) / 100; again > time.Millisecond {
		t.Errorf("asked again: %v", again)
	}
	if err != nil || len(gws) != 1 || gws[0].Addr != ip("192.0.2.254") || gws[0].Metric != 9 {
		t.Errorf("default gateways: %v, %v", gws, err)
	}
}

// cpuTime returns the CPU time of this process, without its children.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestWatchLost lets more notifications wait than the socket holds.
func TestWatchLost(t *testing.T) {
	h, c := router(t)
	events := watch(t, h)
	rule := kstate.Rule{Family: kstate.IPv4, Priority: 6000, Action: kstate.Lookup, Table: table}
	for range 6000 {
		if err := c.AddRule(rule); err != nil {
			t.Fatal(err)
		}
		if err := c.DelRule(rule); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, events, "lost", func(e rtnl.Event) bool { return e.Kind == rtnl.Lost })
	if err := c.AddRule(rule); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "a rule after the loss", func(e rtnl.Event) bool { return e.Kind == rtnl.RuleChanged })
}

func TestWatchEnds(t *testing.T) {
	h, _ := router(t)
	watching, cancel := context.WithCancel(ctx)
	var events <-chan rtnl.Event
	var err error
	h.Do(func() { events, err = rtnl.Watch(watching) })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the channel is open after the end of the context")
		}
	}
}
