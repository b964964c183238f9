package link

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

// bondHost is a host with two links, s1 and s2, to a bridge on another host that has the address 10.0.0.2.
func bondHost(t *testing.T) (*lab.Host, *link.Conn) {
	t.Helper()
	lab.Need(t, lab.Netns, lab.Bonding, lab.Bridge)
	l := lab.New(t)
	h, far := l.Host("router"), l.Host("far")
	l.Link(h, "s1", "", far, "p1", "")
	l.Link(h, "s2", "", far, "p2", "")
	far.IP("link add name br0 type bridge")
	far.IP("link set dev p1 master br0")
	far.IP("link set dev p2 master br0")
	far.Up("br0", "10.0.0.2/24")
	far.IP("address add 10.0.0.3/24 dev br0")
	return h, dial(t, h)
}

func bond(a kstate.BondAttrs) kstate.Link {
	return kstate.Link{Name: "bond0", Kind: kstate.KindBond, MTU: 1500, Up: true, Alias: "multiwan:ha", Bond: &a}
}

func slaves() []kstate.Port {
	return []kstate.Port{{Device: "s1", Master: "bond0"}, {Device: "s2", Master: "bond0"}}
}

// waitUsable waits until both ports of the bond work, which the kernel sees at its next look.
func waitUsable(t *testing.T, c *link.Conn) {
	t.Helper()
	var got kstate.Link
	if !lab.Wait(10*time.Second, func() bool {
		got = find(t, observe(t, c), "bond0")
		return len(got.Bond.Usable) == 2
	}) {
		t.Fatalf("the ports do not work: %+v", got.Bond)
	}
}

// set has the bond changed, and holds that it is then as wanted and was not made anew.
func set(t *testing.T, h *lab.Host, c *link.Conn, a kstate.BondAttrs) {
	t.Helper()
	index := show(h, "bond0")["ifindex"]
	l := bond(a)
	must(t, c.SetLink(l))
	got := find(t, observe(t, c), "bond0")
	if !l.Equal(got) {
		t.Errorf("wanted   %s\nobserved %s", l, got)
	}
	if a.ActiveSlave != "" && got.Bond.ActiveSlave != a.ActiveSlave {
		t.Errorf("active is %s, want %s", got.Bond.ActiveSlave, a.ActiveSlave)
	}
	hold(t, h, "bond0", map[string]any{"ifindex": index, "operstate": "UP"})
}

func TestBond(t *testing.T) {
	h, c := bondHost(t)
	data := "linkinfo.info_data."
	leaks(t, h, func() {
		a := kstate.BondAttrs{Mode: kstate.BondActiveBackup, Miimon: 50, Primary: "s1", ActiveSlave: "s1", XmitHashPolicy: "layer3+4", AllSlavesActive: true,
			ResendIGMP: 3, NumPeerNotif: 2}
		fixpoint(t, h, c, bond(a))
		for _, p := range slaves() {
			for range 2 {
				must(t, c.SetPort(p))
			}
		}
		hold(t, h, "s1", map[string]any{"master": "bond0", "operstate": "UP"})
		waitUsable(t, c)
		fixpoint(t, h, c, bond(a)) // now the primary can be set
		hold(t, h, "bond0", map[string]any{data + "mode": "active-backup", data + "miimon": 50.0, data + "primary": "s1", data + "active_slave": "s1",
			data + "xmit_hash_policy": "layer3+4", data + "resend_igmp": 3.0, data + "num_peer_notif": 2.0, data + "all_slaves_active": 1.0})
		st := observe(t, c)
		b := st.Bonds["bond0"]
		if b.Active != "s1" || len(b.Slaves) != 2 || !b.Slaves[0].Active || b.Slaves[1].Active || !b.Slaves[1].Works {
			t.Errorf("bond: %+v", b)
		}
		// Ports of a bond of ours are seen unasked, so that one which is not wanted any more can leave.
		if len(st.Ports) != 2 || st.Ports[0] != slaves()[0] || st.Devices["s1"].Own || st.Devices["s1"].Master != "bond0" {
			t.Errorf("ports: %+v of %+v", st.Ports, st.Devices)
		}
		must(t, c.ClearPort(slaves()[0]))
		hold(t, h, "s1", map[string]any{"master": nil, "operstate": "UP"})
		must(t, c.SetPort(slaves()[0]))
		must(t, c.DelLink("bond0"))
		for _, s := range []string{"s1", "s2"} {
			hold(t, h, s, map[string]any{"master": nil})
			if f := show(h, s)["flags"].([]any); !slices.Contains(f, any("UP")) {
				t.Errorf("%s was up before it joined the bond and is not now: %v", s, f)
			}
		}
	})
}

// TestBondLive changes every option that can be changed under traffic: no ping is lost.
func TestBondLive(t *testing.T) {
	h, c := bondHost(t)
	a := kstate.BondAttrs{Mode: kstate.BondActiveBackup, Miimon: 100}
	must(t, c.AddLink(bond(a)))
	must(t, c.AddAddress(kstate.Address{Device: "bond0", Prefix: pfx("10.0.0.1/24")}))
	for _, p := range slaves() {
		must(t, c.SetPort(p))
	}
	waitUsable(t, c)
	arp := kstate.BondAttrs{Mode: kstate.BondActiveBackup, ARPInterval: 100, ARPTargets: []netip.Addr{ip("10.0.0.2")}, ARPValidate: "active"}
	flow := h.PingFlow(ip("10.0.0.2"), lab.FlowOptions{Interval: 20 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	for _, step := range []struct {
		name   string
		change func(*kstate.BondAttrs)
	}{
		{"active s2", func(a *kstate.BondAttrs) { a.ActiveSlave = "s2" }},
		{"active s1", func(a *kstate.BondAttrs) { a.ActiveSlave = "s1" }},
		{"primary s2", func(a *kstate.BondAttrs) { a.ActiveSlave, a.Primary = "", "s2" }},
		{"no primary", func(a *kstate.BondAttrs) { a.Primary = "" }},
		{"miimon", func(a *kstate.BondAttrs) { a.Miimon = 50 }},
		{"hash", func(a *kstate.BondAttrs) { a.XmitHashPolicy = "layer2+3" }},
		{"all slaves active", func(a *kstate.BondAttrs) { a.AllSlavesActive = true }},
		{"not all slaves active", func(a *kstate.BondAttrs) { a.AllSlavesActive = false }},
		{"igmp, notifications", func(a *kstate.BondAttrs) { a.ResendIGMP, a.NumPeerNotif = 5, 5 }},
		{"to arp", func(a *kstate.BondAttrs) { *a = arp }},
		{"arp interval", func(a *kstate.BondAttrs) { a.ARPInterval = 200 }},
		{"arp targets", func(a *kstate.BondAttrs) { a.ARPTargets = []netip.Addr{ip("10.0.0.3"), ip("10.0.0.2")} }},
		{"arp validate", func(a *kstate.BondAttrs) { a.ARPValidate = "all" }},
		{"no arp validate", func(a *kstate.BondAttrs) { a.ARPValidate = "" }},
		{"back to miimon", func(a *kstate.BondAttrs) { *a = kstate.BondAttrs{Mode: a.Mode, Miimon: 100} }},
	} {
		at := time.Now()
		step.change(&a)
		set(t, h, c, a)
		time.Sleep(500 * time.Millisecond) // for pings to see it
		if lost := flow.Report().LostBetween(at.Add(-20*time.Millisecond), time.Now().Add(-300*time.Millisecond)); lost != 0 {
			t.Errorf("%s: %d pings lost", step.name, lost)
		}
	}
	r := flow.Stop()
	t.Logf("%d pings, %d lost", len(r.Packets), r.Lost())
	if r.Lost() != 0 {
		t.Errorf("%d of %d pings lost", r.Lost(), len(r.Packets))
	}
}

// TestBondMode changes the mode of a bond with ports, and an option that the kernel changes only while the bond is down.
func TestBondMode(t *testing.T) {
	h, c := bondHost(t)
	must(t, c.AddLink(bond(kstate.BondAttrs{Mode: kstate.BondActiveBackup, Miimon: 100, Primary: "s1"})))
	must(t, c.AddAddress(kstate.Address{Device: "bond0", Prefix: pfx("10.0.0.1/24")}))
	for _, p := range slaves() {
		must(t, c.SetPort(p))
	}
	waitUsable(t, c)
	for _, a := range []kstate.BondAttrs{
		{Mode: kstate.BondXOR, Miimon: 100, XmitHashPolicy: "layer3+4"},
		{Mode: kstate.BondBroadcast, Miimon: 100},
		{Mode: kstate.BondRoundRobin, ARPInterval: 100, ARPTargets: []netip.Addr{ip("10.0.0.2")}},
		{Mode: kstate.Bond8023AD, LACPRate: kstate.LACPSlow},
		{Mode: kstate.Bond8023AD, LACPRate: kstate.LACPFast},
		{Mode: kstate.Bond8023AD, LACPRate: kstate.LACPFast, XmitHashPolicy: "layer3+4"},
		{Mode: kstate.BondActiveBackup, ARPInterval: 100, ARPTargets: []netip.Addr{ip("10.0.0.2")}, ARPValidate: "active"},
		{Mode: kstate.BondActiveBackup, Miimon: 100, Primary: "s2"},
	} {
		index := show(h, "bond0")["ifindex"]
		l := bond(a)
		for range 2 {
			must(t, c.SetLink(l))
		}
		if got := find(t, observe(t, c), "bond0"); !l.Equal(got) {
			t.Errorf("wanted   %s\nobserved %s", l, got)
		}
		for _, p := range slaves() {
			hold(t, h, p.Device, map[string]any{"master": "bond0"})
		}
		hold(t, h, "bond0", map[string]any{"ifindex": index, "linkinfo.info_data.mode": a.Mode})
	}
	waitUsable(t, c)
	must(t, c.SetLink(bond(kstate.BondAttrs{Mode: kstate.BondActiveBackup, Miimon: 100, Primary: "s2"})))
	flow := h.PingFlow(ip("10.0.0.2"), lab.FlowOptions{Interval: 50 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	flow.Stop()
}

// TestBondRefuses takes what cannot be for what it is.
func TestBondRefuses(t *testing.T) {
	h, c := bondHost(t)
	h.IP("link add name bond9 type bond mode active-backup")
	before := h.IP("-d -j link show dev bond9")
	var foreign *link.ForeignError
	if err := c.SetPort(kstate.Port{Device: "s1", Master: "bond9"}); !errors.As(err, &foreign) {
		t.Errorf("a port of a foreign bond: %v", err)
	}
	other := bond(kstate.BondAttrs{Mode: kstate.BondXOR})
	other.Name = "bond9"
	for _, err := range []error{c.AddLink(other), c.SetLink(other), c.DelLink("bond9")} {
		if !errors.As(err, &foreign) {
			t.Errorf("a foreign bond: %v", err)
		}
	}
	if after := h.IP("-d -j link show dev bond9"); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
	must(t, c.AddLink(bond(kstate.BondAttrs{Mode: kstate.BondXOR})))
	if err := c.SetPort(kstate.Port{Device: "s1", Master: "bond0", PVID: 7}); err == nil {
		t.Error("a bond takes a VLAN")
	}
	bad := bond(kstate.BondAttrs{Mode: "balance-none"})
	if err := c.SetLink(bad); err == nil {
		t.Error("an unknown mode is taken")
	}
	hold(t, h, "bond0", map[string]any{"linkinfo.info_data.mode": "balance-xor"})
}
