package main

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"multiwan/tests/lab"
)

// hitless is the running part three.
type hitless struct {
	tb    lab.TB
	net   *lab.Sites
	start time.Time
	voice *lab.Flow
	keys  *session
	clear *lab.Wire
}

// copied is what a site is told, apart from its interfaces; the words are the far end's address, our name and its, the lines, further
// addresses of the far end, and the inner addresses.
const copied = `config ipsec 'sa'
	option remote '%[1]s'
	option local_id '%[2]s'
	option remote_id '%[3]s'
	option psk 'a secret of the two sites'

config pseudowire 'pw'
	option redundancy 'duplicate'
%[4]s	option local '%[5]s'
	option remote '%[6]s'
	option tunnel_id '1'
	option ipsec 'sa'
	option bridge 'br-lan'
`

func newHitless(tb lab.TB) *hitless {
	h := &hitless{tb: tb, net: lab.JoinSites(tb, lab.SitesOptions{A: make([]lab.Kind, 2), NoIPv6: true})}
	furnish(h.net)
	return h
}

func (h *hitless) run() {
	fmt.Println("host 10.9.0.1 -- branch ==[ provider A (10 Mbit/s, 20 ms) ]== centre, one line -- host 10.9.0.2")
	fmt.Println("                        \\=[ provider B ( 5 Mbit/s, 40 ms) ]=/")
	fmt.Println("One L2TPv3 pseudowire under IPsec, redundancy 'duplicate': each packet is encrypted once and goes by both providers.")
	h.clear = h.net.Wire(lab.Frame.L2TP)
	begin := time.Now()
	a, b := h.net.A, h.net.B
	a.Start(a.UCI(fmt.Sprintf(copied, b.WANs[0].Addr4, "branch", "centre", "\tlist interface 'wan0'\n\tlist interface 'wan1'\n", "172.30.201.5", "172.30.201.9")))
	b.Start(b.UCI(fmt.Sprintf(copied, a.WANs[0].Addr4, "centre", "branch",
		fmt.Sprintf("\tlist interface 'wan0'\n\tlist remote_alt '%s'\n", a.WANs[1].Addr4), "172.30.201.9", "172.30.201.5")))
	up := h.net.Reaches(limit).Received.Sub(begin)
	h.start = time.Now()
	fmt.Printf("\n%8s  multiwan runs at both ends; the hosts saw each other %s after the start, IKE included\n", h.clock(h.start), span(up))
	fmt.Printf("%8s  a 50/s UDP flow, as a call, and a session over TCP with a keystroke each 0.1 s run from host to host\n", "")
	h.voice = h.net.A.Host.UDPFlow(lab.Echo(b.Host4), lab.FlowOptions{Interval: 20 * time.Millisecond})
	h.keys = newSession(h.tb, a.Host, b.Host4)
	time.Sleep(calm)
	var rows []string
	for _, e := range []struct {
		title string
		do    func() time.Time
	}{
		{"provider A of the branch dies in silence", a.WANs[0].BlackHole}, {"provider A is back", a.WANs[0].Heal},
		{"provider B of the branch dies in silence", a.WANs[1].BlackHole}, {"provider B is back", a.WANs[1].Heal},
	} {
		rows = append(rows, h.play(e.title, e.do))
	}
	h.finish(rows)
}

// play does something to a line and returns a row of figures about the three seconds behind it.
func (h *hitless) play(title string, do func() time.Time) string {
	h.keys.worst()
	at := do()
	fmt.Printf("\n%8s  *** %s\n", h.clock(at), title)
	time.Sleep(3 * time.Second)
	r := h.voice.Report().Between(at.Add(-100*time.Millisecond), time.Now().Add(-300*time.Millisecond))
	gap, _ := r.LongestGap()
	lost := fmt.Sprintf("%d of %d", r.Lost(), len(r.Packets))
	key := span(h.keys.worst())
	fmt.Printf("%8s  UDP: %s lost, longest gap %s; the slowest keystroke took %s\n", "", lost, span(gap), key)
	return fmt.Sprintf("%-44s %14s %14s %14s", title, lost, span(gap), key)
}

func (h *hitless) finish(rows []string) {
	report := h.voice.Stop()
	count, err := h.keys.stop()
	fmt.Printf("\n%-44s %14s %14s %14s\n", "", "UDP lost", "UDP gap", "keystroke")
	for _, r := range rows {
		fmt.Println(r)
	}
	fmt.Printf("UDP: %d of %d lost, %d came twice; the session: %d keystrokes, one connection\n", report.Lost(), len(report.Packets), report.Duplicates(), count)
	seen := h.clear.Count()
	fmt.Printf("packets of the pseudowire in clear, on all three lines, since before the start: %d\n", seen)
	if report.Lost() > 0 || report.Duplicates() > 0 || err != nil || seen > 0 {
		h.tb.Errorf("%d lost, %d twice, session: %v, %d in clear", report.Lost(), report.Duplicates(), err, seen)
	}
}

func (h *hitless) clock(t time.Time) string { return fmt.Sprintf("%.3f s", t.Sub(h.start).Seconds()) }

// session is what a person types into a remote shell: one byte at a time, each echoed.
type session struct {
	conn net.Conn
	quit chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	slow  time.Duration // longest echo since worst was asked
	count int
	err   error
}

func newSession(tb lab.TB, from *lab.Host, to netip.Addr) *session {
	conn, err := from.Dial("tcp", lab.Echo(to))
	if err != nil {
		tb.Fatalf("session: %v", err)
	}
	s := &session{conn: conn, quit: make(chan struct{})}
	s.done.Go(s.run)
	return s
}

func (s *session) run() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	b := make([]byte, 1)
	for greeting := byte(0); greeting != '\n'; greeting = b[0] { // the echo server says our address first
		if _, err := s.conn.Read(b); err != nil {
			s.note(0, err)
			return
		}
	}
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		begin := time.Now()
		_, err := s.conn.Write([]byte("k"))
		if err == nil {
			_, err = s.conn.Read(b)
		}
		s.note(time.Since(begin), err)
		if err != nil {
			return
		}
	}
}

func (s *session) note(took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow, s.err = max(s.slow, took), err
	if err == nil {
		s.count++
	}
}

// worst is the longest echo since it was last asked.
func (s *session) worst() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.slow
	s.slow = 0
	return d
}

// stop ends the session and says how many keystrokes were echoed.
func (s *session) stop() (int, error) {
	close(s.quit)
	s.done.Wait()
	s.conn.Close()
	return s.count, s.err
}
