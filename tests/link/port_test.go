package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

// vlansOf returns a port's VLANs as bridge(8) shows them: "111 PVID Egress Untagged".
func vlansOf(t *testing.T, h *lab.Host, dev string) (all []string) {
	t.Helper()
	out, err := h.Exec("", "bridge", "-j", "vlan", "show", "dev", dev)
	must(t, err)
	var list []struct {
		Vlans []struct {
			Vlan, VlanEnd int
			Flags         []string
		}
	}
	if out == "" {
		return nil
	}
	must(t, json.Unmarshal([]byte(out), &list))
	for _, l := range list {
		for _, v := range l.Vlans {
			all = append(all, fmt.Sprint(v.Vlan, v.Flags))
		}
	}
	return all
}

// settled sets a port twice and holds that it is then as wanted, for the kernel and for ip(8).
func settled(t *testing.T, h *lab.Host, c *link.Conn, p kstate.Port) {
	t.Helper()
	for range 2 {
		must(t, c.SetPort(p))
	}
	if got := findPort(t, observe(t, c, p.Device), p.Device); !p.Equal(got) {
		t.Errorf("wanted   %+v\nobserved %+v", p, got)
	}
	if m, err := c.Master(p.Device); err != nil || m != p.Master {
		t.Errorf("master %q, %v", m, err)
	}
	if m, err := c.Master("nosuch"); err != nil || m != "" {
		t.Errorf("master of a device that is not there: %q, %v", m, err)
	}
	data := "linkinfo.info_slave_data."
	want := map[string]any{"master": p.Master, data + "isolated": p.Isolated, data + "bpdu_guard": p.BPDUGuard, data + "root_block": p.RootBlock}
	if p.Cost != 0 {
		want[data+"cost"] = float64(p.Cost)
	}
	o := show(h, p.Device)
	if field(o, data+"bpdu_guard") == nil { // the word of iproute2
		delete(want, data+"bpdu_guard")
		want[data+"guard"] = p.BPDUGuard
	}
	hold(t, h, p.Device, want)
}

func TestBridgePort(t *testing.T) {
	lab.Need(t, lab.Bridge)
	h, c := router(t)
	h.IP("link add name br0 type bridge stp_state 1")
	h.IP("link add name br1 type bridge")
	leaks(t, h, func() {
		must(t, c.AddLink(veth("v1", "u1")))
		settled(t, h, c, kstate.Port{Device: "v1", Master: "br0"})
		settled(t, h, c, kstate.Port{Device: "v1", Master: "br0", Isolated: true, Cost: 77, BPDUGuard: true, RootBlock: true})
		settled(t, h, c, kstate.Port{Device: "v1", Master: "br0", Cost: 78})
		settled(t, h, c, kstate.Port{Device: "v1", Master: "br1", Isolated: true})
		st := observe(t, c, "br0")
		if !st.Devices["br0"].Bridge.STP || st.Devices["br1"].Bridge.STP || st.Devices["br1"].Kind != "bridge" || st.Devices["br1"].Own {
			t.Errorf("bridges: %+v", st.Devices)
		}
		if st.Devices["v1"].Master != "br1" || !st.Devices["v1"].Own {
			t.Errorf("port: %+v", st.Devices["v1"])
		}
		must(t, c.ClearPort(kstate.Port{Device: "v1", Master: "br0"})) // is not there any more
		hold(t, h, "v1", map[string]any{"master": "br1"})
		for range 2 {
			must(t, c.ClearPort(kstate.Port{Device: "v1", Master: "br1"}))
		}
		hold(t, h, "v1", map[string]any{"master": nil, "operstate": "UP"})
		if err := c.SetPort(kstate.Port{Device: "v1", Master: "br0", PVID: 111}); !errors.Is(err, link.ErrNotVLANAware) {
			t.Errorf("a VLAN of a bridge that does not filter: %v", err)
		}
		hold(t, h, "v1", map[string]any{"master": nil})
		must(t, c.DelLink("v1"))
	})
}

// TestForeignPort leaves a port of another bridge where its owner has put it.
func TestForeignPort(t *testing.T) {
	lab.Need(t, lab.Bridge)
	h, c := router(t)
	h.IP("link add name br0 type bridge")
	h.IP("link add name br1 type bridge")
	h.IP("link add name a type veth peer name b")
	h.IP("link set dev a master br1")
	var foreign *link.ForeignError
	if err := c.SetPort(kstate.Port{Device: "a", Master: "br0"}); !errors.As(err, &foreign) {
		t.Errorf("a port of another: %v", err)
	}
	hold(t, h, "a", map[string]any{"master": "br1"})
	settled(t, h, c, kstate.Port{Device: "b", Master: "br0", Isolated: true})
	must(t, c.ClearPort(kstate.Port{Device: "b", Master: "br0"}))
	hold(t, h, "b", map[string]any{"master": nil})
}

func TestVLANPort(t *testing.T) {
	lab.Need(t, lab.BridgeVLAN)
	h, c := router(t)
	h.IP("link add name br0 type bridge vlan_filtering 1")
	h.IP("link set dev br0 up")
	must(t, c.AddLink(veth("v1", "u1")))
	settled(t, h, c, kstate.Port{Device: "v1", Master: "br0"})
	if got := vlansOf(t, h, "v1"); !slices.Equal(got, []string{"1 [PVID Egress Untagged]"}) {
		t.Errorf("without a VLAN: %v", got)
	}
	for _, vid := range []int{111, 4094, 2} {
		settled(t, h, c, kstate.Port{Device: "v1", Master: "br0", PVID: vid, Isolated: true})
		if got, want := vlansOf(t, h, "v1"), fmt.Sprintf("%d [PVID Egress Untagged]", vid); !slices.Equal(got, []string{want}) {
			t.Errorf("VLAN %d: %v", vid, got)
		}
	}
	// Somebody adds a range around ours, and ours with its tag.
	_, err := h.Exec("", "bridge", "vlan", "add", "dev", "v1", "vid", "1-10")
	must(t, err)
	p := kstate.Port{Device: "v1", Master: "br0", PVID: 2}
	if got := findPort(t, observe(t, c), "v1"); p.Equal(got) {
		t.Errorf("a trunk passes for an access port: %+v", got)
	}
	settled(t, h, c, p)
	if got := vlansOf(t, h, "v1"); !slices.Equal(got, []string{"2 [PVID Egress Untagged]"}) {
		t.Errorf("repaired: %v", got)
	}
	st := observe(t, c, "br0")
	if b := st.Devices["br0"].Bridge; !b.VLANFiltering || b.STP || b.DefaultPVID != 1 {
		t.Errorf("bridge: %+v", b)
	}
	// A port that joins while it is up is never in the bridge's default VLAN with the line open.
	must(t, c.ClearPort(p))
	settled(t, h, c, p)
	hold(t, h, "v1", map[string]any{"operstate": "UP"})
	must(t, c.DelLink("v1"))
}

func TestVLANLink(t *testing.T) {
	lab.Need(t, lab.VLAN)
	h, c := router(t)
	leaks(t, h, func() {
		must(t, c.AddLink(veth("v1", "u1")))
		l := kstate.Link{Name: "v1.111", Kind: kstate.KindVLAN, Parent: "v1", VLAN: 111, MTU: 1408, Up: true, Alias: "multiwan:l2"}
		fixpoint(t, h, c, l)
		hold(t, h, "v1.111", map[string]any{"link": "v1", "linkinfo.info_data.id": 111.0, "mtu": 1408.0})
		l.VLAN = 112 // cannot be changed: made anew
		fixpoint(t, h, c, l)
		hold(t, h, "v1.111", map[string]any{"linkinfo.info_data.id": 112.0})
		must(t, c.DelLink("v1.111"))
		must(t, c.DelLink("v1"))
	})
}
