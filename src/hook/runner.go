package hook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// DefaultTimeout is how long a hook may run.
const DefaultTimeout = 10 * time.Second

// Runner runs the hooks of a directory for each event that Send gave it.
type Runner struct {
	// Owner is the uid that hooks and their directory must belong to: root, the zero value, outside of tests.
	Owner uint32
	// Timeout is how long a hook may run before its process group is killed.
	Timeout time.Duration
	// Log is told each fault once, and when a hook works again.
	Log func(message string)

	queue *queue

	mu     sync.Mutex
	dir    string
	faults map[string]fault // by path
	ran    int
}

// fault is what is wrong with a path now, and how often in a row.
type fault struct {
	text  string
	count int
}

// New returns a runner of the hooks in dir, for Run.
func New(dir string, log func(string)) *Runner {
	return &Runner{dir: dir, Timeout: DefaultTimeout, Log: log, queue: newQueue(), faults: make(map[string]fault)}
}

// SetDir changes the directory, from the next event on. An empty name: no hooks.
func (r *Runner) SetDir(dir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dir != r.dir {
		r.dir = dir
		clear(r.faults)
	}
}

// Send queues an event. It never blocks.
func (r *Runner) Send(e Event) { r.queue.put(e) }

// Run works until ctx ends; then a hook that still runs is killed with its process group. It returns nil.
func (r *Runner) Run(ctx context.Context) error {
	if err := seal(); err != nil {
		r.Log(fmt.Sprintf("hooks may see descriptors of the daemon's parent: %v", err))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.queue.ready:
		}
		for ctx.Err() == nil {
			e, ok := r.queue.take()
			if !ok {
				break
			}
			r.event(ctx, e)
		}
	}
}

// event runs every hook for one event.
func (r *Runner) event(ctx context.Context, e Event) {
	r.mu.Lock()
	dir := r.dir
	r.mu.Unlock()
	if dir == "" {
		return
	}
	hooks, refused := executables(dir, r.Owner)
	seen := make(map[string]bool)
	for _, err := range refused {
		seen[err.Error()] = true
		r.report(err.Error(), err)
	}
	for _, path := range hooks {
		if ctx.Err() != nil {
			return
		}
		seen[path] = true
		r.report(path, r.run(ctx, path, e))
	}
	r.forget(seen)
}

// run runs one hook: its own process group, /dev/null for all three standard descriptors (a child that holds one open holds up nobody),
// none of the daemon's descriptors (Go opens all of them close-on-exec, seal has seen to the others).
func (r *Runner) run(ctx context.Context, path string, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	err := execute(ctx, []string{path, e.Action, e.Interface}, e.environ())
	r.mu.Lock()
	r.ran++
	r.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("hook %s %s %s: killed after %s", path, e.Action, e.Interface, r.Timeout)
	}
	return fmt.Errorf("hook %s %s %s: %w", path, e.Action, e.Interface, err)
}

// execute runs a program to its end, or kills its process group with the context. os/exec has pipes and searches that nobody needs here.
func execute(ctx context.Context, args, env []string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{
		Dir: "/", Env: env, Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) })
	defer stop()
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	return err
}

// report notes the outcome of a path: a fault is logged when it is new, a repeated one counted, its end logged.
func (r *Runner) report(path string, err error) {
	r.mu.Lock()
	old, was := r.faults[path]
	if err == nil {
		delete(r.faults, path)
	} else {
		r.faults[path] = fault{text: err.Error(), count: old.count + 1}
	}
	r.mu.Unlock()
	switch {
	case err != nil && !was:
		r.Log(err.Error())
	case err == nil && was:
		r.Log(fmt.Sprintf("hook %s works again after %d failures", path, old.count))
	}
}

// forget drops the faults of paths that are gone.
func (r *Runner) forget(seen map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.faults, func(path string, _ fault) bool { return !seen[path] })
}

// Warnings returns what is wrong with hooks now, sorted, for the status.
func (r *Runner) Warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var w []string
	for _, f := range r.faults {
		text := f.text
		if f.count > 1 {
			text += fmt.Sprintf(" (%d times)", f.count)
		}
		w = append(w, text)
	}
	slices.Sort(w)
	if n := r.queue.lost(); n > 0 {
		w = append(w, fmt.Sprintf("hooks: %d events dropped, hooks are too slow", n))
	}
	return w
}

// Ran returns how many hooks were started so far.
func (r *Runner) Ran() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ran
}
