package scenario_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// everyMatch sends what it matches by wan1; the default prefers wan0. Each rule
// has ports of its own, so that the cases do not meet.
const everyMatch = `
config rule 'first'
	option dest_port '7000'
	option policy 'wan0'

config rule 'never_reached'
	option dest_port '7000'
	option policy 'wan1'

config rule 'off'
	option enabled '0'
	option dest_port '7001'
	option policy 'wan1'

config rule 'sources'
	list src_ip '192.168.1.10'
	list src_ip '10.0.0.0/8'
	list src_ip 'fd00:1::10'
	option dest_port '7002'
	option policy 'wan1'

config rule 'source_net'
	list src_ip '192.168.2.0/24'
	list src_ip 'fd00:2::/64'
	option dest_port '7003'
	option policy 'wan1'

config rule 'other_sources'
	option src_ip '! 192.168.1.0/24 192.168.77.1 fd00:1::/64'
	option dest_port '7004'
	option policy 'wan1'

config rule 'destinations'
	option dest_ip '8.8.8.0/24 9.9.9.9 2001:4860::/32 2620:fe::fe'
	option dest_port '7005'
	option policy 'wan1'

config rule 'other_destinations'
	list dest_ip '!1.1.1.1'
	list dest_ip '!2606:4700:4700::1111'
	option dest_port '7006'
	option policy 'wan1'

config rule 'source_ports'
	option src_port '20000,20010-20019'
	option dest_port '7007'
	option policy 'wan1'

config rule 'other_source_ports'
	option src_port '!20000-20010'
	option dest_port '7008'
	option policy 'wan1'

config rule 'destination_ports'
	list dest_port '7010-7012'
	list dest_port '7014'
	option policy 'wan1'

config rule 'tcp_only'
	option proto 'tcp'
	option dest_port '7020'
	option policy 'wan1'

config rule 'udp_only'
	option proto 'udp'
	option dest_port '7021'
	option policy 'wan1'

config rule 'pings'
	option proto 'icmp icmpv6'
	option dest_ip '9.9.9.9 2620:fe::fe'
	option policy 'wan1'

config rule 'expedited'
	option dscp 'ef 10'
	option dest_port '7022'
	option policy 'wan1'

config rule 'not_expedited'
	option dscp '!ef'
	option dest_port '7023'
	option policy 'wan1'

config rule 'from_lan2'
	option src_iface 'lan2'
	option dest_port '7024'
	option policy 'wan1'

config rule 'not_from_lan2'
	option src_iface '!lan2'
	option dest_port '7025'
	option policy 'wan1'

config rule 'four'
	option family 'ipv4'
	option dest_port '7026'
	option policy 'wan1'

config rule 'six'
	option family 'ipv6'
	option dest_port '7027'
	option policy 'wan1'

config rule 'names'
	option nftset 'video'
	option dest_port '7028'
	option policy 'wan1'

config rule 'other_names'
	option nftset '!video'
	option dest_port '7029'
	option policy 'wan1'

config rule 'all_at_once'
	option family 'ipv4'
	option proto 'udp'
	option src_ip '192.168.1.10'
	option src_iface 'lan'
	option src_port '20000-20999'
	option dest_ip '8.8.8.8'
	option dest_port '7030-7031'
	option policy 'wan1'

config rule 'no'
	option dest_port '7040'
	option policy 'unreachable'

config rule 'nothing'
	option dest_port '7041'
	option policy 'blackhole'

config rule 'as_main'
	option dest_port '7042'
	option policy 'main'

config policy 'second'
	list interface 'wan1'

config rule 'by_policy'
	option dest_port '7043'
	option policy 'second'
`

// ruleCase is a connection and the WAN that must carry it.
type ruleCase struct {
	name    string
	port    uint16
	want4   string        // WAN; also "refused" or "silence"
	want6   string        // "": as IPv4
	network string        // "": udp
	to      [2]netip.Addr // of IPv4 and IPv6; zero: 1.1.1.1 and its like
	from    *lab.Host     // nil: the client
	sport   uint16
	dscp    int
}

var (
	second = [2]netip.Addr{lab.Internet4b, lab.Internet6b}
	third  = [2]netip.Addr{lab.Internet4c, lab.Internet6c}
)

func forwardedCases(n *lab.Network) []ruleCase {
	neighbour := n.Neighbour
	return []ruleCase{
		{name: "the first rule wins", port: 7000, want4: "wan0"},
		{name: "a rule that is off", port: 7001, want4: "wan0"},
		{name: "source in the list", port: 7002, want4: "wan1"},
		{name: "source not in the list", port: 7002, want4: "wan0", from: neighbour},
		{name: "source in the network", port: 7003, want4: "wan1", from: neighbour},
		{name: "source not in the network", port: 7003, want4: "wan0"},
		{name: "source negated, in the list", port: 7004, want4: "wan0"},
		{name: "source negated, not in the list", port: 7004, want4: "wan1", from: neighbour},
		{name: "destination in the network", port: 7005, want4: "wan1", to: second},
		{name: "destination in the list", port: 7005, want4: "wan1", to: third},
		{name: "destination not in the list", port: 7005, want4: "wan0"},
		{name: "destination negated, in the list", port: 7006, want4: "wan0"},
		{name: "destination negated, not in the list", port: 7006, want4: "wan1", to: second},
		{name: "source port in the list", port: 7007, want4: "wan1", sport: 20000},
		{name: "source port in the range", port: 7007, want4: "wan1", sport: 20015, network: "tcp"},
		{name: "source port outside", port: 7007, want4: "wan0", sport: 20020},
		{name: "source port negated, inside", port: 7008, want4: "wan0", sport: 20005},
		{name: "source port negated, outside", port: 7008, want4: "wan1", sport: 20011},
		{name: "port at the end of the range", port: 7012, want4: "wan1"},
		{name: "port between the ranges", port: 7013, want4: "wan0"},
		{name: "port behind the range", port: 7014, want4: "wan1", network: "tcp"},
		{name: "tcp rule, tcp", port: 7020, want4: "wan1", network: "tcp"},
		{name: "tcp rule, udp", port: 7020, want4: "wan0"},
		{name: "udp rule, tcp", port: 7021, want4: "wan0", network: "tcp"},
		{name: "udp rule, udp", port: 7021, want4: "wan1"},
		{name: "dscp by name", port: 7022, want4: "wan1", dscp: 46},
		{name: "dscp by number", port: 7022, want4: "wan1", dscp: 10, network: "tcp"},
		{name: "other dscp", port: 7022, want4: "wan0", dscp: 12},
		{name: "dscp negated", port: 7023, want4: "wan0", dscp: 46},
		{name: "dscp negated, other", port: 7023, want4: "wan1"},
		{name: "input device", port: 7024, want4: "wan1", from: neighbour},
		{name: "other input device", port: 7024, want4: "wan0"},
		{name: "input device negated", port: 7025, want4: "wan0", from: neighbour},
		{name: "input device negated, other", port: 7025, want4: "wan1"},
		{name: "family ipv4", port: 7026, want4: "wan1", want6: "wan0"},
		{name: "family ipv6", port: 7027, want4: "wan0", want6: "wan1"},
		{name: "set of addresses", port: 7028, want4: "wan1", to: third},
		{name: "not in the set", port: 7028, want4: "wan0"},
		{name: "set negated", port: 7029, want4: "wan0", to: third},
		{name: "set negated, not in it", port: 7029, want4: "wan1"},
		{name: "everything at once", port: 7031, want4: "wan1", want6: "wan0", to: second, sport: 20500},
		{name: "everything but the protocol", port: 7031, want4: "wan0", to: second, sport: 20501, network: "tcp"},
		{name: "everything but the destination", port: 7031, want4: "wan0", sport: 20502},
		{name: "unreachable", port: 7040, want4: "refused", network: "tcp"},
		{name: "blackhole", port: 7041, want4: "silence"},
		{name: "main", port: 7042, want4: "wan1"},
		{name: "policy", port: 7043, want4: "wan1"},
		{name: "no rule", port: 7099, want4: "wan0"},
	}
}

// serveRules starts servers on every port of the cases.
func serveRules(n *lab.Network, cases []ruleCase) {
	seen := map[uint16]bool{}
	for _, c := range cases {
		if !seen[c.port] {
			seen[c.port] = true
			n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), c.port))
			n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), c.port))
			n.Internet.ServeTCP(int(c.port), greet)
		}
	}
}

// TestRuleMatches sends a connection for each match of a rule, where it matches
// and where it does not, and compares with explain.
func TestRuleMatches(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	cases := forwardedCases(n)
	serveRules(n, cases)
	// Main prefers wan1, so that a rule to main shows.
	n.Router.IP("route add default via %s dev wan1 metric 1", n.WANs[1].Gateway4)
	n.Router.IP("-6 route add default via %s dev wan1 metric 1", n.WANs[1].Gateway6)
	r := start(t, n, n.UCI(fastProbe, everyMatch))
	fillSet(t, n)
	for _, c := range cases {
		c.check(t, r)
	}
	checkPings(t, r)
	before := hits(r)
	t.Run("sets are kept over a reload", func(t *testing.T) {
		r.Write(n.UCI(fastProbe, everyMatch, "config rule 'more'\n\toption dest_port '7050'\n\toption policy 'wan1'\n"))
		r.Reload()
		r.await(patience, "the new rule in force", func(d status.Document) bool { return d.Rules[len(d.Rules)-1].Name == "more" })
		r.steady()
		ruleCase{name: "set after the reload", port: 7028, want4: "wan1", to: third}.check(t, r)
	})
	checkHits(t, before, hits(r))
	r.noSpoofing()
}

// hits are the connections that each rule counted; rules that do not count are
// not in it.
func hits(r *router) map[string]uint64 {
	r.t.Helper()
	out := map[string]uint64{}
	for _, rule := range r.status().Rules {
		if rule.Hits != nil {
			out[rule.Name] = *rule.Hits
		}
	}
	return out
}

// checkHits compares the counts with the connections of the cases: of both
// families, none where an earlier rule wins or the rule is off, and kept over a
// reload.
func checkHits(t *testing.T, before, after map[string]uint64) {
	t.Helper()
	for rule, want := range map[string]uint64{"first": 2, "sources": 2, "destination_ports": 4, "four": 1, "all_at_once": 1, "names": 2} {
		if before[rule] < want { // a datagram that is sent again before its answer counts again
			t.Errorf("rule %s counted %d connections, want %d", rule, before[rule], want)
		}
	}
	if n, is := before["never_reached"]; n != 0 || !is {
		t.Errorf("a rule behind another counted %d, %v", n, is)
	}
	if n, is := before["off"]; is {
		t.Errorf("a rule that is off counted %d", n)
	}
	if after["names"] < before["names"]+2 || after["first"] != before["first"] {
		t.Errorf("after a reload: names %d, first %d; before it %d and %d", after["names"], after["first"], before["names"], before["first"])
	}
}

// fillSet does by hand what dnsmasq does.
func fillSet(t *testing.T, n *lab.Network) {
	t.Helper()
	for set, element := range map[string]netip.Addr{"video": lab.Internet4c, "video6": lab.Internet6c} {
		if _, err := n.Router.Exec("", "nft", "add", "element", "inet", "multiwan", set, "{", element.String(), "}"); err != nil {
			t.Fatal(err)
		}
	}
}

// check sends the connection in both families.
func (c ruleCase) check(t *testing.T, r *router) {
	t.Helper()
	if c.network == "" {
		c.network = "udp"
	}
	if c.from == nil {
		c.from = r.Client
	}
	if !c.to[0].IsValid() {
		c.to = [2]netip.Addr{lab.Internet4, lab.Internet6}
	}
	if c.want6 == "" {
		c.want6 = c.want4
	}
	sources := [2]netip.Addr{lab.Client4, lab.Client6}
	if c.from == r.Neighbour {
		sources = [2]netip.Addr{lab.Neighbour4, lab.Neighbour6}
	}
	for i, want := range []string{c.want4, c.want6} {
		s := shot{network: c.network, to: netip.AddrPortFrom(c.to[i], c.port), local: netip.AddrPortFrom(sources[i], c.sport), dscp: c.dscp}
		if want == "silence" {
			s.wait = 500 * time.Millisecond
		}
		seen, err := exchange(c.from, s)
		got := outcome(r.Network, seen, err)
		if got != want {
			t.Errorf("%s: %s from %s to %s: %s (seen as %s, %v), want %s", c.name, s.network, s.local, s.to, got, seen, err, want)
		}
		c.compare(t, r, s, got)
	}
}

// outcome puts what became of a connection into a word.
func outcome(n *lab.Network, seen netip.AddrPort, err error) string {
	switch {
	case err == nil && n.ByAddr(seen.Addr()) != nil:
		return n.ByAddr(seen.Addr()).Name
	case isRefusal(err):
		return "refused"
	case err != nil && isTimeout(err):
		return "silence"
	}
	return "odd"
}

// compare asks explain about the same connection. What is in a set, only the
// kernel knows.
func (c ruleCase) compare(t *testing.T, r *router, s shot, got string) {
	t.Helper()
	if c.port == 7028 || c.port == 7029 {
		return
	}
	e := r.explain(s.local.Addr(), s.to.Addr(), s.network, c.port, "--sport", fmt.Sprint(c.sport), "--dscp", fmt.Sprint(c.dscp))
	said := oneWay(e)
	switch e.State {
	case "unreachable":
		said = "refused"
	case "blackhole":
		said = "silence"
	case "main":
		said = ""
		if e.Kernel != nil {
			said = e.Kernel.Device // named as the WAN
		}
	}
	if said != got || !e.Agrees {
		t.Errorf("%s: the connection came to %s, explain says %s: %s", c.name, got, said, asJSON(t, e))
	}
}

// checkPings looks where pings leave, which carry no source back.
func checkPings(t *testing.T, r *router) {
	t.Helper()
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6, lab.Internet4c, lab.Internet6c} {
		want := 0
		if to == lab.Internet4c || to == lab.Internet6c {
			want = 1
		}
		// Probes ping the same targets from the router's own addresses, so the
		// client's are told by their size.
		captures := map[int]*lab.Capture{}
		for i, w := range r.WANs {
			captures[i] = r.Router.Capture(w.Device, func(f lab.Frame) bool {
				return f.Out && f.Dst == to && (f.ICMPType == 8 && f.Proto == 1 || f.ICMPType == 128 && f.Proto == 58) && len(f.Payload) < 60
			})
		}
		flow := r.Client.PingFlow(to, lab.FlowOptions{})
		flow.WaitAnswer(t, time.Time{}, 2*time.Second)
		flow.Stop()
		if n := captures[want].Stop(); len(n) == 0 {
			t.Errorf("no ping to %s left by wan%d", to, want)
		}
		if n := captures[1-want].Stop(); len(n) > 0 {
			t.Errorf("%d pings to %s left by wan%d", len(n), to, 1-want)
		}
	}
}
