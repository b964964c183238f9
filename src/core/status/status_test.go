package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

var now = time.Unix(1790000000, 0).UTC()

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// dualStack is a router with a good dual-stack line, a line that is held down after flapping, one without its device and one switched off.
func dualStack() Source {
	both := []kstate.Family{kstate.IPv4, kstate.IPv6}
	target := func(name string, rtt time.Duration, loss float64, evidence bool) health.TargetSnapshot {
		return health.TargetSnapshot{Target: name, RTT: rtt, Jitter: rtt / 10, Loss: loss, Sent: 100, Answered: 99, LastGood: now,
			EvidenceOnly: evidence}
	}
	up := health.Snapshot{State: health.Up, Since: now.Add(-3 * time.Hour), Reason: "probes are answered", RTT: 12345678, Jitter: 1e6,
		Loss: 1.04, LastGood: now, Probes: []health.ProbeSnapshot{{Name: "internet", Method: "ping", State: health.Up,
			Targets: []health.TargetSnapshot{target("1.1.1.1", 12345678, 1.04, false), target("gateway", 1e6, 0, true)}}}}
	dead := target("1.1.1.1", 0, 100, false)
	dead.LastGood, dead.LastFailure, dead.Detail = now.Add(-time.Minute), health.Unreachable, "host unreachable from 198.51.100.1"
	down := health.Snapshot{State: health.Down, Since: now.Add(-20 * time.Second), Reason: "10 probes lost in a row", Loss: 100, Held: true,
		HoldUntil: now.Add(40 * time.Second), Probes: []health.ProbeSnapshot{{Name: "internet", Method: "ping", State: health.Down,
			Targets: []health.TargetSnapshot{dead}}}}
	return Source{
		Version: "0.1.0", Now: now, Started: now.Add(-26 * time.Hour), Loaded: now.Add(-time.Hour),
		File: "/etc/config/multiwan", ConfigState: ConfigLastGood,
		Diagnostics: config.Diagnostics{
			{File: "/etc/config/multiwan", Line: 7, Section: "wan", Option: "weight", Value: "0", Want: "want 1 to 1000"},
			{File: "/etc/config/multiwan", Line: 9, Section: "wan", Option: "wieght", Want: "unknown option; did you mean weight?", Warning: true},
		},
		Config: &config.Config{
			Globals: config.Globals{Enabled: true, Steering: "mark"},
			Interfaces: []config.Interface{
				{Name: "wan", Enabled: true, Device: "eth0", Families: both, Metric: 1, Weight: 3},
				{Name: "wanb", Enabled: true, Device: "eth1", Families: both, Metric: 2, Weight: 1},
				{Name: "lte", Enabled: true, Device: "wwan0", Families: both, Metric: 3, Weight: 1},
				{Name: "off", Device: "eth9", Families: both, Metric: 1, Weight: 1},
			},
			Rules: []config.Rule{{Name: "voip", Line: 30, Enabled: true, Family: kstate.IPv4, Proto: []config.Proto{{Name: "udp", Number: 17}},
				Src:   config.Addrs{List: prefixes("192.168.1.20/32")},
				Dport: config.Ports{Not: true, List: []kstate.PortRange{{Lo: 53, Hi: 53}, {Lo: 5060, Hi: 5080}}}, Policy: "default", Origin: "forwarded"},
				{Name: "ntp", Line: 35, Enabled: true, Proto: []config.Proto{{Name: "udp", Number: 17}}, Policy: "wan", Origin: "router"},
				{Name: "old", Line: 40, Policy: "wan", Origin: "forwarded"}},
		},
		Hits: map[string]uint64{"rule_voip": 17},
		Plan: &plan.Plan{
			WANs: []plan.WANPlan{
				{Name: "wan", ID: 1, Mark: 0x1000000, Table: 19713, Carries: map[kstate.Family]bool{kstate.IPv4: true, kstate.IPv6: true}},
				{Name: "wanb", ID: 2, Mark: 0x2000000, Table: 19714}, {Name: "lte", ID: 3, Mark: 0x3000000, Table: 19715}},
			Policies: []plan.PolicyPlan{{Name: "default",
				Active: map[kstate.Family][]plan.Share{kstate.IPv4: {{WAN: "wan", Weight: 1, Percent: 100}}, kstate.IPv6: {{WAN: "wan", Weight: 1, Percent: 100}}},
				State:  map[kstate.Family]string{kstate.IPv4: "up", kstate.IPv6: "up"}},
				{Name: "backup", Active: map[kstate.Family][]plan.Share{}, State: map[kstate.Family]string{kstate.IPv4: "unreachable"}}},
		},
		Facts: plan.Facts{Network: plan.Network{WANs: map[string]plan.WAN{
			"wan": {Device: "eth0", Index: 2, Up: true, Carrier: true,
				IPv4: plan.Side{Addrs: prefixes("192.0.2.2/24"), Gateway: netip.MustParseAddr("192.0.2.1")},
				IPv6: plan.Side{Addrs: prefixes("2001:db8::2/64"), Gateway: netip.MustParseAddr("fe80::1")}},
			"wanb": {Device: "eth1", Index: 3, Up: true, Carrier: true,
				IPv4: plan.Side{Addrs: prefixes("198.51.100.2/30"), Gateway: netip.MustParseAddr("198.51.100.1")}},
			"lte": {Device: "wwan0"},
		}}},
		Health: map[string]map[kstate.Family]health.Snapshot{
			"wan":  {kstate.IPv4: up, kstate.IPv6: up},
			"wanb": {kstate.IPv4: down, kstate.IPv6: {}},
			"lte":  {kstate.IPv4: {Since: now.Add(-26 * time.Hour), Reason: "no address yet"}, kstate.IPv6: {}},
		},
		Forced:   map[string]Forced{"lte": {now.Add(-4 * time.Second), now.Add(time.Minute)}},
		Warnings: []string{"net.ipv4.conf.eth0.rp_filter was strict and is loose now", "hook /etc/multiwan.d/10-log down wan: exit status 1"},
		Repairs: []Repair{{Object: "-4 rule pref 6400 lookup main suppress_prefixlength 0", Done: "ip -4 rule add pref 6400 lookup main suppress_prefixlength 0",
			Count: 7, Last: now.Unix() - 1, RestUntil: now.Unix() + 1}},
		Counters: Counters{Passes: 12, Writes: 3, Transitions: 1},
		Timings:  Timings{Pass: 1.5, Observe: 1, Plan: 0.25, Apply: 0.125, Effects: 0.125, Switch: 2.5, SwitchMost: 4},
	}
}

func TestDocument(t *testing.T) {
	text, err := json.MarshalIndent(Build(dualStack()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", append(text, '\n'))
}

func TestTable(t *testing.T) {
	for name, colour := range map[string]bool{"status.txt": false, "status.ansi": true} {
		var b bytes.Buffer
		if err := WriteTable(&b, Build(dualStack()), colour); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// TestBeforeTheFirstPass is the status in the first milliseconds of a daemon.
func TestBeforeTheFirstPass(t *testing.T) {
	s := dualStack()
	s.Plan, s.Facts, s.Health = nil, plan.Facts{}, nil
	d := Build(s)
	if got := d.Interfaces["wan"]; got.State != "waiting" || got.Reason != "no device" {
		t.Errorf("wan is %q because of %q, want waiting, no device", got.State, got.Reason)
	}
	if len(d.Policies) != 0 {
		t.Errorf("policies %v before any plan", d.Policies)
	}
}

// TestDisabled: nothing waits and nothing is up where multiwan is switched off.
func TestDisabled(t *testing.T) {
	s := dualStack()
	s.Config.Globals.Enabled = false
	for name, i := range Build(s).Interfaces {
		if i.State != "disabled" || i.IPv4 != nil || i.Mark != "" {
			t.Errorf("%s: %+v", name, i)
		}
	}
}

func TestHistory(t *testing.T) {
	tr := TransitionOf("wan", kstate.IPv4, health.Transition{From: health.Suspect, To: health.Down, At: now, Reason: "internet: 10 lost in a row",
		Evidence: []health.Evidence{
			{Probe: "internet", Target: "1.1.1.1", Sent: now.Add(-1900 * time.Millisecond), RTT: 23 * time.Millisecond},
			{Probe: "internet", Target: "8.8.8.8", Sent: now.Add(-900 * time.Millisecond), Failure: health.Unreachable, Detail: "net unreachable", Burst: true},
			{Probe: "internet", Target: "1.1.1.1", Sent: now.Add(-880 * time.Millisecond), Failure: health.NoAnswer, Burst: true},
		}}, 10*time.Second)
	var b bytes.Buffer
	if err := WriteHistory(&b, []Transition{tr}, true, time.UTC); err != nil {
		t.Fatal(err)
	}
	golden(t, "history.txt", b.Bytes())
	b.Reset()
	if err := WriteHistory(&b, []Transition{tr}, false, time.UTC); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 1 {
		t.Errorf("without evidence: %q, %v", &b, err)
	}
}

func TestRing(t *testing.T) {
	r := NewRing(3)
	for i, wan := range []string{"a", "b", "a", "b", "a"} {
		r.Add(Transition{Time: float64(i), Interface: wan})
	}
	times := func(ts []Transition) (out []float64) {
		for _, t := range ts {
			out = append(out, t.Time)
		}
		return out
	}
	for _, c := range []struct {
		n    int
		wan  string
		want []float64
	}{{0, "", []float64{2, 3, 4}}, {2, "", []float64{3, 4}}, {0, "a", []float64{2, 4}}, {1, "a", []float64{4}}, {0, "c", nil}} {
		if d := cmp.Diff(c.want, times(r.Last(c.n, c.wan))); d != "" {
			t.Errorf("Last(%d, %q): %s", c.n, c.wan, d)
		}
	}
	if r.Total() != 5 {
		t.Errorf("total %d, want 5", r.Total())
	}
}

func TestWriteErrorIsReturned(t *testing.T) {
	want := errors.New("full")
	if err := WriteTable(failing{want}, Build(dualStack()), false); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestSpan(t *testing.T) {
	for s, want := range map[int64]string{-3: "0s", 0: "0s", 59: "59s", 60: "1m0s", 3599: "59m59s", 3600: "1h0m", 86399: "23h59m", 90000: "1d1h"} {
		if got := Span(s); got != want {
			t.Errorf("Span(%d) = %q, want %q", s, got, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	var b bytes.Buffer
	if err := WriteMetrics(&b, MetricsOf(Build(dualStack()))); err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.txt", b.Bytes())
}

// TestMetricsOfFamilies: a policy whose families go by different WANs has both in its numbers.
func TestMetricsOfFamilies(t *testing.T) {
	d := &Document{Policies: map[string]Policy{"p": {
		Active: []Share{{Interface: "a", Percent: 100}},
		IPv4:   &PolicyFamily{Active: []Share{{Interface: "a", Percent: 100}}},
		IPv6:   &PolicyFamily{Active: []Share{{Interface: "a", Percent: 25}, {Interface: "b", Percent: 75}}},
	}}}
	got := map[string]float64{}
	for _, m := range MetricsOf(d) {
		if m.Name == "multiwan_policy_share_ratio" {
			got[m.Labels["policy"]+" "+m.Labels["family"]+" "+m.Labels["interface"]] = m.Value
		}
	}
	if diff := cmp.Diff(map[string]float64{"p ipv4 a": 1, "p ipv6 a": 0.25, "p ipv6 b": 0.75}, got); diff != "" {
		t.Error(diff)
	}
}

// TestManyRules: the table stops where a screen ends and says so.
func TestManyRules(t *testing.T) {
	d := Build(dualStack())
	d.Rules = slices.Repeat(d.Rules[:1], rulesShown+7)
	var b bytes.Buffer
	if err := WriteTable(&b, d, false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\nvoip "); got != rulesShown || !strings.Contains(b.String(), "\nand 7 more rules") {
		t.Errorf("%d rules in\n%s", got, b.String())
	}
}
