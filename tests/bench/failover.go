package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"multiwan/tests/lab"
)

// fault is something that happens to the preferred WAN.
type fault struct {
	name string
	do   func(*lab.WAN) time.Time
}

var (
	blackHole = fault{"black hole", (*lab.WAN).BlackHole}
	carrier   = fault{"carrier lost", (*lab.WAN).CarrierDown}
)

// fast is the built-in probe at a tenth of its interval.
const fast = `
config probe 'builtin'
	list target '1.1.1.1'
	list target '8.8.8.8'
	list target '2606:4700:4700::1111'
	list target '2001:4860:4860::8888'
	list target 'gateway'
	option interval '0.1'
`

// measureFailover cuts the preferred of two WANs under UDP flows of 100 packets a second, at a random phase of the probing, each time in a
// network of its own.
func measureFailover(tb lab.TB, t *table) {
	shipped, tuned, fping := usualWays()
	var slow sync.WaitGroup
	var slowly []time.Duration
	if !*quick { // 130 s, in which it does next to nothing
		slow.Go(func() { slowly = usually(tb, shipped, blackHole, 1, 200*time.Second) })
	}
	for _, c := range []struct {
		name, probe string
		fault       fault
		bound       float64 // s: of the verdict, or where no probe is needed of the first packet
		runs        int
	}{
		{"multiwan, defaults", "", blackHole, 3, 7},
		{"multiwan, interval 0.1", fast, blackHole, 0.6, 7},
		{"multiwan, defaults", "", carrier, 0.1, 7},
		{"multiwan, interval 0.1", fast, carrier, 0.1, 3},
	} {
		var verdicts, packets []time.Duration
		for range samples(c.runs) {
			part(tb, c.name, func(tb lab.TB) {
				v, p := failOver(tb, c.probe, c.fault)
				verdicts, packets = append(verdicts, v...), append(packets, p...)
			})
		}
		verdict := t.addTimes(c.fault.name+": "+c.name+", verdict", time.Second, verdicts...)
		packet := t.addTimes(c.fault.name+": "+c.name+", first packet", time.Second, packets...)
		if c.fault.name == carrier.name {
			packet.within(c.bound).atWorst() // the pass that sees it moves the traffic; the verdict is noted after it
		} else {
			verdict.within(c.bound).atWorst()
		}
	}
	for _, way := range []usual{tuned, fping} {
		for _, f := range []fault{blackHole, carrier} {
			t.addTimes(f.name+": "+way.name+", first packet", time.Second, usually(tb, way, f, samples(3), 30*time.Second)...)
		}
	}
	t.addTimes("carrier lost: "+shipped.name+", first packet", time.Second, usually(tb, shipped, carrier, samples(3), 30*time.Second)...)
	slow.Wait()
	t.addTimes("black hole: "+shipped.name+", first packet", time.Second, slowly...).noted("10 + 5 × 4 × 4 + 4 × 10 = 130 s at most")
	long := 60 * time.Second
	if *quick {
		long = 5 * time.Second
	}
	t.add("CPU while all is well: "+tuned.name, "% of a core", tuned.watching(tb, long)).noted("one WAN watched, IPv4")
}

// failOver measures multiwan once, from just before the fault: the verdict and the first packet by the other WAN, of each family.
func failOver(tb lab.TB, probe string, f fault) (verdicts, packets []time.Duration) {
	n := lab.T1(tb, 2)
	n.Internet.Echo()
	d := lab.StartDaemon(n.Router, n.UCI(probe))
	steady(tb, d)
	flows := map[string]*lab.Flow{
		"ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
		"ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
	}
	for _, flow := range flows {
		firstBy(tb, flow, n.WANs[0], time.Time{}, patience)
	}
	time.Sleep(2*time.Second + rand.N(time.Second))
	at := time.Now()
	f.do(n.WANs[0])
	for family, flow := range flows {
		packets = append(packets, firstBy(tb, flow, n.WANs[1], at, patience).Sub(at))
		verdicts = append(verdicts, judged(tb, d, family, at).Sub(at))
	}
	return verdicts, packets
}

// usually measures a stand-in: the first packet by the other WAN.
func usually(tb lab.TB, way usual, f fault, runs int, limit time.Duration) (packets []time.Duration) {
	for range runs {
		part(tb, way.String(), func(tb lab.TB) {
			n := lab.T1(tb, 2)
			n.Internet.Echo()
			way.start(tb, n)
			flow := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
			firstBy(tb, flow, n.WANs[0], time.Time{}, patience)
			time.Sleep(2*time.Second + rand.N(time.Second))
			at := time.Now()
			f.do(n.WANs[0])
			packets = append(packets, firstBy(tb, flow, n.WANs[1], at, limit).Sub(at))
		})
	}
	return packets
}
