package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/reconcile"
)

// Codes of errors that netifd shows; docs/tunnels.md and the page explain them.
const (
	protoDisabled = "DISABLED"
	protoConfig   = "CONFIG"
	protoRefused  = "REFUSED"
	protoWaiting  = "WAITING"
	protoModule   = "KERNEL_MODULE"
)

// raised makes pseudowires of netifd's interfaces with our protocol, and tells netifd what became of them.
type raised struct {
	daemon *daemon
	news   chan struct{}

	mu     sync.Mutex
	used   []string // interfaces that the configuration in force has
	faults map[string]string
	addrs  map[string][][2]string
	anew   map[string]bool // raised again: netifd has forgotten what it was told
}

// outcome is what netifd is told of an interface. A device that was made anew under its name is another, without addresses.
type outcome struct {
	device, code, text string
	index              int
}

func newRaised(d *daemon) *raised {
	return &raised{daemon: d, news: make(chan struct{}, 1), anew: map[string]bool{}}
}

func (p *raised) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// extend adds the pseudowires of netifd's interfaces to the configuration that is put in force.
func (p *raised) extend(path string, text []byte) extension {
	names := p.daemon.netifd.Raised()
	e := extended(path, text, names)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used, p.faults, p.addrs = names, e.faults, e.addrs
	return e
}

// run follows netifd and the passes of the loop until ctx ends.
func (p *raised) run(ctx context.Context) error {
	told := map[string]outcome{}
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.news:
		case <-again:
		}
		again = nil
		names := p.daemon.netifd.Raised()
		p.mu.Lock()
		other := !slices.Equal(names, p.used) || len(p.anew) > 0 // raised again, it may have other options
		for name := range p.anew {
			delete(told, name)
		}
		clear(p.anew)
		p.mu.Unlock()
		if other {
			p.daemon.reload()
		}
		last, ok := p.daemon.record.snapshot()
		if !ok {
			continue
		}
		for name := range told {
			if !slices.Contains(names, name) {
				delete(told, name)
			}
		}
		for _, name := range names {
			is := p.outcome(name, &last)
			if told[name] == is || is == (outcome{}) {
				continue
			}
			if p.tell(ctx, name, told[name], is) != nil {
				again = time.After(time.Second)
				continue
			}
			told[name] = is
		}
	}
}

// tell says what became of an interface. A device that goes is told before its error, or before the one in its place: netifd takes one of the
// same name for the one that it has configured.
func (p *raised) tell(ctx context.Context, name string, was, is outcome) error {
	ctx, stop := context.WithTimeout(ctx, firstLook)
	defer stop()
	n := p.daemon.netifd
	if was.device != "" {
		if err := n.LinkDown(ctx, name); err != nil {
			return err
		}
	}
	if is.code == "" {
		p.mu.Lock()
		addrs := p.addrs[name]
		p.mu.Unlock()
		return n.LinkUp(ctx, name, is.device, addrs)
	}
	return n.Error(ctx, name, is.code, is.text)
}

// outcome is what became of an interface by the last pass; nothing where that has not seen it yet.
func (p *raised) outcome(name string, s *reconcile.Snapshot) outcome {
	p.mu.Lock()
	fault := p.faults[name]
	p.mu.Unlock()
	switch {
	case fault != "":
		return outcome{code: protoConfig, text: fault}
	case !s.Config.Globals.Enabled:
		return outcome{code: protoDisabled, text: "multiwan is switched off: option enabled of section globals"}
	case s.Overlay == nil:
		return outcome{}
	}
	i := order.First(len(s.Overlay.Pseudowires), func(i int) bool { return s.Overlay.Pseudowires[i].Name == name })
	if i < 0 {
		return outcome{}
	}
	w := s.Overlay.Pseudowires[i]
	switch {
	case strings.Contains(w.Reason, "kernel module"):
		return outcome{code: protoModule, text: w.Reason}
	case w.State == overlay.Refused:
		return outcome{code: protoRefused, text: w.Reason}
	case w.State == overlay.Waiting:
		return outcome{code: protoWaiting, text: w.Reason}
	case s.Indexes[w.Device] == 0:
		return outcome{} // it is being made; a pass follows
	}
	return outcome{device: w.Device, index: s.Indexes[w.Device]}
}

// callPseudowire is how netifd's handler says that it has raised or lowered an interface. What is lowered needs no word: netifd keeps the errors
// that it is told of until the next time, and would show one more.
func (d *daemon) callPseudowire(up bool) func(context.Context, control.Args) (any, error) {
	return func(_ context.Context, a control.Args) (any, error) {
		name := a.String("interface")
		if name == "" {
			return nil, control.Refuse(control.Usage, "interface: want the name of an interface of netifd")
		}
		if up {
			d.raised.mu.Lock()
			d.raised.anew[name] = true
			d.raised.mu.Unlock()
		}
		d.raised.wake()
		d.netifd.Again()
		return true, nil
	}
}
