package reconcile

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// rig is a loop on a kernel in memory.
type rig struct {
	*Loop
	t     testing.TB
	k     *kernel
	stop  context.CancelFunc
	ended chan error
	// snaps and hooks are what was published.
	mu    sync.Mutex
	snaps []Snapshot
	hooks []diff.Hook
	taken []*config.Config // back, as refused
}

// start runs a loop on a kernel, with its state in dir.
func start(t testing.TB, k *kernel, dir string) *rig {
	r := &rig{t: t, k: k, ended: make(chan error, 1)}
	p := Ports{
		Routing: k, Netfilter: nft{k}, Conntrack: k, Settings: k, Source: k, State: filepath.Join(dir, "state.json"),
		Hook: func(h diff.Hook) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.hooks = append(r.hooks, h)
		},
		Refused: func(c *config.Config, _ error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.taken = append(r.taken, c)
		},
		Publish: func(s Snapshot) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.snaps = append(r.snaps, s)
		},
	}
	if k.sites != nil {
		p.Overlay, p.IKE, p.Boot = k.sites, k.sites, k.sites.boot
	}
	r.Loop = New(p)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- r.Run(ctx) }()
	return r
}

// kill ends the loop as a signal would.
func (r *rig) kill() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("run: %v", err)
	}
}

// verdict gives health's word on both families of a WAN.
func (r *rig) verdict(wan, state string) {
	for _, f := range kstate.Families {
		r.SetVerdict(wan, f, plan.Verdict{State: state, LastGood: time.Now()}, "test says "+state, time.Now())
	}
}

// settle lets debounced passes happen.
func settle() {
	time.Sleep(300 * time.Millisecond)
	synctest.Wait()
}

// last returns the last snapshot.
func (r *rig) last() Snapshot {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.snaps) == 0 {
		r.t.Fatal("nothing was published")
	}
	return r.snaps[len(r.snaps)-1]
}

// passes returns how many passes were published, told what hooks were called.
func (r *rig) passes() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.snaps)
}

func (r *rig) told() []diff.Hook {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.hooks)
}

func (r *rig) active(policy string) []string { return r.last().activeOf(policy, kstate.IPv4) }

func (s Snapshot) activeOf(policy string, f kstate.Family) []string {
	return activeOf(s.Plan)[policy][f]
}

// two starts a loop with wan preferred to wanb, both up, and waits until it is quiet.
func two(t testing.TB, c *config.Config) *rig {
	k := newKernel()
	k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
	r := start(t, k, t.TempDir())
	r.verdict("wan", "up")
	r.verdict("wanb", "up")
	r.SetConfig(c)
	settle()
	k.writes()
	return r
}

// in runs a test with synthetic time.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
