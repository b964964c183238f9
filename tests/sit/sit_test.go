package sit

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
	"multiwan/tests/ubusd"
	"multiwan/tests/ubusd/netifd"
)

// site is a router with a line that gives IPv4 alone and carries a tunnel, and another with IPv6 of its own, which is worse.
type site struct {
	*lab.Network
	daemon *lab.Daemon
}

// probe finds a dead line within half a second.
const probe = `
config probe 'quick'
	list target '1.1.1.1'
	list target '2606:4700:4700::1111'
	option interval '0.1'
	option down '3'
	option up '2'
	option down_interval '0.1'
`

func newSite(t *testing.T) *site {
	t.Helper()
	lab.Need(t, lab.Nft, lab.Sit)
	return &site{Network: lab.T1(t, 2)}
}

func (s *site) start(tunnel string) { s.daemon = lab.StartDaemon(s.Router, s.config(tunnel)) }

func (s *site) config(tunnel string) string {
	return fmt.Sprintf("config globals 'globals'\n\toption log_level 'debug'\n%s\nconfig interface 'wan0'\n\toption device 'wan0'\n\tlist family 'ipv4'\n\tlist probe 'quick'\n\n%s\toption metric '2'\n\tlist probe 'quick'\n\nconfig tunnel 'six'\n\toption interface 'wan0'\n\tlist probe 'quick'\n%s",
		probe, s.WANs[1].UCI(), tunnel)
}

// lan gives the LAN the subnet 1 of a prefix, in place of one that it had, and returns the client's address there.
func (s *site) lan(prefix, before string) netip.Addr {
	give := func(verb, prefix string) netip.Addr {
		raw := netip.MustParsePrefix(prefix).Addr().As16()
		raw[7] |= 1
		raw[15] = 1
		s.Router.IP("-6 addr %s %s/64 dev lan nodad", verb, netip.AddrFrom16(raw))
		raw[15] = 0x10
		s.Client.IP("-6 addr %s %s/64 dev eth0 nodad", verb, netip.AddrFrom16(raw))
		return netip.AddrFrom16(raw)
	}
	if before != "" {
		give("del", before)
	}
	return give("add", prefix)
}

// reaches waits until the client reaches the internet from an address, and by the tunnel.
func (s *site) reaches(t *testing.T, from netip.Addr) {
	t.Helper()
	out := s.WANs[0].ISP.Capture("cust", func(f lab.Frame) bool { // the source behind the outer header
		return f.Proto == 41 && len(f.Payload) >= 60 && netip.AddrFrom16([16]byte(f.Payload[28:44])) == from
	})
	defer out.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		flow := s.Client.PingFlow(lab.Internet6, lab.FlowOptions{Interval: 50 * time.Millisecond, Local: netip.AddrPortFrom(from, 0)})
		time.Sleep(250 * time.Millisecond)
		r := flow.Stop()
		if r.Lost() < len(r.Packets) && len(out.Frames()) > 0 {
			return
		}
	}
	t.Fatalf("%d packets from %s went into the tunnel, or none was answered\n%s\n%s\n%s\n%s", len(out.Frames()), from, s.Router.IP("-d link show type sit"),
		s.Router.IP("-6 rule show"), s.Router.IP("-6 route show table all proto 77"), s.daemon.Log())
}

// has checks lines of what ip prints.
func (s *site) has(t *testing.T, command string, want ...string) {
	t.Helper()
	got := s.Router.IP("%s", command)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("ip %s: no %q in\n%s", command, w, got)
		}
	}
}

// noLoop sends from the internet to an address of the prefix that no network of ours has.
func (s *site) noLoop(t *testing.T, unused string) {
	t.Helper()
	wire := s.WANs[0].ISP.Capture("cust", func(f lab.Frame) bool { return f.Proto == 41 })
	refused := s.Internet.Capture(s.WANs[0].ISP.Name, func(f lab.Frame) bool { return f.Proto == 58 && f.ICMPType == 1 })
	flow := s.Internet.PingFlow(netip.MustParseAddr(unused), lab.FlowOptions{Interval: 50 * time.Millisecond})
	time.Sleep(500 * time.Millisecond)
	sent := len(flow.Stop().Packets)
	// Each comes once, and each is refused at most once; the tunnel's own probes pass meanwhile, ten a second each way.
	if n := len(wire.Stop()); n > 2*sent+30 {
		t.Errorf("%d packets in the tunnel for %d sent: they go round", n, sent)
	}
	if n := len(refused.Stop()); n == 0 {
		t.Error("nothing tells the sender that the address does not exist")
	}
}

// dies ends the line under the tunnel: IPv6 of the host leaves by the other one.
func (s *site) dies(t *testing.T, host netip.Addr) {
	t.Helper()
	other := s.WANs[1].ISP.Capture("cust", func(f lab.Frame) bool { return f.Proto == 58 && f.Src == s.WANs[1].Addr6 && f.Dst == lab.Internet6b })
	flow := s.Client.PingFlow(lab.Internet6b, lab.FlowOptions{Interval: 20 * time.Millisecond, Local: netip.AddrPortFrom(host, 0)})
	defer flow.Stop()
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	if n := len(other.Frames()); n > 0 {
		t.Errorf("%d packets by the other line before this one is dead", n)
	}
	began := time.Now()
	s.WANs[0].ISP.IP("link set dev net down")
	lab.Wait(5*time.Second, func() bool { return len(other.Frames()) > 0 })
	flow.WaitAnswer(t, began.Add(50*time.Millisecond), 5*time.Second) // what was on its way is answered before
	if len(other.Stop()) == 0 {
		t.Error("IPv6 does not leave by the other line")
	}
	t.Logf("by the other line after %v", time.Since(began).Round(10*time.Millisecond))
}

// gone stops the daemon for good and looks for what is left.
func (s *site) gone(t *testing.T) {
	t.Helper()
	if out, err := s.daemon.CLI("stop"); err != nil {
		t.Fatalf("stop: %v %s", err, out)
	}
	if got := s.Router.IP("-6 rule show") + s.Router.IP("-6 route show table all") + s.Router.IP("link show"); strings.Contains(got, "six") || strings.Contains(got, "proto 77") || strings.Contains(got, "6450:") {
		t.Errorf("left behind:\n%s", got)
	}
}

// relay is the provider's end of 6rd.
func (s *site) relay() {
	isp := s.WANs[0].ISP
	isp.IP("tunnel add relay mode sit local 198.18.0.1 ttl 64")
	isp.IP("tunnel 6rd dev relay 6rd-prefix 2001:db9:5a00::/40 6rd-relay_prefix 198.18.0.0/16")
	isp.IP("link set dev relay up")
	isp.IP("-6 route add 2001:db9:5a00::/40 dev relay")
	s.Internet.IP("-6 route add 2001:db9:5a00::/40 via fd00:ff:0::2")
}

// TestSit6rd has the prefix follow the provider's IPv4 address, and IPv6 the policies.
func TestSit6rd(t *testing.T) {
	s := newSite(t)
	s.relay()
	host := s.lan("2001:db9:5a00:200::/56", "")
	s.start("\toption type '6rd'\n\toption remote '198.18.0.1'\n\toption prefix '2001:db9:5a00::/40'\n\toption ipv4masklen '16'\n")
	s.reaches(t, host)
	s.has(t, "-d link show dev six", "mtu 1480", "local 198.18.0.2", "6rd-prefix 2001:db9:5a00::/40", "6rd-relay_prefix 198.18.0.0/16", "alias multiwan:six")
	s.has(t, "-6 rule show", "from 2001:db9:5a00:200::/56 lookup", "from all to 2001:db9:5a00:200::/56 unreachable")
	s.has(t, "-6 route show table all", "default via ::198.18.0.1 dev six table")
	s.noLoop(t, "2001:db9:5a00:2ff::1")

	t.Run("address changes", func(t *testing.T) {
		s.Router.IP("addr del 198.18.0.2/24 dev wan0")
		s.Router.IP("addr add 198.18.0.9/24 dev wan0")
		s.Router.IP("route replace default via 198.18.0.1 dev wan0 metric 10")
		host = s.lan("2001:db9:5a00:900::/56", "2001:db9:5a00:200::/56")
		s.reaches(t, host)
		s.has(t, "-d link show dev six", "local 198.18.0.9")
		if got := s.Router.IP("-6 rule show"); strings.Contains(got, "2001:db9:5a00:200::") {
			t.Errorf("rules of the former prefix:\n%s", got)
		}
	})
	t.Run("line dies", func(t *testing.T) { s.dies(t, host) })
	s.gone(t)
}

// TestNetifd6rd has the tunnel made by netifd, whose handler of proto 6rd makes the device 6rd-NAME and two default routes of the main table, by the
// source prefix: it is a WAN of family ipv6 as any other, and IPv6 leaves by another WAN when the line under it dies.
func TestNetifd6rd(t *testing.T) {
	s := newSite(t)
	s.relay()
	host := s.lan("2001:db9:5a00:200::/56", "")
	s.Router.IP("tunnel add 6rd-wan6 mode sit local 198.18.0.2 ttl 64")
	s.Router.IP("tunnel 6rd dev 6rd-wan6 6rd-prefix 2001:db9:5a00::/40 6rd-relay_prefix 198.18.0.0/16")
	s.Router.IP("link set dev 6rd-wan6 mtu 1280 up")
	s.Router.IP("-6 addr add 2001:db9:5a00:200::1/40 dev 6rd-wan6 nodad")
	for _, from := range []string{"2001:db9:5a00::/40", "2001:db9:5a00:200::/56"} {
		s.Router.IP("-6 route add default from %s via ::198.18.0.1 dev 6rd-wan6 metric 4096", from)
	}
	routes := s.Router.IP("-6 route show table main")
	b := ubusd.Start(t)
	netifd.Publish(t, b, `{"interface":"wan6","up":true,"proto":"6rd","l3_device":"6rd-wan6",
		"ipv6-address":[{"address":"2001:db9:5a00:200::1","mask":40}],"ipv6-prefix":[{"address":"2001:db9:5a00:200::","mask":56,"class":"wan6","assigned":{}}],
		"route":[{"target":"::","mask":0,"nexthop":"::198.18.0.1","metric":4096,"source":"2001:db9:5a00:200::1/40"},
			{"target":"::","mask":0,"nexthop":"::198.18.0.1","metric":4096,"source":"2001:db9:5a00:200::/56"}]}`)
	s.daemon = lab.StartDaemon(s.Router, fmt.Sprintf("%s\nconfig interface 'wan6'\n\tlist family 'ipv6'\n\tlist probe 'quick'\n\n%s\toption metric '2'\n\tlist probe 'quick'\n",
		probe, s.WANs[1].UCI()), "--ubus", b.Path)
	s.reaches(t, host)
	s.has(t, "-6 rule show", "from 2001:db9:5a00:200::/56 lookup")
	s.has(t, "-6 route show table all", "default via ::198.18.0.1 dev 6rd-wan6 table")
	s.dies(t, host)
	if now := s.Router.IP("-6 route show table main"); now != routes {
		t.Errorf("netifd's routes were\n%sand are\n%s", routes, now)
	}
	s.gone(t)
}

// Test6to4 has public relays.
func Test6to4(t *testing.T) {
	s := newSite(t)
	isp := s.WANs[0].ISP
	isp.AddAddr("lo", "192.88.99.1/32")
	isp.IP("tunnel add relay mode sit local 192.88.99.1 ttl 64")
	isp.IP("link set dev relay up")
	isp.IP("-6 route add 2002::/16 dev relay")
	s.Internet.IP("-6 route add 2002::/16 via fd00:ff:0::2")
	host := s.lan("2002:c612:2::/48", "")
	s.start("\toption type '6to4'\n\toption ttl '255'\n")
	s.reaches(t, host)
	s.has(t, "-d link show dev six", "local 198.18.0.2", "ttl 255")
	s.has(t, "-6 rule show", "from 2002:c612:2::/48 lookup", "from all to 2002:c612:2::/48 unreachable")
	s.has(t, "-6 route show table all", "default via ::192.88.99.1 dev six table")
	s.noLoop(t, "2002:c612:2:ff::1")
	s.gone(t)
}

// Test6in4 has a broker with a prefix for the LAN.
func Test6in4(t *testing.T) {
	s := newSite(t)
	s.Internet.IP("tunnel add broker mode sit local 1.1.1.1 remote 198.18.0.2 ttl 64")
	s.Internet.IP("link set dev broker up")
	s.Internet.IP("-6 addr add 2001:db9:76::1/64 dev broker nodad")
	s.Internet.IP("-6 route add 2001:db9:77::/48 via 2001:db9:76::2")
	host := s.lan("2001:db9:77::/48", "")
	s.start("\toption type '6in4'\n\toption remote '1.1.1.1'\n\toption prefix '2001:db9:77::/48'\n\tlist ipaddr '2001:db9:76::2/64'\n\toption gateway '2001:db9:76::1'\n")
	s.reaches(t, host)
	s.has(t, "-d link show dev six", "remote 1.1.1.1 local 198.18.0.2", "mtu 1480")
	s.has(t, "-6 route show table all", "default via 2001:db9:76::1 dev six table")
	s.has(t, "-6 rule show", "from 2001:db9:77::/48 lookup", "from all to 2001:db9:77::/48 unreachable")
	s.gone(t)
}
