package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// measureCost is what the daemon takes while all is well: CPU, context switches, memory, forks.
func measureCost(tb lab.TB, t *table) {
	long := 30 * time.Second
	if *quick {
		long = 5 * time.Second
	}
	part(tb, "8 WANs, two targets each at 1 s", func(tb lab.TB) {
		w := newWANs(tb, 8)
		w.run(w.interfaces("list family 'ipv4'") + probing(2))
		c := w.cost(long)
		t.add("context switches a second: 8 WANs, two targets each at 1 s, IPv4", "1/s", c.switches).hoping(60).noted("%.0f probes a second", c.rate)
		t.add("CPU of these", "% of a core", c.percent)
		t.addTimes("CPU a probe at that rate, everything included", time.Millisecond, c.perProbe).within(0.2)
		memory(w, t)
	})
	part(tb, "8 WANs, defaults, both families", func(tb lab.TB) {
		w := newWANs(tb, 8)
		w.run(w.interfaces())
		c := w.cost(long)
		t.add("context switches a second: 8 WANs, defaults, both families", "1/s", c.switches).noted("%.0f probes a second", c.rate)
		t.add("CPU of these", "% of a core", c.percent)
	})
	part(tb, "8 WANs, 320 probes a second", func(tb lab.TB) {
		w := newWANs(tb, 8)
		w.run(w.interfaces("list family 'ipv4'") + probing(2, "interval 0.05"))
		c := w.cost(long)
		t.addTimes("CPU a probe: 8 WANs, two targets each at 0.05 s", time.Millisecond, c.perProbe).within(0.2).noted("%.0f probes a second", c.rate)
		t.add("CPU per 1,000 probes", "ms", c.perProbe.Seconds()*1e6)
	})
	part(tb, "386", func(tb lab.TB) { thirtyTwo(tb, t) })
}

// spent is what a time of work cost.
type spent struct {
	perProbe time.Duration
	percent  float64 // of one core
	switches float64 // a second
	rate     float64 // probes a second
}

// cost lets the daemon work for a time. The status is asked for outside of it.
func (w *wans) cost(long time.Duration) spent {
	time.Sleep(2 * time.Second)
	sent := running.Probes(w.status())
	time.Sleep(time.Second)
	a := running.Use(w.tb, w.daemon.PID())
	time.Sleep(long)
	b := running.Use(w.tb, w.daemon.PID())
	took := b.At.Sub(a.At)
	cpu := b.CPU - a.CPU
	began := time.Now()
	all := float64(running.Probes(w.status()) - sent)
	rate := all / (took + time.Second + time.Since(began)).Seconds()
	return spent{perProbe: time.Duration(float64(cpu) / (rate * took.Seconds())), percent: 100 * cpu.Seconds() / took.Seconds(),
		switches: float64(b.Switches-a.Switches) / took.Seconds(), rate: rate}
}

// memory has the daemon live through a fail-over and questions, and reads what it holds then, and whether it ever forked.
func memory(w *wans, t *table) {
	w.cut(0, "dead4")
	w.await(patience, "wan0 down", func(d status.Document) bool { return d.Interfaces[device(0)].State == "down" })
	w.heal(0, "dead4")
	w.steady()
	time.Sleep(time.Second)
	u := running.Use(w.tb, w.daemon.PID())
	forks := 0.0
	if u.Children {
		forks = 1
	}
	t.add("RSS with 8 WANs, after a fail-over and some hundred status calls", "MiB", u.RSS).within(12).hoping(8)
	t.add("the highest RSS until then", "MiB", u.Most).within(12)
	t.add("children waited for until then (no hooks): forks", "", forks).within(0)
}

// thirtyTwo runs the program built for 386 on this kernel, in the place of the 32-bit machines that cannot be had here.
func thirtyTwo(tb lab.TB, t *table) {
	dir, err := os.MkdirTemp("", "multiwan-bench-")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "multiwan-386")
	build(tb, file, "GOARCH=386", "GO386=sse2")
	if out, err := exec.Command(file, "--version").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: no 32-bit figures: this kernel does not run 386 programs: %v %s\n", err, out)
		return
	}
	before, was := os.LookupEnv("MULTIWAN_BIN")
	os.Setenv("MULTIWAN_BIN", file)
	tb.Cleanup(func() {
		os.Unsetenv("MULTIWAN_BIN")
		if was {
			os.Setenv("MULTIWAN_BIN", before)
		}
	})
	w := newWANs(tb, 8)
	w.run(w.interfaces("list family 'ipv4'") + probing(2))
	time.Sleep(5 * time.Second)
	u := running.Use(tb, w.daemon.PID())
	t.add("RSS with 8 WANs, 32-bit program (386, in the place of mips and arm)", "MiB", u.RSS).within(12).hoping(8)
}
