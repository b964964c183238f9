package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestTranslationWithoutAddress: what needs translation is dropped while a WAN has no address of a family that it is used for, and left
// alone in a family that is none of ours.
func TestTranslationWithoutAddress(t *testing.T) {
	for families, want := range map[string][2]bool{"ipv4 ipv6": {true, true}, "ipv4": {true, false}, "ipv6": {false, true}} {
		text := "config interface 'wan'\n\toption device 'eth1'\n\toption family '" + families + "'\n"
		if want[1] {
			text += "\toption snat6 'masquerade'\n"
		}
		c, found := config.Load("t", []byte(text))
		if len(found) > 0 {
			t.Fatal(found)
		}
		f := plan.Facts{
			Network:   plan.Network{WANs: map[string]plan.WAN{"wan": {Device: "eth1", Index: 3, Up: true, Carrier: true}}},
			IDs:       map[string]int{"wan": 1},
			PolicyIDs: map[string]int{"default": 1},
		}
		for i, family := range kstate.Families {
			dropped := strings.Contains(render(plan.Compute(c, f)), []string{"chain snat4_wan {\n\t\tip saddr {", "chain snat6_wan {\n\t\tip6 saddr fc00::/7 drop"}[i])
			if dropped != want[i] {
				t.Errorf("%s: %s is dropped: %v, want %v", families, family, dropped, want[i])
			}
		}
		w := f.WANs["wan"]
		w.IPv4.Addrs, w.IPv4.Gateway = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}, netip.MustParseAddr("192.0.2.1")
		f.WANs["wan"] = w
		if text := render(plan.Compute(c, f)); want[0] && !strings.Contains(text, "chain snat4_wan {\n\t\tip saddr 192.0.2.2 ") {
			t.Errorf("%s: dropped although there is an address:\n%s", families, text)
		}
	}
}
