package daemon

import (
	"context"
	"net/netip"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/tend"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// namesEvery is how often the name of a far end is asked for while all is well.
const namesEvery = 5 * time.Minute

// names keeps the addresses of far ends that are configured by name. The last good answer stays.
type names struct {
	latest
	hosts   map[string]*hostname
	ways    map[string]bool // by which they were asked for last
	answers chan answer
	urgent  chan string

	ask   func(host string, f kstate.Family, paths []probe.Path) (netip.Addr, error)
	set   func(host string, a netip.Addr)
	fault func(part string, err error)
}

// hostname is one name.
type hostname struct {
	next     time.Time // it is asked for
	failures int       // in a row
	asking   bool
}

// answer is what became of a question.
type answer struct {
	host string
	addr netip.Addr
	err  error
}

func newNames(d *daemon) *names {
	return &names{
		latest: newLatest(), hosts: map[string]*hostname{}, ways: map[string]bool{}, answers: make(chan answer), urgent: make(chan string, 64),
		ask: probe.Resolve, set: func(host string, a netip.Addr) { d.loop.SetName(host, a) }, fault: d.record.fault,
	}
}

// again has a name asked for at once: what it stands for does not answer. It never blocks.
func (n *names) again(host string) {
	select {
	case n.urgent <- host:
	default: // so many wait that its turn comes anyhow
	}
}

// run asks until ctx ends.
func (n *names) run(ctx context.Context) error {
	timer := time.NewTimer(namesEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.news:
		case <-timer.C:
		case host := <-n.urgent:
			if h := n.hosts[host]; h != nil {
				h.next = time.Time{}
			}
		case a := <-n.answers:
			n.take(a, time.Now())
		}
		now := time.Now()
		timer.Stop()
		if next := n.look(ctx, n.get(), now); !next.IsZero() {
			timer.Reset(next.Sub(now))
		}
	}
}

// look asks for what is due and returns when the next is, the zero time if nothing is.
func (n *names) look(ctx context.Context, s *reconcile.Snapshot, now time.Time) (next time.Time) {
	if s == nil {
		return next
	}
	wanted := map[string]bool{}
	if s.Overlay != nil {
		for _, host := range s.Overlay.Resolve {
			wanted[host] = true
			if n.hosts[host] == nil {
				n.hosts[host] = &hostname{}
			}
		}
	}
	for host := range n.hosts {
		if !wanted[host] {
			delete(n.hosts, host)
			n.fault("resolve "+host, nil)
		}
	}
	if len(n.hosts) == 0 {
		return next
	}
	paths := carrying(s)
	if n.gained(paths) {
		for _, h := range n.hosts {
			h.next = time.Time{}
		}
	}
	for host, h := range n.hosts {
		switch {
		case h.asking:
		case !h.next.After(now):
			h.asking = true
			go func() {
				a, err := n.ask(host, familyOf(s.Config, host), paths)
				select {
				case n.answers <- answer{host, a, err}:
				case <-ctx.Done():
				}
			}()
		case next.IsZero() || h.next.Before(next):
			next = h.next
		}
	}
	return next
}

// gained notes by which ways names can be asked for, and says whether there are more than before.
func (n *names) gained(paths []probe.Path) (more bool) {
	was := n.ways
	n.ways = make(map[string]bool, len(paths))
	for _, p := range paths {
		n.ways[p.String()] = true
		more = more || !was[p.String()]
	}
	return more
}

// take notes an answer.
func (n *names) take(a answer, now time.Time) {
	h := n.hosts[a.host]
	if h == nil {
		return
	}
	h.asking = false
	n.fault("resolve "+a.host, a.err)
	if a.err != nil {
		h.failures++
		h.next = now.Add(tend.Wait(h.failures))
		return
	}
	h.failures, h.next = 0, now.Add(namesEvery)
	n.set(a.host, a.addr)
}

// carrying lists the ways of the WANs that carry.
func carrying(s *reconcile.Snapshot) (paths []probe.Path) {
	for _, w := range s.Plan.WANs {
		net := s.Facts.WANs[w.Name]
		for _, f := range kstate.Families {
			if p := pathOf(w, net, f); p.Device != "" && s.Facts.Health[w.Name][f].Carries() {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// familyOf is the family that a name of the configuration is wanted in.
func familyOf(c *config.Config, host string) kstate.Family {
	for _, p := range c.Pseudowires {
		if p.RemoteHost == host {
			return p.Family
		}
	}
	for _, x := range c.IPsec {
		if x.RemoteHost == host {
			return x.Family
		}
	}
	return kstate.IPv4
}
