package router

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// patience is how long anything may take: such a processor is slow.
const patience = time.Minute

// TestRouter starts the daemon over an untouched kernel, lets it probe, and has one WAN fall silent.
func TestRouter(t *testing.T) {
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	if os.Getenv("MULTIWAN_MIPS") == "" {
		t.Skip("this is no emulated router")
	}
	for _, wans := range []int{2, 8} {
		t.Run(strconv.Itoa(wans), func(t *testing.T) {
			n := lab.T1(t, wans)
			began := time.Now()
			d := lab.StartDaemon(n.Router, n.UCI())
			doc := await(t, d, "a pass", func(d status.Document) bool { return d.Counters.Passes > 0 })
			figure(t, wans, "start until the kernel holds all", "ms", time.Since(began).Seconds()*1000)
			figure(t, wans, "– of that, the first pass", "ms", doc.Timings.Pass)
			await(t, d, "all up", running.AllUp)
			figure(t, wans, "start until all WANs are judged up", "ms", time.Since(began).Seconds()*1000)
			probing(t, wans, d)
			figure(t, wans, "RSS", "MiB", running.Use(t, d.PID()).RSS)
			if wans == 2 {
				byShell(t, n)
			}
			n.WANs[0].BlackHole()
			doc = await(t, d, "a switch", func(d status.Document) bool { return d.Timings.Switch > 0 })
			figure(t, wans, "verdict to the last acknowledgement", "ms", doc.Timings.Switch)
			d.Stop()
		})
	}
}

// probing lets the daemon probe as it does by default, and divides what that cost.
func probing(t *testing.T, wans int, d *lab.Daemon) {
	time.Sleep(2 * time.Second)
	sent, used := running.Probes(running.Ask(t, d, patience)), running.Use(t, d.PID()).CPU
	time.Sleep(20 * time.Second)
	used = running.Use(t, d.PID()).CPU - used
	each := used.Seconds() / float64(running.Probes(running.Ask(t, d, patience))-sent)
	figure(t, wans, "CPU a probe", "ms", each*1000)
	figure(t, wans, "CPU a probe", "thousands of instructions", each*mips()*1000)
}

// byShell probes as scripts do: a shell that starts ping for each probe.
func byShell(t *testing.T, n *lab.Network) {
	const count = 20
	script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do busybox ping -c 1 -W 1 -I %s %s >/dev/null || exit 1; i=$((i+1)); done", count, n.WANs[0].Device, lab.Internet4)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	c := n.Router.Command(ctx, "busybox", "sh", "-c", script)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("ping in a loop: %v %s", err, out)
		return
	}
	each := (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds() / count
	figure(t, 1, "CPU a probe of busybox ping in a shell loop", "ms", each*1000)
	figure(t, 1, "CPU a probe of busybox ping in a shell loop", "thousands of instructions", each*mips()*1000)
}

// figure prints one for the document.
func figure(t *testing.T, wans int, what, unit string, v float64) {
	t.Logf("figure|%s, WANs: %d|%s|%.4g", what, wans, unit, v)
}

func mips() float64 {
	v, _ := strconv.ParseFloat(os.Getenv("MULTIWAN_MIPS"), 64)
	return v
}

func await(t *testing.T, d *lab.Daemon, what string, cond func(status.Document) bool) (doc status.Document) {
	t.Helper()
	// Seldom: each question takes the same processor.
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		if doc = running.Ask(t, d, patience); cond(doc) {
			return doc
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s\n%s", patience, what, d.Log())
		}
	}
}
