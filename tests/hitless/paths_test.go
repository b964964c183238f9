package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// soon is the time within which a dead path must be seen where packets come by another.
const soon = time.Second

// TestPathsSeen has the status call a dead line silent, at both ends, and carrying again when it is back, without probes of its own.
func TestPathsSeen(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	for _, d := range delays {
		p.delays(d[0], d[1])
		p.pathsSeen(t)
	}
	p.noClear(t)
}

// pathsSeen lets each line of A die and heal.
func (p *pair) pathsSeen(t *testing.T) {
	f := p.traffic(t, 10*ms)
	time.Sleep(time.Second)
	for i := range p.A.WANs {
		p.lineSeen(t, i, soon)
	}
	f.whole()
}

// TestQuiet is the same while nothing but the daemons' own messages to the far end passes.
func TestQuiet(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.delays(10*ms, 40*ms)
	time.Sleep(5 * time.Second)
	for i := range p.A.WANs {
		p.lineSeen(t, i, 5*time.Second)
	}
	p.noClear(t)
}

// lineSeen lets a line of A die and heal.
func (p *pair) lineSeen(t *testing.T, line int, limit time.Duration) {
	sound := []string{"first", "copies"}
	// seen waits until both ends say it, and asks them in turns.
	seen := func(what, want string, since time.Time, limit time.Duration) {
		said := map[string]time.Duration{}
		lab.Wait(2*limit+3*time.Second, func() bool {
			for _, s := range p.both() {
				if all := paths(t, s); said[s.Name] == 0 && len(all) == 2 && all[line].State == want && all[1-line].State == sound[1-line] {
					said[s.Name] = time.Since(since)
				}
			}
			return len(said) == 2
		})
		t.Logf("line %d %s: said after %d ms at A, %d ms at B", line, what, said["a"].Milliseconds(), said["b"].Milliseconds())
		for _, s := range p.both() {
			if took := said[s.Name]; took == 0 || took > limit {
				t.Errorf("%s: line %d %s: said after %v, want %v; paths %+v", s.Name, line, what, took, limit, paths(t, s))
			}
		}
	}
	seen("is sound", sound[line], time.Now(), 2*limit)
	seen("is dead", "silent", p.A.WANs[line].BlackHole(), limit)
	seen("is back", sound[line], p.A.WANs[line].Heal(), limit)
}
