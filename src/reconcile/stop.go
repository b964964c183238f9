package reconcile

import (
	"context"
	"errors"
	"fmt"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
)

// cleanupTries bounds the passes of Cleanup: a dump may be interrupted by others, and a rule may hide another.
const cleanupTries = 5

// Stop removes everything that is ours and ends Run. It waits for that, or for ctx.
func (l *Loop) Stop(ctx context.Context) error {
	var err error
	callErr := l.inLoop(ctx, func(ctx context.Context) bool {
		err = Cleanup(ctx, l.ports)
		return true
	})
	return errors.Join(callErr, err)
}

// Cleanup removes what a loop left behind, without any configuration: pseudowires first, with their guards behind them, then nftables
// tables, so that nothing is sent by rules that go, then rules, routes and nexthops of our protocol number, then settings go back to what they were, and the state file goes. It needs
// Routing, Netfilter, Settings and State of ports, no loop may run, and it may be called again. A state file that cannot be read is an
// error and goes all the same.
func Cleanup(ctx context.Context, p Ports) error {
	st := store{path: p.State}
	v, _, unread := st.load()
	errs := []error{cleanOverlay(ctx, p, v.Overlay.valid(p.Boot))}
	if !errors.Is(errs[0], errGuarded) {
		errs = append(errs, p.Netfilter.Apply(ctx, nil, nil))
	}
	errs = append(errs, cleanRouting(ctx, p.Routing))
	for name, s := range v.Settings {
		if is, gerr := p.Settings.Get(name); gerr != nil || is.Value != s.Ours {
			continue // the device is gone, or somebody else has set it since
		}
		if err := p.Settings.Set(kstate.Sysctl{Name: name, Value: s.Original}); err != nil {
			errs = append(errs, fmt.Errorf("give back %s: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err // the file is kept: another try needs it
	}
	return errors.Join(unread, st.remove())
}

func cleanRouting(ctx context.Context, r Routing) error {
	var errs []error
	for range cleanupTries {
		errs = errs[:0]
		have, partial, err := r.Observe(ctx, Scope{All: true})
		if err != nil {
			return fmt.Errorf("look at the routing: %w", err)
		}
		ops := diff.Ops(kstate.State{}, have, false)
		if len(ops) == 0 && !partial {
			return nil
		}
		for _, op := range ops {
			if err := r.Apply(ctx, op); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(append(errs, errors.New("something of ours is left"))...)
}
