package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/control"
	"multiwan/src/core/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// call runs a command line.
func multiwan(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestGoldens(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		args []string
	}{
		"check-bad":  {exitFailed, []string{"check", "testdata/bad"}},
		"check-good": {exitOK, []string{"check", "--config", "testdata/good"}},
		"import":     {exitOK, []string{"import", "mwan3", "testdata/mwan3"}},
		"uci-show":   {exitOK, []string{"uci", "show", "testdata/good"}},
		"uci-show-x": {exitOK, []string{"uci", "-X", "show", "testdata/good"}},
		"version":    {exitOK, []string{"--version"}},
		"help":       {exitOK, []string{"help"}},
		"help-probe": {exitOK, []string{"probe", "-h"}},
	} {
		code, out, errs := multiwan(t, c.args...)
		if code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.args, code, c.code)
		}
		golden(t, name+".golden", out+"--- stderr\n"+errs)
	}
}

// TestImportIsValid: what import prints is accepted by check.
func TestImportIsValid(t *testing.T) {
	_, out, _ := multiwan(t, "import", "mwan3", "testdata/mwan3")
	path := filepath.Join(t.TempDir(), "multiwan")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := multiwan(t, "check", path); code != exitOK {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestExitCodes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		code int
		args string
	}{
		{exitUsage, ""}, {exitUsage, "nonsense"}, {exitUsage, "status --nonsense"}, {exitUsage, "status too much"},
		{exitUsage, "explain 192.0.2.1"}, {exitUsage, "explain 192.0.2.1 192.0.2.2 tcp 99999"}, {exitUsage, "probe"},
		{exitUsage, "probe wan --count 0"}, {exitUsage, "down wan soon"}, {exitUsage, "import pfsense"}, {exitUsage, "uci get x"},
		{exitUsage, "status --ubus on"}, {exitUsage, "completion zsh"}, {exitUsage, "version 2"},
		{exitOK, "version --ubus off"}, {exitNotRunning, "status --ubus " + socket}, {exitNotRunning, "down wan --ubus " + socket}, {exitOK, "-h"},
		{exitFailed, "check /nonexistent"}, {exitFailed, "import mwan3 testdata/good2"},
		{exitNotRunning, "status --socket " + socket}, {exitNotRunning, "history --socket " + socket},
		{exitNotRunning, "explain 192.0.2.1 192.0.2.2 tcp 80 --socket " + socket}, {exitNotRunning, "probe --socket " + socket + " wan gateway"},
		{exitNotRunning, "up wan --socket " + socket}, {exitNotRunning, "down wan 5 --socket " + socket},
		{exitNotRunning, "reload --socket " + socket}, {exitNotRunning, "metrics --socket " + socket},
	} {
		code, _, errs := multiwan(t, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("multiwan %s: exit code %d, want %d; %s", c.args, code, c.code, errs)
		}
		if code != exitOK && errs == "" {
			t.Errorf("multiwan %s: fails without a word", c.args)
		}
	}
	for err, want := range map[error]int{
		os.ErrPermission: exitDenied, control.Refuse(control.Denied, ""): exitDenied, control.Refuse(control.NotFound, ""): exitUsage,
		control.Refuse(control.Failed, ""): exitFailed, errFound: exitFailed, errors.New("x"): exitFailed,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
}

// serve answers as a daemon with the given results.
func serve(t *testing.T, results map[string]any) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	var methods []control.Method
	for name, r := range results {
		methods = append(methods, control.Method{Name: name, Params: []control.Param{{Name: "last", Type: control.Int},
			{Name: "interface", Type: control.String}, {Name: "count", Type: control.Int}, {Name: "text", Type: control.String}},
			Call: func(context.Context, control.Args) (any, error) { return r, nil }})
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- control.NewServer(methods).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func TestAgainstADaemon(t *testing.T) {
	doc := status.Document{Schema: 1, Version: "7", Time: 100, Started: 40, Config: status.Config{State: "ok"},
		Interfaces: map[string]status.Interface{"wan": {State: "up", IPv4: &status.Side{State: "up", Since: 90, Address: "192.0.2.2/24"}}}}
	socket := serve(t, map[string]any{
		"status": doc, "history": []status.Transition{{Interface: "wan", Family: "ipv4", From: "up", To: "down"}},
		"probe":  []status.Burst{{Interface: "wan", Target: "192.0.2.1", Sent: 3, Loss: 100}},
		"reload": status.Config{State: "last-good", File: "f", Errors: []status.Diagnostic{{Line: 3, Section: "wan", Message: "want x"}}},
		"plan":   status.Changes{Operations: []status.Operation{{Command: "ip -4 rule add pref 6400 lookup main", Why: "because"}}},
	})
	for _, c := range []struct {
		code int
		args string
		want string
	}{
		{exitOK, "status", "running for 1m0s, configuration ok"},
		{exitOK, "metrics", `multiwan_interface_up{family="ipv4",interface="wan"} 1`},
		{exitOK, "history wan", "wan ipv4  up -> down"},
		{exitOK, "history --json", `"from": "up"`},
		{exitFailed, "probe wan", "3 sent, 0 answered, 100 % lost"},
		{exitFailed, "reload", "f:3: wan: want x"},
		{exitOK, "plan --config testdata/good", "ip -4 rule add pref 6400 lookup main  # because"},
	} {
		code, out, errs := multiwan(t, append(strings.Fields(c.args), "--socket", socket)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("multiwan %s: exit code %d (want %d), output %q, %q", c.args, code, c.code, out, errs)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("multiwan %s: colours though standard output is no terminal", c.args)
		}
	}
	_, out, _ := multiwan(t, "status", "--json", "--socket", socket)
	var back status.Document
	if err := json.Unmarshal([]byte(out), &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(doc, back); d != "" {
		t.Error(d)
	}
}

// TestDocumentation holds docs/commands.md and the commands together: usage lines, options and exit codes.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]bool)
	for _, c := range commands() {
		want["## multiwan "+strings.TrimSpace(c.name+" "+c.args)] = true
		shared := map[string]bool{"config": true, "socket": true, "ubus": true}
		for _, o := range c.options(new(call)) {
			if !shared[o.name] {
				want[c.name+" "+dashes(o.name)+o.name] = true
			}
		}
	}
	have := make(map[string]bool)
	section := ""
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "## multiwan ") {
			have[line] = true
			section = strings.Fields(line)[2]
		}
		if m := regexp.MustCompile("^\\* `(--?[\\w]+)").FindStringSubmatch(line); m != nil && section != "" {
			have[section+" "+m[1]] = true
		}
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("- in the program only, + in docs/commands.md only:\n%s", d)
	}
}

// TestCompletion runs the script in bash.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	_, script, _ := multiwan(t, "completion")
	for _, c := range []struct{ line, want string }{
		{"multiwan sta", "status"}, {"multiwan status --wa", "--watch"}, {"multiwan import ", "mwan3"},
		{"multiwan history --la", "--last"}, {"multiwan status --ubus o", "off"}, {"multiwan check testdata/go", "testdata/good"},
		{"multiwan peer h", "ha"}, {"multiwan history d", "dc"},
	} {
		words := strings.Split(c.line, " ")
		program := script + "\nmultiwan() { printf 'multiwan_%s 1\\n' 'bond_active{bond=\"ha\",member=\"pw\"}' 'ipsec_up{ipsec=\"dc\"}'; }" +
			"\nCOMP_WORDS=('" + strings.Join(words, "' '") + "'); COMP_CWORD=" + string(rune('0'+len(words)-1)) +
			"; _multiwan; printf '%s\\n' \"${COMPREPLY[@]}\""
		out, err := exec.Command(bash, "--norc", "-c", program).CombinedOutput()
		if err != nil || !strings.Contains("\n"+string(out), "\n"+c.want+"\n") {
			t.Errorf("%q completes to %q, %v; want %s", c.line, out, err, c.want)
		}
	}
}
