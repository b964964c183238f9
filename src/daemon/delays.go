package daemon

import (
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// delaysEvery is how often the round-trip times of policies with balance packet are looked at.
const delaysEvery = time.Second

// floorOver is for how many looks the shortest round-trip time of a line counts. A transfer keeps a queue full for longer than the last few
// probes reach back, so their shortest time would be the queue's, and the lines of one transfer would seem apart because of it.
const floorOver = 20

// floors are the shortest round-trip times of a line at its last looks, oldest first; 0 where a look found none.
type floors []time.Duration

// add keeps a look's time and returns the shortest kept, 0 where none is known.
func (f *floors) add(low time.Duration) (least time.Duration) {
	if *f = append(*f, low); len(*f) > floorOver {
		*f = (*f)[1:]
	}
	for _, t := range *f {
		if t > 0 && (least == 0 || t < least) {
			least = t
		}
	}
	return least
}

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
	for _, p := range probers {
		p.least = p.floors.add(shortest(p))
	}
	changed := l.spread.Judge(s.Config.Policies, s.Plan, func(wan string, f kstate.Family) time.Duration {
		if p := probers[line{wan, f}]; p != nil {
			return p.least
		}
		return 0
	}, now)
	l.spread.Unlock()
	if changed {
		l.daemon.loop.Kick("round-trip times")
	}
}

// shortest is the shortest of the last round-trip times of a line; 0 where none is known.
func shortest(p *prober) (low time.Duration) {
	s := p.Snapshot()
	if len(s.Probes) == 0 {
		return 0
	}
	for _, t := range s.Probes[0].Targets {
		if !t.EvidenceOnly && t.Least > 0 && (low == 0 || t.Least < low) {
			low = t.Least
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
