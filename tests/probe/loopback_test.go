package probe_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/probe"
	"multiwan/tests/lab"
)

// span is a layer-2 link between two hosts that can be cut: a bridge in the middle, so that both ends keep their carrier.
type span struct {
	near, mid, far *lab.Host
	name           string // of the device at both ends
}

func (s span) cut() time.Time {
	at := time.Now()
	s.mid.IP("link set dev %s-f nomaster", s.name)
	return at
}

func (s span) heal() { s.mid.IP("link set dev %s-f master span-%s", s.name, s.name) }

func newSpan(l *lab.Lab, near, mid, far *lab.Host, name string) span {
	l.Link(near, name, "", mid, name+"-n", "")
	l.Link(far, name, "", mid, name+"-f", "")
	bridge(mid, "span-"+name, name+"-n", name+"-f")
	return span{near, mid, far, name}
}

// bridge joins devices of a host.
func bridge(h *lab.Host, name string, ports ...string) {
	h.IP("link add name %s type bridge", name)
	for _, p := range ports {
		h.IP("link set dev %s master %s", p, name)
	}
	h.IP("link set dev %s up", name)
}

// link is a path over a device without addresses.
func link(device string) probe.Path {
	return probe.Path{WAN: device, Family: kstate.IPv4, Device: device, Layer2: true}
}

// loopback is the built-in probe of pseudowires at an interval.
func loopback(interval time.Duration) probe.Probe {
	c := config.LoopbackProbe()
	c.Interval, c.DownInterval = interval, interval
	return probe.FromConfig(c, kstate.IPv4)
}

const tenth = 100 * time.Millisecond

// cfm wants loopback messages, those that come in.
func cfm(f lab.Frame) bool { return f.EtherType == 0x8902 && !f.Out }

// The far end is found dead while nobody answers, alive once the responder runs, dead within a second of a cut; what goes over the wire
// is what IEEE 802.1Q says.
func TestLoopback(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge)
	l := lab.New(t)
	s := newSpan(l, l.Host("near"), l.Host("mid"), l.Host("far"), "pw")
	near, far := start(t, s.near), start(t, s.far)
	asked, answered := s.far.Capture("pw", cfm), s.near.Capture("pw", cfm)
	id := near.add(link("pw"), loopback(tenth))
	near.state(id, 0, "down", 5*time.Second)
	far.order(order{Do: "respond", Device: "pw"})
	m := near.mark()
	near.state(id, 0, "up", 10*time.Second)
	if !lab.Wait(2*time.Second, func() bool { return near.snapshot(id).LastGood.After(time.Now().Add(-tenth)) }) {
		t.Errorf("no answers after it is up: %s", near.dump(m))
	}
	m = near.mark()
	at := s.cut()
	down := near.state(id, m, "down", 5*time.Second)
	if took := down.At.Sub(at); took > time.Second {
		t.Errorf("the cut was found after %v", took)
	} else {
		t.Logf("the cut was found after %v", took)
	}
	m = near.mark()
	s.heal()
	near.state(id, m, "up", 10*time.Second)
	ask, reply := asked.Stop()[0], answered.Stop()[0]
	a, r := hex.EncodeToString(ask.Payload), hex.EncodeToString(reply.Payload)
	if len(a) != 56 || !strings.HasPrefix(a, "00030004") || a[16:22] != "030010" || !strings.HasSuffix(a, "00") {
		t.Errorf("message %s", a)
	}
	if len(r) != 56 || !strings.HasPrefix(r, "00020004") || r[22:38] != a[22:38] {
		t.Errorf("reply %s to a message like %s", r, a)
	}
	if ask.MAC.String() == reply.MAC.String() {
		t.Errorf("asked and answered by %s", ask.MAC)
	}
}

// Both ends are ports of bridges: the probe works as before, no message comes into a LAN where the rule for them stands, and those of the
// LAN's own level pass. Without the rule they would come (shown), as any multicast.
func TestLoopbackBridged(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge, lab.BridgeNft)
	l := lab.New(t)
	s := newSpan(l, l.Host("near"), l.Host("mid"), l.Host("far"), "pw")
	lan := map[string]*lab.Capture{}
	for name, h := range map[string]*lab.Host{"near": s.near, "far": s.far} {
		host := l.Host("host at the " + name + " end")
		l.Link(h, "lan", "", host, "eth0", "")
		bridge(h, "br0", "pw", "lan")
		lan[name] = host.Capture("eth0", cfm)
		if name == "far" {
			continue
		}
		h.NFT(keepOut)
	}
	near, far := start(t, s.near), start(t, s.far)
	far.order(order{Do: "respond", Device: "pw"})
	near.order(order{Do: "respond", Device: "pw"})
	there, back := near.add(link("pw"), loopback(tenth)), far.add(link("pw"), loopback(tenth))
	near.state(there, 0, "up", 10*time.Second)
	far.state(back, 0, "up", 10*time.Second)
	if !lab.Wait(2*time.Second, func() bool { return lan["far"].Count() > 0 }) {
		t.Error("without the rule no message came into the LAN: the rule proves nothing")
	}
	s.far.NFT(keepOut)
	time.Sleep(300 * time.Millisecond)
	before := lan["far"].Count()
	time.Sleep(time.Second)
	if n := lan["far"].Count() - before; n != 0 {
		t.Errorf("%d messages came into the LAN at the far end", n)
	}
	for _, f := range lan["near"].Stop() {
		t.Errorf("%x came into the LAN at the near end", f.Payload)
	}
	m := near.mark()
	at := s.cut()
	t.Logf("the cut was found after %v", near.state(there, m, "down", 5*time.Second).At.Sub(at))
}

// keepOut keeps loopback messages that come by a pseudowire out of the bridge.
const keepOut = `table bridge multiwan { chain cfm { type filter hook prerouting priority -300;
iifname "pw" ether type 0x8902 ether daddr 01:80:c2:00:00:30 drop
}
}`

// Two probers on one link with one responder each take their own answers, and nobody is satisfied by answers to another.
func TestLoopbackForeign(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge)
	l := lab.New(t)
	mid := l.Host("mid")
	var hosts []*lab.Host
	var ports []string
	for i := range 3 {
		h := l.Host(fmt.Sprintf("host %d", i))
		l.Link(h, "pw", "", mid, fmt.Sprintf("p%d", i), "")
		hosts, ports = append(hosts, h), append(ports, fmt.Sprintf("p%d", i))
	}
	bridge(mid, "br0", ports...)
	mid.IP("link set dev br0 type bridge ageing_time 0") // a hub: everybody hears all answers
	a, b, responder := start(t, hosts[0]), start(t, hosts[1]), start(t, hosts[2])
	heard := hosts[1].Capture("pw", func(f lab.Frame) bool { return cfm(f) && f.Payload[1] == 2 })
	responder.order(order{Do: "respond", Device: "pw"})
	asks := a.add(link("pw"), loopback(tenth))
	a.state(asks, 0, "up", 10*time.Second)
	// The bridge asks in the place of host 1 with a cookie of its own: host 1 hears only answers that are not its own.
	mid.NFT("table bridge deaf { chain c { type filter hook prerouting priority -300;\niifname \"p1\" drop\n}\n}")
	deaf := b.add(link("pw"), loopback(tenth))
	b.state(deaf, 0, "down", 10*time.Second)
	if !lab.Wait(2*time.Second, func() bool { return heard.Count() > 3 }) {
		t.Fatalf("host 1 heard %d foreign answers: it proves nothing that it took none", heard.Count())
	}
	for _, e := range b.since(0) {
		if e.To == "up" {
			t.Errorf("a foreign answer was taken: %s", e.Reason)
		}
	}
}

// Frames of a port of a bridge: arping finds a host behind the far end's bridge, leaves by the port alone and tells no address.
func TestLayer2Arping(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge)
	l := lab.New(t)
	s := newSpan(l, l.Host("near"), l.Host("mid"), l.Host("far"), "pw")
	host, other := l.Host("host at the far end"), l.Host("host at the near end")
	l.Link(s.far, "lan", "", host, "eth0", "10.1.0.9/24,fd00:9::9/64")
	bridge(s.far, "br0", "pw", "lan")
	l.Link(s.near, "lan", "", other, "eth0", "10.1.0.7/24,fd00:9::7/64")
	bridge(s.near, "br0", "pw", "lan")
	s.near.Up("br0", "10.1.0.1/24,fd00:9::1/64")
	near := start(t, s.near)
	families(t, func(t *testing.T, f kstate.Family) {
		target := map[kstate.Family]netip.Addr{kstate.IPv4: netip.MustParseAddr("10.1.0.9"), kstate.IPv6: netip.MustParseAddr("fd00:9::9")}[f]
		question := func(fr lab.Frame) bool {
			return !fr.Out && (fr.EtherType == 0x0806 && fr.Proto == 1 && fr.Dst == target || fr.ICMPType == 135 && netip.AddrFrom16([16]byte(fr.Payload[48:64])) == target)
		}
		leaked, told := other.Capture("eth0", question), host.Capture("eth0", question)
		p := loopback(tenth)
		p.Method, p.To[0].Addr = "arping", target
		way := link("pw")
		way.Family = f
		m := near.mark()
		id := near.add(way, p)
		near.state(id, m, "up", 10*time.Second)
		m = near.mark()
		at := s.cut()
		t.Logf("the cut was found after %v", near.state(id, m, "down", 5*time.Second).At.Sub(at))
		s.heal()
		near.state(id, m, "up", 10*time.Second)
		frames := told.Stop()
		if len(frames) == 0 {
			t.Error("no question was seen at the far end")
		}
		for _, fr := range frames {
			if !fr.Src.IsUnspecified() {
				t.Errorf("a question tells %s", fr.Src)
			}
		}
		if n := leaked.Count(); n != 0 {
			t.Errorf("%d questions left by another port", n)
		}
	})
	if got := host.IP("neigh show dev eth0"); strings.Contains(got, "0.0.0.0") || strings.Contains(got, "10.1.0.1 ") || strings.Contains(got, "fd00:9::1 ") {
		t.Errorf("the neighbour learned %s", got)
	}
}
