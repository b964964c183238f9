package daemon

import (
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// delaysEvery is how often the round-trip times of policies with balance packet are looked at.
const delaysEvery = time.Second

// judgeDelays has connections spread in place of packets, or packets again, as the round-trip times of a policy's members drift apart or
// come together.
func (l *lines) judgeDelays(now time.Time) {
	l.mu.Lock()
	s := l.next
	l.mu.Unlock()
	if s == nil || !order.Any(len(s.Config.Policies), func(i int) bool { return s.Config.Policies[i].Balance == "packet" }) {
		return
	}
	probers := l.all()
	l.spread.Lock()
	changed := l.spread.Judge(s.Config.Policies, s.Plan, func(wan string, f kstate.Family) time.Duration {
		if p := probers[line{wan, f}]; p != nil {
			return shortest(p)
		}
		return 0
	}, now)
	l.spread.Unlock()
	if changed {
		l.daemon.loop.Kick("round-trip times")
	}
}

// shortest is the shortest of the last round-trip times of a line, since the others are those of a queue as well; 0 where none is known.
func shortest(p *prober) (low time.Duration) {
	s := p.Snapshot()
	if len(s.Probes) == 0 {
		return 0
	}
	for _, t := range s.Probes[0].Targets {
		for _, e := range t.Recent {
			if e.Failure == "" && !t.EvidenceOnly && (low == 0 || e.RTT < low) {
				low = e.RTT
			}
		}
	}
	return low
}

// apart returns the policies whose members are too far apart for spreading packets.
func (l *lines) apart() map[string]map[kstate.Family]time.Duration {
	l.spread.Lock()
	defer l.spread.Unlock()
	return l.spread.Apart()
}
