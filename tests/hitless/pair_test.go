package hitless

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

const ms = time.Millisecond

// pair are two sites, the first with two lines.
type pair struct {
	*lab.Sites
	wire   *lab.Wire // L2TP in clear, since before the start
	config func(*lab.Site) string
}

// options of a pair; the zero value is: B has one line, every packet goes over both lines of A.
type options struct {
	linesB    int      // 0 means 1
	nat       bool     // the second line of A is translated on its way
	single    bool     // no redundancy: the first line of each
	transport bool     // IPsec's mode
	more      []string // options of both pseudowires, each as "mtu path"
}

// sites makes the network and starts both ends.
func sites(t *testing.T, o options) *pair {
	t.Helper()
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Netem, lab.VLAN)
	kinds := make([]lab.Kind, 2)
	if o.nat {
		kinds[1] = lab.SameSubnet
	}
	n := lab.JoinSites(t, lab.SitesOptions{A: kinds, B: make([]lab.Kind, max(o.linesB, 1)), NoIPv6: true})
	n.A.Host.Echo()
	n.B.Host.Echo()
	for i, h := range []*lab.Host{n.A.Host, n.B.Host} { // frames with a tag cross the pseudowire too
		h.IP("link add link eth0 name eth0.111 type vlan id 111")
		h.Up("eth0.111", []string{"10.11.0.1/24", "10.11.0.2/24"}[i])
	}
	p := &pair{Sites: n, wire: n.Wire(lab.Frame.L2TP)}
	p.config = func(s *lab.Site) string { return s.UCI(debug, sections(s, o)) }
	begin := time.Now()
	for _, s := range p.both() {
		s.Start(p.config(s))
	}
	up := n.Reaches(20 * time.Second)
	t.Logf("%d ms from the start to an answer", up.Received.Sub(begin).Milliseconds())
	return p
}

// tagged is the host of B in VLAN 111.
var tagged = netip.MustParseAddr("10.11.0.2")

func (p *pair) both() []*lab.Site { return []*lab.Site{p.A, p.B} }

// debug makes the daemon say everything.
const debug = "config globals 'globals'\n\toption log_level 'debug'\n\n"

// reload gives an end another configuration.
func reload(s *lab.Site, config string) {
	s.Daemon.Write(config)
	s.Daemon.Reload()
}

// delays shapes the two lines of A; each delay is one way.
func (p *pair) delays(first, second time.Duration) {
	p.shape(lab.Quality{Delay: first}, lab.Quality{Delay: second})
}

func (p *pair) shape(q ...lab.Quality) {
	for i, w := range p.A.WANs {
		w.Shape(q[i])
	}
	time.Sleep(200 * ms) // what was on its way
}

// noClear fails the test if there was anything in clear, on any line, so far.
func (p *pair) noClear(t *testing.T) {
	t.Helper()
	if frames := p.wire.Frames(); len(frames) > 0 {
		t.Errorf("%d packets of L2TP in clear, the first at %v from %s to %s", len(frames), frames[0].At, frames[0].Src, frames[0].Dst)
	}
}

// hole makes a line a black hole while something is done, and at least for the time.
func hole(w *lab.WAN, least time.Duration, during func()) {
	end := w.BlackHole().Add(least)
	if during != nil {
		time.Sleep(200 * ms)
		during()
	}
	time.Sleep(time.Until(end))
	w.Heal()
}

// holes makes each line of A a black hole for a time, one after the other, with rest before and behind.
func (p *pair) holes(long time.Duration) { holes(p.A, long) }

func holes(s *lab.Site, long time.Duration) {
	for _, w := range s.WANs {
		time.Sleep(long / 2)
		hole(w, long, nil)
	}
	time.Sleep(long / 2)
}

// sections are one end of the pseudowire and what protects it. Its ends are addresses of no line, inside IPsec's tunnel mode, unless there is
// one line only or transport mode.
func sections(s *lab.Site, o options) string {
	var b strings.Builder
	outer := s.Far.WANs[0].Addr4.String()
	local, remote := "172.30.201.5", "172.30.201.9"
	if s.Name == "b" {
		local, remote = remote, local
	}
	fmt.Fprintf(&b, "config ipsec 'sa'\n\toption remote '%s'\n\toption local_id '%s'\n\toption remote_id '%s'\n\toption psk 'secret of both'\n", outer, s.Name, s.Far.Name)
	if o.transport {
		b.WriteString("\toption mode 'transport'\n")
	}
	b.WriteString("\nconfig pseudowire 'pw'\n\toption tunnel_id '1'\n\toption ipsec 'sa'\n\toption bridge 'br-lan'\n")
	if o.single || o.transport {
		remote = outer
	} else {
		fmt.Fprintf(&b, "\toption local '%s'\n", local)
	}
	fmt.Fprintf(&b, "\toption remote '%s'\n", remote)
	lines, far := s.WANs, s.Far.WANs
	if o.single {
		lines, far = lines[:1], far[:1]
	} else {
		b.WriteString("\toption redundancy 'duplicate'\n")
	}
	for _, w := range lines {
		fmt.Fprintf(&b, "\tlist interface '%s'\n", w.Name)
	}
	for _, w := range far[1:] {
		fmt.Fprintf(&b, "\tlist remote_alt '%s'\n", w.Public4)
	}
	for _, m := range o.more {
		name, value, _ := strings.Cut(m, " ")
		fmt.Fprintf(&b, "\toption %s '%s'\n", name, value)
	}
	return b.String()
}
