package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// measurePasses times passes that have nothing to do, starts, and what others load upon us.
func measurePasses(tb lab.TB, t *table) {
	for _, n := range []int{2, 8, 60} {
		part(tb, fmt.Sprintf("%d WANs", n), func(tb lab.TB) {
			w := newWANs(tb, n)
			starts(w, t)
			idlePasses(w, t)
			if n == 8 {
				refreshes(w, t)
				fullTable(w, t)
			}
		})
	}
	part(tb, "60 WANs and 1,000 rules", func(tb lab.TB) { thousandRules(tb, t) })
}

// part is a network of its own within a topic; its failure is one of the topic.
func part(tb lab.TB, name string, f func(lab.TB)) {
	if err := lab.Run(name, f); err != nil {
		tb.Errorf("%s: %v", name, err)
	}
}

// calm is a probe that leaves the machine alone.
func calm() string { return probing(2) }

// starts times the daemon from its start to the end of the first pass, and to the moment when all WANs are known to be up: over an
// untouched kernel, and over what a killed predecessor left.
func starts(w *wans, t *table) {
	var set, up, adopted []time.Duration
	w.daemon = lab.StartDaemon(w.router, w.interfaces()+calm())
	for range samples(5) {
		w.steady()
		w.stop()
		began := time.Now()
		w.daemon.Start()
		w.firstPass()
		set = append(set, time.Since(began))
		await(w.tb, w.daemon, often, patience, "all up", running.AllUp)
		up = append(up, time.Since(began))
		w.steady()
		w.daemon.Kill()
		began = time.Now()
		w.daemon.Start()
		d := w.firstPass()
		adopted = append(adopted, time.Since(began))
		if d.Counters.Writes > 0 {
			w.tb.Errorf("a start over what was left wrote %d times", d.Counters.Writes)
		}
	}
	t.addTimes(fmt.Sprintf("start until the kernel holds all, %d WANs", w.n), time.Millisecond, set...)
	t.addTimes(fmt.Sprintf("start until all WANs are judged up (steady), %d WANs", w.n), time.Millisecond, up...)
	t.addTimes(fmt.Sprintf("start after kill -9, %d WANs", w.n), time.Millisecond, adopted...).noted("writes nothing")
}

// firstPass waits for the end of the first pass.
func (w *wans) firstPass() status.Document {
	return await(w.tb, w.daemon, often, patience, "a pass", func(d status.Document) bool { return d.Counters.Passes > 0 })
}

// stop has the daemon remove everything and end.
func (w *wans) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := control.Call(ctx, w.daemon.Socket, "stop", nil, nil); err != nil {
		w.tb.Fatalf("stop: %v", err)
	}
	if !lab.Wait(patience, func() bool { return !w.daemon.Running() }) {
		w.tb.Fatalf("the daemon still runs after stop")
	}
}

// idlePasses has an address refreshed as by DHCP, which makes the loop look at everything, and reads how long each look took.
func idlePasses(w *wans, t *table) {
	var got []float64
	for range samples(40) {
		before := w.steadyPasses()
		w.router.IP("address replace 198.18.0.2/24 dev %s", device(0))
		time.Sleep(3 * seldom / 2) // the pass begins after 100 ms, and a question then would be in its way
		d := w.await(patience, "a pass", func(d status.Document) bool { return d.Counters.Passes > before.Counters.Passes })
		if d.Counters.Writes != before.Counters.Writes {
			w.tb.Errorf("a refresh wrote to the kernel")
		}
		got = append(got, d.Timings.Pass)
	}
	f := t.add(fmt.Sprintf("pass that changes nothing, %d WANs", w.n), "ms", got...)
	if w.n == 8 {
		f.within(2)
	}
}

// steadyPasses waits until no pass is under way or due.
func (w *wans) steadyPasses() status.Document {
	time.Sleep(220 * time.Millisecond)
	return w.quiet(w.status())
}

// refreshes is S23: a hundred renewals that change nothing.
func refreshes(w *wans, t *table) {
	before, used := w.status(), running.Use(w.tb, w.daemon.PID())
	for i := range 100 {
		w.router.IP("address replace 198.18.%d.2/24 dev %s valid_lft 3600 preferred_lft 3600", i%w.n, device(i%w.n))
		w.router.IP("route replace default via 198.18.%d.1 dev %s metric %d", i%w.n, device(i%w.n), 10+i%w.n)
	}
	after := w.steadyPasses()
	t.add("kernel writes through 100 refreshes of addresses and routes (S23)", "", float64(after.Counters.Writes-before.Counters.Writes)).within(0)
	t.addTimes("CPU for these", time.Millisecond, running.Use(w.tb, w.daemon.PID()).CPU-used.CPU)
}

// fullTable is S14: another program feeds 50,000 routes into main.
func fullTable(w *wans, t *table) {
	var batch strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&batch, "route add 10.%d.%d.0/24 via 198.18.0.1 dev wan0\n", i/256, i%256)
	}
	before, writes := running.Use(w.tb, w.daemon.PID()), w.status().Counters.Writes
	if _, err := w.router.Exec(batch.String(), "ip", "-batch", "-"); err != nil {
		w.tb.Fatalf("%v", err)
	}
	d := w.steadyPasses()
	after := running.Use(w.tb, w.daemon.PID())
	t.addTimes("CPU while 50,000 routes come into main (S14)", time.Second, after.CPU-before.CPU).within(1)
	t.add("growth of the RSS by them (S14)", "MiB", after.RSS-before.RSS).within(1)
	t.add("kernel writes through them (S14)", "", float64(d.Counters.Writes-writes)).within(0)
	idle := w.status().Counters.Passes
	w.router.IP("address replace 198.18.0.2/24 dev %s", device(0))
	d = w.await(patience, "a pass", func(d status.Document) bool { return d.Counters.Passes > idle })
	t.add("pass that changes nothing beside them, 8 WANs", "ms", d.Timings.Pass)
}

// thousandRules starts with a large configuration: what the first pass plans and writes.
func thousandRules(tb lab.TB, t *table) {
	w := newWANs(tb, 60)
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "config rule 'r%d'\n\toption src_ip '10.%d.%d.0/24'\n\toption dest_port '%d'\n\toption proto 'tcp'\n\toption policy 'wan%d'\n",
			i, i/256, i%256, 1000+i, i%60)
	}
	w.daemon = lab.StartDaemon(w.router, w.interfaces()+calm()+rules.String())
	var look, plan, apply, whole []float64
	for range samples(5) {
		w.steady()
		w.stop()
		w.daemon.Start()
		if d := w.firstPass(); d.Counters.Passes == 1 {
			look, plan = append(look, d.Timings.Observe), append(plan, d.Timings.Plan)
			apply, whole = append(apply, d.Timings.Apply), append(whole, d.Timings.Pass)
		}
	}
	t.add("plan of 60 WANs and 1,000 rules, in the daemon's first pass", "ms", plan...)
	t.add("comparing it with the kernel", "ms", look...)
	t.add("its application to an untouched kernel", "ms", apply...)
	t.add("the whole first pass", "ms", whole...)
	w.steady()
	t.add("RSS with 60 WANs and 1,000 rules", "MiB", running.Use(tb, w.daemon.PID()).RSS)
}
