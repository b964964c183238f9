package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"multiwan/tests/lab"
)

//go:embed usual
var scripts embed.FS

// usual is a stand-in of the usual way: a shell loop that pings and switches by executed programs, for IPv4 as these have one for each
// family.
type usual struct {
	name   string
	script string
	args   []string // behind the devices and the backup's gateway
}

// shipped is mwan3's structure with the figures of the configuration that it ships: four targets, one ping each, interval 10 s, timeout
// 4 s, down after 5 rounds. tuned is what its users set to be quick.
func usualWays() (shipped, tuned, fping usual) {
	return usual{"loop of ping, as mwan3 ships (interval 10, timeout 4, down 5, four targets)", "mwan3.sh", []string{"10", "4", "5", "1.1.1.1", "8.8.8.8", "9.9.9.9", "198.18.0.1"}},
		usual{"loop of ping, tuned (interval 1, timeout 1, down 3, one target)", "mwan3.sh", []string{"1", "1", "3", "1.1.1.1"}},
		usual{"loop of fping (interval 1, timeout 0.5, down 3, two targets)", "fping.sh", []string{"1.1.1.1", "8.8.8.8"}}
}

// start runs the stand-in on the router. What it needs beside is there as on any such router: masquerading.
func (u usual) start(tb lab.TB, n *lab.Network) (stop func() *os.ProcessState) {
	n.Router.NFT("table ip masq { chain c { type nat hook postrouting priority 100; oifname { wan0, wan1 } masquerade; }\n}\n")
	dir, err := os.MkdirTemp("", "multiwan-bench-")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, u.script)
	text, err := scripts.ReadFile("usual/" + u.script)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		tb.Fatalf("%v", err)
	}
	b := n.WANs[1]
	cmd := n.Router.Command(context.Background(), "sh", append([]string{file, n.WANs[0].Device, b.Device, b.Gateway4.String()}, u.args...)...)
	return run(tb, cmd)
}

// run starts a script and waits until it says ready; what is returned ends it with all that it started.
func run(tb lab.TB, cmd *exec.Cmd) (stop func() *os.ProcessState) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatalf("%v", err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		tb.Fatalf("%v", err)
	}
	ended := false
	stop = func() *os.ProcessState {
		if !ended {
			ended = true
			syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			cmd.Wait()
		}
		return cmd.ProcessState
	}
	tb.Cleanup(func() { stop() })
	ready := make([]byte, 6)
	if _, err := out.Read(ready); err != nil || !strings.HasPrefix(string(ready), "ready") {
		tb.Fatalf("the script did not start: %v %s", err, errs.String())
	}
	return stop
}

// watching is what a stand-in costs while all is well, in per cent of a core, its children included.
func (u usual) watching(tb lab.TB, long time.Duration) float64 {
	var percent float64
	part(tb, u.name, func(tb lab.TB) {
		n := lab.T1(tb, 2)
		stop := u.start(tb, n)
		began := time.Now()
		time.Sleep(long)
		s := stop()
		percent = 100 * (s.UserTime() + s.SystemTime()).Seconds() / time.Since(began).Seconds()
	})
	return percent
}

func (u usual) String() string { return fmt.Sprintf("%s (%s)", u.name, u.script) }
