package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// hookDir makes a directory that the daemon trusts, and the option that names it.
func hookDir(t *testing.T) (dir, option string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("config globals 'globals'\n\toption hook_dir '%s'\n\n", dir)
}

// script writes a hook.
func script(t *testing.T, dir, name, body string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return path
}

// recorder is the body of a hook that writes down how it was called, with the
// environment that the kernel gave it.
func recorder(out string) string {
	return fmt.Sprintf(`ls /proc/self/fd >> %[1]s.descriptors
{
	printf 'call'
	for a; do printf ' <%%s>' "$a"; done
	printf '\n'
	tr '\0' '\n' < /proc/$$/environ
	printf 'pwd=%%s stdin=%%s\nend\n' "$(pwd)" "$(readlink /proc/$$/fd/0)"
} >> %[1]s
`, out)
}

// called is one call of a recorder.
type called struct {
	args string
	env  map[string]string
	rest string // directory and standard input
}

func calls(t *testing.T, out string) []called {
	t.Helper()
	text, err := os.ReadFile(out)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var list []called
	parts := strings.Split(string(text), "\nend\n")
	for _, part := range parts[:len(parts)-1] { // the last is empty, or still being written
		lines := strings.Split(part, "\n")
		c := called{args: lines[0], env: map[string]string{}, rest: lines[len(lines)-1]}
		for _, l := range lines[1 : len(lines)-1] {
			k, v, _ := strings.Cut(l, "=")
			c.env[k] = v
		}
		list = append(list, c)
	}
	return list
}

var counts = regexp.MustCompile(`\d+`)

// line is a call in one line, numbers of the reason left out.
func (c called) line() string {
	return fmt.Sprintf("%s | %s %s gateway %s policy %q: %s", strings.TrimPrefix(c.args, "call "), c.env["DEVICE"], c.env["FAMILY"], c.env["GATEWAY"], c.env["POLICY"],
		counts.ReplaceAllString(c.env["REASON"], "N"))
}

// TestS33HookArguments loses, recovers, degrades and reloads, and holds every
// call of a hook against the list: arguments, environment and order, in each
// family.
func TestS33HookArguments(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	a := n.WANs[0]
	dir, option := hookDir(t)
	out := filepath.Join(t.TempDir(), "calls")
	script(t, dir, "50-record", recorder(out), 0o755)
	config := option + n.UCI(fastProbe, "\toption window '20'\n\toption loss_down '30'\n\toption loss_up '10'\n")
	r := start(t, n, config)
	wait := func(what string, number int) {
		t.Helper()
		if !lab.Wait(patience, func() bool { return len(calls(t, out)) >= number }) {
			t.Fatalf("%s: %d hooks were called, want %d", what, len(calls(t, out)), number)
		}
	}
	// The start tells of what came up. Which WAN is first is chance.
	wait("start", 4)
	time.Sleep(time.Second)
	os.Remove(out)

	a.BlackHole()
	wait("loss", 4)
	a.Heal()
	wait("recovery", 8)
	r.uses("default", a)
	lose(a, 2)
	wait("loss of every other answer", 12)
	r.Reload()
	wait("reload", 13)

	want := map[string][]string{
		"ipv4": {
			"<down> <wan0> | wan0 ipv4 gateway 198.18.0.1 policy \"\": builtin: N probes in a row lost in N ms",
			"<failover> <wan1> | wan1 ipv4 gateway 198.18.1.1 policy \"default\": wanN to wanN: wanN: builtin: N probes in a row lost in N ms",
			"<up> <wan0> | wan0 ipv4 gateway 198.18.0.1 policy \"\": probes are answered",
			"<failback> <wan0> | wan0 ipv4 gateway 198.18.0.1 policy \"default\": wanN to wanN",
			"<degraded> <wan0> | wan0 ipv4 gateway 198.18.0.1 policy \"\": builtin: loss N %, latency N ms",
			"<failover> <wan1> | wan1 ipv4 gateway 198.18.1.1 policy \"default\": wanN to wanN: wanN: builtin: loss N %, latency N ms",
		},
		"ipv6": {
			"<down> <wan0> | wan0 ipv6 gateway fe80::100 policy \"\": builtin: N probes in a row lost in N ms",
			"<failover> <wan1> | wan1 ipv6 gateway fe80::101 policy \"default\": wanN to wanN: wanN: builtin: N probes in a row lost in N ms",
			"<up> <wan0> | wan0 ipv6 gateway fe80::100 policy \"\": probes are answered",
			"<failback> <wan0> | wan0 ipv6 gateway fe80::100 policy \"default\": wanN to wanN",
			"<degraded> <wan0> | wan0 ipv6 gateway fe80::100 policy \"\": builtin: loss N %, latency N ms",
			"<failover> <wan1> | wan1 ipv6 gateway fe80::101 policy \"default\": wanN to wanN: wanN: builtin: loss N %, latency N ms",
		},
		"": {"<reload> <> |   gateway  policy \"\": configuration"},
	}
	got := map[string][]string{}
	for _, c := range calls(t, out) {
		got[c.env["FAMILY"]] = append(got[c.env["FAMILY"]], c.line())
		var names []string
		for _, k := range []string{"PATH", "ACTION", "TYPE", "INTERFACE", "DEVICE", "GATEWAY", "POLICY", "REASON", "FAMILY"} {
			if _, ok := c.env[k]; !ok {
				t.Errorf("%s: no variable %s", c.line(), k)
			}
			names = append(names, k)
		}
		if len(c.env) != len(names) {
			t.Errorf("%s: environment %v, want %v and no more", c.line(), c.env, names)
		}
		if want := fmt.Sprintf("call <%s> <%s>", c.env["ACTION"], c.env["INTERFACE"]); c.args != want {
			t.Errorf("arguments %q, want %q", c.args, want)
		}
		if c.rest != "pwd=/ stdin=/dev/null" {
			t.Errorf("%s: %s, want the root directory and nothing to read", c.line(), c.rest)
		}
	}
	// 3 is the directory that ls reads.
	if fds := strings.Fields(readFile(t, out+".descriptors")); strings.Trim(strings.Join(fds, ""), "0123") != "" {
		t.Errorf("hooks see descriptors %v, want 0 to 3", fds)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("hooks (-want +got):\n%s", d)
	}
}

// TestS13BadHooks has hooks that hang, fail, and that others could have written.
func TestS13BadHooks(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	dir, option := hookDir(t)
	out, bad := filepath.Join(t.TempDir(), "calls"), filepath.Join(t.TempDir(), "bad")
	script(t, dir, "00-open", "echo open >> "+bad+"\n", 0o757)
	if err := os.Symlink(script(t, t.TempDir(), "elsewhere", "echo link >> "+bad+"\n", 0o755), filepath.Join(dir, "05-link")); err != nil {
		t.Fatal(err)
	}
	foreign := script(t, dir, "06-foreign", "echo foreign >> "+bad+"\n", 0o755)
	if err := os.Chown(foreign, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	script(t, dir, "07-data", "echo data >> "+bad+"\n", 0o644)
	script(t, dir, "10-fail", "exit 1\n", 0o755)
	pids := filepath.Join(t.TempDir(), "pids")
	// The child holds the descriptors too, and is in the group.
	script(t, dir, "20-hang", fmt.Sprintf(`[ "$ACTION$FAMILY" = downipv4 ] && ! [ -e %[1]s ] || exit 0
sleep 1000 &
echo $$ $! >> %[1]s
wait
`, pids), 0o755)
	script(t, dir, "50-record", recorder(out), 0o755)
	r := start(t, n, option, n.UCI(fastProbe))
	time.Sleep(500 * time.Millisecond)
	os.Remove(out)

	cut := a.BlackHole()
	down := when(r.turned(a, "ipv4", "down", cut, patience).Time)
	r.uses("default", b)
	newFlows(t, n, b)
	// While the hook hangs, the next events are not delayed.
	b.BlackHole()
	a.Heal()
	r.uses("default", a)
	newFlows(t, n, a)
	if d := time.Since(down); d > 9*time.Second {
		t.Fatalf("the events took %v: the hook does not hang any more", d)
	}
	if n := len(calls(t, out)); n > 2 {
		t.Errorf("%d hooks were called while one hangs in front of them", n)
	}
	if !lab.Wait(patience, func() bool { return len(calls(t, out)) >= 10 }) {
		t.Errorf("%d hooks were called after the one that hangs was killed, want 10: %+v", len(calls(t, out)), calls(t, out))
	}
	var order []string
	for _, c := range calls(t, out) {
		if c.env["FAMILY"] == "ipv4" {
			order = append(order, c.env["ACTION"]+" "+c.env["INTERFACE"])
		}
	}
	if d := time.Since(down); d < 10*time.Second || d > 12*time.Second {
		t.Errorf("the waiting hooks were called %v after the event, want 10 s", d)
	}
	t.Logf("calls in IPv4: %q", order)

	for _, pid := range strings.Fields(readFile(t, pids)) {
		if stat := readFile(t, "/proc/"+pid+"/stat"); stat != "" && !strings.Contains(stat, ") Z ") {
			t.Errorf("process %s of the hook that hangs is still there: %s", pid, stat)
		}
	}
	if text := readFile(t, bad); text != "" {
		t.Errorf("hooks ran that must be refused: %q", text)
	}
	d := r.await(patience, "warnings about the hooks", func(d status.Document) bool {
		w := strings.Join(d.Warnings, "\n")
		return strings.Contains(w, "10-fail")
	})
	for _, want := range []string{"00-open: mode 0757 lets others write", "05-link: not a regular file", "06-foreign: owned by uid 65534",
		"10-fail down wan1: exit status 1"} {
		if !strings.Contains(strings.Join(d.Warnings, "\n"), want) {
			t.Errorf("the status does not say %q: %q", want, d.Warnings)
		}
	}
	if !r.logged("20-hang down wan0: killed after 10s") || !r.logged("20-hang works again") {
		t.Error("the log does not tell of the hook that was killed")
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}
