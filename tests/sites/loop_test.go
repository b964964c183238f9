package sites

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// twice are two pseudowires between the same two bridges.
func twice(options ...string) []cable {
	return []cable{
		{clear: true, options: options},
		{name: "second", id: 2, clear: true, options: append([]string{"local_port 1702", "remote_port 1702"}, options...)},
	}
}

// TestLoop has a second pseudowire between the same two bridges: it is refused, and the first one works on.
func TestLoop(t *testing.T) {
	lab.Need(t, lab.L2TP)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	start(n, twice()...)
	n.Reaches(10 * time.Second)
	for _, s := range []*lab.Site{n.A, n.B} {
		w := s.Status().Pseudowires["second"]
		if w.Attached != "" || !strings.Contains(w.Detached, "loop") {
			t.Errorf("%s: the second way is %+v", s.Name, w)
		}
	}
	dup := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	time.Sleep(500 * time.Millisecond)
	if r := dup.Stop(); r.Lost() > 0 {
		t.Errorf("%d of %d pings lost", r.Lost(), len(r.Packets))
	}
}

// ports are those of a site's bridge with their states, as "lan forwarding".
func ports(t *testing.T, s *lab.Site) (out []string) {
	t.Helper()
	text, err := s.Router.Exec("", "bridge", "link")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if at := slices.Index(w, "state"); len(w) > 1 && at > 0 && slices.Contains(w, "br-lan") {
			out = append(out, strings.TrimSuffix(w[1], ":")+" "+w[at+1])
		}
	}
	return out
}

// forwards counts the pseudowires of both sites that forward, and those that wait.
func forwards(t *testing.T, n *lab.Sites) (on, off int, all string) {
	t.Helper()
	for _, s := range []*lab.Site{n.A, n.B} {
		for _, p := range ports(t, s) {
			all += s.Name + " " + p + ", "
			switch {
			case strings.HasPrefix(p, "lan@"):
			case strings.HasSuffix(p, " forwarding"):
				on++
			case strings.HasSuffix(p, " blocking"):
				off++
			}
		}
	}
	return on, off, all
}

// TestLoopSTP leaves a second pseudowire between the same two bridges to the spanning tree: it stays out while the bridges have none; then
// one of its four ends blocks, each frame arrives once, and it takes over when the first one goes.
func TestLoopSTP(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.Machine)
	// Bridges hear the spanning tree of others in the first namespace alone. So A is root, which need not hear, and B closes the loop.
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true, Itself: true})
	start(n, twice("loop stp")...)
	n.Reaches(10 * time.Second)
	for _, s := range []*lab.Site{n.A, n.B} {
		if w := s.Status().Pseudowires["second"]; w.Attached != "" || !strings.Contains(w.Detached, "STP is off") {
			t.Errorf("%s: without STP the second way is %+v", s.Name, w)
		}
	}
	// Routers set it, as /etc/config/network says. The shortest delay that the kernel takes: 2 s.
	for _, s := range []*lab.Site{n.A, n.B} {
		priority := map[*lab.Site]int{n.A: 4096, n.B: 32768}[s]
		s.Router.IP("link set dev br-lan type bridge priority %d forward_delay 200 hello_time 100 max_age 600 stp_state 1", priority)
	}
	begin := time.Now()
	var on, off int
	var all string
	if !lab.Wait(40*time.Second, func() bool {
		time.Sleep(500 * time.Millisecond)
		on, off, all = forwards(t, n)
		return on == 3 && off == 1
	}) {
		t.Fatalf("one of four ends is to block: %s", all)
	}
	t.Logf("closed %v after STP was on: %s", time.Since(begin), all)
	n.Reaches(10 * time.Second)

	once(t, n)
	n.A.Daemon.Write(config(n.A, twice("loop stp")[1]))
	n.A.Daemon.Reload()
	if !lab.Wait(10*time.Second, func() bool { return !strings.Contains(n.A.Router.IP("-o link"), ": pw:") }) {
		t.Error("the first one stays")
	}
	begin = time.Now()
	p := n.Reaches(40 * time.Second)
	t.Logf("the first one is gone: frames pass by the second after %v", p.Received.Sub(begin))
	once(t, n)
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Daemon.Stop()
		if out, err := s.Daemon.CLI("stop"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// once sends broadcasts, which a loop would multiply, and wants each of them to arrive once.
func once(t *testing.T, n *lab.Sites) {
	t.Helper()
	const port = 4242
	all := n.B.Host.Capture("eth0", func(f lab.Frame) bool { return f.DstPort == port && !f.Out })
	c, err := n.A.Host.Dial("udp", netip.MustParseAddrPort("10.9.0.255:4242"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 20
	for i := range sent {
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
	seen := map[byte]int{}
	for _, f := range all.Stop() {
		seen[f.Payload[len(f.Payload)-1]]++
	}
	for i := range sent {
		if seen[byte(i)] != 1 {
			t.Errorf("broadcast %d arrived %d times", i, seen[byte(i)])
		}
	}
	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	time.Sleep(time.Second)
	if r := flow.Stop(); r.Lost() > 0 || r.Duplicates() > 0 {
		t.Errorf("of %d pings %d are lost, %d came twice", len(r.Packets), r.Lost(), r.Duplicates())
	}
}
