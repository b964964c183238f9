package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

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
