package scenario_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// The policies of the failback scenario, each with a port of its own.
var failbackPorts = map[string]int{"keep": 7001, "move_udp": 7002, "move": 7003, "drain": 7004, "delayed": 7005, "other": 7006}

const (
	drainTime     = 3 * time.Second
	failbackDelay = 2 * time.Second
)

// failbackPolicies prefers the first WAN in every policy but "other", which
// prefers the second.
func failbackPolicies(a, b *lab.WAN) string {
	var s strings.Builder
	for name, port := range failbackPorts {
		if name == "other" {
			continue // as in otherPolicy
		}
		fmt.Fprintf(&s, "\nconfig policy '%s'\n\tlist interface '%s'\n\tlist interface '%s'\n", name, a.Name, b.Name)
		switch name {
		case "delayed":
			fmt.Fprintf(&s, "\toption failback 'move'\n\toption failback_delay '%g'\n", failbackDelay.Seconds())
		case "drain":
			fmt.Fprintf(&s, "\toption failback 'drain'\n\toption drain_timeout '%g'\n", drainTime.Seconds())
		default:
			fmt.Fprintf(&s, "\toption failback '%s'\n", name)
		}
		fmt.Fprintf(&s, "\nconfig rule 'to_%s'\n\toption dest_port '%d'\n\toption policy '%s'\n", name, port, name)
	}
	fmt.Fprintf(&s, "\nconfig rule 'to_other_port'\n\toption dest_port '%d'\n\toption policy 'other'\n", failbackPorts["other"])
	return s.String()
}

// serve starts an echo server for each policy.
func serveFailback(n *lab.Network) {
	for _, port := range failbackPorts {
		n.Internet.ServeTCP(port, echoTCP)
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)))
		n.Internet.ServeUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)))
	}
}

// echoTCP greets as the echo server of the lab does.
func echoTCP(c net.Conn) {
	fmt.Fprintf(c, "%s\n", c.RemoteAddr())
	for b := make([]byte, 256); ; {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		c.Write(b[:n])
	}
}

// pair is what a policy carries: a long UDP flow and a TCP connection.
type pair struct {
	udp *lab.Flow
	tcp *talk
}

// TestS6Failback loses the first WAN, lets every policy go over to the second,
// and recovers it: each policy's connections do as its failback says, all at
// the same time and on the same WAN.
func TestS6Failback(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Neighbour.Echo()
	serveFailback(n)
	n.Router.NFT(portForward)
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe, otherPolicy(n), failbackPolicies(a, b)))
	cut := a.BlackHole()
	for name := range failbackPorts {
		r.uses(name, b)
	}
	t.Logf("all policies on the second WAN %v after the cut", time.Since(cut).Round(time.Millisecond))

	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		family := "ipv4"
		if to.Is6() {
			family = "ipv6"
		}
		t.Run(family, func(t *testing.T) {
			if to.Is6() {
				a.BlackHole()
				for name := range failbackPorts {
					r.uses(name, b)
				}
			}
			pairs := map[string]pair{}
			for name, port := range failbackPorts {
				at := netip.AddrPortFrom(to, uint16(port))
				pairs[name] = pair{n.Client.UDPFlow(at, lab.FlowOptions{}), dial(t, n.Client, at)}
				arrived(t, pairs[name].udp, b, time.Time{}, patience)
			}
			forward := netip.AddrPortFrom(local(b, to), 8080)
			inbound := pair{n.Internet.UDPFlow(forward, lab.FlowOptions{Local: netip.AddrPortFrom(to, 0)}), dial(t, n.Internet, forward)}
			inbound.udp.WaitAnswer(t, time.Time{}, patience)

			healed := a.Heal()
			up := when(r.turned(a, family, "up", healed, patience).Time)
			checkFailback(t, pairs, a, up)
			checkKept(t, pairs, inbound, local(b, to), healed)
		})
	}
	r.noSpoofing()
}

// checkFailback waits for what has to move, in time and not before it.
func checkFailback(t *testing.T, pairs map[string]pair, a *lab.WAN, up time.Time) {
	t.Helper()
	for name, after := range map[string]time.Duration{"move_udp": 0, "move": 0, "delayed": failbackDelay, "drain": drainTime} {
		p := arrived(t, pairs[name].udp, a, up.Add(-time.Second), after+2*time.Second)
		d := p.Received.Sub(up)
		t.Logf("%s: UDP moved %v after the WAN was up", name, d.Round(time.Millisecond))
		if d < after-20*time.Millisecond || d > after+time.Second {
			t.Errorf("%s: UDP moved %v after the WAN was up, want %v to %v", name, d, after, after+time.Second)
		}
	}
	for _, name := range []string{"move", "delayed", "drain"} {
		if err := pairs[name].tcp.says(2 * time.Second); err == nil {
			t.Errorf("%s: the TCP connection still works: it did not move", name)
		}
	}
}

// checkKept looks, when all is over, at what must not move, and at its losses.
func checkKept(t *testing.T, pairs map[string]pair, inbound pair, source netip.Addr, since time.Time) {
	t.Helper()
	for _, name := range []string{"keep", "move_udp", "other"} {
		if err := pairs[name].tcp.says(2 * time.Second); err != nil {
			t.Errorf("%s: the TCP connection: %v", name, err)
		}
	}
	if err := inbound.tcp.says(2 * time.Second); err != nil {
		t.Errorf("inbound TCP connection: %v", err)
	}
	for _, name := range []string{"keep", "other"} {
		part := pairs[name].udp.Stop().Between(since, time.Now())
		if s := part.Sources(); len(s) != 1 || s[source] == 0 || part.Lost() != 0 {
			t.Errorf("%s: UDP came from %v and lost %d, want all from %s", name, s, part.Lost(), source)
		}
	}
	if lost := inbound.udp.Stop().Between(since, time.Now()).Lost(); lost != 0 {
		t.Errorf("inbound UDP flow lost %d packets", lost)
	}
	// What moved without a deadline lost nothing either: both WANs work.
	for _, name := range []string{"move_udp", "move"} {
		if lost := pairs[name].udp.Stop().Between(since, time.Now()).Lost(); lost > 1 {
			t.Errorf("%s: UDP lost %d packets at the move, want at most the one under way", name, lost)
		}
	}
}

// TestS6Alone has one policy, so that no connection has to be classified: one
// message by mark moves all but those from outside.
func TestS6Alone(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	n.Router.NFT(portForward)
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI(fastProbe), fmt.Sprintf("\nconfig policy 'default'\n\tlist interface '%s'\n\tlist interface '%s'\n\toption failback 'move'\n", a.Name, b.Name))
	a.BlackHole()
	r.uses("default", b)
	inbound, own := map[netip.Addr]pair{}, map[netip.Addr]pair{}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		forward := netip.AddrPortFrom(local(b, to), 8080)
		inbound[to] = pair{n.Internet.UDPFlow(forward, lab.FlowOptions{Local: netip.AddrPortFrom(to, 0)}), dial(t, n.Internet, forward)}
		own[to] = pair{n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{}), dial(t, n.Client, lab.Echo(to))}
		inbound[to].udp.WaitAnswer(t, time.Time{}, patience)
		arrived(t, own[to].udp, b, time.Time{}, patience)
	}
	healed := a.Heal()
	for to, p := range own {
		arrived(t, p.udp, a, healed, patience)
		if err := p.tcp.says(2 * time.Second); err == nil {
			t.Errorf("the TCP connection to %s still works: it did not move", to)
		}
	}
	for to, p := range inbound {
		if err := p.tcp.says(2 * time.Second); err != nil {
			t.Errorf("TCP connection from %s: %v", to, err)
		}
		if lost := p.udp.Stop().Between(healed, time.Now()).Lost(); lost != 0 {
			t.Errorf("UDP flow from %s lost %d packets", to, lost)
		}
	}
	r.noSpoofing()
}
