package daemon

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/ipsec"
)

// ike is charon, as the loop sees it. It is not talked to before there is a connection that it should hold.
type ike struct {
	*ipsec.Client
	needed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	stop context.CancelFunc // of Run, nil while it does not run
	done chan struct{}
}

// newIKE makes an ike that speaks to charon's socket and calls changed, which must not block, when its SAs do.
func newIKE(socket string, changed func()) *ike {
	return &ike{Client: ipsec.New(ipsec.Options{Socket: socket, Changed: changed}), needed: make(chan struct{}), done: make(chan struct{})}
}

// Set declares the connections that are wanted.
func (k *ike) Set(conns []kstate.Conn) {
	if len(conns) > 0 {
		k.once.Do(func() { close(k.needed) })
	}
	k.Client.Set(conns)
}

// run keeps the connections in charon.
func (k *ike) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-k.needed:
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	k.mu.Lock()
	k.stop = stop
	k.mu.Unlock()
	defer close(k.done)
	k.Client.Run(ctx)
	return nil
}

// SAs returns what the plan has to know of the SAs.
func (k *ike) SAs() (map[string]overlay.SA, bool) {
	out := map[string]overlay.SA{}
	for name, s := range k.Status() {
		out[name] = overlay.SA{Installed: s.State == "up", Encap: s.SA.Child.Encap, Proposal: s.SA.Child.Proposal,
			Local: s.SA.Local.Addr(), Remote: s.SA.Remote.Addr()}
	}
	return out, k.Charon().Connected
}

// Clear removes what is ours. Where no charon runs, nothing is.
func (k *ike) Clear(ctx context.Context) error {
	k.mu.Lock()
	stop := k.stop
	k.mu.Unlock()
	if stop != nil {
		stop()
		select {
		case <-k.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := k.Client.Clear(ctx)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return err
}
