package sites

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestVLANAccess joins one VLAN of VLAN-aware bridges: as an access port, and by tagged frames. Other VLANs do not cross.
func TestVLANAccess(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.BridgeVLAN, lab.VLAN)
	n := lab.JoinSites(t, lab.SitesOptions{VLAN: true, NoIPv6: true})
	for i, h := range []*lab.Host{n.A.Host, n.B.Host} {
		h.IP("link add link eth0 name eth0.111 type vlan id 111")
		h.Up("eth0.111", []string{"10.11.0.1/24", "10.11.0.2/24"}[i])
	}
	for _, s := range []*lab.Site{n.A, n.B} {
		if _, err := s.Router.Exec("", "bridge", "vlan", "add", "dev", "lan", "vid", "111"); err != nil {
			t.Fatal(err)
		}
	}
	start(n, cable{clear: true, options: []string{"vlan 111"}})
	in111, in1 := netip.MustParseAddr("10.11.0.2"), n.B.Host4
	crosses := func(to netip.Addr) bool {
		f := n.A.Host.PingFlow(to, lab.FlowOptions{Interval: 50 * time.Millisecond})
		defer f.Stop()
		return lab.Wait(10*time.Second, func() bool { return !f.Report().FirstAfter(time.Time{}).Received.IsZero() })
	}
	stays := func(to netip.Addr) bool {
		f := n.A.Host.PingFlow(to, lab.FlowOptions{Interval: 50 * time.Millisecond})
		time.Sleep(time.Second)
		r := f.Stop()
		return r.Lost() == len(r.Packets)
	}
	if !crosses(in111) || !stays(in1) {
		t.Errorf("access port: VLAN 111 crosses or VLAN 1 does not stay:\n%+v", n.A.Status().Pseudowires)
	}
	cap := n.B.Router.Capture("pw", func(f lab.Frame) bool { return f.Src == netip.MustParseAddr("10.11.0.1") })
	crosses(in111)
	if len(cap.Stop()) == 0 {
		t.Error("frames of the access port are not untagged in the pseudowire")
	}

	// Tagged: frames of VLAN 111 in the pseudowire are VLAN 1 of the bridge, where the sub-interface is a plain port.
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Daemon.Write(config(s, cable{clear: true, options: []string{"vlan 111", "vlan_mode tagged"}}))
		s.Daemon.Reload()
	}
	if !crosses(in1) || !stays(in111) {
		t.Errorf("tagged: VLAN 1 of the bridge does not cross, or VLAN 111 does:\n%+v", n.A.Status().Pseudowires)
	}
	if ports := n.A.Router.IP("-d link show dev pw.111"); !strings.Contains(ports, "vlan protocol 802.1Q id 111") || !strings.Contains(ports, "master br-lan") {
		t.Errorf("tagged mode made\n%s", ports)
	}
	if l := n.A.Router.IP("-o link show dev pw"); strings.Contains(l, "master") {
		t.Errorf("the pseudowire itself is still a port: %s", l)
	}
}

// TestIsolated keeps isolated ports from each other.
func TestIsolated(t *testing.T) {
	lab.Need(t, lab.L2TP)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	start(n, cable{clear: true, options: []string{"isolated 1"}})
	n.Reaches(10 * time.Second)
	if _, err := n.A.Router.Exec("", "bridge", "link", "set", "dev", "lan", "isolated", "on"); err != nil {
		t.Fatal(err)
	}
	f := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	time.Sleep(500 * time.Millisecond)
	if r := f.Stop(); r.Lost() != len(r.Packets) {
		t.Errorf("%d pings passed between isolated ports", len(r.Packets)-r.Lost())
	}
}
