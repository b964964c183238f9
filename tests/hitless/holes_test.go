package hitless

import (
	"fmt"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestNoRedundancy is what holes cost without redundancy, to compare.
func TestNoRedundancy(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{single: true})
	p.delays(10*ms, 10*ms)
	f := p.traffic(t, 5*ms)
	p.holes(time.Second)
	for i, r := range f.stop() {
		if r.lost == 0 || r.gap < time.Second {
			t.Errorf("%s: %d of %d lost, longest gap %v: the hole is none", f.names[i], r.lost, r.sent, r.gap)
		}
	}
	p.noClear(t)
}

// delays of the two lines of A.
var delays = [][2]time.Duration{{10 * ms, 10 * ms}, {10 * ms, 40 * ms}, {40 * ms, 10 * ms}}

// TestHoles has every packet come once while lines die and heal, whatever their delays.
func TestHoles(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	for _, d := range delays {
		t.Run(fmt.Sprintf("%v and %v", d[0], d[1]), func(t *testing.T) {
			p.delays(d[0], d[1])
			f := p.traffic(t, 5*ms)
			p.holes(time.Second)
			f.whole()
		})
	}
	p.noClear(t)
}
