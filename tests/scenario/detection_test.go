package scenario_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// fast are the options of a probe that judges within a second.
const fast = `	option interval '0.2'
	option timeout '1'
	option down '5'
	option up '2'
	option down_interval '0.2'
`

// sides are the families of a WAN in the status.
func sides(d status.Document, w *lab.WAN) map[string]*status.Side {
	i := d.Interfaces[w.Name]
	return map[string]*status.Side{"ipv4": i.IPv4, "ipv6": i.IPv6}
}

// staysUp watches a WAN for a while, in which no family may leave its state.
func (r *router) staysUp(w *lab.WAN, during time.Duration, why string) {
	r.t.Helper()
	began := time.Now()
	time.Sleep(during)
	for _, tr := range r.history(w) {
		if when(tr.Time).After(began) {
			r.t.Errorf("%s: %s %s became %s: %s", why, w.Name, tr.Family, tr.To, tr.Reason)
		}
	}
	for family, s := range sides(r.status(), w) {
		if s.State != "up" && s.State != "suspect" {
			r.t.Errorf("%s: %s %s is %s: %s", why, w.Name, family, s.State, s.Reason)
		}
	}
}

// goesDown waits for the verdict in both families and returns the time it took.
func (r *router) goesDown(w *lab.WAN, since time.Time, why string) {
	r.t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		tr := r.turned(w, family, "down", since, patience)
		r.t.Logf("%s: %s %s down after %v: %s", why, w.Name, family, when(tr.Time).Sub(since).Round(time.Millisecond), tr.Reason)
	}
}

// TestS19Neighbour watches one WAN by ARP and neighbour solicitation of its
// gateway alone and another by that and a ping into the internet.
func TestS19Neighbour(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	a, b := n.WANs[0], n.WANs[1]
	probes := "\nconfig probe 'neighbour'\n\toption method 'arping'\n\tlist target 'gateway'\n" + fast +
		"\nconfig probe 'internet'\n\tlist target '1.1.1.1'\n\tlist target '2606:4700:4700::1111'\n" + fast
	for _, w := range n.WANs {
		w.Fault(lab.Fault{NoPing: true})
	}
	r := start(t, n, a.UCI(), "\tlist probe 'neighbour'\n", b.UCI(), "\toption metric '2'\n\tlist probe 'neighbour'\n\tlist probe 'internet'\n", probes)
	r.staysUp(a, 800*time.Millisecond, "the gateway answers no pings")

	began := time.Now()
	for i := range 3 { // the kernel takes no second address of a neighbour within 1 s
		for _, w := range n.WANs {
			w.SetGatewayMAC(fmt.Sprintf("02:00:00:00:%02x:%02x", w.Index, i%2))
		}
		time.Sleep(1500 * time.Millisecond)
	}
	for _, w := range n.WANs {
		for _, tr := range r.history(w) {
			if when(tr.Time).After(began) {
				t.Errorf("the gateway's hardware address alternates: %s %s became %s: %s", w.Name, tr.Family, tr.To, tr.Reason)
			}
		}
	}

	cut := time.Now()
	for _, w := range n.WANs {
		w.Fault(lab.Fault{NoPing: true, Forward: true})
	}
	r.goesDown(b, cut, "the gateway answers, the internet does not")
	for family, s := range sides(r.status(), b) {
		if !strings.Contains(s.Reason, "internet") {
			t.Errorf("%s: the reason does not name the probe: %s", family, s.Reason)
		}
	}
	r.staysUp(a, 500*time.Millisecond, "nothing but the gateway is asked")
	cut = a.Silence()
	r.goesDown(a, cut, "the gateway is silent")
	a.Heal()
	r.up(a)
}

// dnsAnswers serves DNS on a host: every question is answered by "no such name".
func dnsAnswers(t *testing.T, h *lab.Host, mute *atomic.Bool) {
	t.Helper()
	for _, at := range []netip.Addr{lab.Internet4, lab.Internet6} {
		var c net.PacketConn
		var err error
		h.Do(func() { c, err = net.ListenPacket("udp", netip.AddrPortFrom(at, 53).String()) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			for b := make([]byte, 1500); ; {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				if mute.Load() || n < 12 {
					continue
				}
				binary.BigEndian.PutUint16(b[2:], 0x8183) // response, recursion, NXDOMAIN
				c.WriteTo(b[:n], from)
			}
		}()
	}
}

// httpAnswers serves HTTP: 204 to whatever is asked.
func httpAnswers(h *lab.Host, mute *atomic.Bool) {
	h.ServeTCP(80, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.TrimSpace(line) == "" && !mute.Load() {
				io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
				return
			}
		}
	})
}

// TestProbeMethods watches three WANs by dns, http and tcp. Each finds the cut,
// and what answers no more although its host does.
func TestProbeMethods(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 3)
	var mute atomic.Bool
	dnsAnswers(t, n.Internet, &mute)
	httpAnswers(n.Internet, &mute)
	n.Internet.ServeTCP(443, func(c net.Conn) { io.Copy(io.Discard, c) })
	var text strings.Builder
	for i, method := range []string{"dns", "http", "tcp"} {
		fmt.Fprintf(&text, "%s\tlist probe 'by_%s'\n\toption metric '%d'\n", n.WANs[i].UCI(), method, i+1)
		fmt.Fprintf(&text, "\nconfig probe 'by_%s'\n\toption method '%s'\n\tlist target '1.1.1.1'\n\tlist target '2606:4700:4700::1111'\n%s\n", method, method, fast)
	}
	r := start(t, n, text.String())
	for _, w := range n.WANs {
		for _, p := range r.status().Interfaces[w.Name].Probes {
			if p.Answers == 0 || p.RTT == nil {
				t.Errorf("%s: probe %+v has no answers", w.Name, p)
			}
		}
	}
	for i, w := range n.WANs {
		cut := w.CutInternet()
		r.goesDown(w, cut, []string{"dns", "http", "tcp"}[i])
	}
	for _, w := range n.WANs {
		w.Heal()
	}
	for _, w := range n.WANs {
		r.up(w)
	}
	muted := time.Now()
	mute.Store(true)
	r.goesDown(n.WANs[0], muted, "a resolver that does not answer")
	r.goesDown(n.WANs[1], muted, "a web server that does not answer")
	if s := r.status().Interfaces[n.WANs[2].Name].State; s != "up" && s != "suspect" {
		t.Errorf("%s is %s, though its server accepts connections", n.WANs[2].Name, s)
	}
	r.noSpoofing()
}

// TestHoldDown flaps a WAN. Each loss within a short time holds it down for
// longer, which the status shows, though its probes are answered.
func TestHoldDown(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	a := n.WANs[0]
	r := start(t, n, n.UCI(fastProbe))
	var held []float64
	for i := range 3 {
		cut := a.BlackHole()
		tr := r.turned(a, "ipv4", "down", cut, patience)
		r.turned(a, "ipv6", "down", cut, patience)
		held = append(held, tr.Held)
		healed := a.Heal()
		switch i {
		case 0:
			r.up(a)
			if d := time.Since(healed); d > 3*time.Second {
				t.Errorf("the first loss cost %v after the line healed", d)
			}
		case 1:
			d := r.await(3*time.Second, "held down though it answers", func(d status.Document) bool {
				s := d.Interfaces[a.Name].IPv4
				return s.State == "down" && strings.Contains(s.Reason, "held down")
			})
			s := d.Interfaces[a.Name].IPv4
			if until := time.Unix(s.HeldUntil, 0); until.Before(time.Now()) || until.After(when(tr.Time).Add(6*time.Second)) {
				t.Errorf("held until %v, %v after the loss, want 5 s", until, until.Sub(when(tr.Time)))
			}
			if text, err := r.CLI("status"); err != nil || !strings.Contains(text, "held down") {
				t.Errorf("the table does not show the hold-down: %v\n%s", err, text)
			}
			up := r.turned(a, "ipv4", "up", healed, patience)
			r.turned(a, "ipv6", "up", healed, patience)
			if d := up.Time - tr.Time; d < 5 || d > 6 {
				t.Errorf("up %.2f s after the second loss, want 5", d)
			}
		}
	}
	if held[0] != 0 || held[1] != 5 || held[2] != 10 {
		t.Errorf("held down for %v s, want 0, 5 and 10", held)
	}
}
