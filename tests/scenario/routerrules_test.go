package scenario_test

import (
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// routerRules are for the router's own traffic.
const routerRules = `
config rule 'user'
	option origin 'router'
	option uid '1000-1099'
	option policy 'wan1'

config rule 'marked'
	option origin 'router'
	option fwmark '0x100/0xf00'
	option policy 'wan1'

config rule 'ports'
	option origin 'router'
	option proto 'udp'
	option dest_port '7110-7112'
	option policy 'wan1'

config rule 'target'
	option origin 'router'
	option dest_ip '9.9.9.9 2620:fe::fe'
	option proto 'tcp'
	option policy 'wan1'

config rule 'refused'
	option origin 'router'
	option dest_port '7113'
	option policy 'unreachable'

config rule 'both'
	option origin 'any'
	option dest_port '7114'
	option policy 'wan1'

config rule 'forwarded_only'
	option dest_port '7115'
	option policy 'wan1'
`

// TestRouterRules matches the router's own traffic before its source is chosen:
// the socket itself has the address of the WAN, nothing is translated.
func TestRouterRules(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, routerRules))
	to := func(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
	var cases []ruleCase
	for port := uint16(7110); port <= 7115; port++ {
		cases = append(cases, ruleCase{port: port})
	}
	serveRules(n, cases)
	for _, a := range [][2]netip.Addr{{lab.Internet4, lab.Internet4c}, {lab.Internet6, lab.Internet6c}} {
		for _, c := range []struct {
			name string
			s    shot
			want string
		}{
			{"no rule", shot{network: "udp", to: to(a[0], 7)}, "wan0"},
			{"user", shot{network: "udp", to: to(a[0], 7), uid: 1050}, "wan1"},
			{"other user", shot{network: "tcp", to: to(a[0], 7), uid: 1100}, "wan0"},
			{"mark", shot{network: "tcp", to: to(a[0], 7), mark: 0x5100}, "wan1"},
			{"other mark", shot{network: "tcp", to: to(a[0], 7), mark: 0x200}, "wan0"},
			{"port in the range", shot{network: "udp", to: to(a[0], 7112)}, "wan1"},
			{"other protocol", shot{network: "tcp", to: to(a[0], 7112)}, "wan0"},
			{"target and protocol", shot{network: "tcp", to: to(a[1], 7)}, "wan1"},
			{"target, other protocol", shot{network: "udp", to: to(a[1], 7)}, "wan0"},
			{"any origin", shot{network: "tcp", to: to(a[0], 7114)}, "wan1"},
			{"rule of forwarded traffic", shot{network: "tcp", to: to(a[0], 7115)}, "wan0"},
		} {
			seen, own, err := exchangeFrom(n.Router, c.s)
			if got := outcome(n, seen, err); got != c.want {
				t.Errorf("%s to %s: %s (seen as %s, %v), want %s", c.name, c.s.to, got, seen, err, c.want)
			}
			if err == nil && own != seen {
				t.Errorf("%s to %s: the socket has %s and the far end saw %s: it was translated", c.name, c.s.to, own, seen)
			}
		}
	}
	for _, a := range []netip.Addr{lab.Internet4, lab.Internet6} {
		if seen, err := exchange(n.Client, shot{network: "tcp", to: to(a, 7114)}); outcome(n, seen, err) != "wan1" {
			t.Errorf("client, any origin: seen as %s, %v; want wan1", seen, err)
		}
		if seen, err := exchange(n.Client, shot{network: "udp", to: to(a, 7112)}); outcome(n, seen, err) != "wan0" {
			t.Errorf("client, rule of the router's traffic: seen as %s, %v; want wan0", seen, err)
		}
	}
	checkRouterRefusal(t, r)
	checkRouterExplain(t, r)
	r.noSpoofing()
}

// checkRouterRefusal refuses the router's own IPv4. IPv6 sockets get past it, by
// the kernel's second choice of a source (docs/decisions.md): of that the status
// warns.
func checkRouterRefusal(t *testing.T, r *router) {
	t.Helper()
	if _, err := exchange(r.Router, shot{network: "tcp", to: netip.AddrPortFrom(lab.Internet4, 7113)}); !isRefusal(err) {
		t.Errorf("rule to unreachable: %v, want a refusal", err)
	}
	if w := strings.Join(r.status().Warnings, "\n"); !strings.Contains(w, "rule refused: ipv6 programs of the router") {
		t.Errorf("the status does not warn of IPv6: %q", w)
	}
}

// checkRouterExplain asks about the router's own traffic.
func checkRouterExplain(t *testing.T, r *router) {
	t.Helper()
	for _, c := range []struct{ args, rule, wan string }{
		{"router 1.1.1.1 udp 7111", "ports", "wan1"},
		{"router 2606:4700:4700::1111 udp 7111", "ports", "wan1"},
		{"router 9.9.9.9 tcp 443", "target", "wan1"},
		{"router 1.1.1.1 tcp 443", "", "wan0"},
		{"198.18.1.2 1.1.1.1 tcp 443", "", "wan1"},
		{"2001:db8:2::2 2606:4700:4700::1111 tcp 443", "", "wan1"},
	} {
		var e status.Explanation
		r.ask(&e, "explain", append([]string{"--json"}, strings.Fields(c.args)...)...)
		if e.Rule != c.rule || oneWay(e) != c.wan || !e.Agrees {
			t.Errorf("explain %s: want rule %q and %s: %s", c.args, c.rule, c.wan, asJSON(t, e))
		}
	}
}
