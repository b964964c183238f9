package lab

import (
	"testing"

	"multiwan/src/core/config"
)

// TestUCI: the daemon's own reader takes every configuration that the lab
// writes, without an error.
func TestUCI(t *testing.T) {
	Need(t, Nft, Bridge, Tun)
	for _, o := range []Options{
		{WANs: []Kind{Ethernet, Tunnel, RelayedEther}},
		{WANs: []Kind{Alias, Alias}},
		{WANs: []Kind{SameSubnet, SameSubnet}, NoIPv6: true},
		{WANs: []Kind{Ethernet}, Delegated: true},
	} {
		n := Build(t, o)
		text := n.UCI("config globals 'globals'\n\toption log_level 'debug'\n")
		c, diags := config.Load("lab", []byte(text))
		if len(diags) > 0 || len(c.Interfaces) != len(n.WANs) {
			t.Errorf("%d interfaces, want %d; %v in\n%s", len(c.Interfaces), len(n.WANs), diags, text)
		}
	}
}
