package link

import (
	"fmt"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

// wire makes pseudowire number n between two hosts, as `ip l2tp` does, and makes its devices ours.
func wire(t *testing.T, h *lab.Host, c *link.Conn, n, self int) string {
	t.Helper()
	peer := 3 - self
	h.IP("l2tp add tunnel tunnel_id %d peer_tunnel_id %d encap udp local 192.0.%d.%d remote 192.0.%d.%d udp_sport 1701 udp_dport 1701", n, n, n, self, n, peer)
	dev := fmt.Sprintf("l%d", n)
	h.IP("l2tp add session name %s tunnel_id %d session_id %d peer_session_id %d", dev, n, n, n)
	var foreign error
	if foreign = c.SetLink(pseudowire(dev)); foreign == nil {
		t.Error("a device without alias passes for ours")
	}
	for range 2 {
		must(t, c.Claim(dev, "multiwan:"+dev))
	}
	fixpointSet(t, h, c, pseudowire(dev))
	return dev
}

func pseudowire(dev string) kstate.Link {
	return kstate.Link{Name: dev, Kind: kstate.KindL2TP, MTU: 1500, Up: true, Alias: "multiwan:" + dev}
}

// fixpointSet is fixpoint for a device that others make.
func fixpointSet(t *testing.T, h *lab.Host, c *link.Conn, l kstate.Link) {
	t.Helper()
	must(t, c.SetLink(l))
	if got := find(t, observe(t, c), l.Name); !l.Equal(got) {
		t.Errorf("wanted   %s\nobserved %s", l, got)
	}
	fixpoint(t, h, c, l)
}

// detour puts a pseudowire into the bond by way of a veth.
func detour(t *testing.T, c *link.Conn, dev string, n int) {
	t.Helper()
	v, u := fmt.Sprintf("v%d", n), fmt.Sprintf("u%d", n)
	l := kstate.Link{Name: v, Kind: kstate.KindVeth, Peer: u, MTU: 1500, Up: true, Alias: "multiwan:" + dev}
	must(t, c.AddLink(l))
	for range 2 {
		must(t, c.AddMirror(kstate.Mirror{From: u, To: dev}))
		must(t, c.AddMirror(kstate.Mirror{From: dev, To: u}))
		must(t, c.SetPort(kstate.Port{Device: v, Master: "bond0"}))
	}
}

// TestLACP bonds two pseudowires by 802.3ad: without the detour LACP never comes up on them.
func TestLACP(t *testing.T) {
	lab.Need(t, lab.Netns, lab.L2TP, lab.Bonding, lab.Mirred)
	l := lab.New(t)
	hosts := []*lab.Host{l.Host("a"), l.Host("b")}
	for n := 1; n <= 2; n++ {
		w := fmt.Sprintf("w%d", n)
		l.Link(hosts[0], w, fmt.Sprintf("192.0.%d.1/24", n), hosts[1], w, fmt.Sprintf("192.0.%d.2/24", n))
	}
	conns := []*link.Conn{dial(t, hosts[0]), dial(t, hosts[1])}
	before := names(hosts[0])
	for i, h := range hosts {
		c := conns[i]
		b := bond(kstate.BondAttrs{Mode: kstate.Bond8023AD, LACPRate: kstate.LACPFast, XmitHashPolicy: "layer3+4"})
		fixpoint(t, h, c, b)
		must(t, c.AddAddress(kstate.Address{Device: "bond0", Prefix: pfx(fmt.Sprintf("10.0.0.%d/24", i+1))}))
		for n := 1; n <= 2; n++ {
			detour(t, c, wire(t, h, c, n, i+1), n)
		}
	}
	start := time.Now()
	var got link.Bond
	if !lab.Wait(60*time.Second, func() bool {
		got = observe(t, conns[0]).Bonds["bond0"]
		return got.Aggregator.Ports == 2
	}) {
		t.Fatalf("LACP does not come up: %+v", got)
	}
	t.Logf("2 ports after %v: %+v", time.Since(start).Round(time.Millisecond), got)
	peer := show(hosts[1], "bond0")["address"]
	if got.Aggregator.PartnerMAC != peer {
		t.Errorf("the partner is %s, want %s", got.Aggregator.PartnerMAC, peer)
	}
	hold(t, hosts[0], "bond0", map[string]any{"linkinfo.info_data.ad_info.num_ports": 2.0, "linkinfo.info_data.ad_info.partner_mac": peer})
	flow := hosts[0].PingFlow(ip("10.0.0.2"), lab.FlowOptions{Interval: 50 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	flow.Stop()

	// All of it goes: what is left are the pseudowires, which package l2tp removes.
	c := conns[0]
	if err := c.DelLink("l1"); err == nil {
		t.Error("a pseudowire's device is deleted without its session")
	}
	must(t, c.DelLink("bond0"))
	for n := 1; n <= 2; n++ {
		must(t, c.DelMirror(kstate.Mirror{From: fmt.Sprintf("l%d", n)}))
		must(t, c.DelLink(fmt.Sprintf("v%d", n)))
		hosts[0].IP("l2tp del session tunnel_id %d session_id %d", n, n)
	}
	if st := observe(t, c); len(st.Links)+len(st.Mirrors)+len(st.Addresses) != 0 {
		t.Errorf("left over: %+v", st)
	}
	if after := names(hosts[0]); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("devices before %v, after %v", before, after)
	}
}
