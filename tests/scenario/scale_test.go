package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// batch runs many ip commands in one process.
func batch(t *testing.T, h *lab.Host, lines string) {
	t.Helper()
	if _, err := h.Exec(lines, "ip", "-force", "-batch", "-"); err != nil {
		t.Fatal(err)
	}
}

// TestS14FullTable has another program put 50,000 routes into main while the
// daemon runs: they cost it next to nothing, and steering stays right.
func TestS14FullTable(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := ours(t, n.Router)
	time.Sleep(2 * time.Second) // what a start leaves on the heap goes
	counters, before := r.status().Counters, r.used()
	began := time.Now()
	var b strings.Builder
	const routes = 50000
	for i := range routes {
		fmt.Fprintf(&b, "route add 10.%d.%d.%d/32 via %s\n", i>>16, i>>8&255, i&255, n.WANs[i%2].Gateway4)
	}
	batch(t, n.Router, b.String())
	inserted := time.Since(began)
	r.newByBoth(t)
	rest()
	middle := r.used()
	// A repair and a reload look at everything.
	mustNFT(t, n.Router, "delete table inet multiwan")
	r.repaired(t, time.Now(), want)
	r.Write(n.UCI(fastProbe, bySecond, "config globals 'globals'\n\toption log_level 'info'\n"))
	r.command("reload")
	r.newByBoth(t)
	r.steady()
	after := r.used()
	t.Logf("%d routes inserted in %v: %v of processor time, resident %+d KiB; with repair and reload %v and %+d KiB", routes, inserted,
		middle.cpu-before.cpu, (middle.rss-before.rss)>>10, after.cpu-before.cpu, (after.rss-before.rss)>>10)
	if used := after.cpu - before.cpu; used > time.Second {
		t.Errorf("%v of processor time, want less than a second", used)
	}
	if grown := after.rss - before.rss; grown > 1<<20 {
		t.Errorf("resident memory grew by %d KiB, want at most 1024", grown>>10)
	}
	got := ours(t, n.Router)
	same(t, "after 50,000 routes", want, got)
	if c := r.status().Counters; c.Failed != counters.Failed {
		t.Errorf("operations failed: %+v", c)
	}
	r.noSpoofing()
}

// TestLostEvents stops the daemon's process while 20,000 addresses come and go
// and some of what is ours is deleted: more happens than its socket can hold. It
// finds out, repairs within a second, and deletes nothing by mistake.
func TestLostEvents(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want, counters := ours(t, n.Router), r.status().Counters
	var add, del strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&add, "address add 10.9.%d.%d/32 dev lan\n", i>>8, i&255)
		fmt.Fprintf(&del, "address del 10.9.%d.%d/32 dev lan\n", i>>8, i&255)
	}
	r.Signal(syscall.SIGSTOP)
	batch(t, n.Router, add.String())
	n.Router.IP("rule del pref 6560 from 198.18.1.0/24")
	n.Router.IP("-6 route flush table 19714")
	mustNFT(t, n.Router, "flush chain inet multiwan postrouting")
	batch(t, n.Router, del.String())
	r.Signal(syscall.SIGCONT)
	r.repaired(t, time.Now(), want)
	d := r.steady()
	// One rule, three routes, one transaction, and nothing else.
	if wrote := d.Counters.Writes - counters.Writes; wrote != 5 || d.Counters.Failed != counters.Failed {
		t.Errorf("%d writes, want 5: %s", wrote, brief(d))
	}
	r.newByBoth(t)
}

// TestInterruptedDumps has another program change rules and routes without pause
// while the daemon looks at them: what it reads is no snapshot. It must neither
// delete nor add anything.
func TestInterruptedDumps(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want, counters := ours(t, n.Router), r.status().Counters
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "rule add pref %d from 10.1.%d.%d lookup 100\nrule del pref %d from 10.1.%d.%d\n", 100+i%30, i>>8, i&255, 100+i%30, i>>8, i&255)
		if i%4 == 0 { // a default route, which wakes the daemon
			fmt.Fprintf(&b, "route replace default via %s table 100\nroute replace default via %s dev wan1 table 100\n", n.WANs[1].Gateway4, n.WANs[1].Gateway6)
		}
	}
	flow := n.Client.UDPFlow(lab.Echo(lab.Internet4b), lab.FlowOptions{})
	flow.WaitAnswer(t, time.Time{}, patience)
	from, cpu := time.Now(), r.cpu()
	batch(t, n.Router, b.String())
	took, used := time.Since(from), r.cpu()-cpu
	rest()
	d := r.status()
	if d.Counters.Writes != counters.Writes || d.Counters.Repairs != counters.Repairs {
		t.Errorf("the changes of others led to writes: %s", brief(d))
	}
	if d.Counters.Passes == counters.Passes {
		t.Error("nothing made the daemon look: the test shows nothing")
	}
	t.Logf("%d passes in %v, %v of processor time", d.Counters.Passes-counters.Passes, took, used)
	if rep := flow.Stop(); rep.LostBetween(from, time.Now()) != 0 {
		t.Errorf("%d packets lost", rep.LostBetween(from, time.Now()))
	}
	same(t, "afterwards", want, ours(t, n.Router))
}

// TestFlaps takes a WAN away and puts it back 1,000 times, by hand and by its
// carrier: nothing piles up in the kernel or in the daemon.
func TestFlaps(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := dump(t, n.Router)
	w := n.WANs[0]
	round := func() {
		for range 10 {
			r.command("down", "wan0")
			r.command("up", "wan0")
		}
		r.steady()
	}
	round() // what is made once is made
	before := r.used()
	const rounds = 40
	began := time.Now()
	for range rounds / 4 {
		for range 10 {
			r.command("down", "wan0")
			r.command("up", "wan0")
		}
		time.Sleep(120 * time.Millisecond) // the way back is taken too
	}
	w.CarrierDown() // and the provider's addresses stay from now on
	var b strings.Builder
	for range 100 {
		b.WriteString("link set dev cust down\nlink set dev cust up\n")
	}
	for range 9 {
		batch(t, w.ISP, b.String())
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(began)
	w.CarrierUp()
	r.await(60*time.Second, "wan0 up again", func(d status.Document) bool { return allUp(d, nil) })
	d := r.steady()
	after := r.used()
	t.Logf("1,000 flaps in %v: %+v; files %d, was %d; threads %d, was %d; resident %d KiB, was %d", took, d.Counters, after.files, before.files,
		after.threads, before.threads, after.rss>>10, before.rss>>10)
	if after.files > before.files {
		t.Errorf("%d open files, were %d", after.files, before.files)
	}
	if after.threads > before.threads+3 {
		t.Errorf("%d threads, were %d", after.threads, before.threads)
	}
	if after.rss > before.rss+2<<20 {
		t.Errorf("%d KiB resident, were %d", after.rss>>10, before.rss>>10)
	}
	if d.Counters.Failed != 0 {
		t.Errorf("operations failed: %s", brief(d))
	}
	same(t, "after 1,000 flaps", want, dump(t, n.Router))
	r.newByBoth(t)
}

// TestLoopFigures measures a pass that finds nothing to do with 8 WANs, and what
// the daemon uses while nothing happens.
func TestLoopFigures(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 8)
	n.Internet.Echo()
	r := start(t, n, n.UCI())
	before := r.status().Counters
	// The machine may be busy with other tests, which can only make a pass longer:
	// the fastest of many is the daemon's own time.
	const bound, most = 2, 60 // ms, passes
	var took []float64
	for i := 0; i < most && (i < 10 || slices.Min(took) > bound); i++ {
		n.Router.IP("-4 route replace default via %s dev wan1 table 100 metric %d", n.WANs[1].Gateway4, i)
		time.Sleep(150 * time.Millisecond) // the pass begins after 100 ms, and a question then would be in its way
		d := r.await(patience, "a pass", func(d status.Document) bool { return d.Counters.Passes > before.Passes+uint64(i) })
		took = append(took, d.Timings.Pass)
	}
	if after := r.status().Counters; after.Writes != before.Writes {
		t.Errorf("passes without need wrote: %+v, was %+v", after, before)
	}
	slices.Sort(took)
	t.Logf("passes with 8 WANs that changed nothing, in ms: %v", took)
	if took[0] > bound {
		t.Errorf("a pass that changes nothing takes %.2f ms, want at most %v", took[0], bound)
	}
	const idle = 5 * time.Second
	cpu, already := r.cpu(), r.status().Counters.Passes
	time.Sleep(idle)
	used := r.cpu() - cpu
	d := r.status()
	probes := 0
	for _, i := range d.Interfaces {
		probes += len(i.Probes)
	}
	t.Logf("idle for %v with 8 WANs and %d targets a second: %v of processor time (%.2f %%), %d passes, %+v", idle, probes, used,
		100*float64(used)/float64(idle), d.Counters.Passes-already, r.used())
	if used > idle/20 {
		t.Errorf("idle takes %v of processor time in %v", used, idle)
	}
	if d.Counters.Passes-already > 1 {
		t.Errorf("%d passes although nothing happened", d.Counters.Passes-already)
	}
}
