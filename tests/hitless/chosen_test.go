package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestChosen counts the copies of flows of which one is chosen: by size, by code point, by rate.
func TestChosen(t *testing.T) {
	lab.Long(t)
	const many = 200
	for name, c := range map[string]struct {
		options []string
		mark    string // rule of A's host that marks datagrams to B
		size    int    // of datagrams that are not chosen
	}{
		"small":        {options: []string{"duplicate small"}, size: 1000},
		"dscp":         {options: []string{"duplicate dscp cs5 ef"}, mark: "ip dscp set ef"},
		"dscp, tagged": {options: []string{"duplicate dscp ef"}, mark: "ip dscp set ef"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sites(t, options{more: c.options})
			to := p.B.Host4
			if name == "dscp, tagged" {
				to = tagged
			}
			// copies are those that A has sent while a flow ran.
			copies := func(o lab.FlowOptions) int {
				before := paths(t, p.A)[1].Sent
				flow := p.A.Host.UDPFlow(lab.Echo(to), o)
				time.Sleep(many * 5 * ms)
				flow.Stop()
				return paths(t, p.A)[1].Sent - before
			}
			if n := copies(lab.FlowOptions{Interval: 5 * ms, Size: c.size}); n < 10 || n > many/2 { // some, as samples
				t.Errorf("%d copies of %d packets that are not chosen", n, many)
			}
			if c.mark != "" {
				if _, err := p.A.Host.Exec("table ip m { chain o { type filter hook output priority -150; udp dport 7 "+c.mark+"; }; }\n", "nft", "-f", "-"); err != nil {
					t.Fatal(err)
				}
			}
			if n := copies(lab.FlowOptions{Interval: 5 * ms}); n < many*9/10 {
				t.Errorf("%d copies of %d packets that are chosen", n, many)
			}
			p.noClear(t)
		})
	}
}

// TestRate limits the copies: what is above goes by the first line alone.
func TestRate(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{more: []string{"duplicate_rate 800"}})
	flow := p.A.Host.UDPFlow(lab.Echo(p.B.Host4), lab.FlowOptions{Interval: 2 * ms, Size: 1000}) // 4 Mbit/s and more
	time.Sleep(time.Second)
	before, begin := paths(t, p.A)[1].Sent, time.Now()
	time.Sleep(3 * time.Second)
	n, took := paths(t, p.A)[1].Sent-before, time.Since(begin)
	r := flow.Stop()
	rate := float64(n) * 1116 * 8 / took.Seconds() // with what is around 1000 bytes
	t.Logf("%d copies in %v, %.0f kbit/s", n, took, rate/1000)
	if rate < 500e3 || rate > 1100e3 || r.Lost() > 0 {
		t.Errorf("%d copies in %v are %.0f kbit/s, want 800; %d lost", n, took, rate/1000, r.Lost())
	}
	p.noClear(t)
}

// TestFirstDies has packets that are not copied find another way when the first line is dead, on both ends, and the copies end when it is back.
// Samples of them are copied all the time, by which the death is seen.
func TestFirstDies(t *testing.T) {
	lab.Long(t)
	p := sites(t, options{more: []string{"duplicate small"}})
	big := lab.FlowOptions{Interval: 10 * ms, Size: 1000}
	for _, s := range p.both() {
		flow := s.Host.UDPFlow(lab.Echo(s.Far.Host4), big)
		time.Sleep(time.Second)
		at := p.A.WANs[0].BlackHole()
		time.Sleep(2 * time.Second)
		r := flow.Report().Between(at, at.Add(1500*ms))
		lost, last := r.Lost(), time.Duration(0)
		for _, sent := range r.Packets {
			if sent.Lost() {
				last = sent.Sent.Sub(at)
			}
		}
		t.Logf("%s: of %d large packets %d were lost, the last sent %d ms after the first line died", s.Name, len(r.Packets), lost, last.Milliseconds())
		if last > soon || lost == len(r.Packets) {
			t.Errorf("%s: packets were lost for %v, want %v", s.Name, last, soon)
		}
		p.A.WANs[0].Heal()
		if !lab.Wait(15*time.Second, func() bool {
			before := paths(t, s)[1].Sent
			time.Sleep(500 * ms)
			return paths(t, s)[1].Sent-before < 30
		}) {
			t.Errorf("%s: large packets are still copied", s.Name)
		}
		flow.Stop()
	}
	p.noClear(t)
}
