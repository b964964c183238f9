package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestPathsSeen has the status call a dead line silent, at both ends, and carrying again when it is back, without probes of its own.
func TestPathsSeen(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.delays(10*ms, 10*ms)
	f := p.traffic(t, 5*ms)
	time.Sleep(time.Second)
	sound := []string{"first", "copies"}
	for i, w := range p.A.WANs {
		seen := func(what, want string, since time.Time) {
			for _, s := range p.both() {
				if !lab.Wait(5*time.Second, func() bool {
					all := paths(t, s)
					return len(all) == 2 && all[i].State == want && all[1-i].State == sound[1-i]
				}) {
					t.Errorf("%s: line %d %s: paths %+v, want %s", s.Name, i, what, paths(t, s), want)
				}
				t.Logf("%s: line %d %s: said after %d ms", s.Name, i, what, time.Since(since).Milliseconds())
			}
		}
		seen("is sound", sound[i], time.Now())
		seen("is dead", "silent", w.BlackHole())
		seen("is back", sound[i], w.Heal())
	}
	f.whole()
	p.noClear(t)
}
