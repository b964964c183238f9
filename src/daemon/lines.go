package daemon

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// line names one family of a WAN or, with no family, the far end of a pseudowire or of a bond's member.
type line struct {
	wan    string
	family kstate.Family
}

// lines keeps a prober for each WAN and family of the configuration in force, on the path that the last pass found.
type lines struct {
	daemon *daemon
	forget func(keep map[string]bool) // drops the verdicts on all other far ends
	news   chan struct{}

	mu      sync.Mutex
	next    *reconcile.Snapshot // the last one that was not looked at yet
	probers map[line]*prober
	indexes map[int]bool // of devices: true for those of WANs, false for others of the overlay

	spread struct {
		sync.Mutex // never waits for mu
		plan.Spread
	}
}

// prober is the prober of one line.
type prober struct {
	*probe.Runner
	probes []probe.Probe
	stop   context.CancelFunc
	// way is what it was last told, and since when; guarded by lines.mu.
	way   way
	since time.Time
	// floors has its shortest round-trip times, least the least of them; guarded by lines.spread.
	floors floors
	least  time.Duration
}

// way is the path of a line and whether it has a carrier.
type way struct {
	path    probe.Path
	carrier bool
}

func newLines(d *daemon) *lines {
	return &lines{daemon: d, forget: func(keep map[string]bool) { d.loop.ForgetFarEnds(keep) }, news: make(chan struct{}, 1), probers: make(map[line]*prober), indexes: make(map[int]bool)}
}

// offer gives the outcome of a pass; it never blocks.
func (l *lines) offer(s reconcile.Snapshot) {
	if s.Err != nil {
		return
	}
	l.mu.Lock()
	l.next = &s
	l.mu.Unlock()
	if l.listen(s.Facts.WANs, s.Indexes) {
		// What happened to the device between the look at it and now was not listened to.
		l.daemon.loop.Kick("a device was found")
	}
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// listen notes which devices are those of WANs and of the overlay, and says whether one of a WAN was not known to be before.
func (l *lines) listen(wans map[string]plan.WAN, overlay map[string]int) (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.indexes
	l.indexes = make(map[int]bool, len(wans))
	for _, w := range wans {
		if w.Index != 0 {
			l.indexes[w.Index] = true
			fresh = fresh || !was[w.Index]
		}
	}
	for _, index := range overlay {
		if !l.indexes[index] {
			l.indexes[index] = false // known, and no WAN's
		}
	}
	return fresh
}

// run follows the outcomes of passes, and ends all probers with ctx.
func (l *lines) run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(delaysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			l.judgeDelays(now)
			continue
		case <-l.news:
		}
		l.mu.Lock()
		s := l.next
		l.mu.Unlock()
		l.follow(ctx, s, &running)
	}
}

// follow starts, stops and moves probers as a pass has it.
func (l *lines) follow(ctx context.Context, s *reconcile.Snapshot, running *sync.WaitGroup) {
	wanted := make(map[line]bool)
	for _, w := range s.Plan.WANs {
		i := order.First(len(s.Config.Interfaces), func(k int) bool { return s.Config.Interfaces[k].Name == w.Name })
		if i < 0 {
			continue
		}
		net := s.Facts.WANs[w.Name]
		for _, f := range s.Config.Interfaces[i].Families {
			at := line{w.Name, f}
			wanted[at] = true
			p := l.prober(ctx, at, probesOf(s.Config, s.Config.Interfaces[i], f), running)
			l.send(p, way{pathOf(w, net, f), net.Carrier || !net.Usable(f)}) // what has no path is waited for; it has lost nothing
		}
	}
	for _, e := range farEndsOf(s) {
		at := line{wan: e.name}
		wanted[at] = true
		l.send(l.prober(ctx, at, e.probes, running), way{e.path, true})
	}
	l.mu.Lock()
	for at, p := range l.probers {
		if !wanted[at] {
			p.stop()
			delete(l.probers, at)
		}
	}
	l.mu.Unlock()
	l.forget(judgedIn(s.Config))
}

// send has a prober take a way.
func (l *lines) send(p *prober, by way) {
	l.mu.Lock()
	if !reflect.DeepEqual(p.way, by) {
		p.way, p.since = by, time.Now()
	}
	l.mu.Unlock()
	p.Carrier(by.carrier)
	p.SetPath(by.path)
}

// prober returns the prober of a line. One whose probes are configured differently is made anew; what was known of the line stands until
// the new one knows better.
func (l *lines) prober(ctx context.Context, at line, probes []probe.Probe, running *sync.WaitGroup) *prober {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.probers[at]; p != nil {
		if reflect.DeepEqual(p.probes, probes) {
			return p
		}
		p.stop()
	}
	ctx, stop := context.WithCancel(ctx)
	p := &prober{probes: probes, stop: stop, Runner: probe.NewRunner(probe.Settings{
		WAN: at.wan, Family: at.family, Probes: probes, Epoch: l.daemon.started, Notify: l.daemon.verdict,
	})}
	l.probers[at] = p
	running.Go(func() { _ = p.Run(ctx) })
	return p
}

// probesOf returns what a WAN is watched by in a family.
func probesOf(c *config.Config, i config.Interface, f kstate.Family) []probe.Probe {
	var out []probe.Probe
	for _, p := range c.Probes {
		if slices.Contains(i.Probes, p.Name) {
			out = append(out, probe.FromConfig(p, f))
		}
	}
	return out
}

// pathOf returns the way that probes take; the zero Path where nothing can be sent.
func pathOf(w plan.WANPlan, net plan.WAN, f kstate.Family) probe.Path {
	if !net.Usable(f) {
		return probe.Path{}
	}
	s := net.Side(f)
	return probe.Path{WAN: w.Name, Family: f, Device: net.Device, Index: net.Index, Source: s.Addrs[0].Addr(), Gateway: s.Gateway,
		Mark: w.Probe, Resolvers: s.DNS}
}

// verdict carries a change of health to the loop and into the record. The prober is locked meanwhile.
func (d *daemon) verdict(u probe.Update) {
	last := u.Transitions[len(u.Transitions)-1]
	v := plan.Verdict{State: u.Snapshot.State.String(), LastGood: u.Snapshot.LastGood}
	if u.Family == 0 {
		d.loop.SetFarEnd(u.WAN, v, last.Reason, last.At)
	} else {
		d.loop.SetVerdict(u.WAN, u.Family, v, last.Reason, last.At)
	}
	d.record.transitions(u)
	d.series.changed(u)
	d.bus.wake()
}

// carries says whether a link, named by index or device, is that of a WAN.
func (l *lines) carries(index int, device string) bool {
	l.mu.Lock()
	known := l.indexes[index]
	l.mu.Unlock()
	c := l.daemon.file.running()
	if known || device == "" || c == nil {
		return known
	}
	return order.Any(len(c.Interfaces), func(k int) bool { return c.Interfaces[k].Device == device })
}

// concerns says whether it is that of a WAN or matters to the overlay.
func (l *lines) concerns(index int, device string) bool {
	l.mu.Lock()
	_, known := l.indexes[index]
	l.mu.Unlock()
	if known || l.carries(index, device) {
		return true
	}
	c := l.daemon.file.running()
	return device != "" && c != nil && reconcile.Concerned(c, func(name string) bool { return name == device })
}

// linkEvent has the probers on a device open their sockets anew.
func (l *lines) linkEvent(index int) {
	for _, p := range l.all() {
		if p.Path().Index == index {
			p.LinkEvent()
		}
	}
}

// snapshot returns the health of a WAN's lines.
func (l *lines) snapshot(wan string) map[kstate.Family]health.Snapshot {
	out := map[kstate.Family]health.Snapshot{}
	for _, f := range kstate.Families {
		l.mu.Lock()
		p := l.probers[line{wan, f}]
		l.mu.Unlock()
		if p != nil {
			out[f] = p.Snapshot()
		}
	}
	return out
}

// snapshots returns the health of all lines.
func (l *lines) snapshots() map[string]map[kstate.Family]health.Snapshot {
	out := make(map[string]map[kstate.Family]health.Snapshot)
	for at, p := range l.all() {
		if out[at.wan] == nil {
			out[at.wan] = make(map[kstate.Family]health.Snapshot)
		}
		out[at.wan][at.family] = p.Snapshot()
	}
	return out
}

func (l *lines) all() map[line]*prober {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[line]*prober, len(l.probers))
	for at, p := range l.probers {
		out[at] = p
	}
	return out
}
