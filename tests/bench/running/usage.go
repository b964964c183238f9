package running

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"multiwan/tests/lab"
)

// Usage is what a process has used and holds.
type Usage struct {
	At       time.Time
	CPU      time.Duration // of the threads that live, to the nanosecond
	Switches int           // context switches, voluntary and not
	RSS      float64       // MiB
	Most     float64       // MiB, the highest RSS so far
	// Children says that a child was waited for: a fork.
	Children bool
}

// Use reads the figures of a process.
func Use(tb lab.TB, pid int) Usage {
	tb.Helper()
	u := Usage{At: time.Now()}
	proc := fmt.Sprintf("/proc/%d/", pid)
	tasks, err := filepath.Glob(proc + "task/*")
	if err != nil || len(tasks) == 0 {
		tb.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/schedstat")
		if err != nil {
			continue // a thread that has just ended
		}
		u.CPU += time.Duration(integer(tb, strings.Fields(string(stat))[0]))
		words := lines(task + "/status")
		u.Switches += integer(tb, words["voluntary_ctxt_switches"]) + integer(tb, words["nonvoluntary_ctxt_switches"])
	}
	words := lines(proc + "status")
	u.RSS, u.Most = float64(integer(tb, words["VmRSS"]))/1024, float64(integer(tb, words["VmHWM"]))/1024
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	// The name in brackets may have blanks. Field 11 counts the page faults of waited-for children: no program runs without.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	u.Children = integer(tb, f[8]) != 0
	return u
}

// lines reads "key: value kB" lines; the unit is dropped.
func lines(file string) map[string]string {
	out := make(map[string]string)
	b, err := os.ReadFile(file)
	if err != nil {
		return out
	}
	for _, line := range strings.Split(string(b), "\n") {
		k, v, _ := strings.Cut(line, ":")
		if f := strings.Fields(v); len(f) > 0 {
			out[k] = f[0]
		}
	}
	return out
}

func integer(tb lab.TB, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return n
}
