package daemon

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// watched is the far end of a pseudowire, or of a member of a bond that somebody else's program made.
type watched struct {
	name   string
	path   probe.Path
	probes []probe.Probe
}

// farEndsOf lists what is watched end to end, as a pass has it.
func farEndsOf(s *reconcile.Snapshot) []watched {
	if s.Overlay == nil {
		return nil
	}
	var out []watched
	for _, p := range s.Overlay.Pseudowires {
		i := order.First(len(s.Config.Pseudowires), func(i int) bool { return s.Config.Pseudowires[i].Name == p.Name })
		if i >= 0 && p.State == overlay.Ready {
			c := s.Config.Pseudowires[i]
			out = append(out, watch(s, p.Name, p.Device, c.Probes, c.Attach.Addresses))
		}
	}
	for _, b := range s.Config.Bonds {
		for _, m := range b.Members {
			if b.Enabled && !m.Pseudowire && len(m.Probes) > 0 {
				out = append(out, watch(s, m.Name, m.Device, m.Probes, nil))
			}
		}
	}
	return out
}

// judgedIn names the far ends that a configuration has, whether or not they can be watched now: their verdicts hold meanwhile.
func judgedIn(c *config.Config) map[string]bool {
	out := map[string]bool{}
	for _, p := range c.Pseudowires {
		out[p.Name] = p.Enabled
	}
	for _, b := range c.Bonds {
		for _, m := range b.Members {
			out[m.Name] = out[m.Name] || b.Enabled && !m.Pseudowire && len(m.Probes) > 0
		}
	}
	return out
}

// watch puts together how one far end is watched. What has no address of its own is watched as a link.
func watch(s *reconcile.Snapshot, name, device string, probes []string, own []netip.Prefix) watched {
	w := watched{name: name, path: probe.Path{WAN: name, Family: kstate.IPv4, Device: device, Index: s.Indexes[device]}}
	if w.path.Index == 0 {
		w.path.Device = "" // it is waited for
	}
	for _, p := range s.Config.Probes {
		if !slices.Contains(probes, p.Name) {
			continue
		}
		counted, _ := p.For(kstate.IPv4)
		if len(counted) == 0 && p.Method != "loopback" {
			w.path.Family = kstate.IPv6
		}
		w.probes = append(w.probes, probe.FromConfig(p, w.path.Family))
	}
	for _, a := range own {
		if kstate.FamilyOf(a.Addr()) == w.path.Family && !w.path.Source.IsValid() {
			w.path.Source = a.Addr()
		}
	}
	w.path.Layer2 = !w.path.Source.IsValid()
	return w
}

// answers keeps a responder on every device whose far end may want to know whether frames come through.
type answers struct {
	latest
	running map[string]*answering
}

type answering struct {
	*probe.Responder
	index int
	stop  context.CancelFunc
}

func newAnswers() *answers { return &answers{latest: newLatest(), running: map[string]*answering{}} }

// run follows the outcomes of passes, and ends all responders with ctx.
func (a *answers) run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.news:
		}
		a.follow(ctx, a.get(), &running)
	}
}

func (a *answers) follow(ctx context.Context, s *reconcile.Snapshot, running *sync.WaitGroup) {
	wanted := map[string]bool{}
	for _, e := range farEndsOf(s) {
		if e.path.Index == 0 {
			continue
		}
		wanted[e.path.Device] = true
		r := a.running[e.path.Device]
		if r == nil {
			ctx, stop := context.WithCancel(ctx)
			r = &answering{Responder: probe.NewResponder(e.path.Device), index: e.path.Index, stop: stop}
			a.running[e.path.Device] = r
			running.Go(func() { _ = r.Run(ctx) })
		}
		if r.index != e.path.Index {
			r.index = e.path.Index
			r.LinkEvent()
		}
	}
	for device, r := range a.running {
		if !wanted[device] {
			r.stop()
			delete(a.running, device)
		}
	}
}
