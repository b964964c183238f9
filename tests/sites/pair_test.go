package sites

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// site is one end: a router with a LAN bridge, a host behind it, charon and the daemon.
type site struct {
	router, host *lab.Host
	charon       *lab.IKEDaemon
	daemon       *lab.Daemon
}

// joined are two sites over one line, 192.0.2.0/24, with hosts of one network behind.
type joined struct {
	lab  *lab.Lab
	a, b *site
}

// build makes the two routers and their hosts; nothing runs on them yet.
func build(t *testing.T) *joined {
	t.Helper()
	n := lab.New(t)
	j := &joined{lab: n, a: &site{router: n.Host("a"), host: n.Host("ha")}, b: &site{router: n.Host("b"), host: n.Host("hb")}}
	n.Link(j.a.router, "wan", "192.0.2.1/24,2001:db8::1/64", j.b.router, "wan", "192.0.2.2/24,2001:db8::2/64")
	for i, s := range []*site{j.a, j.b} {
		n.Link(s.router, "lan", "", s.host, "eth0", fmt.Sprintf("10.9.0.%d/24", i+1))
		s.router.IP("link add name br-lan type bridge")
		s.router.IP("link set dev lan master br-lan")
		s.router.IP("link set dev br-lan up")
	}
	return j
}

// start runs charon and the daemon on a site.
func (s *site) start(config string) {
	s.charon = lab.StartCharon(s.router)
	s.daemon = lab.StartDaemon(s.router, config, "--vici", s.charon.Socket())
}

// wan is the line as a WAN, whose far end is its gateway.
func wan(gateway string) string {
	return fmt.Sprintf(`
config globals 'globals'
	option log_level 'debug'

config interface 'wan'
	option device 'wan'
	option gateway '%s'
	list family 'ipv4'
	list probe 'line'

config probe 'line'
	option interval '0.2'
	list target '%s'
`, gateway, gateway)
}

// far is the address of the host behind b.
var far = netip.MustParseAddr("10.9.0.2")

// reaches waits until the host of a gets answers of the host of b.
func (j *joined) reaches(t *testing.T, limit time.Duration) {
	t.Helper()
	flow := j.a.host.PingFlow(far, lab.FlowOptions{Interval: 50 * time.Millisecond})
	defer flow.Stop()
	flow.WaitAnswer(t, time.Time{}, limit)
}

func TestBridged(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	j := build(t)
	end := func(id, peer string, remote string) string {
		return wan(remote) + fmt.Sprintf(`
config ipsec 'dc'
	option remote '%[3]s'
	option local_id '%[1]s'
	option remote_id '%[2]s'
	option psk 'secret of both'

config pseudowire 'pw'
	option interface 'wan'
	option remote '%[3]s'
	option tunnel_id '1'
	option session_id '1'
	option cookie 'deadbeef'
	option peer_cookie 'deadbeef'
	option ipsec 'dc'
	option bridge 'br-lan'
`, id, peer, remote)
	}
	clear := j.a.router.Capture("wan", func(f lab.Frame) bool { return f.Proto == 17 && (f.SrcPort == 1701 || f.DstPort == 1701) })
	j.a.start(end("a", "b", "192.0.2.2"))
	j.b.start(end("b", "a", "192.0.2.1"))
	j.reaches(t, 30*time.Second)
	if n := len(clear.Frames()); n != 0 {
		t.Errorf("%d frames in clear", n)
	}
	t.Log(j.a.router.IP("-d link show dev pw"))
}
