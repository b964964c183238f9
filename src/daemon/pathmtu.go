package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
	"multiwan/src/core/order"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

const (
	pathEvery = time.Minute      // where a packet or two tell: nothing else does, as outer packets may be fragmented
	pathRests = 10 * time.Minute // after a search among sizes that vanish without a word, which takes many packets
	pathLong  = 5 * time.Second  // that is what such a search takes at least
	pathsOnce = 4                // paths that are tried at a time
)

// paths learns how large packets on the ways of tunnels may be.
type paths struct {
	latest
	known   map[reconcile.Path]*pathway
	narrow  map[reconcile.Path]int // bytes that pass, where they are fewer than the device's
	results chan result
	tries   int // under way

	try   func(ctx context.Context, local, remote netip.Addr, most int) (int, error)
	set   func(remote netip.Addr, bytes int)
	fault func(part string, err error)
}

// pathway is one way while it carries.
type pathway struct {
	most   int // bytes that its device takes
	next   time.Time
	trying bool
}

// result is what became of a try.
type result struct {
	path  reconcile.Path
	most  int
	bytes int
	err   error
	took  time.Duration
}

func newPaths(d *daemon) *paths {
	return &paths{
		latest: newLatest(), known: map[reconcile.Path]*pathway{}, narrow: map[reconcile.Path]int{}, results: make(chan result), try: probe.PathMTU,
		set: func(remote netip.Addr, bytes int) { d.loop.SetPathMTU(remote, bytes) }, fault: d.record.fault,
	}
}

// run tries until ctx ends.
func (p *paths) run(ctx context.Context) error {
	timer := time.NewTimer(pathEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.news:
		case <-timer.C:
		case r := <-p.results:
			p.take(r)
		}
		now := time.Now()
		timer.Stop()
		if next := p.look(ctx, p.get(), now); !next.IsZero() {
			timer.Reset(next.Sub(now))
		}
	}
}

// look tries what is due and returns when the next is, the zero time if nothing is.
func (p *paths) look(ctx context.Context, s *reconcile.Snapshot, now time.Time) (next time.Time) {
	if s == nil {
		return next
	}
	p.forget(s)
	ways := waysOf(s)
	for way := range p.known {
		if ways[way] == 0 {
			delete(p.known, way)
		}
	}
	for way, most := range ways {
		k := p.known[way]
		if k == nil || k.most != most {
			k = &pathway{most: most}
			p.known[way] = k
		}
		switch {
		case k.trying:
		case !k.next.After(now) && p.tries < pathsOnce:
			k.trying, k.next = true, now.Add(pathEvery)
			p.tries++
			go func() {
				began := time.Now()
				n, err := p.try(ctx, way.Local, way.Remote, most)
				select {
				case p.results <- result{way, most, n, err, time.Since(began)}:
				case <-ctx.Done():
				}
			}()
		case k.next.After(now) && (next.IsZero() || k.next.Before(next)):
			next = k.next
		}
	}
	return next
}

// take notes a result. A far end that answers to nothing tells nothing.
func (p *paths) take(r result) {
	p.tries--
	k := p.known[r.path]
	if k == nil || k.most != r.most {
		return
	}
	k.trying = false
	if r.took > pathLong {
		k.next = k.next.Add(pathRests - pathEvery)
	}
	p.fault("path MTU from "+r.path.Local.String()+" to "+r.path.Remote.String(), r.err)
	if r.err != nil || r.bytes == 0 {
		return
	}
	delete(p.narrow, r.path)
	if r.bytes < r.most {
		p.narrow[r.path] = r.bytes
	}
	p.tell(r.path.Remote)
}

// forget drops what was found on ways that nothing takes any more. Ways that only do not carry now keep it.
func (p *paths) forget(s *reconcile.Snapshot) {
	if s.Overlay == nil {
		return
	}
	wanted := reconcile.PathsOf(s.Overlay)
	for way := range p.narrow {
		if !slices.Contains(wanted, way) {
			delete(p.narrow, way)
			p.tell(way.Remote)
		}
	}
}

// tell hands on what passes on all ways to a remote.
func (p *paths) tell(remote netip.Addr) {
	least := 0
	for way, bytes := range p.narrow {
		if way.Remote == remote && (least == 0 || bytes < least) {
			least = bytes
		}
	}
	p.set(remote, least)
}

// waysOf returns the ways of outer packets that carry now, with the MTU of the WAN's device.
func waysOf(s *reconcile.Snapshot) map[reconcile.Path]int {
	out := map[reconcile.Path]int{}
	if s.Overlay == nil {
		return out
	}
	for _, way := range reconcile.PathsOf(s.Overlay) {
		most := mtu.Ethernet
		for name, w := range s.Facts.WANs {
			own := w.Side(kstate.FamilyOf(way.Local)).Addrs
			if order.Any(len(own), func(i int) bool { return own[i].Addr() == way.Local }) {
				if most = w.MTU; !carried(s, name, way.Local) {
					most = 0
				}
			}
		}
		if most > 0 {
			out[way] = most
		}
	}
	return out
}
