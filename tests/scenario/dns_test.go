package scenario_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
	"multiwan/tests/ubusd"
	"multiwan/tests/ubusd/netifd"
)

// resolverOf is netifd's entry for a WAN that announced a resolver.
func resolverOf(w *lab.WAN, resolver netip.Addr) string {
	return fmt.Sprintf(`{"interface":%q,"up":true,"proto":"static","device":%q,"l3_device":%q,"ipv4-address":[{"address":%q,"mask":24}],
		"route":[{"target":"0.0.0.0","mask":0,"nexthop":%q}],"dns-server":[%q]}`, w.Name, w.Device, w.Device, w.Addr4, w.Gateway4, resolver)
}

// asked sends a question from the router and says which WAN's address the resolver saw; an error where it could not even be sent, or was not
// answered in time.
func asked(n *lab.Network, resolver netip.Addr, wait time.Duration) (*lab.WAN, error) {
	c, err := n.Router.Dial("udp", netip.AddrPortFrom(resolver, 53))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write([]byte("question")); err != nil {
		return nil, err
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	b := make([]byte, 512)
	got, err := c.Read(b)
	if err != nil {
		return nil, err
	}
	seen, err := netip.ParseAddrPort(strings.TrimPrefix(string(b[:got]), "question"))
	if err != nil {
		return nil, err
	}
	return n.ByAddr(seen.Addr()), nil
}

// TestResolvers: each WAN's resolver is asked by that WAN; after a fail-over names resolve within two seconds, because the dead WAN's
// resolver is refused at once and connections to it are evicted; hosts that ask it themselves go by the other WAN.
func TestResolvers(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 2), NoIPv6: true})
	first, second := lab.Internet4b, lab.Internet4c
	for _, a := range []netip.Addr{first, second} {
		n.Internet.ServeUDP(netip.AddrPortFrom(a, 53))
	}
	b := ubusd.Start(t)
	netifd.Publish(t, b, resolverOf(n.WANs[0], first), resolverOf(n.WANs[1], second))
	config := regexp.MustCompile(`(?m)^\toption device .*\n`).ReplaceAllString(n.UCI(fastProbe), "")
	r := &router{Network: n, Daemon: lab.StartDaemon(n.Router, config, "--ubus", b.Path), t: t}
	r.steady()
	for i, resolver := range []netip.Addr{first, second} {
		if w, err := asked(n, resolver, time.Second); err != nil || w != n.WANs[i] {
			t.Errorf("resolver %s is asked by way of %v, %v", resolver, w, err)
		}
	}
	host := n.Client.UDPFlow(netip.AddrPortFrom(first, 53), lab.FlowOptions{Interval: 20 * time.Millisecond})
	own := n.Router.UDPFlow(netip.AddrPortFrom(first, 53), lab.FlowOptions{Interval: 20 * time.Millisecond})
	host.WaitAnswer(t, time.Time{}, patience)
	own.WaitAnswer(t, time.Time{}, patience)

	cut := n.WANs[0].BlackHole()
	if !lab.Wait(patience, func() bool { return r.status().Interfaces["wan0"].State == "down" }) {
		t.Fatal("wan0 is not down")
	}
	down := time.Now()
	resolved := func() bool {
		for _, resolver := range []netip.Addr{first, second} {
			if _, err := asked(n, resolver, time.Second); err == nil {
				return true
			}
		}
		return false
	}
	for !resolved() {
		if time.Since(down) > 2*time.Second {
			t.Fatal("no name was resolved within two seconds")
		}
	}
	t.Logf("a name was resolved %v after the WAN was down, %v after the cut", time.Since(down), time.Since(cut))
	at := time.Now()
	if _, err := asked(n, first, time.Second); err == nil || time.Since(at) > 200*time.Millisecond {
		t.Errorf("the dead resolver: %v after %v, want a refusal at once", err, time.Since(at))
	}
	if p := host.WaitAnswer(t, down, patience); n.ByAddr(p.Source.Addr()) != n.WANs[1] {
		t.Errorf("the host's questions go by way of %s", p.Source)
	}
	if out, err := r.CLI("explain", "router", first.String(), "udp", "53"); !strings.Contains(out, "a resolver of wan0") {
		t.Errorf("explain: %v\n%s", err, out)
	}
	n.WANs[0].Heal()
	r.steady()
	if !lab.Wait(patience, func() bool { w, err := asked(n, first, time.Second); return err == nil && w == n.WANs[0] }) {
		t.Error("the resolver of wan0 is not asked by it again")
	}
}
