package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"multiwan/src/control"
	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/hook"
	"multiwan/src/journal"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

const twoWANs = `
config interface 'wan'
	option device 'eth0'
config interface 'wanb'
	option device 'eth1'
	option metric '2'
`

// bare is a daemon without a kernel: its loop does not run.
func bare(t *testing.T, text string) (*daemon, *bytes.Buffer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "multiwan")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := &daemon{opt: Options{Config: path, Version: "7"}, ike: newIKE("", func() {}), log: journal.New(&log), started: time.Now(), file: &file{path: path}}
	d.record = newRecord(d.log)
	d.hooks = hook.New("", func(string) {})
	d.series = newSeries()
	d.lines = newLines(d)
	d.loop = reconcile.New(reconcile.Ports{})
	d.bus, d.netifd = newBus(d), newNetifd(d)
	d.raised = newRaised(d)
	d.file.extend = d.raised.extend
	d.firewall = &firewall{}
	d.boot()
	return d, &log
}

// written returns what the record would log, and forgets it.
func written(t *testing.T, r *record, log *bytes.Buffer) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := r.run(ctx); err != nil {
		t.Fatal(err)
	}
	defer log.Reset()
	return log.String()
}

// TestReload follows P9: a boot with errors runs what is valid, a reload with errors changes nothing, a good one mends both.
func TestReload(t *testing.T) {
	bad := twoWANs + "config interface 'bad'\n\toption weight 'x'\n"
	d, log := bare(t, bad)
	if got := d.status(); got.Config.State != status.ConfigErrors || len(got.Config.Errors) != 1 || len(got.Interfaces) != 2 {
		t.Errorf("boot with errors: %+v, %d interfaces", got.Config, len(got.Interfaces))
	}
	if !strings.Contains(log.String(), "bad.weight") {
		t.Errorf("the log does not say what is wrong: %s", log)
	}
	write := func(text string) {
		if err := os.WriteFile(d.file.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.reload(); got.State != status.ConfigErrors {
		t.Errorf("still bad: state %q", got.State)
	}
	write(twoWANs)
	if got := d.reload(); got.State != status.ConfigOK || len(got.Errors) != 0 {
		t.Errorf("mended: %+v", got)
	}
	running := d.file.running()
	write(strings.Replace(twoWANs, "'2'", "'-2'", 1))
	if got := d.reload(); got.State != status.ConfigLastGood || len(got.Errors) != 1 {
		t.Errorf("broken again: %+v", got)
	}
	if d.file.running() != running {
		t.Error("a refused reload changed the configuration in force")
	}
	if err := os.Remove(d.file.path); err != nil {
		t.Fatal(err)
	}
	if got := d.reload(); got.State != status.ConfigLastGood || d.file.running() != running {
		t.Errorf("file gone: %+v", got)
	}
	if n := d.status().Counters.Reloads; n != 2 {
		t.Errorf("%d configurations put in force, want 2", n)
	}
}

// TestBootWithoutAFile: nothing is done to the kernel, and the status says why.
// TestRefusedByTheLoop: a file without errors that cannot be put in force, since others use its numbers, leaves the one before it.
func TestRefusedByTheLoop(t *testing.T) {
	d, _ := bare(t, twoWANs)
	running := d.file.running()
	if err := os.WriteFile(d.file.path, []byte("config globals\n\toption log_level 'debug'\n\toption rule_base '9000'\n"+twoWANs), 0o600); err != nil {
		t.Fatal(err)
	}
	d.reload()
	d.refuse(d.file.running(), reconcile.ErrCollision{With: []string{"ip rule 9100"}})
	got := d.status()
	if d.file.running() != running || got.Config.State != status.ConfigLastGood || len(got.Config.Errors) != 1 || got.Counters.Reloads != 1 {
		t.Errorf("refused: %+v, %+v", got.Config, got.Counters)
	}
	if d.log.IsLevelEnabled(logrus.DebugLevel) {
		t.Error("the refused log level holds")
	}
	d.refuse(&config.Config{}, errors.New("an old one"))
	if d.file.running() != running {
		t.Error("a configuration that was not the last one was taken back")
	}
}

func TestBootWithoutAFile(t *testing.T) {
	f := &file{path: "/nonexistent/multiwan"}
	c, found := f.load(true)
	if c == nil || c.Globals.Enabled || !found.HasErrors() {
		t.Errorf("config %+v, found %v; want one that is not enabled", c, found)
	}
}

func TestMethods(t *testing.T) {
	d, _ := bare(t, twoWANs)
	by := make(map[string]control.Method)
	for _, m := range d.methods() {
		by[m.Name] = m
	}
	for _, c := range []struct {
		method string
		args   control.Args
		want   control.Code // "" for an answer
	}{
		{"status", nil, ""}, {"metrics", nil, ""}, {"history", nil, ""}, {"check", nil, ""}, {"check", control.Args{"text": "config x"}, ""},
		{"history", control.Args{"interface": "nope"}, control.NotFound}, {"history", control.Args{"last": -1}, control.Usage},
		{"down", control.Args{"interface": "nope"}, control.NotFound}, {"down", control.Args{"interface": "wan", "seconds": -1}, control.Usage},
		{"probe", control.Args{"interface": "wan", "count": 101}, control.Usage}, {"up", control.Args{}, control.NotFound},
		{"down", control.Args{"interface": "wan", "seconds": 60}, ""}, {"reload", nil, ""},
	} {
		_, err := by[c.method].Call(t.Context(), c.args)
		var refused *control.Error
		if errors.As(err, &refused); c.want == "" && err != nil || c.want != "" && (refused == nil || refused.Code != c.want) {
			t.Errorf("%s %v: %v, want code %q", c.method, c.args, err, c.want)
		}
	}
	if got := d.status().Interfaces["wan"]; got.Forced != "down" || got.ForcedTo == 0 {
		t.Errorf("after down: %+v", got)
	}
	if _, err := by["up"].Call(t.Context(), control.Args{"interface": "wan"}); err != nil || d.status().Interfaces["wan"].Forced != "" {
		t.Errorf("after up: %v, %+v", err, d.status().Interfaces["wan"])
	}
	began, until := time.Now(), time.Now().Add(time.Minute)
	d.forced.set("wan", began, time.Time{})
	d.forced.set("wan", began.Add(time.Second), until)
	if got := d.forced.now(began)["wan"]; got.Since != began || got.Until != until {
		t.Errorf("taken down twice: %+v", got)
	}
	d.forced.set("wan", until, time.Time{})
	if got := d.forced.now(until)["wan"]; got.Since != until {
		t.Errorf("taken down again after its time: %+v", got)
	}
	d.forced.set("wanb", time.Now(), time.Now().Add(-time.Second))
	if got := d.status().Interfaces["wanb"].Forced; got != "" {
		t.Errorf("forced %q after its time", got)
	}
}

// TestMethodsAreDocumented holds the table in docs/commands.md.
func TestMethodsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, _ := strings.Cut(string(text), "# Control socket")
	have := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(text2, -1) {
		have[m[1]] = strings.Join(regexp.MustCompile("`(\\w+)`").FindAllString(m[2], -1), " ")
	}
	want := make(map[string]string)
	for _, m := range (&daemon{}).methods() {
		var params []string
		for _, p := range m.Params {
			params = append(params, "`"+p.Name+"`")
		}
		want[m.Name] = strings.Join(params, " ")
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("- in the program only, + in docs/commands.md only:\n%s", d)
	}
}

func TestRecordSaysEachThingOnce(t *testing.T) {
	var log bytes.Buffer
	r := newRecord(journal.New(&log))
	r.log.SetLevel(logrus.TraceLevel)
	p := &plan.Plan{Policies: []plan.PolicyPlan{{Name: "default", State: map[kstate.Family]string{kstate.IPv4: "up"},
		Active: map[kstate.Family][]plan.Share{kstate.IPv4: {{WAN: "wan", Percent: 100}}}}}}
	op := diff.Op{Verb: diff.Add, Kind: diff.Rule, Rule: kstate.Rule{Family: kstate.IPv4, Priority: 6400, Action: kstate.Lookup, Table: 254}}
	s := reconcile.Snapshot{Plan: p, Warnings: []string{"another program keeps changing x (6 repairs)"},
		Problems: []reconcile.Problem{{Object: "o", Op: "ip -4 rule add", Error: "no", Tries: 1}},
		Done:     []reconcile.Done{{Op: op, Drift: true}, {Op: op, Err: errors.New("no")}}}
	r.pass(s)
	first := written(t, r, &log)
	for _, want := range []string{`level=notice msg="up: wan 100%" family=ipv4 policy=default`, "level=warn msg=\"ip -4 rule add: no\"",
		"repaired what another program changed: ip -4 rule add pref 6400", "keeps changing x"} {
		if !strings.Contains(first, want) {
			t.Errorf("the log lacks %q:\n%s", want, first)
		}
	}
	s.Warnings = []string{"another program keeps changing x (7 repairs)"}
	s.Problems = []reconcile.Problem{{Object: "o", Op: "ip -4 rule add", Error: "no", Tries: 2}}
	s.Done = s.Done[:1]
	r.pass(s)
	if again := written(t, r, &log); strings.Count(again, "\n") != 1 || !strings.Contains(again, "level=info") {
		t.Errorf("said twice:\n%s", again)
	}
	if w := r.warnings(); len(w) != 2 || !strings.Contains(w[1], "(2 tries)") {
		t.Errorf("warnings %q", w)
	}
	r.pass(reconcile.Snapshot{Err: errors.New("no kernel"), Serial: 3})
	r.pass(reconcile.Snapshot{Err: errors.New("no kernel"), Serial: 4})
	if got := written(t, r, &log); strings.Count(got, "no kernel") != 1 {
		t.Errorf("a lasting fault is said %d times:\n%s", strings.Count(got, "no kernel"), got)
	}
	if w := strings.Join(r.warnings(), "\n"); !strings.Contains(w, "pass: no kernel (2 times)") {
		t.Errorf("warnings %q", w)
	}
	s.Problems = nil
	r.pass(s)
	if got := written(t, r, &log); !strings.Contains(got, "pass: works again after 2 failures") {
		t.Errorf("the end of a fault is not said:\n%s", got)
	}
	counters, _ := r.count()
	want := status.Counters{Passes: 0, Writes: 3, Failed: 1}
	if d := cmp.Diff(want, counters); d != "" {
		t.Error(d)
	}
}

// TestRecordKeepsTheSlowestSwitch keeps the time of the last verdict over passes that answer none.
func TestRecordKeepsTheSlowestSwitch(t *testing.T) {
	var log bytes.Buffer
	r := newRecord(journal.New(&log))
	for _, took := range []time.Duration{2 * time.Millisecond, 1500 * time.Microsecond, 0} {
		r.pass(reconcile.Snapshot{Plan: &plan.Plan{}, Times: reconcile.Times{Total: time.Millisecond, FromVerdict: took}})
	}
	if _, got := r.count(); got != (status.Timings{Pass: 1, Switch: 1.5, SwitchMost: 2}) {
		t.Errorf("%+v", got)
	}
}

func TestRecordKeepsVerdicts(t *testing.T) {
	var log bytes.Buffer
	r := newRecord(journal.New(&log))
	at := time.Now()
	change := func(from, to health.State) {
		r.transitions(probe.Update{WAN: "wan", Family: kstate.IPv6, Transitions: []health.Transition{{From: from, To: to, At: at, Reason: "because"}},
			Snapshot: health.Snapshot{State: to, Hold: 20 * time.Second, HoldUntil: at.Add(20 * time.Second)}})
	}
	change(health.Up, health.Suspect)
	change(health.Suspect, health.Up)
	change(health.Suspect, health.Degraded)
	change(health.Suspect, health.Down)
	h := r.history(0, "")
	if len(h) != 2 || h[0].To != "degraded" || h[1].To != "down" || h[1].Held != 20 || h[1].Evidence == nil {
		t.Errorf("history %+v, want the degradation and the loss", h)
	}
	if got := written(t, r, &log); got != "level=notice msg=\"degraded, was suspect: because\" family=ipv6 wan=wan\n"+
		"level=notice msg=\"down, was suspect: because\" family=ipv6 wan=wan\n" {
		t.Errorf("log %q", got)
	}
}

// TestRecordNeverBlocks: without a reader of the log, lines are dropped and counted.
func TestRecordNeverBlocks(t *testing.T) {
	var log bytes.Buffer
	r := newRecord(journal.New(&log))
	for i := range backlog + 7 {
		r.fault(fmt.Sprint("part ", i), errors.New("x"))
	}
	if got := written(t, r, &log); !strings.Contains(got, "7 log lines dropped") {
		t.Errorf("log ends %q", got[max(0, len(got)-100):])
	}
}

func TestPathOf(t *testing.T) {
	w := plan.WANPlan{Name: "wan", Probe: 0x41000000}
	net := plan.WAN{Device: "eth0", Index: 3, Up: true, Carrier: true, IPv4: plan.Side{
		Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}, Gateway: netip.MustParseAddr("192.0.2.1"),
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}}
	want := probe.Path{WAN: "wan", Family: kstate.IPv4, Device: "eth0", Index: 3, Source: netip.MustParseAddr("192.0.2.2"),
		Gateway: netip.MustParseAddr("192.0.2.1"), Mark: 0x41000000, Resolvers: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}
	addr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if d := cmp.Diff(want, pathOf(w, net, kstate.IPv4), addr); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(probe.Path{}, pathOf(w, net, kstate.IPv6), addr); d != "" {
		t.Errorf("no address: %s", d)
	}
	net.IPv4.Gateway = netip.Addr{}
	if d := cmp.Diff(probe.Path{}, pathOf(w, net, kstate.IPv4), addr); d != "" {
		t.Errorf("no gateway: %s", d)
	}
	net.PointToPoint = true
	if got := pathOf(w, net, kstate.IPv4); got.Source != want.Source || got.Gateway.IsValid() {
		t.Errorf("point to point: %+v", got)
	}
}

func TestBurstTargets(t *testing.T) {
	c, found := config.Load("t", []byte(twoWANs+"\tlist probe 'p'\nconfig probe 'p'\n\tlist target '203.0.113.1'\n\tlist target '2001:db8::1'\n\tlist target 'gateway'\n"))
	if found.HasErrors() {
		t.Fatal(found)
	}
	net := plan.WAN{Device: "eth1", IPv4: plan.Side{Gateway: netip.MustParseAddr("192.0.2.1")}, IPv6: plan.Side{Gateway: netip.MustParseAddr("fe80::1")}}
	for _, k := range []struct {
		family kstate.Family
		asked  string
		want   string
	}{
		{kstate.IPv4, "", "[203.0.113.1 192.0.2.1]"}, {kstate.IPv6, "", "[2001:db8::1 fe80::1%eth1]"},
		{kstate.IPv4, "gateway", "[192.0.2.1]"}, {kstate.IPv6, "gateway", "[fe80::1%eth1]"},
		{kstate.IPv4, "9.9.9.9", "[9.9.9.9]"}, {kstate.IPv6, "9.9.9.9", "[]"},
	} {
		got, err := burstTargets(c, c.Interfaces[1], net, k.family, k.asked)
		if err != nil || fmt.Sprint(got) != k.want {
			t.Errorf("%s %q: %v, %v; want %s", k.family, k.asked, got, err, k.want)
		}
	}
	if _, err := burstTargets(c, c.Interfaces[1], net, kstate.IPv4, "example.org"); err == nil {
		t.Error("a name was taken as a target")
	}
}

func TestAgrees(t *testing.T) {
	way := status.Way{Device: "eth0", Gateway: "192.0.2.1"}
	for _, c := range []struct {
		kernel status.KernelAnswer
		state  string
		want   bool
	}{
		{status.KernelAnswer{Type: "unicast", Device: "eth0", Gateway: "192.0.2.1"}, "up", true},
		{status.KernelAnswer{Type: "unicast", Device: "eth0"}, "up", true}, // the destination is on the line itself
		{status.KernelAnswer{Type: "unicast", Device: "eth1", Gateway: "192.0.2.1"}, "up", false},
		{status.KernelAnswer{Type: "unicast", Device: "eth0", Gateway: "192.0.2.9"}, "up", false},
		{status.KernelAnswer{Type: "prohibit"}, "up", false},
		{status.KernelAnswer{Type: "prohibit"}, "prohibit", true},
		{status.KernelAnswer{Type: "unicast", Device: "eth0", Gateway: "192.0.2.1"}, "prohibit", false},
		{status.KernelAnswer{Error: "x"}, "up", false},
	} {
		way.Kernel = c.kernel
		if got := agrees(way, c.state); got != c.want {
			t.Errorf("%+v in state %s: %v", c.kernel, c.state, got)
		}
	}
}
