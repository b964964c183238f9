package spray

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

const ms = time.Millisecond

// TestSpray moves one TCP connection over two lines of equal delay at once, at no less than nine tenths of what both move alone.
func TestSpray(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem)
	measure(t, twoLines(t), plain)
}

// TestSprayWires does so over addressed pseudowires.
func TestSprayWires(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem, lab.L2TP)
	measure(t, twoLines(t), wires)
}

// TestSprayProtected does so over pseudowires under ESP, of which nothing is in clear.
func TestSprayProtected(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem, lab.L2TP, lab.ESP, lab.Charon)
	s := twoLines(t)
	for _, h := range []*lab.Host{s.a, s.b} {
		s.charon = append(s.charon, lab.StartCharon(h))
	}
	var clear, esp []*lab.Capture
	for _, mid := range s.lines {
		clear = append(clear, mid.Capture("a", lab.Frame.L2TP))
		esp = append(esp, mid.Capture("a", lab.Frame.ESP))
	}
	measure(t, s, protected)
	for i := range clear {
		if clear[i].Count() > 0 || esp[i].Count() < 1000 {
			t.Errorf("%d packets of L2TP in clear on a line, %d of ESP", clear[i].Count(), esp[i].Count())
		}
	}
}

// twoLines are of 20 and 10 Mbit/s and equal delay.
func twoLines(t *testing.T) *sites {
	return newSites(t, quality{20, 10 * ms}, quality{10, 10 * ms})
}

// sample is how long a rate is measured for.
func sample() time.Duration {
	if lab.Thorough() {
		return 5 * time.Second
	}
	return 3 * time.Second
}

func measure(t *testing.T, s *sites, m members) {
	s.hb.Echo()
	s.start(t, m, []string{"fast"}, packet)
	fast := s.rate(t, 1, sample())
	s.start(t, m, []string{"slow"}, packet)
	slow := s.rate(t, 1, sample())
	s.start(t, m, []string{"fast", "slow"}, packet)
	both := s.rate(t, 1, sample())
	t.Logf("one connection: %.2f and %.2f Mbit/s alone, %.2f over both: %.1f %%", fast, slow, both, 100*both/(fast+slow))
	if both < 0.9*(fast+slow) {
		t.Errorf("less than 90 %%")
	}
	if s.warned(t, 0) {
		t.Error("equal delays are warned about")
	}
}

// TestSprayUnequal gives one line 30 ms more: connections are spread, until the delays are the same again.
func TestSprayUnequal(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem)
	unequal(t, plain)
}

// TestSprayWiresUnequal does so with addressed pseudowires.
func TestSprayWiresUnequal(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem, lab.L2TP)
	unequal(t, wires)
}

func unequal(t *testing.T, m members) {
	t.Helper()
	s := newSites(t, quality{20, 10 * ms}, quality{10, 40 * ms})
	s.hb.Echo()
	s.start(t, m, []string{"fast", "slow"}, packet+"\toption delay_spread '8'\n")
	began := time.Now()
	spread := func(end int) bool { return s.chain(end, "spray4_both") != "" }
	if !lab.Wait(15*time.Second, func() bool { return !spread(0) && !spread(1) && s.warned(t, 0) && s.warned(t, 1) }) {
		t.Fatal("packets are spread over lines of different delay, or nothing warns of it")
	}
	t.Logf("connections in place of packets after %v", time.Since(began).Round(100*ms))
	if one := s.rate(t, 1, sample()); one < 8.5 {
		t.Errorf("one connection moves %.2f Mbit/s, less than the slower line alone", one)
	} else {
		t.Logf("one connection: %.2f Mbit/s", one)
	}
	s.shape(t, "slow", quality{10, 12 * ms})
	began = time.Now()
	if !lab.Wait(30*time.Second, func() bool { return spread(0) && spread(1) && !s.warned(t, 0) }) {
		t.Fatal("packets are not spread again")
	}
	t.Logf("packets again after %v", time.Since(began).Round(100*ms))
}

// TestSprayDead cuts a line under two flows that began at either end: within a second nothing is lost any more, and both go on.
func TestSprayDead(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge)
	dead(t, plain)
}

// TestSprayWiresDead does so with addressed pseudowires.
func TestSprayWiresDead(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge, lab.L2TP)
	dead(t, wires)
}

func dead(t *testing.T, m members) {
	t.Helper()
	s := newSites(t, quality{}, quality{})
	s.hb.Echo()
	s.ha.Echo()
	s.start(t, m, []string{"fast", "slow"}, packet)
	from := []*lab.Flow{s.ha.PingFlow(hostB, lab.FlowOptions{Interval: 10 * ms}), s.hb.UDPFlow(netip.AddrPortFrom(hostA, lab.EchoPort), lab.FlowOptions{Interval: 10 * ms})}
	bulk := s.ha.Download(hostB)
	time.Sleep(time.Second)
	cut := s.cut("slow")
	time.Sleep(3 * time.Second)
	for end := range 2 {
		if s.active(end) != 1 {
			t.Errorf("end %d: %d members in use", end, s.active(end))
		}
	}
	was := bulk.Bytes()
	time.Sleep(time.Second)
	if bulk.Bytes() == was {
		t.Error("the transfer stands")
	}
	s.heal("slow")
	if !lab.Wait(10*time.Second, func() bool { return s.active(0) == 2 && s.active(1) == 2 }) {
		t.Error("the member does not come back")
	}
	healed := time.Now()
	time.Sleep(time.Second)
	for i, f := range from {
		r := f.Stop()
		last := cut
		for _, p := range r.Between(cut, healed).Packets {
			if p.Lost() {
				last = p.Sent
			}
		}
		t.Logf("flow %d: %d lost, the last %v after the cut", i, r.Lost(), last.Sub(cut).Round(ms))
		if n := r.LostBetween(cut.Add(time.Second), time.Now().Add(-500*ms)); n > 0 || r.Between(cut, cut.Add(time.Second)).Lost() == 0 {
			t.Errorf("flow %d: %d lost later than a second after the cut, %d before", i, n, r.Lost()-n)
		}
	}
	if err := bulk.Err(); err != nil {
		t.Errorf("transfer: %v", err)
	}
}

// TestEightFlows moves eight connections by weight over lines of different delay.
func TestEightFlows(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem)
	s := newSites(t, quality{20, 10 * ms}, quality{10, 40 * ms})
	s.hb.Echo()
	s.start(t, plain, []string{"fast", "slow"}, "")
	rate := s.rate(t, 8, 4*time.Second)
	t.Logf("eight connections: %.2f Mbit/s of 30: %.1f %%", rate, 100*rate/30)
	if rate < 27 {
		t.Error("less than 90 %")
	}
}

// TestEightFlowsRoute does so by a resilient group of nexthops, and then lets a line die: no connection of the other line leaves it.
func TestEightFlowsRoute(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.Nft, lab.Bridge, lab.Netem, lab.Resilient)
	s := newSites(t, quality{20, 10 * ms}, quality{10, 40 * ms})
	s.hb.Echo()
	for i, h := range []*lab.Host{s.a, s.b} {
		s.daemon = append(s.daemon, lab.StartDaemon(h, "config globals 'globals'\n\toption steering 'route'\n\n"+plain(i+1)+policy(i+1, []string{"fast", "slow"}, "")))
	}
	two := func() bool { return groupMembers(s.a) == 2 && groupMembers(s.b) == 2 }
	if !lab.Wait(15*time.Second, two) {
		t.Fatalf("no group of both lines:\n%s\n%s", s.a.IP("nexthop show"), s.b.IP("nexthop show"))
	}
	// Where a connection goes is the hash's choice: in one of 25 sets of eight all go by the fast line.
	best := 0.0
	for try := 0; try < 3 && best < 27; try++ {
		rate := s.rate(t, 8, 6*time.Second)
		t.Logf("eight connections: %.2f Mbit/s of 30: %.1f %%", rate, 100*rate/30)
		best = max(best, rate)
	}
	if best < 27 {
		t.Error("less than 90 %")
	}

	var flows []*lab.Flow
	for range 85 {
		flows = append(flows, s.ha.UDPFlow(lab.Echo(hostB), lab.FlowOptions{Interval: 100 * ms}))
	}
	before := s.ways(time.Second)
	s.cut("slow")
	time.Sleep(2 * time.Second)
	after, moved, fast := s.ways(time.Second), 0, 0
	for port, way := range before {
		if way != "fast" {
			continue
		}
		if fast++; after[port] != way {
			moved++
		}
	}
	t.Logf("of %d connections %d go by the fast line; the slow one dies: %d of those moved", len(before), fast, moved)
	if moved > 0 || fast < 30 || fast == len(before) || len(before) != len(flows) {
		t.Error("want a part on each line, and none moved")
	}
	for _, f := range flows {
		if r := f.Stop(); r.LostBetween(time.Now().Add(-1200*ms), time.Now().Add(-300*ms)) > 0 {
			t.Errorf("a connection does not go on: %d of %d lost", r.Lost(), len(r.Packets))
		}
	}
}

// ways says by which line the datagrams of each connection of ha's go, by source port.
func (s *sites) ways(over time.Duration) map[uint16]string {
	out := map[uint16]string{}
	captures := map[string]*lab.Capture{}
	for name, mid := range s.lines {
		captures[name] = mid.Capture("a", func(f lab.Frame) bool { return f.Proto == 17 && f.DstPort == lab.EchoPort && !f.Out })
	}
	time.Sleep(over)
	for name, c := range captures {
		for _, f := range c.Stop() {
			if out[f.SrcPort] == "" {
				out[f.SrcPort] = name
			} else if out[f.SrcPort] != name {
				out[f.SrcPort] = "both"
			}
		}
	}
	return out
}
