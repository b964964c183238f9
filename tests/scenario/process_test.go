package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what a process has used and holds.
type usage struct {
	cpu     time.Duration // of all threads, ended ones included to within 10 ms each
	rss     int64         // bytes
	files   int
	threads int
}

// used reads the figures of the daemon.
func (r *router) used() usage {
	r.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", r.PID())
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		r.t.Fatal(err)
	}
	// The name in brackets may have blanks; utime and stime are fields 14 and 15.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var u usage
	const tick = 10 * time.Millisecond // USER_HZ is 100 everywhere
	u.cpu = time.Duration(number(r.t, f[11])+number(r.t, f[12])) * tick
	u.threads = int(number(r.t, f[17]))
	u.rss = number(r.t, f[21]) * int64(os.Getpagesize())
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		r.t.Fatal(err)
	}
	u.files = len(files)
	return u
}

// cpu is the time that the daemon's threads ran, to the nanosecond.
func (r *router) cpu() time.Duration {
	r.t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", r.PID()))
	if err != nil || len(tasks) == 0 {
		r.t.Fatalf("no threads: %v", err)
	}
	var sum int64
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that ended
		}
		sum += number(r.t, strings.Fields(string(b))[0])
	}
	return time.Duration(sum)
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rest gives the daemon time to end what it does and to be collected.
func rest() { time.Sleep(500 * time.Millisecond) }

// writeFile writes a small file.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
