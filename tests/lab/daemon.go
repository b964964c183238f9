package lab

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Daemon is a running `multiwan run` on one host, with files of its own.
type Daemon struct {
	Config string // path of the configuration file
	Socket string // path of the control socket

	host *Host
	wrap []string // the program that starts it, with its arguments
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process ended
	log  *syncBuffer
}

// StartDaemon writes the configuration and starts the daemon with it; args are
// added to `run --config … --socket …`. It returns once the control socket
// accepts connections. A daemon that still runs when the test ends is killed,
// and its log is shown if the test failed.
func StartDaemon(h *Host, config string, args ...string) *Daemon {
	h.tb.Helper()
	return startDaemon(h, nil, config, args)
}

// confined gives a program the two rights that files/etc/capabilities has, and no way to others, as procd's ujail does.
var confined = []string{"setpriv", "--bounding-set", "-all,+net_admin,+net_raw", "--inh-caps", "-all,+net_admin,+net_raw",
	"--ambient-caps", "-all,+net_admin,+net_raw", "--securebits", "+noroot,+noroot_locked", "--no-new-privs"}

// StartConfined starts a daemon with the rights that it has under ujail. It needs Setpriv.
func StartConfined(h *Host, config string, args ...string) *Daemon {
	h.tb.Helper()
	return startDaemon(h, confined, config, args)
}

func startDaemon(h *Host, wrap []string, config string, args []string) *Daemon {
	h.tb.Helper()
	dir, err := os.MkdirTemp("", "multiwan-daemon-")
	if err != nil {
		h.tb.Fatalf("%v", err)
	}
	h.tb.Cleanup(func() { os.RemoveAll(dir) })
	d := &Daemon{host: h, wrap: wrap, args: args, log: &syncBuffer{},
		Config: filepath.Join(dir, "multiwan"), Socket: filepath.Join(dir, "control.sock")}
	d.Write(config)
	h.tb.Cleanup(d.cleanup)
	d.Start()
	return d
}

// Write replaces the configuration; Reload makes the daemon read it.
func (d *Daemon) Write(config string) {
	d.host.tb.Helper()
	if err := os.WriteFile(d.Config, []byte(config), 0o600); err != nil {
		d.host.tb.Fatalf("%v", err)
	}
}

// Start starts the daemon, again after Stop or Kill, and waits for its socket.
func (d *Daemon) Start() {
	d.host.tb.Helper()
	words := append(slices.Clone(d.wrap), Binary(d.host.tb), "run", "--config", d.Config, "--socket", d.Socket)
	words = append(words, d.args...)
	d.cmd = d.host.Command(context.Background(), words[0], words[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.host.tb.Fatalf("start the daemon: %v", err)
	}
	cmd, done := d.cmd, make(chan struct{})
	d.done = done
	go func() { defer close(done); cmd.Wait() }()
	if !Wait(10*time.Second, func() bool { return !d.Running() || d.listens() }) || !d.Running() {
		d.host.tb.Fatalf("the daemon did not come up (%v):\n%s", d.cmd.ProcessState, d.log.String())
	}
}

// listens reports whether the control socket answers. A socket file left by a
// killed daemon refuses.
func (d *Daemon) listens() bool {
	c, err := net.Dial("unix", d.Socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Running reports whether the process lives.
func (d *Daemon) Running() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// PID of the daemon.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Signal sends a signal.
func (d *Daemon) Signal(s syscall.Signal) { d.cmd.Process.Signal(s) }

// Reload sends SIGHUP.
func (d *Daemon) Reload() { d.Signal(syscall.SIGHUP) }

// Stop sends SIGTERM and waits; it kills and fails the test after 5 s. The
// state in the kernel stays (promise P6).
func (d *Daemon) Stop() {
	d.host.tb.Helper()
	d.end(syscall.SIGTERM)
}

// Kill sends SIGKILL and waits.
func (d *Daemon) Kill() {
	d.host.tb.Helper()
	d.end(syscall.SIGKILL)
}

func (d *Daemon) end(s syscall.Signal) {
	d.host.tb.Helper()
	d.Signal(s)
	select {
	case <-d.done:
	case <-time.After(5 * time.Second):
		d.Signal(syscall.SIGKILL)
		<-d.done
		d.host.tb.Errorf("the daemon did not end within 5 s of signal %v", s)
	}
}

func (d *Daemon) cleanup() {
	if d.done != nil && d.Running() {
		d.Signal(syscall.SIGKILL)
		<-d.done
	}
	if t, ok := d.host.tb.(interface{ Failed() bool }); ok && t.Failed() {
		d.host.tb.Logf("log of the daemon:\n%s", d.log.String())
	}
}

// CLI runs a command of the program in the host with the daemon's files and
// returns what it wrote to standard output.
func (d *Daemon) CLI(command string, args ...string) (string, error) {
	words := append([]string{command, "--config", d.Config, "--socket", d.Socket}, args...)
	return d.host.Exec("", Binary(d.host.tb), words...)
}

// Log is what the daemon wrote so far.
func (d *Daemon) Log() string { return d.log.String() }

// syncBuffer collects the output of a process while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
