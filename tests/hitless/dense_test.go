package hitless

import (
	"net/netip"
	"testing"

	"multiwan/tests/lab"
)

// TestDense has a datagram each half millisecond while lines die and heal, one way at a time: there and back is more than the emulated processor
// forwards. Between the two lines are then some sixty packets.
func TestDense(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.delays(10*ms, 40*ms)
	for _, from := range p.both() {
		t.Run("from "+from.Name, func(t *testing.T) {
			flow := from.Host.OneWay(from.Far.Host, netip.AddrPortFrom(from.Far.Host4, 5001), lab.FlowOptions{Interval: ms / 2})
			f := &traffic{t: t, names: []string{"datagrams"}, flows: []*lab.Flow{flow}}
			holes(p.A)
			f.whole()
		})
	}
	p.noClear(t)
}
