package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// offload is a flowtable as fw4 makes one for software offload.
const offload = `table inet fast {
	flowtable ft { hook ingress priority 0; devices = { lan, wan0, wan1 }; }
	chain forward { type filter hook forward priority 0; meta l4proto { tcp, udp } flow add @ft; }
}
`

// flowtableGC is how long the kernel may take to see that an offloaded flow's
// entry is gone: its collection runs each second (NF_FLOWTABLE_TIMEOUT's work,
// net/netfilter/nf_flow_table_core.c).
const flowtableGC = time.Second

// TestS5Offloaded has the flows of a WAN that goes down offloaded: packets of
// theirs pass by the rules, the marks and the routes. With the connection evicted
// they leave the flowtable at its next collection and go by the other WAN.
func TestS5Offloaded(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.Flowtable, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.NFT(offload)
	r := start(t, n, n.UCI(fastProbe, bySecond))
	flows := wanStreams(t, n)
	for _, family := range []string{"ipv4", "ipv6"} {
		if !lab.Wait(patience, func() bool { return len(offloaded(t, n, family)) == 2 }) {
			t.Fatalf("%s flows are not offloaded: %v", family, n.Router.Conntrack(family))
		}
	}
	from := time.Now()
	r.command("down", "wan0")
	r.await(patience, "wan1 instead", func(d status.Document) bool {
		p := d.Policies["default"]
		return p.IPv4.State == "backup" && p.IPv6.State == "backup"
	})
	at := time.Now()
	for name, f := range flows {
		if strings.HasPrefix(name, "wan1") {
			continue
		}
		moved := func() bool {
			for _, p := range f.Report().Between(at, time.Now()).Packets {
				if !p.Lost() && n.ByAddr(p.Source.Addr()) == n.WANs[1] {
					return true
				}
			}
			return false
		}
		if !lab.Wait(flowtableGC+500*time.Millisecond, moved) {
			t.Errorf("the flow %s still leaves by wan0 %v after the switch: %v", name, time.Since(at), f.Report().Between(at, time.Now()).Sources())
		}
		t.Logf("%s: by wan1 %v after the switch", name, time.Since(at))
	}
	unbroken(t, flows, from, "wan1")
	for _, family := range []string{"ipv4", "ipv6"} {
		if !lab.Wait(patience, func() bool { return len(offloaded(t, n, family)) >= 1 }) {
			t.Errorf("%s flows are not offloaded again", family)
		}
	}
	r.noSpoofing()
}

// wanStreams are flows by each WAN in each family.
func wanStreams(t *testing.T, n *lab.Network) map[string]*lab.Flow {
	t.Helper()
	n.Neighbour.Echo()
	flows := streams(t, n)
	for _, name := range []string{"lan ipv4", "lan ipv6"} {
		flows[name].Stop()
		delete(flows, name)
	}
	return flows
}

// offloaded are the tracked UDP connections of the client by a WAN that the
// flowtable has.
func offloaded(t *testing.T, n *lab.Network, family string) (list []string) {
	t.Helper()
	src := lab.Client4
	if family == "ipv6" {
		src = lab.Client6
	}
	for _, c := range n.Router.Conntrack(family, "proto=udp", fmt.Sprintf("src=%s", src)) {
		if n.ByAddr(addrOf(c.Words["reply.dst"])) != nil && strings.Contains(c.Line, "[OFFLOAD]") {
			list = append(list, c.Line)
		}
	}
	return list
}

// addrOf reads an address; the zero address where it is none.
func addrOf(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}
