package scenario_test

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// TestStatusWatch lets `multiwan status --watch` run through a change and a
// restart of the daemon: it repeats each second, shows both, and ends well when
// interrupted.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	r := start(t, n, n.UCI(fastProbe))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, errs := &monitor{}, &monitor{}
	cmd := n.Router.Command(ctx, lab.Binary(t), "status", "--watch", "--socket", r.Socket)
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()

	// shown waits for a whole table after the given one that has the words.
	shown := func(what string, after int, words *regexp.Regexp) int {
		t.Helper()
		found := 0
		if !lab.Wait(patience, func() bool {
			tables := strings.Split(out.String(), "multiwan ")
			for i := after + 1; i < len(tables) && found == 0; i++ {
				if words.MatchString(tables[i]) {
					found = i
				}
			}
			return found > 0
		}) {
			t.Fatalf("%s is not shown:\n%s%s", what, out, errs)
		}
		return found
	}
	up := regexp.MustCompile(`(?m)^wan0 +ipv4 +up\b`)
	first := shown("wan0 up", 0, up)
	begin := time.Now()
	third := shown("the same again, and once more", first+1, up)
	if took := time.Since(begin); took < time.Duration(third-first-1)*time.Second {
		t.Errorf("%d tables in %v, want one each second", third-first, took)
	}
	r.command("down", "wan0")
	r.await(patience, "wan0 down", func(d status.Document) bool { return d.Interfaces["wan0"].State == "disabled" })
	last := shown("wan0 taken down", third, regexp.MustCompile(`(?m)^wan0 +ipv4 +disabled\b`))

	// Without a daemon it says so and waits for the next.
	r.Kill()
	if !lab.Wait(patience, func() bool { return errs.String() != "" }) {
		t.Error("it does not say that no daemon runs")
	}
	r.Start()
	r.command("up", "wan0")
	r.steady()
	shown("wan0 up under the next daemon", last, up)

	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Errorf("interrupted it ends with %v (%v): %s", err, exit, errs)
	}
}
