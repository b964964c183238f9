package probe

import (
	"context"
	"sync"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// Update is what a Runner tells when the state of its WAN changes.
type Update struct {
	WAN         string
	Family      kstate.Family
	Transitions []health.Transition // at least one, oldest first
	Snapshot    health.Snapshot     // after the last of them
}

// Settings make a Runner.
type Settings struct {
	WAN    string
	Family kstate.Family
	Probes []Probe
	// Epoch is the origin of the grid that rounds fall on. Runners with one
	// epoch wake the process together.
	Epoch time.Time
	// Notify is called with the runner locked: it must neither block nor call
	// the runner.
	Notify func(Update)
	// Open gives the probers by method; nil is Openers().
	Open map[string]Opener
}

// Runner drives the health of one WAN in one family: it sends what the
// machine asks for, feeds it with the answers and reports changes. All methods
// may be called from any goroutine, also before Run.
type Runner struct {
	set Settings

	mu      sync.Mutex
	machine *health.Machine
	path    Path
	probers map[string]Prober
	names   *names
	timer   *time.Timer
	armed   time.Time
	running bool
	closed  bool
}

// NewRunner makes a runner without a path.
func NewRunner(s Settings) *Runner {
	if s.Open == nil {
		s.Open = Openers()
	}
	params := make([]health.Params, len(s.Probes))
	for i, p := range s.Probes {
		params[i] = p.Params
	}
	return &Runner{set: s, machine: health.New(params, s.Epoch, time.Now()), probers: make(map[string]Prober)}
}

// Run probes until the context ends, and closes all sockets then.
func (r *Runner) Run(ctx context.Context) error {
	r.change(func(time.Time) { r.running = true })
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.closeProbers()
	return nil
}

// SetPath gives the WAN's present path. A path that differs in anything but
// its resolvers closes the sockets and starts the statistics anew.
func (r *Runner) SetPath(p Path) {
	r.change(func(now time.Time) {
		if p.equal(r.path) {
			return
		}
		same := p.same(r.path)
		r.path = p
		if same && r.names != nil {
			r.names.setPath(p)
			return
		}
		r.closeProbers()
		r.names = newNames(p, openUDP)
		r.machine.Path(now, p.usable(), p.Gateway.IsValid())
	})
}

// Carrier says whether the WAN's link has a carrier. Losing it is down at
// once. Sockets are opened anew in either case.
func (r *Runner) Carrier(present bool) {
	r.change(func(now time.Time) {
		if r.machine.Carrier(now, present) {
			r.closeProbers()
		}
	})
}

// LinkEvent says that the link or the addresses of the WAN's device changed in
// a way that the path does not show (flags, MTU, hardware address): sockets
// are opened anew, the statistics stay.
func (r *Runner) LinkEvent() { r.change(func(time.Time) { r.closeProbers() }) }

// Snapshot gives the present health.
func (r *Runner) Snapshot() health.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Snapshot()
}

// Path gives the present path.
func (r *Runner) Path() Path {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.path
}

// change does something under the lock and then what follows from it.
func (r *Runner) change(do func(now time.Time)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	now := time.Now()
	do(now)
	r.step(now)
}

// report takes a result from a prober's goroutine.
func (r *Runner) report(res health.Result) {
	r.change(func(now time.Time) { r.machine.Result(now, res) })
}

// step sends what is due, reports changes and sets the timer.
func (r *Runner) step(now time.Time) {
	if !r.running {
		r.publish()
		return
	}
	wake, broken := r.poll(now)
	if broken {
		// Suspicion begins at once with a failed send. More than one more
		// round is left to the timer, so that a dead device cannot hold us.
		wake, _ = r.poll(now)
	}
	r.publish()
	r.arm(now, wake)
}

// poll sends what is due. broken says that something could not be sent.
func (r *Runner) poll(now time.Time) (wake time.Time, broken bool) {
	send, wake := r.machine.Poll(now)
	for _, s := range send {
		if res, ok := r.send(s, now); !ok {
			r.machine.Result(now, res)
			broken = true
		}
	}
	return wake, broken
}

func (r *Runner) publish() {
	t := r.machine.Transitions()
	if len(t) > 0 && r.set.Notify != nil {
		r.set.Notify(Update{WAN: r.set.WAN, Family: r.set.Family, Transitions: t, Snapshot: r.machine.Snapshot()})
	}
}

// arm sets the timer. One that is set to an earlier time is left alone: it
// polls for nothing, which costs less than setting it with every answer.
func (r *Runner) arm(now, wake time.Time) {
	if wake.IsZero() {
		return
	}
	if !r.armed.IsZero() && !r.armed.After(wake) {
		return
	}
	r.armed = wake
	if r.timer == nil {
		r.timer = time.AfterFunc(wake.Sub(now), r.tick)
		return
	}
	r.timer.Reset(wake.Sub(now))
}

func (r *Runner) tick() {
	r.change(func(time.Time) { r.armed = time.Time{} })
}

func (r *Runner) closeProbers() {
	for method, p := range r.probers {
		p.Close()
		delete(r.probers, method)
	}
}

// send hands one probe to the prober of its method. ok is false if it could
// not be sent.
func (r *Runner) send(s health.Send, now time.Time) (res health.Result, ok bool) {
	p := &r.set.Probes[s.Probe]
	t := p.To[s.Target]
	req := Request{
		Probe: s.Probe, Target: s.Target, Seq: s.Seq, To: t.Addr, Port: t.Port, Host: t.Host, Path: t.Path,
		Query: p.Query, Size: p.Size, Wait: s.Wait,
	}
	switch {
	case p.Targets[s.Target].Gateway:
		req.To = r.path.Gateway
	case t.Host != "":
		a, ask := r.names.lookup(t.Host, now)
		if ask {
			go r.resolve(r.names, p.Method, req, !a.IsValid())
		}
		if !a.IsValid() {
			if ask {
				return res, true // sent when the name is known
			}
			return req.failed(health.Unresolved, t.Host), false
		}
		req.To = a
	}
	return r.dispatch(p.Method, req)
}

func (r *Runner) dispatch(method string, req Request) (health.Result, bool) {
	pr := r.probers[method]
	if pr == nil {
		open, known := r.set.Open[method]
		if !known {
			return req.failed(health.SendError, "no probe method "+method), false
		}
		pr = open(r.path, r.report)
		r.probers[method] = pr
	}
	if err := pr.Send(req); err != nil {
		return req.failed(health.SendError, err.Error()), false
	}
	return health.Result{}, true
}

// resolve asks for a target's address and sends the probe that waits for it.
func (r *Runner) resolve(n *names, method string, req Request, waits bool) {
	a, err := n.resolve(req.Host)
	if !waits {
		return
	}
	r.change(func(now time.Time) {
		if n != r.names {
			return // of a former path
		}
		if err != nil {
			r.machine.Result(now, req.failed(health.Unresolved, err.Error()))
			return
		}
		req.To = a
		if res, ok := r.dispatch(method, req); !ok {
			r.machine.Result(now, res)
		}
	})
}
