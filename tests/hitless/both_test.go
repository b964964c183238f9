package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestBothTwo has two lines at either end, of which each dies.
func TestBothTwo(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{linesB: 2})
	p.delays(10*ms, 40*ms)
	f := p.traffic(t, 5*ms)
	p.holes(time.Second)
	holes(p.B, time.Second)
	f.whole()
	p.noClear(t)
}
