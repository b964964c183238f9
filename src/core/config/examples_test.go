package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

const (
	examplesDir = "../../../docs/examples"
	shippedPath = "../../../files/etc/config/multiwan"
)

// loadClean loads a file about which there must be nothing to say.
func loadClean(t *testing.T, path string, text []byte) *Config {
	t.Helper()
	c, ds := Load(path, text)
	if len(ds) > 0 {
		t.Fatalf("diagnostics:\n%s", ds)
	}
	checkInvariants(t, c, ds)
	return c
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sketch is what an example must come to.
type sketch struct {
	Steering string
	WANs     string // name@device, in order
	Default  string // members of the default policy as name:metric:weight
	Rules    string // name>policy/origin
	Joins    string // name/ipsec/interface/i where this end initiates; bond[members]
}

func sketchOf(c *Config) sketch {
	var s sketch
	s.Steering = c.Globals.Steering
	var wans, members, rules []string
	for _, i := range c.Interfaces {
		wans = append(wans, i.Name+"@"+i.Device)
	}
	for _, p := range c.Policies {
		if p.Name != DefaultPolicy {
			continue
		}
		for _, m := range p.Members {
			members = append(members, strings.Join([]string{m.Interface, string(rune('0' + m.Metric)), string(rune('0' + m.Weight))}, ":"))
		}
	}
	for _, r := range c.Rules {
		rules = append(rules, r.Name+">"+r.Policy+"/"+r.Origin)
	}
	s.Joins = joinsOf(c)
	s.WANs, s.Default, s.Rules = strings.Join(wans, " "), strings.Join(members, " "), strings.Join(rules, " ")
	return s
}

func joinsOf(c *Config) string {
	var joins []string
	initiate := map[string]string{}
	for _, x := range c.IPsec {
		initiate[x.Name] = map[bool]string{true: "i"}[x.Initiate]
	}
	for _, p := range c.Pseudowires {
		joins = append(joins, strings.Join([]string{p.Name, p.IPsec, p.Interface, initiate[p.IPsec]}, "/"))
	}
	for _, b := range c.Bonds {
		var members []string
		for _, m := range b.Members {
			members = append(members, m.Name)
		}
		joins = append(joins, b.Name+"["+strings.Join(members, " ")+"]")
	}
	return strings.Join(joins, " ")
}

// TestExamples loads every file under docs/examples and holds what it means.
func TestExamples(t *testing.T) {
	want := map[string]sketch{
		"two-static-isps":      {"mark", "cable@eth1 telco@eth2.4", "cable:1:1 telco:2:1", "mail>telco/forwarded", ""},
		"two-adsl-one-nic":     {"mark", "adsl1@eth0 adsl2@eth0", "adsl1:1:1 adsl2:1:1", "", ""},
		"multipath":            {"route", "fibre@eth1 cable@eth2 dsl@ppp0", "fibre:1:4 cable:1:2 dsl:1:1", "", ""},
		"cable-and-lte":        {"mark", "cable@eth1 lte@wwan0", "cable:1:1 lte:2:1", "backup>never_lte/forwarded voip>default/forwarded", ""},
		"two-sites.uci":        {"mark", "cable@eth1 telco@eth2", "cable:1:1 telco:2:1", "", "pw_cable/dc_cable/cable/i pw_telco/dc_telco/telco/i ha[pw_cable pw_telco]"},
		"two-sites-mirror.uci": {"mark", "fibre@eth1 radio@eth2", "fibre:1:1 radio:2:1", "", "pw_cable/branch_cable/fibre/ pw_telco/branch_telco/radio/ ha[pw_cable pw_telco]"},
		"hub.uci":              {"mark", "wan@eth0", "wan:1:1", "", "pw_north/north/wan/ pw_south/south/wan/"},
		"bond.uci":             {"mark", "cable@eth1 telco@eth2", "cable:1:1 telco:1:1", "", "pw_cable/by_cable/cable/i pw_telco/by_telco/telco/i trunk[pw_cable pw_telco]"},
		"openvpn-bond.uci":     {"mark", "internet1@eth1 internet2@eth2", "internet1:1:1 internet2:1:1", "tunnel1>internet1/router tunnel2>internet2/router", "ha[tap0 tap1]"},
		"6rd.uci":              {"mark", "telco@eth1 cable@eth2 sixrd@sixrd", "telco:1:1 cable:2:1 sixrd:1:1", "", ""},
		"spray.uci":            {"mark", "fast@eth1 slow@eth2 pw_fast@pw_fast pw_slow@pw_slow", "fast:1:1 slow:1:1", "to_dc>both/forwarded", "pw_fast/by_fast/fast/i pw_slow/by_slow/slow/i"},
		"openvpn-per-isp":      {"mark", "internet1@eth1 internet2@eth2", "internet1:1:1 internet2:1:1", "tunnel1>internet1/router tunnel2>internet2/router", ""},
	}
	files, err := filepath.Glob(examplesDir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]sketch{}
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			text := read(t, path)
			if !strings.HasPrefix(string(text), "# ") {
				t.Error("no comment that explains the file")
			}
			got[name] = sketchOf(loadClean(t, path, text))
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShipped loads the file that the package installs: it does nothing, and with the # of its example removed it works.
func TestShipped(t *testing.T) {
	text := read(t, shippedPath)
	c := loadClean(t, shippedPath, text)
	if c.Globals.Enabled || len(c.Interfaces) > 0 {
		t.Errorf("the shipped file steers: %+v", c)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#config") || strings.HasPrefix(line, "#\t") {
			line = line[1:]
		}
		lines = append(lines, line)
	}
	c = loadClean(t, shippedPath, []byte(strings.Join(lines, "")))
	want := sketch{"mark", "wan@ wanb@", "wan:1:1 wanb:2:1", "backup>only_wan/forwarded voip>wan/forwarded", "far_lan/far/wan/i"}
	if diff := cmp.Diff(want, sketchOf(c)); diff != "" {
		t.Errorf("example (-want +got):\n%s", diff)
	}
}

// TestEmpty: without any file all defaults stand, and there is nothing to steer.
func TestEmpty(t *testing.T) {
	c := loadClean(t, "multiwan", nil)
	want := &Config{Globals: Globals{
		Enabled: true, LogLevel: "notice", Steering: "mark", MarkMask: 0x7f000000, RuleBase: 6000, TableBase: 19712,
		Collision: "move", HookDir: "/etc/multiwan.d", FixedPorts: []uint16{500, 1701, 4500},
	}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMinimal: two names are a whole configuration.
func TestMinimal(t *testing.T) {
	c := loadClean(t, "multiwan", []byte("config interface wan\nconfig interface wanb\n\toption metric 2\n\toption weight 3\n"))
	both := []kstate.Family{kstate.IPv4, kstate.IPv6}
	wantWANs := []Interface{
		{Name: "wan", Line: 1, Enabled: true, Families: both, Metric: 1, Weight: 1, SNAT: "auto", SNAT6: "none", Probes: []string{"builtin"}},
		{Name: "wanb", Line: 2, Enabled: true, Families: both, Metric: 2, Weight: 3, SNAT: "auto", SNAT6: "none", Probes: []string{"builtin"}},
	}
	wantPolicies := []Policy{{
		Name: "default", Members: []Member{{"wan", 1, 1}, {"wanb", 2, 3}}, Balance: "connection", LastResort: "best_effort", Failback: "move_udp",
		DrainTimeout: 60e9, DelaySpread: 5e6,
	}}
	wantProbes := []Probe{{
		Name: "builtin", Method: "ping", Targets: builtinTargets, Reliability: 1, Interval: 1e9, Timeout: 1e9, Down: 10, Up: 5, DownInterval: 1e9,
		Window: 30, Size: 56, Query: "example.com", Path: "/",
	}}

	if diff := cmp.Diff(wantWANs, c.Interfaces, addrs...); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantPolicies, c.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantProbes, c.Probes); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
}
