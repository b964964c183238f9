package reconcile

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// side is one family of a WAN.
type side struct {
	wan    string
	family kstate.Family
}

// inputs is what came in since the start, guarded by Loop.mu.
type inputs struct {
	config   *config.Config
	reloaded bool // config is not the first, and new
	verdicts map[side]verdict
	// farEnds are the verdicts on pseudowires and members of bonds, names what host names stand for.
	farEnds map[string]verdict
	names   map[string]netip.Addr
	// pathMTU are the MTUs of paths, by remote, that were found by trying; rebuild are the devices of pseudowires to be made anew.
	pathMTU map[netip.Addr]int
	rebuild map[string]bool
	// silent are the first paths of duplicated pseudowires that are dead, by their counters, came the paths by which something has come.
	silent, came map[string]bool
	// watched says that a far end is lost, which the overlay has to answer.
	watched bool
	// admin are the WANs that were taken down by hand, until when; the zero time: for good.
	admin map[string]time.Time
	// dirty are the reasons for the next pass, first and last the times of the first and the last of them.
	dirty       []string
	first, last time.Time
	urgent      bool
	// moved says that links or addresses changed: the kernel takes routes away with them by itself.
	moved bool
	// news says that there is a new configuration, verdict or order, and not only a hint to look again.
	news bool
	// decidedAt is when the verdict that the next pass answers was reached.
	decidedAt time.Time
}

// reasonsKept bounds the reasons of one pass: a storm of events says the same again and again.
const reasonsKept = 8

func (in *inputs) mark(reason string, urgent bool) {
	now := time.Now()
	if in.first.IsZero() {
		in.first = now
	}
	in.last = now
	in.urgent = in.urgent || urgent
	if len(in.dirty) < reasonsKept && !slices.Contains(in.dirty, reason) {
		in.dirty = append(in.dirty, reason)
	}
}

// due returns when the next pass should begin, the zero time if nothing is dirty.
func (in *inputs) due(now time.Time) time.Time {
	switch {
	case in.first.IsZero():
		return time.Time{}
	case in.urgent:
		return now
	}
	return earlier(in.first.Add(most), in.last.Add(quiet))
}

// SetConfig gives a checked configuration. The first starts the loop's work; later ones are reloads.
func (l *Loop) SetConfig(c *config.Config) {
	l.mu.Lock()
	l.in.reloaded = l.in.config != nil
	l.in.config = c
	known := make(map[string]bool)
	for _, i := range c.Interfaces {
		known[i.Name] = true
	}
	for s := range l.in.verdicts {
		if !known[s.wan] {
			delete(l.in.verdicts, s)
		}
	}
	l.in.news = true
	l.in.mark("configuration", true)
	l.mu.Unlock()
	l.rouse()
}

// SetVerdict gives health's word on one family of a WAN, the reason in words and when it was reached. One that takes traffic away acts
// at once.
func (l *Loop) SetVerdict(wan string, f kstate.Family, v plan.Verdict, reason string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := side{wan, f}
	old, known := l.in.verdicts[s]
	if v.State == "waiting" && (!known || old.Adopted) {
		// Health begins anew after a restart. What the predecessor knew holds until there is news.
		return
	}
	l.in.verdicts[s] = verdict{Verdict: v, Reason: reason, At: at}
	if known && !old.Adopted && old.State == v.State {
		return
	}
	if known && old.Adopted && old.State == v.State {
		l.in.mark("verdict", false)
		l.rouse()
		return
	}
	l.in.news = true
	lost := !v.Carries() && (!known || old.Carries())
	moves := old.Carries() != v.Carries() || (old.State == "degraded") != (v.State == "degraded")
	if known && moves && (l.in.decidedAt.IsZero() || at.Before(l.in.decidedAt)) {
		l.in.decidedAt = at
	}
	l.in.mark("verdict on "+wan+" "+f.String()+": "+v.State, lost)
	l.rouse()
}

// SetAdmin takes a WAN out of use by hand, until a time or, with the zero time, until it is put back with down false.
func (l *Loop) SetAdmin(wan string, down bool, until time.Time) {
	l.mu.Lock()
	l.in.news = true
	if down {
		l.in.admin[wan] = until
		l.in.mark(wan+" taken down by hand", true)
	} else {
		delete(l.in.admin, wan)
		l.in.mark(wan+" put back by hand", false)
	}
	l.mu.Unlock()
	l.rouse()
}

// Kick says that something may have changed.
func (l *Loop) Kick(reason string) { l.kick(reason, false) }

// KickNetwork says that a link or an address has changed, perhaps for a moment only: routes that went with it are nobody's doing. lost
// says that a device is gone or has no carrier, which cannot wait for quiet.
func (l *Loop) KickNetwork(reason string, lost bool) {
	l.mu.Lock()
	l.in.moved = true
	l.mu.Unlock()
	l.kick(reason, lost)
}

func (l *Loop) kick(reason string, urgent bool) {
	l.mu.Lock()
	l.in.mark(reason, urgent)
	l.mu.Unlock()
	l.rouse()
}

func (l *Loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// taken is what one pass works on.
type taken struct {
	config    *config.Config
	farEnds   map[string]verdict
	names     map[string]netip.Addr
	pathMTU   map[netip.Addr]int
	rebuild   map[string]bool
	silent    map[string]bool
	came      map[string]bool
	hasty     bool // only traffic that must leave a dead WAN counts
	reloaded  bool
	news      bool
	moved     bool
	verdicts  map[side]verdict
	admin     map[string]time.Time
	reasons   []string
	decidedAt time.Time
}

// take returns the inputs and makes them clean.
func (l *Loop) take() taken {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.in.copied()
	t.hasty = l.in.urgent && !l.in.watched
	t.rebuild, l.in.rebuild, l.in.watched = l.in.rebuild, map[string]bool{}, false
	t.reasons, t.reloaded, t.news, t.moved, t.decidedAt = l.in.dirty, l.in.reloaded, l.in.news, l.in.moved, l.in.decidedAt
	l.in.dirty, l.in.reloaded, l.in.news, l.in.moved, l.in.urgent = nil, false, false, false, false
	l.in.first, l.in.last, l.in.decidedAt = time.Time{}, time.Time{}, time.Time{}
	return t
}

// peek returns the inputs and leaves them as they are.
func (l *Loop) peek() taken {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in.copied()
}

func (in *inputs) copied() taken {
	return taken{config: in.config, verdicts: maps.Clone(in.verdicts), farEnds: maps.Clone(in.farEnds), names: maps.Clone(in.names), pathMTU: maps.Clone(in.pathMTU), silent: in.silent, came: in.came, admin: maps.Clone(in.admin)}
}
