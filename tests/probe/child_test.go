// Package probe_test runs the probers on a real kernel: the test binary runs
// itself again inside the router of a lab network, so that the runners work
// as in the daemon, and is steered by JSON lines.
package probe_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/probe"
	"multiwan/tests/lab"
)

const childMark = "MULTIWAN_PROBE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// order is what the child is to do with one of its runners.
type order struct {
	Do      string // add path carrier event burst second usage snapshot respond silence
	Runner  int
	Family  kstate.Family
	Probes  []probe.Probe
	Path    probe.Path
	Present bool
	Burst   probe.Burst
	Device  string // of respond and silence
}

// event is what the child tells: changes of state, and the answers to orders.
type event struct {
	At       time.Time
	Runner   int
	To       string
	Reason   string
	Evidence []health.Evidence
	Snapshot *health.Snapshot
	Usage    *usage
	Burst    *probe.BurstResult
	Err      string
}

// usage is what the child cost so far.
type usage struct {
	CPU      time.Duration
	Switches int64 // voluntary and involuntary, of all threads
	RSS      int64 // KiB, the most so far
}

func child() {
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	tell := func(e event) {
		mu.Lock()
		defer mu.Unlock()
		e.At = time.Now()
		if out.Encode(e) != nil {
			os.Exit(1)
		}
	}
	var runners []*probe.Runner
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	epoch := time.Now()
	responders := map[string]context.CancelFunc{}
	for in := json.NewDecoder(os.Stdin); ; {
		var o order
		if err := in.Decode(&o); err != nil {
			return
		}
		switch o.Do {
		case "add":
			id := len(runners)
			r := probe.NewRunner(probe.Settings{
				WAN: o.Path.WAN, Family: o.Family, Probes: o.Probes, Epoch: epoch,
				Notify: func(u probe.Update) {
					for _, t := range u.Transitions {
						tell(event{Runner: id, To: t.To.String(), Reason: t.Reason, Evidence: t.Evidence})
					}
				},
			})
			runners = append(runners, r)
			r.SetPath(o.Path)
			go r.Run(ctx)
		case "path":
			runners[o.Runner].SetPath(o.Path)
		case "carrier":
			runners[o.Runner].Carrier(o.Present)
		case "snapshot":
			s := runners[o.Runner].Snapshot()
			tell(event{Runner: o.Runner, Snapshot: &s})
		case "usage":
			u := measure()
			tell(event{Usage: &u})
		case "respond":
			ctx, stop := context.WithCancel(ctx)
			responders[o.Device] = stop
			go probe.NewResponder(o.Device).Run(ctx)
		case "silence":
			responders[o.Device]()
		case "burst":
			res, err := o.Burst.Run(ctx)
			e := event{Burst: &res}
			if err != nil {
				e.Err = err.Error()
			}
			tell(e)
		case "second":
			res, err := secondOpinion(o.Burst)
			e := event{Burst: &res}
			if err != nil {
				e.Err = err.Error()
			}
			tell(e)
		}
	}
}

func measure() usage {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return usage{
		CPU:      time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Switches: int64(r.Nvcsw) + int64(r.Nivcsw), RSS: int64(r.Maxrss), // of 32 bits on small machines
	}
}

// prober is the child as its test sees it.
type prober struct {
	t      *testing.T
	in     io.WriteCloser
	mu     sync.Mutex
	events []event
	runs   int
}

// start runs the child inside a host.
func start(t *testing.T, h *lab.Host) *prober {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := h.Command(ctx, self)
	c.Env = append(os.Environ(), childMark+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &prober{t: t, in: in}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := json.NewDecoder(bufio.NewReader(out)); ; {
			var e event
			if s.Decode(&e) != nil {
				return
			}
			p.mu.Lock()
			p.events = append(p.events, e)
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		cancel()
		c.Wait()
	})
	return p
}

func (p *prober) order(o order) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		p.t.Fatal(err)
	}
}

// add starts a runner and gives its number.
func (p *prober) add(path probe.Path, probes ...probe.Probe) int {
	p.t.Helper()
	p.order(order{Do: "add", Family: path.Family, Path: path, Probes: probes})
	p.runs++
	return p.runs - 1
}

// wait gives the first event from index on that fits.
func (p *prober) wait(from int, limit time.Duration, what string, fits func(event) bool) event {
	p.t.Helper()
	var found event
	ok := lab.Wait(limit, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.events[from:] {
			if fits(e) {
				found = e
				return true
			}
		}
		return false
	})
	if !ok {
		p.t.Fatalf("no %s within %v; events: %s", what, limit, p.dump(from))
	}
	return found
}

// state waits until a runner is in a state, entered after mark.
func (p *prober) state(runner, mark int, want string, limit time.Duration) event {
	p.t.Helper()
	return p.wait(mark, limit, fmt.Sprintf("%q of runner %d", want, runner), func(e event) bool {
		return e.Runner == runner && e.To == want
	})
}

func (p *prober) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

// since gives the events from index on.
func (p *prober) since(from int) []event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]event(nil), p.events[from:]...)
}

func (p *prober) usage() usage {
	p.t.Helper()
	m := p.mark()
	p.order(order{Do: "usage"})
	return *p.wait(m, 5*time.Second, "usage", func(e event) bool { return e.Usage != nil }).Usage
}

func (p *prober) snapshot(runner int) health.Snapshot {
	p.t.Helper()
	m := p.mark()
	p.order(order{Do: "snapshot", Runner: runner})
	return *p.wait(m, 5*time.Second, "snapshot", func(e event) bool { return e.Snapshot != nil }).Snapshot
}

func (p *prober) dump(from int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, e := range p.events[from:] {
		fmt.Fprintf(&b, "\n  %s runner %d %s %s", e.At.Format("05.000"), e.Runner, e.To, e.Reason)
		for _, ev := range e.Evidence {
			if ev.Failure != "" && ev.Failure != health.NoAnswer {
				fmt.Fprintf(&b, "\n    %s %s %s", ev.Target, ev.Failure, ev.Detail)
			}
		}
	}
	return b.String()
}
