package daemon

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/tend"
	"multiwan/src/ipsec"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// errSilent is the fault of a far end that is called again and again.
var errSilent = errors.New("does not answer: it is called again, and its tunnel made anew, with growing pauses")

// errNever is that of one that has not answered since the start. Nothing is made anew for it: frames may pass all the same.
var errNever = errors.New("has never answered: if it knows no loopback messages, give the pseudowire a probe of another method")

// tender sees to it that pseudowires whose far end is silent are set up anew.
type tender struct {
	latest
	cases map[string]*ending // by pseudowire

	// health and conns are what it learns from besides the passes; the rest is what it does.
	health              func() map[string]map[kstate.Family]health.Snapshot
	conns               func() map[string]ipsec.Status
	initiate, terminate func(conn string)
	resolve, rebuild    func(name string) // of a host, and of a device
	fault               func(part string, err error)
	silence             func(ctx context.Context, local, remote netip.Addr) (time.Duration, error)
	pause               time.Duration // from an answer of the peer until its far end must have answered, too
}

// ending is what is known of a far end that is silent, and ends the task that listens for its peer's return; nil while there is none.
type ending struct {
	tend.Case
	quit context.CancelFunc
}

// hush ends the task, if there is one.
func (c *ending) hush() {
	if c.quit != nil {
		c.quit()
		c.quit = nil
	}
}

func newTender(d *daemon) *tender {
	return &tender{
		latest: newLatest(), cases: map[string]*ending{}, health: d.lines.snapshots, conns: d.ike.Status,
		initiate: d.ike.Initiate, terminate: d.ike.Terminate, resolve: d.names.again, rebuild: d.loop.Rebuild, fault: d.record.fault,
		silence: probe.Silence, pause: 2 * time.Second,
	}
}

// run looks after every pass and whenever a try is due.
func (t *tender) run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.news:
		case <-timer.C:
		}
		now := time.Now()
		timer.Stop()
		if next := t.look(ctx, t.get(), now); !next.IsZero() {
			timer.Reset(next.Sub(now))
		}
	}
}

// look does what is due for every pseudowire and returns when the next is, the zero time if nothing is.
func (t *tender) look(ctx context.Context, s *reconcile.Snapshot, now time.Time) (next time.Time) {
	if s == nil {
		return next
	}
	var wires []overlay.PseudowirePlan
	if s.Overlay != nil {
		wires = s.Overlay.Pseudowires
	}
	seen, conns := t.health(), t.conns()
	alive := map[string]bool{} // connections that some far end answers through
	for _, p := range wires {
		if h, ok := seen[p.Name][0]; ok && h.State.Usable() {
			alive[p.IPsec] = true
		}
	}
	there := map[string]bool{}
	for _, p := range wires {
		if p.State != overlay.Ready {
			continue
		}
		there[p.Name] = true
		c := t.cases[p.Name]
		if c == nil {
			c = &ending{}
			t.cases[p.Name] = c
		}
		was, e := c.Tries, endOf(s, p, seen[p.Name], conns[p.IPsec])
		t.act(ctx, s, p, c.Look(e, now), alive[p.IPsec])
		if e.Bare && e.Initiates && c.Tries > 0 {
			t.listen(ctx, s, p, c)
		} else {
			c.hush()
		}
		if c.Tries == 0 {
			t.fault("far end of pseudowire "+p.Name, nil)
		} else if c.Tries > was {
			why := errSilent
			if seen[p.Name][0].LastGood.IsZero() {
				why = errNever
			}
			t.fault("far end of pseudowire "+p.Name, why) // the count of faults is that of tries
		}
		if !c.Next.IsZero() && (next.IsZero() || c.Next.Before(next)) {
			next = c.Next
		}
	}
	for name, c := range t.cases {
		if !there[name] {
			c.hush()
			delete(t.cases, name)
			t.fault("far end of pseudowire "+name, nil)
		}
	}
	return next
}

// act carries out what is to be done for one pseudowire. shared says that its SA serves another one well.
func (t *tender) act(ctx context.Context, s *reconcile.Snapshot, p overlay.PseudowirePlan, a tend.Action, shared bool) {
	if a.Resolve {
		for _, host := range hostsOf(s.Config, p.Name, p.IPsec) {
			t.resolve(host)
		}
	}
	if c, ok := connOf(s, p.IPsec); ok && a.Ask && !shared {
		go t.inquire(ctx, p.Name, c)
	}
	if a.Terminate && !shared {
		t.terminate(p.IPsec)
	}
	if a.Initiate && p.IPsec != "" {
		t.initiate(p.IPsec)
	}
	if a.Rebuild {
		t.rebuild(p.Device)
	}
}

// inquire ends the SA of a pseudowire whose peer answers outside of it: then the path is there, and the peer has lost the SA.
func (t *tender) inquire(ctx context.Context, name string, c kstate.Conn) {
	began := time.Now()
	remote, ok := peerOf(c)
	if !ok {
		return
	}
	short, quit := context.WithTimeout(ctx, 3*time.Second)
	defer quit()
	if _, err := t.silence(short, c.Local, remote); err != nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(t.pause):
	}
	if h := t.health()[name][0]; !h.State.Usable() && !h.LastGood.After(began) {
		t.terminate(c.Name)
		t.initiate(c.Name)
	}
}

// listen has a task listen for the return of the peer of a pseudowire that is without an SA: charon's tries come with growing pauses.
func (t *tender) listen(ctx context.Context, s *reconcile.Snapshot, p overlay.PseudowirePlan, c *ending) {
	conn, _ := connOf(s, p.IPsec)
	if remote, ok := peerOf(conn); ok && c.quit == nil {
		ctx, c.quit = context.WithCancel(ctx)
		go t.hail(ctx, conn, remote)
	}
}

// peerOf returns the peer's address; ok is false while one of the two ends is not known.
func peerOf(c kstate.Conn) (remote netip.Addr, ok bool) {
	remote, err := netip.ParseAddr(c.Remote)
	return remote, err == nil && c.Local.IsValid()
}

// away is how long a peer must have been silent for its first answer to be news: longer than a round trip by satellite.
const away = time.Second

// hail has a connection set up at once whenever its peer answers again. One that answered all the time refuses for another reason.
func (t *tender) hail(ctx context.Context, c kstate.Conn, remote netip.Addr) {
	for ctx.Err() == nil {
		if silent, err := t.silence(ctx, c.Local, remote); err == nil && silent > away {
			t.initiate(c.Name)
		}
		select {
		case <-ctx.Done():
		case <-time.After(tend.Settle):
		}
	}
}

// connOf finds a connection of a pass.
func connOf(s *reconcile.Snapshot, name string) (kstate.Conn, bool) {
	i := order.First(len(s.Overlay.Conns), func(i int) bool { return name != "" && s.Overlay.Conns[i].Name == name })
	if i < 0 {
		return kstate.Conn{}, false
	}
	return s.Overlay.Conns[i], true
}

// endOf puts together what is known of a far end.
func endOf(s *reconcile.Snapshot, p overlay.PseudowirePlan, seen map[kstate.Family]health.Snapshot, sa ipsec.Status) tend.End {
	local, remote := p.Local, p.Remote.String()
	e := tend.End{}
	if h, ok := seen[0]; ok {
		e.State, e.LastGood = h.State.String(), h.LastGood
	}
	if p.IPsec != "" {
		e.Bare = sa.State != "up"
		c, ok := connOf(s, p.IPsec)
		if !ok {
			return e
		}
		local, remote, e.Initiates = c.Local, c.Remote, c.Initiate
		if sa.State == "up" {
			e.Secured = sa.Since
		}
	}
	if carried(s, p.WAN, local) {
		e.Path = p.WAN + " " + local.String() + " " + remote
	}
	return e
}

// carried says whether packets from an address can leave by a WAN now. What the routing table carries always can.
func carried(s *reconcile.Snapshot, wan string, local netip.Addr) bool {
	if wan == "" {
		return true
	}
	f := kstate.IPv4
	if local.Is6() {
		f = kstate.IPv6
	}
	w := s.Facts.WANs[wan]
	return s.Facts.Health[wan][f].Carries() && w.Usable(f) && (w.Carrier || w.Index == 0) && hasAddr(w, f, local)
}

// hasAddr says whether a WAN has an address, or anyhow one where none is named.
func hasAddr(w plan.WAN, f kstate.Family, a netip.Addr) bool {
	own := w.Side(f).Addrs
	return !a.IsValid() || order.Any(len(own), func(i int) bool { return own[i].Addr() == a })
}

// hostsOf lists the names that the far end of a pseudowire is found by.
func hostsOf(c *config.Config, wire, conn string) (hosts []string) {
	for _, p := range c.Pseudowires {
		if p.Name == wire && p.RemoteHost != "" {
			hosts = append(hosts, p.RemoteHost)
		}
	}
	for _, x := range c.IPsec {
		if x.Name == conn && x.RemoteHost != "" {
			hosts = append(hosts, x.RemoteHost)
		}
	}
	return hosts
}
