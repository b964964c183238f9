package sites

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestMasqueraded has a firewall on the router that masquerades all that leaves by the WAN, as fw4 does, and gives it other ports besides:
// the outer packets of a pseudowire keep port and address, in clear and inside of ESP, where another port would be outside of the selectors.
func TestMasqueraded(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Router.NFT(`table inet fw4 {
	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan0" meta nfproto ipv4 udp sport != { 500, 4500 } masquerade to :40000-40999
		oifname "wan0" meta nfproto ipv4 masquerade
	}
}`)
	}
	udp := n.Wire(func(f lab.Frame) bool { return f.Proto == 17 })
	esp := n.Wire(func(f lab.Frame) bool { return f.Proto == 50 })
	for _, s := range []*lab.Site{n.A, n.B} {
		own := map[*lab.Site]string{n.A: "10.8.0.1/30", n.B: "10.8.0.2/30"}[s]
		s.Start(config(s, cable{}, cable{name: "open", id: 2, clear: true, bridge: "-",
			options: []string{"ipaddr " + own, "local_port 1799", "remote_port 1799"}}))
	}
	begin := time.Now()
	n.Reaches(20 * time.Second)
	ping := n.A.Router.PingFlow(netip.MustParseAddr("10.8.0.2"), lab.FlowOptions{Interval: 20 * time.Millisecond})
	ping.WaitAnswer(t, begin, 20*time.Second)
	ping.Stop()
	c, err := n.A.Router.Dial("udp", netip.AddrPortFrom(lab.Internet4, 9))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("translate this")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)

	a, b := n.A.WANs[0].Addr4, n.B.WANs[0].Addr4
	ends := func(f lab.Frame) bool { return f.Src == a && f.Dst == b || f.Src == b && f.Dst == a }
	wires, others := 0, 0
	for _, f := range udp.Stop() {
		switch {
		case f.DstPort == 9:
			if others++; f.SrcPort < 40000 || f.SrcPort > 40999 {
				t.Errorf("the firewall does not translate: source port %d", f.SrcPort)
			}
		case !ends(f):
		case f.SrcPort == 1799 && f.DstPort == 1799:
			wires++
		case f.SrcPort != 500 || f.DstPort != 500:
			t.Fatalf("from %s port %d to %s port %d", f.Src, f.SrcPort, f.Dst, f.DstPort)
		}
	}
	under := esp.Stop()
	for _, f := range under {
		if !ends(f) {
			t.Fatalf("ESP from %s to %s", f.Src, f.Dst)
		}
	}
	if wires == 0 || others == 0 || len(under) == 0 {
		t.Errorf("%d packets of the open pseudowire, %d of ESP, %d of others", wires, len(under), others)
	}
}

// TestBehindNAT has one site behind its provider's translation: ESP goes in UDP by itself, and nothing is in clear.
func TestBehindNAT(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true, A: []lab.Kind{lab.SameSubnet}})
	clear, esp := n.Wire(lab.Frame.L2TP), n.Wire(lab.Frame.ESP)
	begin := time.Now()
	tunnelled(n)
	within(t, n, "behind NAT", begin, 20*time.Second)
	noClear(t, clear)
	for _, s := range []*lab.Site{n.A, n.B} {
		if x := document(t, s).IPsec["sa_pw"]; !x.Encap {
			t.Errorf("%s: status says nothing of UDP: %+v", s.Name, x)
		}
	}
	own, public, b := n.A.WANs[0].Addr4, n.A.WANs[0].Public4, n.B.WANs[0].Addr4
	ways := map[netip.Addr]int{} // by the address that A has there
	for _, f := range esp.Stop() {
		far := f.Src
		if f.Src == b {
			far = f.Dst
		}
		if ways[far]++; f.Proto != 17 || f.Src != b && f.Dst != b {
			t.Fatalf("protocol %d from %s to %s", f.Proto, f.Src, f.Dst)
		}
	}
	if len(ways) != 2 || ways[own] == 0 || ways[public] == 0 {
		t.Errorf("ESP in UDP: %v, want %s on one side of the NAT and %s on the other", ways, own, public)
	}
}
