package spray

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// quality of a line each way.
type quality struct {
	rate  int           // Mbit/s
	delay time.Duration // one way
}

// sites are two routers with a host behind each and lines fast and slow between them:
//
//	ha 10.1.0.10 -- a == fast, slow == b -- hb 10.2.0.10
type sites struct {
	ha, hb *lab.Host
	a, b   *lab.Host
	lines  map[string]*lab.Host // the middle of each
	charon []*lab.IKEDaemon     // of a and b, where something is protected
	daemon []*lab.Daemon
}

var (
	hostA = netip.MustParseAddr("10.1.0.10")
	hostB = netip.MustParseAddr("10.2.0.10")
)

func newSites(t *testing.T, fast, slow quality) *sites {
	t.Helper()
	n := lab.New(t)
	s := &sites{ha: n.Host("ha"), hb: n.Host("hb"), a: n.Host("a"), b: n.Host("b"), lines: map[string]*lab.Host{}}
	n.Link(s.a, "lan", "10.1.0.1/24", s.ha, "eth0", "10.1.0.10/24")
	n.Link(s.b, "lan", "10.2.0.1/24", s.hb, "eth0", "10.2.0.10/24")
	s.ha.IP("route add default via 10.1.0.1")
	s.hb.IP("route add default via 10.2.0.1")
	for i, name := range []string{"fast", "slow"} {
		mid := n.Host("mid-" + name)
		mid.IP("link add name br0 type bridge mcast_snooping 0")
		mid.IP("link set dev br0 up")
		n.Link(s.a, name, fmt.Sprintf("192.0.%d.1/24", i+1), mid, "a", "")
		n.Link(s.b, name, fmt.Sprintf("192.0.%d.2/24", i+1), mid, "b", "")
		mid.IP("link set dev a master br0")
		mid.IP("link set dev b master br0")
		s.lines[name] = mid
	}
	for _, h := range []*lab.Host{s.ha, s.hb, s.a, s.b} {
		for _, dev := range []string{"eth0", "lan", "fast", "slow"} {
			h.TryIP("link set dev %s gso_max_size 1514 gso_max_segs 1", dev) // a real wire has no larger packets
		}
	}
	if fast.rate > 0 {
		s.shape(t, "fast", fast)
		s.shape(t, "slow", slow)
	}
	return s
}

// shape gives a line its quality, with a queue of 100 ms.
func (s *sites) shape(t *testing.T, line string, q quality) {
	t.Helper()
	limit := int(float64(q.rate)*1e6*(q.delay+100*time.Millisecond).Seconds()/8/1500) + 1
	for _, dev := range []string{"a", "b"} {
		if _, err := s.lines[line].Exec("", "tc", "qdisc", "replace", "dev", dev, "root", "netem", "delay", fmt.Sprintf("%dus", q.delay.Microseconds()),
			"rate", fmt.Sprintf("%dmbit", q.rate), "limit", fmt.Sprint(limit)); err != nil {
			t.Fatal(err)
		}
	}
}

// cut makes a line lose everything in silence.
func (s *sites) cut(line string) time.Time {
	s.lines[line].IP("link set dev a nomaster")
	return time.Now()
}

func (s *sites) heal(line string) {
	s.lines[line].IP("link set dev a master br0")
}

// members are what the policy's members are at one end: the lines themselves, or pseudowires over them.
type members func(end int) string

const probes = `
config probe 'fast'
	option interval '0.1'
	option down '3'
	option up '3'
	option down_interval '0.1'
`

// plain makes the lines the members.
func plain(end int) string {
	var b strings.Builder
	for i, name := range []string{"fast", "slow"} {
		far := fmt.Sprintf("192.0.%d.%d", i+1, 3-end)
		fmt.Fprintf(&b, "config interface '%s'\n\toption device '%s'\n\toption gateway '%s'\n\tlist family 'ipv4'\n\toption snat 'none'\n\toption weight '%d'\n\tlist probe 'to%s'\n\n", name, name, far, 2-i, name)
		fmt.Fprintf(&b, "%s\tlist target 'gateway'\n\n", strings.Replace(probes, "'fast'", "'to"+name+"'", 1))
	}
	return b.String()
}

// wires makes pseudowires over them the members.
func wires(end int) string {
	b := strings.NewReplacer("config interface 'fast'", "config interface 'line1'", "config interface 'slow'", "config interface 'line2'").Replace(plain(end))
	b += strings.Replace(probes, "'fast'", "'through'", 1) + "\toption method 'loopback'\n\n"
	for i, name := range []string{"fast", "slow"} {
		b += fmt.Sprintf("config pseudowire '%s'\n\toption device 'pw%s'\n\toption interface 'line%d'\n\toption remote '192.0.%d.%d'\n\toption tunnel_id '%d'\n\tlist ipaddr '10.255.%d.%d/30'\n\tlist probe 'through'\n\toption mtu 'path'\n\n",
			name, name, i+1, i+1, 3-end, i+1, i, end)
	}
	return b + "config mss_clamp 'c1'\n\toption device 'pwfast'\n\nconfig mss_clamp 'c2'\n\toption device 'pwslow'\n\n"
}

// protected makes pseudowires under ESP the members.
func protected(end int) string {
	b := wires(end)
	for i, name := range []string{"fast", "slow"} {
		wire := fmt.Sprintf("config pseudowire '%s'\n", name)
		b = strings.Replace(b, wire, fmt.Sprintf("config ipsec 's%s'\n\toption remote '192.0.%d.%d'\n\toption local_id '%s%d'\n\toption remote_id '%s%d'\n\toption psk 'secret'\n\n%s\toption ipsec 's%s'\n",
			name, i+1, 3-end, name, end, name, 3-end, wire, name), 1)
	}
	return b
}

// policy sends what is for the far LAN over the members.
func policy(end int, names []string, options string) string {
	var b strings.Builder
	b.WriteString("config policy 'both'\n" + options)
	for _, n := range names {
		b.WriteString("\tlist member 'm" + n + "'\n")
	}
	for i, n := range []string{"fast", "slow"} {
		fmt.Fprintf(&b, "\nconfig member 'm%s'\n\toption interface '%s'\n\toption weight '%d'\n", n, n, 2-i)
	}
	fmt.Fprintf(&b, "\nconfig rule 'far'\n\toption dest_ip '10.%d.0.0/24'\n\toption policy 'both'\n", 3-end)
	return b.String()
}

const packet = "\toption balance 'packet'\n"

// start runs both daemons, or gives them another configuration, and waits until the hosts reach each other.
func (s *sites) start(t *testing.T, m members, names []string, options string) {
	t.Helper()
	for i, h := range []*lab.Host{s.a, s.b} {
		config := "config globals 'globals'\n\toption log_level 'debug'\n\n" + m(i+1) + policy(i+1, names, options)
		if len(s.daemon) < 2 {
			var args []string
			if s.charon != nil {
				args = []string{"--vici", s.charon[i].Socket()}
			}
			s.daemon = append(s.daemon, lab.StartDaemon(h, config, args...))
		} else {
			s.daemon[i].Write(config)
			s.daemon[i].Reload()
		}
	}
	if !lab.Wait(10*time.Second, func() bool { return s.active(0) == len(names) && s.active(1) == len(names) }) {
		t.Fatalf("members in use: %d and %d, want %d of each", s.active(0), s.active(1), len(names))
	}
	flow := s.ha.PingFlow(hostB, lab.FlowOptions{Interval: 20 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 10*time.Second)
	flow.Stop()
}

// chain is a chain of our table as nft prints it; "" where there is none.
func (s *sites) chain(end int, name string) string {
	out, _ := []*lab.Host{s.a, s.b}[end].Exec("", "nft", "list", "chain", "inet", "multiwan", name)
	return out
}

// active counts the members that the policy's packets or connections are dealt to.
func (s *sites) active(end int) (n int) {
	text := s.chain(end, "spray4_both") + s.chain(end, "policy4_both")
	for _, name := range []string{"fast", "slow"} {
		if strings.Contains(text, "goto use4_"+name) || strings.Contains(text, "goto mark_"+name) {
			n++
		}
	}
	return n
}

// warned says whether the daemon at one end warns that the members are apart.
func (s *sites) warned(t *testing.T, end int) bool {
	t.Helper()
	out, err := s.daemon[end].CLI("status")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(out, "connections are spread in place of packets")
}

// rate is what n connections move from the host of a to that of b in all, in Mbit/s over the given time, after two seconds of start.
func (s *sites) rate(t *testing.T, n int, over time.Duration) float64 {
	t.Helper()
	var flows []*lab.Bulk
	for range n {
		flows = append(flows, s.ha.Download(hostB))
	}
	sum := func() (b int64) {
		for _, f := range flows {
			b += f.Bytes()
		}
		return b
	}
	time.Sleep(2 * time.Second)
	began, from := time.Now(), sum()
	time.Sleep(over)
	mbits := float64(sum()-from) * 8 / 1e6 / time.Since(began).Seconds()
	for _, f := range flows {
		f.Stop()
	}
	time.Sleep(300 * time.Millisecond) // queues run empty
	return mbits
}
