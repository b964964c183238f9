package sites

import (
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestProbed watches far ends that answer no loopback messages: in a bridge by asking an address there for its link-layer address, in IPv4 and
// IPv6, and with addresses of its own by pings. When the far end is gone the pseudowire is down, and up when it is back.
func TestProbed(t *testing.T) {
	lab.Need(t, lab.L2TP)
	const probe = "config probe 'far'\n\toption method '%m'\n\tlist target '%t'\n\toption interval '0.2'\n\toption down_interval '0.2'\n\toption up '2'\n\n"
	n := lab.JoinSites(t, lab.SitesOptions{})
	use := func(s *lab.Site, text string) {
		if s.Daemon == nil {
			s.Daemon = lab.StartDaemon(s.Router, text)
			return
		}
		s.Daemon.Write(text)
		s.Daemon.Reload()
	}
	for _, c := range []struct {
		name, method, target, bridge string
		own                          []string // of the pseudowire's ends
	}{
		{name: "arp", method: "arping", target: "10.9.0.22"},
		{name: "neighbours", method: "arping", target: "fd00:9::22"},
		{name: "ping", method: "ping", target: "10.8.0.2", bridge: "-", own: []string{"ipaddr 10.8.0.1/30", "ipaddr 10.8.0.2/30"}},
		{name: "ping6", method: "ping", target: "fd00:8::2", bridge: "-", own: []string{"ipaddr fd00:8::1/126", "ipaddr fd00:8::2/126"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := cable{clear: true, bridge: c.bridge, options: []string{"probe far"}}, cable{clear: true, bridge: c.bridge}
			if c.own != nil {
				near.options, far.options = append(near.options, c.own[0]), append(far.options, c.own[1])
			}
			device, own := "br-lan", c.target+map[bool]string{true: "/64", false: "/24"}[strings.Contains(c.target, ":")]
			there := func() { n.B.Router.AddAddr(device, own) }
			gone := func() { n.B.Router.DelAddr(device, own) }
			if c.own != nil { // somebody else drops what is asked
				there = func() { n.B.Router.NFT("table inet deaf\ndelete table inet deaf") }
				gone = func() {
					n.B.Router.NFT("table inet deaf { chain c { type filter hook input priority -400; iifname \"pw\" meta l4proto { icmp, icmpv6 } drop\n}\n}")
				}
			} else {
				there()
			}
			use(n.A, strings.NewReplacer("%m", c.method, "%t", c.target).Replace(probe)+config(n.A, near))
			use(n.B, config(n.B, far))
			time.Sleep(time.Second) // what came before is gone
			is := func(state string) func() bool {
				return func() bool { return n.A.Status().Pseudowires["pw"].State == state }
			}
			turn := func(what, state string) {
				t.Helper()
				begin := time.Now()
				if !lab.Wait(10*time.Second, is(state)) {
					t.Fatalf("%s: %+v", what, n.A.Status().Pseudowires["pw"])
				}
				t.Logf("%s: %s after %v", what, state, time.Since(begin))
			}
			turn("start", "up")
			gone()
			turn("the far end is gone", "down")
			if c.own == nil { // that nobody answers is no reason to stop frames
				n.Reaches(2 * time.Second)
			}
			there()
			turn("it is back", "up")
			if history, err := n.A.Daemon.CLI("history", "--short"); err != nil || strings.Count(history, "pw ") < 2 {
				t.Errorf("%v: history\n%s", err, history)
			}
		})
	}
}
