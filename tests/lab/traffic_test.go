package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestReport(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	r := Report{Packets: []Packet{
		{Seq: 0, Sent: at(0), Received: at(1)},
		{Seq: 1, Sent: at(10)},
		{Seq: 2, Sent: at(20)},
		{Seq: 3, Sent: at(30), Received: at(33)},
		{Seq: 4, Sent: at(40), Received: at(41)},
		{Seq: 5, Sent: at(45)},
	}}
	if r.Lost() != 3 || r.LostBetween(at(10), at(20)) != 1 {
		t.Errorf("lost %d, of the second packet %d; want 3 and 1", r.Lost(), r.LostBetween(at(10), at(20)))
	}
	if gap, from := r.LongestGap(); gap != 32*time.Millisecond || !from.Equal(at(1)) {
		t.Errorf("gap %v from %v, want 32ms from 1 ms", gap, from)
	}
	if p := r.FirstAfter(at(10)); p.Seq != 3 {
		t.Errorf("first answer after the fault is packet %d, want 3", p.Seq)
	}
	if p := r.FirstAfter(at(45)); !p.Lost() {
		t.Errorf("found an answer in silence: %+v", p)
	}
	silent := Report{Packets: []Packet{{Sent: at(0), Received: at(1)}, {Sent: at(50)}}}
	if gap, _ := silent.LongestGap(); gap != 49*time.Millisecond {
		t.Errorf("gap %v of a flow that ends in silence, want 49ms", gap)
	}
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "eth0", "192.0.2.1/24,2001:db8::1/64", b, "eth0", "192.0.2.2/24,2001:db8::2/64")
	b.Echo()
	for _, to := range []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")} {
		self := netip.MustParseAddr("192.0.2.1")
		if to.Is6() {
			self = netip.MustParseAddr("2001:db8::1")
		}
		udp := a.UDPFlow(Echo(to), FlowOptions{Size: 2000})
		ping := a.PingFlow(to, FlowOptions{})
		p := udp.WaitAnswer(t, time.Time{}, time.Second)
		if p.Source.Addr() != self {
			t.Errorf("UDP: the far end saw %s, want %s", p.Source, self)
		}
		ping.WaitAnswer(t, time.Time{}, time.Second)
		tally := a.ConnectN(Echo(to), 100, ConnectOptions{PerSecond: 1000})
		if tally.OK != 100 || tally.Sources[self] != 100 {
			t.Errorf("new connections: %+v, want 100 from %s", tally, self)
		}
		tally = a.ConnectN(netip.AddrPortFrom(to, 444), 10, ConnectOptions{})
		if tally.Refused != 10 || tally.Started != 10 {
			t.Errorf("connections to a closed port: %+v, want 10 refused", tally)
		}
		down, up := a.Download(to), a.Upload(to)
		if !Wait(5*time.Second, func() bool { return down.Bytes() > 1e6 && up.Bytes() > 1e6 && len(up.Rates()) > 1 }) {
			t.Errorf("moved %d and %d bytes", down.Bytes(), up.Bytes())
		}
		down.Stop()
		up.Stop()
		one := a.OneWay(b, netip.AddrPortFrom(to, 5001), FlowOptions{Interval: time.Millisecond})
		one.WaitAnswer(t, time.Now().Add(20*time.Millisecond), time.Second)
		for name, f := range map[string]*Flow{"udp": udp, "ping": ping, "one way": one} {
			if r := f.Stop(); r.Lost() != 0 || len(r.Packets) < 5 {
				t.Errorf("%s: lost %d of %d on a sound line", name, r.Lost(), len(r.Packets))
			}
		}
	}
}

// TestDuplicates has a link that carries every packet twice.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "eth0", "192.0.2.1/24", b, "eth0", "192.0.2.2/24")
	b.Echo()
	to := netip.MustParseAddr("192.0.2.2")
	udp, ping := a.UDPFlow(Echo(to), FlowOptions{}), a.PingFlow(to, FlowOptions{})
	udp.WaitAnswer(t, time.Time{}, time.Second)
	ping.WaitAnswer(t, time.Time{}, time.Second)
	if n := udp.Report().Duplicates() + ping.Report().Duplicates(); n > 0 {
		t.Errorf("%d duplicates on a sound link", n)
	}
	a.NFT("table netdev twice { chain c { type filter hook egress device \"eth0\" priority 0; ip daddr 192.0.2.2 dup to \"eth0\"\n}\n}")
	for name, f := range map[string]*Flow{"udp": udp, "ping": ping} {
		if !Wait(time.Second, func() bool { return f.Report().Duplicates() > 5 }) {
			t.Errorf("%s: %d duplicates of a link that carries all twice", name, f.Report().Duplicates())
		}
		if r := f.Stop(); r.Lost() > 0 {
			t.Errorf("%s: %d lost", name, r.Lost())
		}
	}
}

func TestConnectionsLost(t *testing.T) {
	t.Parallel()
	Need(t, Nft)
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "eth0", "192.0.2.1/24", b, "eth0", "192.0.2.2/24")
	b.Echo()
	b.NFT("table inet x { chain c { type filter hook input priority 0; tcp dport 7 drop\n}\n}\n")
	c := a.NewConnections(netip.MustParseAddrPort("192.0.2.2:7"), ConnectOptions{PerSecond: 200, Timeout: 100 * time.Millisecond})
	time.Sleep(200 * time.Millisecond)
	if r := c.Stop(); r.Lost != r.Started || r.Started < 20 {
		t.Errorf("%+v, want all lost", r)
	}
}

func TestCaptureAndConntrack(t *testing.T) {
	t.Parallel()
	Need(t, Nft, ConntrackNetlink)
	n := T1(t, 1)
	translate(n)
	n.Internet.Echo()
	w := n.WANs[0]
	udp := func(f Frame) bool { return f.Proto == 17 && f.DstPort == EchoPort }
	wan := n.Router.Capture(w.Device, udp)
	lan := n.Router.Capture("lan", udp)
	f := n.Client.UDPFlow(Echo(Internet4), FlowOptions{})
	f.WaitAnswer(t, time.Time{}, 2*time.Second)
	r := f.Stop()
	out, in := wan.Stop(), lan.Stop()
	if len(out) != len(r.Packets) || len(in) != len(r.Packets) {
		t.Fatalf("captured %d on the WAN and %d on the LAN of %d sent", len(out), len(in), len(r.Packets))
	}
	if !out[0].Out || out[0].Src != w.Addr4 || in[0].Out || in[0].Src != Client4 || out[0].Dst != Internet4 {
		t.Errorf("WAN %+v, LAN %+v", out[0], in[0])
	}
	list := n.Router.Conntrack("ipv4", "proto=udp", "dst=1.1.1.1")
	if len(list) != 1 || list[0].Words["src"] != Client4.String() || list[0].Words["reply.dst"] != w.Addr4.String() {
		t.Errorf("connections: %+v, want one from the client, translated to %s", list, w.Addr4)
	}
	if none := n.Router.Conntrack("ipv4", "reply.dst=192.0.2.99"); len(none) != 0 {
		t.Errorf("a filter that nothing meets gave %+v", none)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	line := l.Line(a, "eth0", "192.0.2.1/24", b, "eth0", "192.0.2.2/24", Quality{Delay: 40 * time.Millisecond})
	f := a.PingFlow(netip.MustParseAddr("192.0.2.2"), FlowOptions{Interval: 20 * time.Millisecond})
	p := f.WaitAnswer(t, time.Time{}, 2*time.Second)
	if rtt := p.Received.Sub(p.Sent); rtt < 80*time.Millisecond {
		t.Errorf("round trip %v over a line of 40 ms each way", rtt)
	}
	line.Set(Quality{Cut: true})
	cut := time.Now()
	time.Sleep(150 * time.Millisecond)
	until := time.Now()
	line.Set(Quality{})
	f.WaitAnswer(t, until, time.Second)
	// Requests that were under way at the cut lose their answers too, and one that is sent as it ends may meet a line that is whole.
	if r := f.Stop().Between(cut, until.Add(-30*time.Millisecond)); r.Lost() != len(r.Packets) || len(r.Packets) < 3 {
		t.Errorf("%d of %d lost over a cut line", r.Lost(), len(r.Packets))
	}
}

func TestLineRate(t *testing.T) {
	t.Parallel()
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Line(a, "eth0", "192.0.2.1/24", b, "eth0", "192.0.2.2/24", Quality{Rate: 8_000_000, Queue: 50 * time.Millisecond})
	b.Echo()
	up := a.Download(netip.MustParseAddr("192.0.2.2"))
	time.Sleep(1100 * time.Millisecond)
	rates := up.Stop()
	var bytes int64
	for _, r := range rates[len(rates)-8:] {
		bytes += r.Bytes
	}
	if per := float64(bytes) / 0.8; per > 1.15e6 || per < 3e5 {
		t.Errorf("%.0f bytes/s over a line of 1,000,000", per)
	}
}
