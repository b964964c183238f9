package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"multiwan/src/core/plan"
	"multiwan/src/core/status"
)

// TestOffload: hardware offloading beside several WANs is warned about, by a code of its own, until it is off again.
func TestOffload(t *testing.T) {
	d, _ := bare(t, twoWANs)
	warned := func() bool {
		return slices.ContainsFunc(d.status().Notices, func(n status.Notice) bool { return n.Code == "hardware-offload" })
	}
	for _, c := range []struct {
		firewall, config string
		want             bool
	}{
		{"config defaults\n\toption flow_offloading '1'\n\toption flow_offloading_hw '1'\n", twoWANs, true},
		{"config defaults\n\toption flow_offloading '1'\n", twoWANs, false},
		{"config defaults\n\toption flow_offloading_hw '1'\n", twoWANs, false}, // without software offloading fw4 leaves it out
		{"config defaults\n\toption flow_offloading 'on'\n\toption flow_offloading_hw 'yes'\n", twoWANs, true},
		{"config defaults\n\toption flow_offloading '1'\n\toption flow_offloading_hw '1'\n", "config interface 'wan'\n\toption device 'eth0'\n", false},
		{"config defaults\n\toption flow_offloading '1'\n\toption flow_offloading_hw '1'\n", "config globals 'globals'\n\toption enabled '0'\n" + twoWANs, false},
		{"config 'bro\n", twoWANs, false},
		{"", twoWANs, false},
	} {
		path := filepath.Join(filepath.Dir(d.file.path), "firewall")
		if err := os.WriteFile(path, []byte(c.firewall), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.file.path, []byte(c.config), 0o600); err != nil {
			t.Fatal(err)
		}
		d.reload()
		if got := warned(); got != c.want {
			t.Errorf("%q with %q: warned: %v, want %v", c.firewall, c.config, got, c.want)
		}
	}
}

// TestFirewallZones: what the firewall does with a WAN's sources is what the zone says that has its network or its device, while it stands.
func TestFirewallZones(t *testing.T) {
	const file = `
config zone
	option name 'lan'
	list network 'lan'
config zone
	option name 'wan'
	option network 'wan wanb lte'
	option masq '1'
config zone
	option name 'part'
	list network 'some'
	option masq '1'
	list masq_src '192.168.1.0/24'
config zone
	option name 'six'
	list network 'six'
	option masq '1'
	option family 'ipv6'
config zone
	option name 'off'
	list network 'off'
	option masq '1'
	option enabled '0'
config zone
	option name 'dev'
	list device 'ppp0'
	option masq 'yes'
config zone
	option name 'routed'
	list network 'routed'
	option masq '0'
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "firewall"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]plan.Firewall{"wan": plan.Masquerades, "wanb": plan.Masquerades, "lte": plan.Masquerades, "some": plan.LeavesAlone, "six": plan.LeavesAlone,
		"off": plan.NoFirewall, "dsl": plan.Masquerades, "routed": plan.LeavesAlone, "vpn": plan.NoFirewall}
	for _, stands := range []bool{true, false} {
		w := &firewall{stands: func(context.Context) bool { return stands }}
		w.read(firewallFile(filepath.Join(dir, "multiwan")))
		wans := map[string]plan.WAN{}
		for name := range want {
			wans[name] = plan.WAN{Device: "eth0"}
		}
		wans["dsl"] = plan.WAN{Device: "ppp0"}
		w.fill(t.Context(), wans)
		for name, does := range want {
			if !stands {
				does = plan.NoFirewall
			}
			if got := wans[name].Firewall; got != does {
				t.Errorf("stands %v, %s: %v, want %v", stands, name, got, does)
			}
		}
	}
	(&firewall{}).fill(t.Context(), map[string]plan.WAN{"wan": {}}) // no zones: nothing is asked
}
