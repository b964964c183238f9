package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"multiwan/tests/lab"
)

// sites is the running part two.
type sites struct {
	show *show // its clock and its acts
	tb   lab.TB
	net  *lab.Sites

	voice   *lab.Flow
	file    *file
	clear   *lab.Wire
	carried [2]*carried // by line of the branch
}

// carried counts the bytes of ESP on a line.
type carried struct {
	start time.Time
	mu    sync.Mutex
	bytes []int // by slot
}

// joined is what a site is told, apart from its interfaces; the words are the far end's addresses, our name and its.
const joined = `config probe 'far_end'
	option method 'loopback'
	option interval '0.1'
	option down_interval '0.1'
	option down '3'
	option up '2'

config ipsec 'by_a'
	option interface 'wan0'
	option remote '%[1]s'
	option local_id '%[3]s-a'
	option remote_id '%[4]s-a'
	option psk 'a secret of the two sites'

config ipsec 'by_b'
	option interface 'wan1'
	option remote '%[2]s'
	option local_id '%[3]s-b'
	option remote_id '%[4]s-b'
	option psk 'another secret of the two sites'

config pseudowire 'pw_a'
	option remote '%[1]s'
	option tunnel_id '1'
	option ipsec 'by_a'
	list probe 'far_end'

config pseudowire 'pw_b'
	option remote '%[2]s'
	option tunnel_id '2'
	option ipsec 'by_b'
	list probe 'far_end'

config bond 'ha'
	list member 'pw_a'
	list member 'pw_b'
	option primary 'pw_a'
	option bridge 'br-lan'

config mss_clamp 'lan'
	option bridge 'br-lan'
`

func newSites(tb lab.TB) *sites {
	two := []lab.Kind{lab.Ethernet, lab.Ethernet}
	s := &sites{tb: tb, show: &show{tb: tb}, net: lab.JoinSites(tb, lab.SitesOptions{A: two, B: two, NoIPv6: true})}
	furnish(s.net)
	return s
}

// furnish gives the branch its two lines and the centre's host its servers.
func furnish(n *lab.Sites) {
	n.A.WANs[0].Shape(lab.Quality{Delay: 10 * time.Millisecond, Rate: 10e6, Queue: 100 * time.Millisecond})
	n.A.WANs[1].Shape(lab.Quality{Delay: 20 * time.Millisecond, Rate: 5e6, Queue: 100 * time.Millisecond})
	n.B.Host.Echo()
}

func (s *sites) run() {
	fmt.Println("host 10.9.0.1 -- branch ==[ provider A (10 Mbit/s, 20 ms) ]== centre -- host 10.9.0.2")
	fmt.Println("                        \\=[ provider B ( 5 Mbit/s, 40 ms) ]=/")
	fmt.Println("Each line carries an L2TPv3 pseudowire under IPsec; a bond of the two is a port of br-lan at either end.")
	s.clear = s.net.Wire(lab.Frame.L2TP)
	begin := time.Now()
	s.show.start = begin
	for _, site := range []*lab.Site{s.net.A, s.net.B} {
		name := map[string]string{"a": "branch", "b": "centre"}
		site.Start(site.UCI(fmt.Sprintf(joined, site.Far.WANs[0].Addr4, site.Far.WANs[1].Addr4, name[site.Name], name[site.Far.Name])))
	}
	up := s.net.Reaches(limit).Received.Sub(begin)
	s.steady("pw_a")
	s.show.start = time.Now()
	fmt.Printf("\n%8s  multiwan runs at both ends; the hosts saw each other %s after the start, IKE included\n", s.show.clock(s.show.start), span(up))
	fmt.Printf("%8s  a 50/s UDP flow and a file transfer run from host to host, by provider A\n", "")
	s.flows()
	time.Sleep(calm)

	line := s.net.A.WANs[0]
	s.play("provider A of the branch dies in silence (its carrier stays)", line.BlackHole, "pw_b", 5*time.Second)
	s.play("provider A is back", line.Heal, "pw_a", settled)
	s.finish()
}

func (s *sites) flows() {
	for i := range s.carried {
		c := &carried{start: time.Now()}
		s.carried[i] = c
		s.net.A.WANs[i].ISP.Capture("cust", c.count)
	}
	s.voice = s.net.A.Host.UDPFlow(lab.Echo(s.net.B.Host4), lab.FlowOptions{Interval: 20 * time.Millisecond})
	s.file = send(s.net.A.Host, s.net.B.Host, s.net.B.Host4, 9e6)
}

// count is a filter that keeps nothing.
func (c *carried) count(f lab.Frame) bool {
	if !f.ESP() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := max(0, int(f.At.Sub(c.start)/slot))
	for len(c.bytes) <= i {
		c.bytes = append(c.bytes, 0)
	}
	c.bytes[i] += len(f.Payload)
	return false
}

func (c *carried) slots() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int(nil), c.bytes...)
}

// steady waits until both ends use a member of their bonds, and returns when each began to.
func (s *sites) steady(member string) (when [2]time.Time) {
	ok := lab.Wait(limit, func() bool {
		for i, site := range []*lab.Site{s.net.A, s.net.B} {
			if when[i].IsZero() && active(site) == member {
				when[i] = time.Now()
			}
		}
		return !when[0].IsZero() && !when[1].IsZero()
	})
	if !ok {
		s.tb.Fatalf("the bonds did not go to %s:\n%s\n%s", member, s.net.A.Daemon.Log(), s.net.B.Daemon.Log())
	}
	return when
}

// active is the member that the kernel uses.
func active(site *lab.Site) string {
	out, err := site.Router.TryIP("-d link show dev ha")
	_, rest, ok := strings.Cut(out, " active_slave ")
	if err != nil || !ok {
		return ""
	}
	return strings.Fields(rest)[0]
}

// play does something to a line and tells what came of it, up to the bonds' use of a member and some time beyond.
func (s *sites) play(title string, do func() time.Time, member string, long time.Duration) {
	s.file.stalled()
	a := &act{title: title, at: do()}
	s.show.acts = append(s.show.acts, a)
	fmt.Printf("\n%8s  *** %s\n", s.show.clock(a.at), title)
	when := s.steady(member)
	a.add(when[0], "the branch's bond uses "+member)
	a.add(when[1], "the centre's bond uses "+member)
	if p := s.voice.WaitAnswer(s.tb, when[0], limit); member == "pw_b" {
		gap, from := s.voice.Report().Between(a.at, p.Received).LongestGap()
		a.add(from.Add(gap), "the UDP flow is answered again, by provider B")
	}
	time.Sleep(long)
	a.until = time.Now()
	r := s.voice.Report().Between(a.at, a.until.Add(-300*time.Millisecond))
	gap, _ := r.LongestGap()
	a.rows = append(a.rows,
		row{"until the branch has switched", span(when[0].Sub(a.at))},
		row{"until the centre has switched", span(when[1].Sub(a.at))},
		row{"UDP: lost, longest gap", fmt.Sprintf("%d of %d, %s", r.Lost(), len(r.Packets), span(gap))},
		row{"file: longest time without a byte", span(s.file.stalled())})
	a.print(s.show)
}

// finish waits for the file and shows what the daemon says and what was on the wire.
func (s *sites) finish() {
	select {
	case <-s.file.done:
	case <-time.After(limit):
		s.tb.Errorf("the file is still on its way")
	}
	report := s.voice.Stop()
	out, err := s.net.A.Daemon.CLI("status")
	if err != nil {
		s.tb.Errorf("status: %v", err)
	}
	fmt.Printf("\n$ multiwan status\n%s", out)
	fmt.Printf("\n%-44s %14s %14s %14s\n", "", "switched", "UDP lost", "UDP gap")
	for _, a := range s.show.acts {
		lost, gap, _ := strings.Cut(a.rows[2].value, ", ")
		fmt.Printf("%-44s %14s %14s %14s\n", shorten(a.title), a.rows[0].value, lost, gap)
	}
	fmt.Printf("file: %s\n", s.file.words())
	fmt.Printf("UDP: %d of %d lost in all\n", report.Lost(), len(report.Packets))
	seen := s.clear.Count()
	fmt.Printf("packets of the pseudowires in clear, on all four lines, since before the start: %d\n", seen)
	if s.file.err != nil || seen != 0 {
		s.tb.Errorf("the file: %v; %d packets in clear", s.file.err, seen)
	}
}

// drawing of the flows of part two.
func (s *sites) drawing() string {
	p := newPlot("multiwan: two sites, round trip of each UDP packet, rate of the file, and what each provider carries", s.show.start, s.show.acts, 3)
	p.flow(0, "UDP, ms", s.voice.Report(), func(lab.Packet) string { return "#444" })
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	p.rates(p.frame(1, "file, Mbit/s", 12), "#009e73", s.file.start, s.file.bytes)
	y := p.frame(2, "ESP, Mbit/s", 12)
	for i, c := range s.carried {
		p.rates(y, wanColours[i], c.start, c.slots())
	}
	return p.svg()
}
