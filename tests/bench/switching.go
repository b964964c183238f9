package main

import (
	"fmt"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

const tracked = 10_000

// measureSwitch has one of many WANs fall silent while 10,000 connections are tracked, a fair share of them by that WAN, and reads how
// long the loop took from the verdict to the kernel's last acknowledgement: looking, planning, nftables, routes, rules and the eviction.
func measureSwitch(tb lab.TB, t *table) {
	for _, c := range []struct {
		wans  int
		bound float64
	}{{2, 10}, {8, 10}, {60, 50}} {
		var one, both, up, observe, plan, apply, effects []float64
		buckets := ""
		part(tb, fmt.Sprintf("%d WANs", c.wans), func(tb lab.TB) {
			w := newWANs(tb, c.wans)
			buckets = w.router.GetSysctl("net.netfilter.nf_conntrack_buckets")
			tracks := newTracker(tb, w.router)
			w.run(w.interfaces("option snat6 'masquerade'") + probing(1, "interval 0.5", "down 3", "up 2", "timeout 1", "down_interval 0.2"))
			for i := range samples(10) {
				tracks.fill(tracked, c.wans)
				f := w.flap(i%c.wans, "dead4")
				one, up = append(one, f.down.Switch), append(up, f.up.Switch)
				observe, plan = append(observe, f.down.Observe), append(plan, f.down.Plan)
				apply, effects = append(apply, f.down.Apply), append(effects, f.down.Effects)
				if i < samples(10)/2 {
					tracks.fill(tracked, c.wans)
					both = append(both, w.flap(i%c.wans, "dead4", "dead6").down.SwitchMost)
				}
			}
		})
		t.add(fmt.Sprintf("down, %d WANs", c.wans), "ms", one...).within(c.bound).noted("%d connections evicted; hash table of %s buckets", tracked/2/c.wans, buckets)
		t.add("– of that, looking at the kernel and comparing", "ms", observe...)
		t.add("– planning", "ms", plan...)
		t.add("– changing routes, rules and nftables", "ms", apply...)
		t.add("– evicting", "ms", effects...)
		t.add(fmt.Sprintf("down in both families at once, %d WANs: the later one", c.wans), "ms", both...)
		t.add(fmt.Sprintf("up again, %d WANs", c.wans), "ms", up...).noted("waits for 100 ms of quiet")
	}
}

// flapped are the daemon's own times after a WAN went down, and after it came back.
type flapped struct{ down, up status.Timings }

// flap cuts a WAN in families (the names of sets) and heals it. The daemon is started anew each time: flapping makes it wait longer and
// longer.
func (w *wans) flap(i int, families ...string) (f flapped) {
	w.daemon.Stop()
	w.daemon.Start()
	w.steady()
	for _, set := range families {
		w.cut(i, set)
	}
	d := w.await(patience, device(i)+" down", func(d status.Document) bool {
		side := d.Interfaces[device(i)]
		return side.IPv4.State == "down" && (len(families) == 1 || side.IPv6.State == "down") && d.Timings.Switch > 0
	})
	f.down = w.quiet(d).Timings
	for _, set := range families {
		w.heal(i, set)
	}
	w.await(patience, device(i)+" up", running.AllUp)
	time.Sleep(100 * time.Millisecond)
	f.up = w.steady().Timings
	return f
}

// quiet waits until no pass has followed another for a while, and returns what the last one was. A look that finds nothing to do, which
// an event may have caused meanwhile, does not count: its times are not those of the switch.
func (w *wans) quiet(d status.Document) status.Document {
	for {
		time.Sleep(300 * time.Millisecond)
		next := w.status()
		if next.Counters.Passes == d.Counters.Passes {
			return d
		}
		if next.Counters.Writes != d.Counters.Writes {
			d = next
			continue
		}
		d.Counters.Passes = next.Counters.Passes
	}
}
