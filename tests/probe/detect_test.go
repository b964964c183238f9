package probe_test

import (
	"testing"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/tests/lab"
)

// patience is how long a test waits for what must come, where no shorter bound
// is promised.
const patience = 20 * time.Second

// A silent black hole on a real kernel, with the defaults and fast, and the
// way back. The bounds are those that are promised.
func TestBlackHole(t *testing.T) {
	n := lab.T1(t, 1)
	route(n)
	w := n.WANs[0]
	families(t, func(t *testing.T, f kstate.Family) {
		p := start(t, n.Router)
		slow := p.add(path(t, w, f, n.Router), defaults("ping", f))
		quick := p.add(path(t, w, f, n.Router), fast("ping", f))
		// A busy machine can only make the times longer: the best of three counts.
		for try := 1; ; try++ {
			tookQuick, tookSlow := hole(t, p, w, quick, slow)
			if tookQuick <= 600*time.Millisecond && tookSlow <= 3*time.Second {
				break
			}
			if try == 3 {
				t.Errorf("fast %v, want 0.6 s; defaults %v, want 3 s", tookQuick, tookSlow)
				break
			}
		}
	})
}

// hole cuts and heals a line that two runners watch, and returns how long each
// took to its verdict.
func hole(t *testing.T, p *prober, w *lab.WAN, quick, slow int) (tookQuick, tookSlow time.Duration) {
	t.Helper()
	if !lab.Wait(patience, func() bool { return p.snapshot(quick).State == health.Up && p.snapshot(slow).State == health.Up }) {
		t.Fatalf("not up: %s", p.dump(0))
	}
	time.Sleep(3500 * time.Millisecond) // statistics, and a phase between two rounds
	m := p.mark()
	cut := w.BlackHole()
	down := p.state(quick, m, "down", patience)
	tookQuick = down.At.Sub(cut)
	if len(down.Evidence) < 10 {
		t.Errorf("only %d probes as evidence", len(down.Evidence))
	}
	tookSlow = p.state(slow, m, "down", patience).At.Sub(cut)
	m = p.mark()
	healed := w.Heal()
	up := p.state(slow, m, "up", patience)
	t.Logf("fast: %v; defaults: %v, up again after %v", tookQuick, tookSlow, up.At.Sub(healed))
	return tookQuick, tookSlow
}

// A gateway that ignores ICMP but answers ARP is up by arping; it stays up
// while its hardware address changes; it is down when it falls silent.
func TestArpingGateway(t *testing.T) {
	n := lab.T1(t, 1)
	route(n)
	w := n.WANs[0]
	families(t, func(t *testing.T, f kstate.Family) {
		defer w.Heal()
		w.Fault(lab.Fault{NoPing: true})
		p := start(t, n.Router)
		arp := p.add(path(t, w, f, n.Router), gateway("arping", f))
		icmp := p.add(path(t, w, f, n.Router), gateway("ping", f))
		p.state(arp, 0, "up", patience)
		p.state(icmp, 0, "down", patience)
		m := p.mark()
		for _, mac := range []string{"02:00:00:00:aa:01", "02:00:00:00:aa:02", "02:00:00:00:aa:01"} {
			w.SetGatewayMAC(mac)
			at := time.Now()
			if !lab.Wait(patience, func() bool { return p.snapshot(arp).LastGood.After(at) }) {
				t.Fatalf("no answer from %s: %s", mac, p.dump(m))
			}
		}
		for _, e := range p.since(m) {
			if e.Runner == arp && e.To == "down" {
				t.Errorf("down while the hardware address changed: %s", e.Reason)
			}
		}
		cut := w.Silence()
		down := p.state(arp, m, "down", patience)
		t.Logf("silence found after %v", down.At.Sub(cut))
	})
}

// What eight WANs with two targets each cost at one probe a second.
func TestCost(t *testing.T) {
	n := lab.T1(t, 8)
	route(n)
	p := start(t, n.Router)
	for _, w := range n.WANs {
		p.state(p.add(path(t, w, kstate.IPv4, n.Router), defaults("ping", kstate.IPv4)), 0, "up", patience)
	}
	const span = 10 * time.Second
	time.Sleep(2 * time.Second)
	before := p.usage()
	time.Sleep(span)
	after := p.usage()
	switches := float64(after.Switches-before.Switches) / span.Seconds()
	each := (after.CPU - before.CPU) / (16 * 10)
	t.Logf("%.0f context switches a second, %v CPU a probe, %d KiB at most", switches, each, after.RSS)
	if switches > 60 {
		t.Errorf("%.0f context switches a second, want at most 60", switches)
	}
	if each > 200*time.Microsecond {
		t.Errorf("%v CPU a probe, want at most 0.2 ms", each)
	}
	for i := range n.WANs {
		if s := p.snapshot(i); s.Probes[0].Targets[0].Sent > 20 {
			t.Errorf("runner %d sent %d probes to a target in about 13 s", i, s.Probes[0].Targets[0].Sent)
		}
	}
}
