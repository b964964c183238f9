package steering_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/tests/lab"
)

// table is a router with two WANs, a LAN and a VPN that takes 0.0.0.0/1 and 8000::/1 … in main, the planned objects loaded.
type table struct {
	*lab.Network
	cfg   *config.Config
	facts plan.Facts
}

func newTable(t *testing.T, edit func(*config.Config, *plan.Facts)) *table {
	t.Helper()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Router.IP("link add vpn0 type veth peer name vpn1")
	n.Router.Up("vpn0", "10.9.0.2/24,fd00:9::2/64")
	n.Router.Up("vpn1", "")
	n.Router.IP("route add 0.0.0.0/1 dev vpn0")
	n.Router.IP("-6 route add 2000::/3 dev vpn0 metric 50")
	tb := &table{Network: n, cfg: twoWANs(), facts: facts(n)}
	if edit != nil {
		edit(tb.cfg, &tb.facts)
	}
	load(t, n.Router, plan.Compute(tb.cfg, tb.facts).Want)
	return tb
}

// twoWANs is preferred and backup, and rules of every origin.
func twoWANs() *config.Config {
	wan := func(name string, metric int) config.Interface {
		return config.Interface{Name: name, Enabled: true, Families: kstate.Families[:], Metric: metric, Weight: 1, SNAT: "auto", SNAT6: "none"}
	}
	policy := func(name string, members ...config.Member) config.Policy {
		return config.Policy{Name: name, Members: members, Balance: "connection", LastResort: "best_effort", Failback: "move_udp"}
	}
	return &config.Config{
		Globals:    config.Globals{Enabled: true, Steering: "mark", MarkMask: 0x7f000000, RuleBase: 6000, TableBase: 19712, FixedPorts: []uint16{500, 1701, 4500}},
		Interfaces: []config.Interface{wan("wan0", 1), wan("wan1", 2)},
		Policies: []config.Policy{
			policy("default", config.Member{Interface: "wan0", Metric: 1, Weight: 1}, config.Member{Interface: "wan1", Metric: 2, Weight: 1}),
			policy("second", config.Member{Interface: "wan1", Metric: 1, Weight: 1}),
		},
		Rules: []config.Rule{{
			Name: "sip", Enabled: true, Origin: "router", Policy: "second",
			Proto: []config.Proto{{Name: "udp", Number: 17}}, Dport: config.Ports{List: []kstate.PortRange{{Lo: 5060, Hi: 5061}}},
		}},
	}
}

// facts says that both WANs are there and up.
func facts(n *lab.Network) plan.Facts {
	f := plan.Facts{
		Network: plan.Network{WANs: map[string]plan.WAN{}}, Health: map[string]map[kstate.Family]plan.Verdict{},
		IDs: map[string]int{}, PolicyIDs: map[string]int{"default": 1, "second": 2}, RPFilter: map[string]int{},
	}
	for i, w := range n.WANs {
		f.WANs[w.Name] = plan.WAN{
			Device: w.Device, Index: 1, Up: true, Carrier: true, PointToPoint: w.Kind == lab.Tunnel,
			IPv4: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(w.Addr4, 24)}, Gateway: w.Gateway4},
			IPv6: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(w.Addr6, 64)}, Gateway: w.Gateway6},
		}
		f.IDs[w.Name] = i + 1
		f.Health[w.Name] = map[kstate.Family]plan.Verdict{kstate.IPv4: {State: "up"}, kstate.IPv6: {State: "up"}}
	}
	return f
}

// load puts a planned state into the kernel by ip and nft.
func load(t *testing.T, h *lab.Host, s kstate.State) {
	t.Helper()
	for _, n := range s.Nexthops {
		ip(h, n.String(), "nexthop add")
	}
	for _, r := range s.Routes {
		ip(h, r.String(), "route add")
	}
	for _, r := range s.Rules {
		ip(h, r.String(), "rule add")
	}
	for _, tb := range s.Tables {
		h.NFT(tb.String())
	}
}

// ip runs an object's text with the verb put in, under our protocol number.
func ip(h *lab.Host, text, verb string) {
	object, _, _ := strings.Cut(verb, " ")
	text = strings.Replace(text, object+" ", verb+" ", 1)
	if object == "rule" {
		text = strings.Replace(text, " lookup ", " protocol 77 lookup ", 1)
	} else if object == "route" {
		text = strings.Replace(text, " metric ", " proto 77 metric ", 1)
	}
	h.IP("%s", text)
}

const (
	markA, markB   = 0x01000000, 0x02000000
	probeA, probeB = 0x41000000, 0x42000000
)

// TestRuleTable asks the kernel where packets go under the planned rules.
func TestRuleTable(t *testing.T) {
	tb := newTable(t, nil)
	a, b := tb.WANs[0], tb.WANs[1]
	far, far6 := lab.Internet4, lab.Internet6
	lan, lan6 := lab.Client4, lab.Client6
	for _, c := range []struct {
		name, query, dev string
		src              netip.Addr
	}{
		{"router, vpn in main wins", far.String(), "vpn0", netip.MustParseAddr("10.9.0.2")},
		{"router, beyond the vpn", "198.51.100.9", a.Device, a.Addr4},
		{"router to lan", lan.String(), "lan", netip.MustParseAddr("192.168.1.1")},
		{"router, fib rule", "198.51.100.9 ipproto udp dport 5060", b.Device, b.Addr4},
		{"router, fib rule, other port", "198.51.100.9 ipproto udp dport 5059", a.Device, a.Addr4},
		{"bound to A past the vpn", far.String() + " from " + a.Addr4.String(), a.Device, a.Addr4},
		{"bound to B past the vpn", far.String() + " from " + b.Addr4.String(), b.Device, b.Addr4},
		{"bound to A to B's net", b.Gateway4.String() + " from " + a.Addr4.String(), a.Device, a.Addr4},
		{"bound to B to A's net", a.Gateway4.String() + " from " + b.Addr4.String(), b.Device, b.Addr4},
		{"bound to A to its own net", a.Gateway4.String() + " from " + a.Addr4.String(), a.Device, a.Addr4},
		{"bound to B to lan", lan.String() + " from " + b.Addr4.String(), "lan", b.Addr4},
		{"probe of B", far.String() + fmt.Sprintf(" mark %#x", probeB), b.Device, b.Addr4},
		{"probe of A to its gateway", a.Gateway4.String() + fmt.Sprintf(" mark %#x", probeA), a.Device, a.Addr4},
		{"bound to A past the vpn, v6", far6.String() + " from " + a.Addr6.String(), a.Device, a.Addr6},
		{"bound to B past the vpn, v6", far6.String() + " from " + b.Addr6.String(), b.Device, b.Addr6},
		{"bound to B to lan, v6", lan6.String() + " from " + b.Addr6.String(), "lan", b.Addr6},
		{"probe of B, v6", far6.String() + fmt.Sprintf(" mark %#x", probeB), b.Device, b.Addr6},
		{"forwarded on A", "198.51.100.9 from 192.168.1.10 iif lan" + fmt.Sprintf(" mark %#x", markA), a.Device, netip.Addr{}},
		{"forwarded on B", "198.51.100.9 from 192.168.1.10 iif lan" + fmt.Sprintf(" mark %#x", markB), b.Device, netip.Addr{}},
		{"forwarded, vpn in main wins", far.String() + " from 192.168.1.10 iif lan" + fmt.Sprintf(" mark %#x", markB), "vpn0", netip.Addr{}},
		{"forwarded lan to lan", lab.Neighbour4.String() + " from 192.168.1.10 iif lan" + fmt.Sprintf(" mark %#x", markB), "lan2", netip.Addr{}},
		{"host in A's net, unmarked", "198.51.100.9 from 198.18.0.77 iif lan", a.Device, netip.Addr{}},
		{"host in B's net, unmarked", "198.51.100.9 from 198.18.1.77 iif lan", b.Device, netip.Addr{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := routeGet(t, tb.Router, c.query)
			if got["dev"] != c.dev {
				t.Errorf("route get %s: dev %s, want %s", c.query, got["dev"], c.dev)
			}
			if c.src.IsValid() && !strings.Contains(c.query, " from ") && got["src"] != c.src.String() {
				t.Errorf("route get %s: src %s, want %s", c.query, got["src"], c.src)
			}
		})
	}
}

// TestRuleTableDown asks again with A down: its marked connections are refused, its probes still go, the router uses B.
func TestRuleTableDown(t *testing.T) {
	tb := newTable(t, func(c *config.Config, f *plan.Facts) {
		f.Health["wan0"] = map[kstate.Family]plan.Verdict{kstate.IPv4: {State: "down"}, kstate.IPv6: {State: "down"}}
	})
	a, b := tb.WANs[0], tb.WANs[1]
	if got := routeGet(t, tb.Router, "198.51.100.9"); got["dev"] != b.Device || got["src"] != b.Addr4.String() {
		t.Errorf("the router's own traffic: %v, want %s from %s", got, b.Device, b.Addr4)
	}
	if got := routeGet(t, tb.Router, fmt.Sprintf("198.51.100.9 mark %#x", probeA)); got["dev"] != a.Device {
		t.Errorf("probe of the wan that is down: %v, want dev %s", got, a.Device)
	}
	if got := routeGet(t, tb.Router, "198.51.100.9 from "+a.Addr4.String()); got["dev"] != a.Device {
		t.Errorf("bound to the wan that is down: %v, want dev %s", got, a.Device)
	}
	if out, err := tb.Router.TryIP("route get 198.51.100.9 from 192.168.1.10 iif lan mark %#x", markA); err == nil || !strings.Contains(out+err.Error(), "Permission denied") {
		t.Errorf("forwarded on the wan that is down: %s %v, want a prohibition", out, err)
	}
}

// TestRuleTableNoWAN asks with no WAN usable and last resort unreachable, by family.
func TestRuleTableNoWAN(t *testing.T) {
	tb := newTable(t, func(c *config.Config, f *plan.Facts) {
		for i := range c.Policies {
			c.Policies[i].LastResort = "unreachable"
		}
		for _, h := range f.Health {
			h[kstate.IPv4], h[kstate.IPv6] = plan.Verdict{State: "down"}, plan.Verdict{State: "down"}
		}
	})
	for _, q := range []string{
		"198.51.100.9", "198.51.100.9 from 192.168.1.10 iif lan mark 0x3f000000",
		"4000::9 from fd00:1::10 iif lan mark 0x3f000000", // outside the vpn's prefix
	} {
		if out, err := tb.Router.TryIP("route get %s", q); err == nil {
			t.Errorf("route get %s: %s, want unreachable", q, out)
		}
	}
	if got := routeGet(t, tb.Router, lab.Client4.String()); got["dev"] != "lan" {
		t.Errorf("the lan: %v, want dev lan", got)
	}
	// A refusal would have the kernel try again from any WAN's address.
	if got := routeGet(t, tb.Router, "4000::9"); got["dev"] != "wan0" || got["src"] != tb.WANs[0].Addr6.String() {
		t.Errorf("the router's own IPv6: %v, want it lost on wan0", got)
	}
}

// routeGet returns the words behind dev, src, via, table of the kernel's answer.
func routeGet(t *testing.T, h *lab.Host, query string) map[string]string {
	t.Helper()
	out := h.IP("route get %s", query)
	words := strings.Fields(out)
	got := map[string]string{}
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "dev", "src", "via", "table":
			got[words[i]] = words[i+1]
		}
	}
	return got
}
