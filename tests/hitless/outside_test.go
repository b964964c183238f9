package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestFragments has frames so large that the packets outside go in fragments, by lines of unlike MTU.
func TestFragments(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.fragments(t, 5*ms, time.Second)
	p.noClear(t)
}

func (p *pair) fragments(t *testing.T, interval, long time.Duration) {
	p.delays(10*ms, 40*ms)
	p.A.WANs[1].SetMTU(1400)
	defer p.A.WANs[1].SetMTU(1500)
	var fragments []*lab.Capture
	for _, w := range p.A.WANs {
		fragments = append(fragments, p.A.Router.Capture(w.Device, func(f lab.Frame) bool { return f.Out && f.Proto == 50 && f.Payload[6]&0x20 != 0 }))
	}
	f := p.trafficOf(t, lab.FlowOptions{Interval: interval, Size: 1400})
	p.holes(long)
	f.whole()
	for i, c := range fragments {
		if n := len(c.Stop()); n < 100 {
			t.Errorf("line %d: %d packets in fragments", i, n)
		}
	}
}

// TestTransport does without IPsec's tunnel mode, where the source of copies matters, with NICs that leave IPsec to the hooks and with some
// that undo it before them.
func TestTransport(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{transport: true})
	p.delays(10*ms, 40*ms)
	t.Run("plain", func(t *testing.T) {
		f := p.traffic(t, 5*ms)
		p.holes(time.Second)
		f.whole()
	})
	t.Run("GRO", func(t *testing.T) {
		p.gro()
		f := p.traffic(t, 5*ms)
		p.holes(time.Second)
		f.whole()
	})
	p.noClear(t)
}

// TestGRO has NICs that undo IPsec before the hooks, in tunnel mode.
func TestGRO(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{})
	p.delays(10*ms, 40*ms)
	p.gro()
	f := p.traffic(t, 5*ms)
	p.holes(time.Second)
	f.whole()
	p.noClear(t)
}

// TestEncapIP has L2TP straight in IP, inside IPsec's tunnel mode.
func TestEncapIP(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{more: []string{"encap ip"}})
	p.delays(10*ms, 40*ms)
	f := p.traffic(t, 5*ms)
	p.holes(time.Second)
	f.whole()
	p.noClear(t)
}

func (p *pair) gro() {
	for _, s := range p.both() {
		for _, w := range s.WANs {
			s.Router.GRO(w.Device)
		}
	}
	time.Sleep(300 * ms)
}
