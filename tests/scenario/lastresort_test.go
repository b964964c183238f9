package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// lastResorts are policies of the first two WANs, one for each last resort, by
// port.
var lastResorts = map[string]int{"best_effort": 7001, "unreachable": 7002, "blackhole": 7003, "main": 7004}

func lastResortPolicies(a, b *lab.WAN) string {
	var s strings.Builder
	for word, port := range lastResorts {
		fmt.Fprintf(&s, "\nconfig policy 'when_%s'\n\tlist interface '%s'\n\tlist interface '%s'\n\toption last_resort '%s'\n", word, a.Name, b.Name, word)
		fmt.Fprintf(&s, "\nconfig rule 'to_%s'\n\toption dest_port '%d'\n\toption policy 'when_%s'\n", word, port, word)
	}
	return s.String()
}

// TestS27AllDown loses both WANs of every policy and recovers only the second.
// A third way, that table main knows and the daemon does not, shows where
// traffic of last_resort main goes.
func TestS27AllDown(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 3)
	for _, port := range lastResorts {
		n.Internet.ServeTCP(port, echoTCP)
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)))
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)))
	}
	a, b, outside := n.WANs[0], n.WANs[1], n.WANs[2]
	n.Router.IP("route replace default via %s dev %s metric 1", outside.Gateway4, outside.Device)
	n.Router.IP("-6 route replace default via %s dev %s metric 1", outside.Gateway6, outside.Device)
	n.Router.NFT(fmt.Sprintf("table inet user { chain c { type nat hook postrouting priority 100; oifname %q masquerade\n}\n}\n", outside.Device))
	r := start(t, n, a.UCI(), "\toption metric '1'\n", b.UCI(), "\toption metric '2'\n", fastProbe, lastResortPolicies(a, b))

	flows := map[netip.Addr]*lab.Flow{}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		flows[to] = n.Client.UDPFlow(netip.AddrPortFrom(to, uint16(lastResorts["best_effort"])), lab.FlowOptions{})
		arrived(t, flows[to], a, time.Time{}, patience)
	}
	ways := r.wayTables(a, b)
	kept := entries(t, n.Router, fmt.Sprintf("dport=%d", lastResorts["best_effort"]))
	// The second goes first, so that nothing has moved when the first goes.
	b.BlackHole()
	r.down(b)
	a.BlackHole()
	r.down(a)
	d := r.await(patience, "the last resorts are in force", func(d status.Document) bool {
		return d.Policies["when_unreachable"].State == "unreachable" && d.Policies["when_best_effort"].State == "best_effort"
	})
	for word := range lastResorts {
		p := d.Policies["when_"+word]
		if p.IPv4.State != word || p.IPv6.State != word {
			t.Errorf("policy when_%s is %s and %s", word, p.IPv4.State, p.IPv6.State)
		}
	}
	time.Sleep(200 * time.Millisecond)
	bothFamilies(t, func(t *testing.T, to netip.Addr) { checkLastResorts(t, n, to, outside) })
	now := entries(t, n.Router)
	for tuple, id := range kept {
		if now[tuple] != id {
			t.Errorf("connection %s of the policy with best_effort had id %s, has %q", tuple, id, now[tuple])
		}
	}
	if diff := cmp.Diff(ways, r.wayTables(a, b)); diff != "" {
		t.Errorf("routes of the WANs:\n%s", diff)
	}

	// fastProbe: two good rounds, 0.2 s apart, and up to one before the first.
	const worst = 3 * 200 * time.Millisecond
	healed := b.Heal()
	for to, f := range flows {
		family := "ipv4"
		if to.Is6() {
			family = "ipv6"
		}
		up := when(r.turned(b, family, "up", healed, patience).Time)
		p := arrived(t, f, b, healed, patience)
		t.Logf("%s: up %v after the line healed, first packet %v later", family, up.Sub(healed).Round(time.Millisecond), p.Received.Sub(up).Round(time.Millisecond))
		if d := up.Sub(healed); d > worst+200*time.Millisecond {
			t.Errorf("%s: up after %v, want %v", family, d, worst)
		}
		if d := p.Received.Sub(up); d > time.Second {
			t.Errorf("%s: first packet %v after it was up, want 1 s", family, d)
		}
	}
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		for word, port := range lastResorts {
			if seen, err := exchange(n.Client, shot{network: "tcp", to: netip.AddrPortFrom(to, uint16(port))}); err != nil || seen.Addr() != local(b, to) {
				t.Errorf("last_resort %s: recovered WAN: seen as %s, %v", word, seen, err)
			}
		}
	})
	r.noSpoofing()
}

// wayTables are the routes in the WANs' own tables.
func (r *router) wayTables(wans ...*lab.WAN) string {
	var out string
	for i := range wans {
		out += r.Router.IP("-4 route show table %d", 19713+i) + r.Router.IP("-6 route show table %d", 19713+i)
	}
	return out
}

// checkLastResorts opens a connection by every policy while all its WANs are
// down.
func checkLastResorts(t *testing.T, n *lab.Network, to netip.Addr, outside *lab.WAN) {
	t.Helper()
	for word, port := range lastResorts {
		// By ICMP, not by what the socket makes of it: a message that arrives while
		// connect holds the socket, as on a network within one machine, waits there.
		said := n.Client.Capture("eth0", func(f lab.Frame) bool {
			return !f.Out && (f.Proto == 1 && f.ICMPType == 3 || f.Proto == 58 && f.ICMPType == 1)
		})
		began := time.Now()
		seen, err := exchange(n.Client, shot{network: "tcp", to: netip.AddrPortFrom(to, uint16(port)), wait: time.Second})
		refusals := said.Stop()
		switch word {
		case "main":
			if err != nil || seen.Addr() != local(outside, to) {
				t.Errorf("last_resort main: seen as %s, %v; want %s", seen, err, local(outside, to))
			}
		case "unreachable":
			if len(refusals) == 0 || refusals[0].At.Sub(began) > 500*time.Millisecond {
				t.Errorf("last_resort unreachable: %v, refusals %+v; want one at once", err, refusals)
			}
		default: // best_effort sends into the dead line, blackhole drops
			if !isTimeout(err) || len(refusals) != 0 {
				t.Errorf("last_resort %s: seen as %s, %v, refusals %+v; want silence", word, seen, err, refusals)
			}
		}
	}
}
