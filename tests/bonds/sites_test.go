package bonds

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// site is one end: a router with a LAN bridge, a host behind it, and the daemon.
type site struct {
	name         string
	number       int // 1 or 2, the last byte of its addresses
	router, host *lab.Host
	charon       *lab.IKEDaemon // nil where nothing is protected
	daemon       *lab.Daemon
}

// line is a way between the sites, through a switch in the middle that can lose every frame while both carriers stay.
type line struct {
	name string // of the devices at both sites, and of the interface
	mid  *lab.Host
}

// pair are two sites over several lines, with hosts of one network behind.
type pair struct {
	lab   *lab.Lab
	a, b  *site
	lines []*line
}

// newPair makes the routers, the lines wan1, wan2, … and the hosts; nothing runs on them yet.
func newPair(t *testing.T, lines int) *pair {
	t.Helper()
	n := lab.New(t)
	p := &pair{lab: n}
	for i, name := range []string{"a", "b"} {
		s := &site{name: name, number: i + 1, router: n.Host(name), host: n.Host("h" + name)}
		n.Link(s.router, "lan", "", s.host, "eth0", fmt.Sprintf("10.9.0.%d/24", 10+s.number))
		s.router.IP("link add name br-lan type bridge mcast_snooping 0")
		s.router.IP("link set dev lan master br-lan")
		s.router.Up("br-lan", fmt.Sprintf("10.9.0.%d/24", s.number))
		if i == 0 {
			p.a = s
		} else {
			p.b = s
		}
	}
	for i := 1; i <= lines; i++ {
		l := &line{name: fmt.Sprintf("wan%d", i), mid: n.Host(fmt.Sprintf("mid%d", i))}
		l.mid.IP("link add name br0 type bridge mcast_snooping 0")
		l.mid.IP("link set dev br0 up")
		for _, s := range []*site{p.a, p.b} {
			n.Link(s.router, l.name, s.own(i)+"/24", l.mid, s.name, "")
			l.mid.IP("link set dev %s master br0", s.name)
		}
		p.lines = append(p.lines, l)
	}
	return p
}

func (s *site) own(line int) string { return fmt.Sprintf("192.0.%d.%d", line, s.number) }
func (s *site) far(line int) string { return fmt.Sprintf("192.0.%d.%d", line, 3-s.number) }

// cut makes the line lose every frame in silence.
func (l *line) cut() time.Time {
	l.mid.IP("link set dev a nomaster")
	return time.Now()
}

func (l *line) heal() time.Time {
	l.mid.IP("link set dev a master br0")
	return time.Now()
}

// fast is a probe that finds a black hole within a second.
const fast = `
config probe 'fast'
	option method 'loopback'
	option interval '0.1'
	option down '3'
	option up '2'
	option down_interval '0.1'
`

// wires are the lines as WANs with a pseudowire over each, pw1, pw2, …, protected where the site has a charon.
func (p *pair) wires(s *site, more ...string) string {
	var b strings.Builder
	b.WriteString("config globals 'globals'\n\toption log_level 'debug'\n" + fast)
	for i, l := range p.lines {
		n := i + 1
		fmt.Fprintf(&b, "\nconfig interface '%s'\n\toption device '%s'\n\toption gateway '%s'\n\tlist family 'ipv4'\n\tlist probe 'line%d'\n", l.name, l.name, s.far(n), n)
		fmt.Fprintf(&b, "\nconfig probe 'line%d'\n\tlist target '%s'\n", n, s.far(n))
		fmt.Fprintf(&b, "\nconfig pseudowire 'pw%d'\n\toption interface '%s'\n\toption remote '%s'\n\toption tunnel_id '%d'\n\tlist probe 'fast'\n", n, l.name, s.far(n), n)
		if s.charon != nil {
			fmt.Fprintf(&b, "\toption ipsec 'sec%d'\n", n)
			fmt.Fprintf(&b, "\nconfig ipsec 'sec%d'\n\toption remote '%s'\n\toption local_id '%s%d'\n\toption remote_id '%s%d'\n\toption psk 'secret'\n",
				n, s.far(n), s.name, n, p.other(s).name, n)
		}
	}
	b.WriteString("\n" + strings.Join(more, "\n"))
	return b.String()
}

func (p *pair) other(s *site) *site {
	if s == p.a {
		return p.b
	}
	return p.a
}

// bond is a bond 'ha' of pw1, pw2, … in the LAN bridge.
func (p *pair) bond(options string) string {
	var b strings.Builder
	b.WriteString("config bond 'ha'\n\toption bridge 'br-lan'\n")
	for i := range p.lines {
		fmt.Fprintf(&b, "\tlist member 'pw%d'\n", i+1)
	}
	for _, o := range strings.Split(options, ";") {
		if o = strings.TrimSpace(o); o != "" {
			fmt.Fprintf(&b, "\t%s\n", o)
		}
	}
	return b.String()
}

func (p *pair) both() []*site { return []*site{p.a, p.b} }

// charons starts charon at both ends: the pseudowires are protected.
func (p *pair) charons() {
	for _, s := range p.both() {
		s.charon = lab.StartCharon(s.router)
	}
}

// start runs the daemon at both ends with the wires and a bond.
func (p *pair) start(options string) {
	for _, s := range p.both() {
		s.run(p.wires(s, p.bond(options)))
	}
}

func (s *site) run(config string) {
	var args []string
	if s.charon != nil {
		args = []string{"--vici", s.charon.Socket()}
	}
	s.daemon = lab.StartDaemon(s.router, config, args...)
}

// reload has both ends take another bond.
func (p *pair) reload(options string) {
	for _, s := range p.both() {
		s.reload(p.wires(s, p.bond(options)))
	}
}

func (s *site) reload(config string) {
	s.daemon.Write(config)
	s.daemon.Reload()
}

// far is the address of the host behind b.
var far = netip.MustParseAddr("10.9.0.12")

// pings are sent from the host of a to that of b.
func (p *pair) pings(interval time.Duration) *lab.Flow {
	return p.a.host.PingFlow(far, lab.FlowOptions{Interval: interval})
}

var slaveOf = regexp.MustCompile(` active_slave (\S+)`)

// active is the slave of the bond 'ha' that the kernel has chosen.
func (s *site) active() string { return activeOf(s.router) }

func activeOf(h *lab.Host) string {
	out, err := h.TryIP("-d link show dev ha")
	if m := slaveOf.FindStringSubmatch(out); err == nil && m != nil {
		return m[1]
	}
	return ""
}

// slaves are the ports of the bond 'ha'.
func (s *site) slaves() string { return portsOf(s.router, "ha") }

// portsOf are the ports of a bond or bridge, in the order in which they were made.
func portsOf(h *lab.Host, master string) string {
	out, _ := h.TryIP("-br link show master %s", master)
	var names []string
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		if f := strings.Fields(l); len(f) > 0 {
			name, _, _ := strings.Cut(f[0], "@")
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// stateOf is what the daemon says of the bond 'ha': "up" where every member works.
func stateOf(d *lab.Daemon) string {
	out, err := d.CLI("status", "--json")
	var doc struct {
		Bonds map[string]struct {
			State string `json:"state"`
		} `json:"bonds"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &doc)
	}
	if err != nil {
		return err.Error()
	}
	return doc.Bonds["ha"].State
}

func (s *site) state() string { return stateOf(s.daemon) }

// wait fails the test where something does not become so in time, and says what there is. It looks ten times a second: each look is a
// program started.
func wait(t *testing.T, limit time.Duration, what string, is func() string, want string) time.Duration {
	t.Helper()
	start := time.Now()
	for got := is(); got != want; got = is() {
		if time.Since(start) > limit {
			t.Fatalf("%s: %q after %v, want %q", what, got, limit, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(start)
}

// gap is the longest time without an answer to pings sent since a time, which must not be longer than the limit.
func gap(t *testing.T, what string, r lab.Report, from time.Time, limit time.Duration) {
	t.Helper()
	part := r.Between(from.Add(-100*time.Millisecond), time.Now())
	longest, at := part.LongestGap()
	lost := r.LostBetween(from.Add(-100*time.Millisecond), time.Now())
	t.Logf("%s: gap %d ms, %d ms after the event, %d of %d lost", what, longest.Milliseconds(), at.Sub(from).Milliseconds(), lost, len(part.Packets))
	if longest > limit {
		t.Errorf("%s: a gap of %v, want at most %v", what, longest, limit)
	}
}

// lossless fails the test where any ping sent since a time was lost.
func lossless(t *testing.T, what string, r lab.Report, from time.Time) {
	t.Helper()
	part := r.Between(from, time.Now().Add(-300*time.Millisecond)) // later ones may be on their way
	lost := part.Lost()
	t.Logf("%s: %d of %d pings lost", what, lost, len(part.Packets))
	if lost > 0 || len(part.Packets) == 0 {
		gap, at := part.LongestGap()
		t.Errorf("%s: %d of %d pings lost, gap %v at %v", what, lost, len(part.Packets), gap, at.Sub(from))
	}
}
