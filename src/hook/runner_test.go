package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench is a runner at work on a directory of the test, whose hooks write to a file of it.
type bench struct {
	*Runner
	t    *testing.T
	dir  string
	log  chan string
	done chan struct{}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hooks")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: dir, log: make(chan string, 1000), done: make(chan struct{})}
	b.Runner = New(dir, func(m string) { b.log <- m })
	b.Owner = uint32(os.Getuid())
	b.Timeout = 300 * time.Millisecond
	return b
}

func (b *bench) start() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(b.done)
		_ = b.Run(ctx)
	}()
	b.t.Cleanup(func() {
		cancel()
		<-b.done
	})
}

func (b *bench) out() string { return filepath.Join(filepath.Dir(b.dir), "out") }

// script writes a hook; %[1]s in body is the file that wait reads.
func (b *bench) script(name, body string, mode os.FileMode) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if strings.Contains(body, "%") {
		body = fmt.Sprintf(body, b.out())
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// wait returns the lines that the hooks wrote, once there are n.
func (b *bench) wait(n int) []string {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(b.out())
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(text) > 0 && len(lines) >= n {
			return lines
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("hooks wrote %q, want %d lines", text, n)
		}
	}
}

func TestArgumentsAndOrder(t *testing.T) {
	b := newBench(t)
	b.script("20-second", `echo "second $# $*" >> %[1]s`, 0o755)
	b.script("10-first", `echo "first $# $* $DEVICE $GATEWAY $POLICY $FAMILY $REASON" >> %[1]s; read x || echo eof >> %[1]s`, 0o755)
	b.script("30-not-executable", `echo no >> %[1]s`, 0o644)
	b.script(".hidden", `echo no >> %[1]s`, 0o755)
	b.start()
	b.Send(Event{Action: Down, Interface: "wan", Device: "eth0", Gateway: "192.0.2.1", Family: "ipv4", Reason: "10 lost"})
	b.Send(Event{Action: Failover, Interface: "wanb", Policy: "default", Family: "ipv4"})
	want := []string{
		"first 2 down wan eth0 192.0.2.1  ipv4 10 lost", "eof", "second 2 down wan",
		"first 2 failover wanb   default ipv4 ", "eof", "second 2 failover wanb",
	}
	if d := cmp.Diff(want, b.wait(len(want))); d != "" {
		t.Error(d)
	}
	if w := b.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

func TestEnvironmentAndDescriptorsAreClean(t *testing.T) {
	t.Setenv("SECRET", "x")
	b := newBench(t)
	b.script("env", `{ env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort; for f in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$f ] && readlink /proc/$$/fd/$f; done; echo end; } > %[1]s.new; mv %[1]s.new %[1]s`, 0o755)
	b.start()
	b.Send(Event{Action: Reload})
	got := b.wait(10)
	var names []string
	for _, l := range got {
		if strings.Contains(l, "/hooks/env") {
			continue // the shell's own script
		}
		name, _, _ := strings.Cut(l, "=")
		names = append(names, name)
	}
	want := []string{"ACTION", "DEVICE", "FAMILY", "GATEWAY", "INTERFACE", "PATH", "POLICY", "REASON", "TYPE", "end"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("%s\n%q", d, got)
	}
}

func TestHangIsKilledWithItsGroup(t *testing.T) {
	b := newBench(t)
	b.script("10-hang", `(sleep 1; echo survived >> %[1]s) & sleep 60`, 0o755)
	b.script("20-next", `echo "$1" >> %[1]s`, 0o755)
	b.start()
	begin := time.Now()
	b.Send(Event{Action: Down, Interface: "wan"})
	b.Send(Event{Action: Up, Interface: "wan"})
	if d := cmp.Diff([]string{"down", "up"}, b.wait(2)); d != "" {
		t.Error(d)
	}
	if took := time.Since(begin); took < 2*b.Timeout || took > 2*time.Second {
		t.Errorf("two events took %s with a timeout of %s", took, b.Timeout)
	}
	w := b.Warnings()
	if len(w) != 1 || !strings.Contains(w[0], "killed after 300ms (2 times)") {
		t.Errorf("warnings %q", w)
	}
	if n := len(b.log); n != 1 {
		t.Errorf("%d log lines for a repeated fault, want 1", n)
	}
	time.Sleep(time.Until(begin.Add(1500 * time.Millisecond)))
	if lines := b.wait(2); len(lines) != 2 {
		t.Errorf("a child of the killed hook lived on: %q", lines)
	}
}

func TestFailureIsLoggedOnceAndEnds(t *testing.T) {
	b := newBench(t)
	b.script("10-fails", `[ "$1" = up ]`, 0o755)
	b.script("20-next", `echo "$1" >> %[1]s`, 0o755)
	b.start()
	b.Send(Event{Action: Down, Interface: "wan"})
	b.Send(Event{Action: Degraded, Interface: "wan"})
	b.wait(2)
	if w := b.Warnings(); len(w) != 1 || !strings.Contains(w[0], "10-fails degraded wan: exit status 1 (2 times)") {
		t.Errorf("warnings %q", w)
	}
	b.Send(Event{Action: Up, Interface: "wan"})
	b.wait(3)
	if w := b.Warnings(); len(w) != 0 {
		t.Errorf("warnings after success %q", w)
	}
	if n := len(b.log); n != 2 {
		t.Errorf("%d log lines, want the fault and its end", n)
	}
}

func TestChildThatHoldsDescriptorsDelaysNobody(t *testing.T) {
	b := newBench(t)
	b.Timeout = 5 * time.Second
	b.script("10-forks", `sleep 3 &
echo "$1" >> %[1]s`, 0o755)
	b.start()
	begin := time.Now()
	b.Send(Event{Action: Down, Interface: "wan"})
	b.Send(Event{Action: Up, Interface: "wan"})
	b.wait(2)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	world := b.script("10-world", `echo bad >> %[1]s`, 0o757)
	group := b.script("20-group", `echo bad >> %[1]s`, 0o775)
	good := b.script("30-good", `echo good >> %[1]s`, 0o755)
	link := filepath.Join(b.dir, "40-link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.Send(Event{Action: Down})
	b.Send(Event{Action: Up})
	if d := cmp.Diff([]string{"good", "good"}, b.wait(2)); d != "" {
		t.Error(d)
	}
	warn := strings.Join(b.Warnings(), "\n")
	for _, want := range []string{
		"refuse " + world + ": mode 0757 lets others write", "refuse " + group + ": mode 0775 lets others write",
		"refuse " + link + ": not a regular file",
	} {
		if !strings.Contains(warn, want) {
			t.Errorf("warnings %q lack %q", warn, want)
		}
	}
	if n := len(b.log); n != 3 {
		t.Errorf("%d log lines, want 3", n)
	}
}

func TestDirectoryItself(t *testing.T) {
	b := newBench(t)
	b.script("10", `true`, 0o755)
	for _, c := range []struct {
		mode os.FileMode
		own  uint32
		want string
	}{
		{0o777, b.Owner, "mode 0777 lets others write"},
		{0o755, b.Owner + 1, "owned by uid"},
	} {
		if err := os.Chmod(b.dir, c.mode); err != nil {
			t.Fatal(err)
		}
		hooks, refused := executables(b.dir, c.own)
		if len(hooks) != 0 || len(refused) != 1 || !strings.Contains(refused[0].Error(), c.want) {
			t.Errorf("mode %o uid %d: hooks %q, refused %v, want %q", c.mode, c.own, hooks, refused, c.want)
		}
	}
	if hooks, refused := executables(filepath.Join(b.dir, "none"), 0); hooks != nil || refused != nil {
		t.Errorf("a missing directory gave %v, %v", hooks, refused)
	}
}

func TestQueueCoalescesAndIsBounded(t *testing.T) {
	q := newQueue()
	q.put(Event{Action: Down, Interface: "a", Reason: "old"})
	q.put(Event{Action: Down, Interface: "b"})
	q.put(Event{Action: Down, Interface: "a", Reason: "new"})
	if e, _ := q.take(); e.Reason != "new" || len(q.events) != 1 {
		t.Errorf("took %+v, left %d: a repeated event must replace the waiting one", e, len(q.events))
	}
	for i := range 10 * queueLimit {
		q.put(Event{Action: []string{Up, Down}[i%2], Interface: "flaps"})
	}
	if len(q.events) != queueLimit {
		t.Fatalf("%d events wait, want %d", len(q.events), queueLimit)
	}
	if q.events[0].Interface != "b" {
		t.Error("the event of another WAN was dropped for one that flaps")
	}
	if last := q.events[queueLimit-1]; last.Action != Down {
		t.Errorf("the last event is %+v, want the newest", last)
	}
	if want := 10*queueLimit + 1 - queueLimit; q.lost() != want {
		t.Errorf("%d dropped, want %d", q.lost(), want)
	}
}
