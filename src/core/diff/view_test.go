package diff

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

const viewConfig = `
config globals 'globals'

config interface 'wan'
	option device 'eth1'
	option metric '1'

config interface 'wanb'
	option device 'eth2'
	option metric '2'

config policy 'default'
	list interface 'wan'
	list interface 'wanb'
	option sticky '300'
	option failback 'drain'
	option drain_timeout '60'

config rule 'backup'
	option dest_port '873'
	option proto 'tcp'
	option policy 'wanb'
`

func viewFacts() plan.Facts {
	side := func(a, gw string) plan.Side {
		return plan.Side{Addrs: []netip.Prefix{netip.MustParsePrefix(a)}, Gateway: netip.MustParseAddr(gw)}
	}
	up := plan.Verdict{State: "up"}
	return plan.Facts{
		Network: plan.Network{WANs: map[string]plan.WAN{
			"wan":  {Device: "eth1", Index: 1, Up: true, Carrier: true, IPv4: side("192.0.2.1/24", "192.0.2.254")},
			"wanb": {Device: "eth2", Index: 2, Up: true, Carrier: true, IPv4: side("198.51.100.1/24", "198.51.100.254")},
		}},
		Health: map[string]map[kstate.Family]plan.Verdict{"wan": {kstate.IPv4: up, kstate.IPv6: up}, "wanb": {kstate.IPv4: up}},
		IDs:    map[string]int{"wan": 1, "wanb": 2}, PolicyIDs: map[string]int{"default": 1},
	}
}

func TestViewOf(t *testing.T) {
	c, diags := config.Load("multiwan", []byte(viewConfig))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	f := viewFacts()
	v := ViewOf(plan.Compute(c, f), c, f, Reasons{"wan": {kstate.IPv4: "all is well"}})
	wan := v.WANs["wan"]
	if wan.Mark != 0x01000000 || v.Mask != 0x7f000000 || wan.Device != "eth1" {
		t.Errorf("mark %#x mask %#x device %s", wan.Mark, v.Mask, wan.Device)
	}
	s := wan.Sides[kstate.IPv4]
	if !s.Carries || s.State != "up" || s.Reason != "all is well" || s.Gateway != netip.MustParseAddr("192.0.2.254") || len(s.Sticky) == 0 {
		t.Errorf("ipv4 %+v", s)
	}
	if s := wan.Sides[kstate.IPv6]; s.Carries || s.State != "down" || s.Reason != "no address" {
		t.Errorf("ipv6 has no address, whatever health says: %+v", s)
	}
	if s := v.WANs["wanb"].Sides[kstate.IPv6]; s.State != "waiting" {
		t.Errorf("no verdict: %+v", s)
	}
	p := v.Policies["default"]
	if d := cmp.Diff([]string{"wan", "wanb"}, p.Members); d != "" || p.Failback != "drain" || p.Drain.Seconds() != 60 {
		t.Errorf("default %+v %s", p, d)
	}
	if d := cmp.Diff([]string{"wanb"}, v.Policies["wanb"].Members); d != "" {
		t.Errorf("a rule that names a wan is a policy of it alone: %s", d)
	}
}

// TestMissing: what keeps a WAN from sending is the reason that users see.
func TestMissing(t *testing.T) {
	for want, change := range map[string]func(*plan.WAN){
		"no device":              func(w *plan.WAN) { w.Index = 0 },
		"device is switched off": func(w *plan.WAN) { w.Up = false },
		"no carrier":             func(w *plan.WAN) { w.Carrier = false },
		"no address":             func(w *plan.WAN) { w.IPv4.Addrs = nil },
		"no gateway":             func(w *plan.WAN) { w.IPv4.Gateway = netip.Addr{} },
		"":                       func(w *plan.WAN) { w.IPv4.Gateway, w.PointToPoint = netip.Addr{}, true },
	} {
		w := viewFacts().WANs["wan"]
		change(&w)
		if got := w.Missing(kstate.IPv4); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestViewIsKept: a view goes through the state file unharmed.
func TestViewIsKept(t *testing.T) {
	c, _ := config.Load("multiwan", []byte(viewConfig))
	f := viewFacts()
	v := ViewOf(plan.Compute(c, f), c, f, nil)
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got View
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(got)
	if d := cmp.Diff(string(text), string(again)); d != "" || !got.Known() {
		t.Error(d)
	}
	for _, pair := range [][2]View{{v, got}, {got, v}} {
		if e := Effects(pair[0], pair[1]); len(e) > 0 {
			t.Errorf("effects %v", e)
		}
	}
	if empty := (View{}); empty.Known() {
		t.Error("the zero view is known")
	}
}
