package reconcile

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// The debounce: a pass begins when nothing has come in for quiet, at the latest most after the first event. What is urgent does not wait.
const (
	quiet = 100 * time.Millisecond
	most  = 200 * time.Millisecond
)

// ErrStopped is what Run returns after Stop: everything of ours is gone.
var ErrStopped = errors.New("stopped")

// Loop keeps the kernel as the plan says. Its methods may be called from any goroutine; all but Run and Stop return at once.
type Loop struct {
	ports Ports

	mu    sync.Mutex
	in    inputs
	wake  chan struct{}
	calls chan call
	ended chan struct{} // closed when Run returns

	// What follows belongs to the goroutine of Run.

	store    store
	saved    *saved
	restored bool // ids and verdicts of a predecessor were looked for
	config   *config.Config
	// tables are those to look into besides the plan's: where something of ours was seen.
	tables []uint32
	// lookAll asks the next observation to look into every table.
	lookAll        bool
	synced         *synced
	planned        planned
	plannedOverlay plannedOverlay
	retries        retries
	drifts         drifts
	// hooked is the view that the last hooks were based on; saved.View is that of the last evictions.
	hooked  diff.View
	history history
	// active is what the policies used in the last pass.
	active map[string]map[kstate.Family][]string
	again  time.Time // when another pass is due for a reason of its own; zero: never
	fails  int       // passes in a row that came to nothing, or that saw only a part
	serial uint64
	// reloaded says that a reload's hook is still to be told.
	reloaded bool
	// overlaid says that something of the overlay is wanted or there, tunnels that pseudowires of ours are there; paths and sources are
	// what the routing table is asked for.
	overlaid, tunnels bool
	// looked is what was seen of the overlay last, unseen counts the passes in a row that saw nothing of it.
	looked  *joined
	unseen  int
	paths   []Path
	macs    map[string]string // of pseudowires, by device
	sources []netip.Addr
	// warnings are those of the start, refused says why the last reload is not in force.
	warnings, refused []string
	// foreignMarks are warnings of rules of others that ask for bits of the mask maskSeen.
	foreignMarks []string
	maskSeen     uint32
}

// call is work for the goroutine of Run.
type call struct {
	do   func(context.Context) (end bool)
	done chan struct{}
}

// New returns a loop. It does nothing before Run.
func New(p Ports) *Loop {
	return &Loop{
		ports: p, wake: make(chan struct{}, 1), calls: make(chan call), ended: make(chan struct{}), store: store{path: p.State}, saved: newSaved(),
		retries: retries{}, history: newHistory(), lookAll: true,
		in: inputs{verdicts: map[side]verdict{}, farEnds: map[string]verdict{}, names: map[string]netip.Addr{}, rebuild: map[string]bool{}, pathMTU: map[netip.Addr]int{}, admin: map[string]time.Time{}},
	}
}

// Run may be called once. It works until ctx ends, leaving everything in place: the next start adopts it. It returns nil then, ErrStopped after Stop, and an
// ErrCollision where the configuration refuses to start among foreign numbers.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return nil
		}
		due := l.due()
		now := time.Now() // after due, whose answer may be the present: it must not lie ahead
		if !due.IsZero() && !due.After(now) {
			if err := l.pass(ctx); err != nil {
				return err
			}
			continue
		}
		timer.Stop()
		if !due.IsZero() {
			timer.Reset(due.Sub(now))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-timer.C:
		case c := <-l.calls:
			end := c.do(ctx)
			close(c.done)
			if end {
				return ErrStopped
			}
		}
	}
}

// due returns when the next pass is to begin, the zero time if nothing asks for one.
func (l *Loop) due() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in.config == nil {
		return time.Time{}
	}
	return earlier(l.in.due(time.Now()), l.again)
}

// errEnded is the answer to a call that comes after Run has returned.
var errEnded = errors.New("the loop has ended")

// inLoop runs f on the goroutine of Run, which may yet have to begin, and waits for it. f says whether Run ends.
func (l *Loop) inLoop(ctx context.Context, f func(context.Context) (end bool)) error {
	c := call{do: f, done: make(chan struct{})}
	select {
	case l.calls <- c:
	case <-l.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	<-c.done
	return nil
}

// Preview returns the operations that a pass would carry out now with the configuration c, or with the running one where it is nil, and
// the plan behind them. It changes nothing.
func (l *Loop) Preview(ctx context.Context, c *config.Config) (ops []diff.Op, p *plan.Plan, err error) {
	callErr := l.inLoop(ctx, func(ctx context.Context) bool {
		if c == nil {
			c = l.config
		}
		if c == nil {
			err = errors.New("no configuration yet")
			return false
		}
		now := l.peek()
		if !l.restored {
			now.config = c
			if now, err = l.start(ctx, now); err != nil {
				return false
			}
		}
		was, tables := l.history.clone(), l.tables
		var d decision
		d, err = l.decide(ctx, c, now)
		if ops, p = d.ops, d.plan; d.join != nil {
			ops = order.Join(ops, d.join.ops)
		}
		if err == nil && d.join != nil && d.join.plan != nil {
			p = withReasons(d.plan, d.join.plan)
		}
		l.history, l.tables = was, tables
		return false
	})
	return ops, p, errors.Join(callErr, err)
}

// withReasons is a plan that also knows the reasons and warnings of the overlay.
func withReasons(p *plan.Plan, o *overlay.Plan) *plan.Plan {
	both := *p
	both.Why, both.Warnings = map[string]string{}, order.Join(p.Warnings, o.Warnings)
	maps.Copy(both.Why, p.Why)
	maps.Copy(both.Why, o.Why)
	return &both
}
