package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Host is one machine of the network: a namespace. Its methods end the test
// when the machine refuses, unless they return an error.
type Host struct {
	Name string
	tb   TB
	ns   *os.File
}

// Path is a file that names the namespace, for nsenter or `ip … netns`.
func (h *Host) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.Fd()) }

// Do runs f on a thread inside the host: sockets that f opens belong to the
// host for ever, files under /proc/sys/net are the host's. Goroutines that f
// starts are outside.
func (h *Host) Do(f func()) {
	h.tb.Helper()
	if err := inNamespace(h.ns, f); err != nil {
		h.tb.Fatalf("%s: enter namespace: %v", h.Name, err)
	}
}

// Command prepares a program that runs inside the host and dies with the test
// process. /sys is not the host's, /proc/sys/net is.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + h.Path(), name}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// Exec runs a program inside the host and returns its standard output. The
// error carries what it wrote to standard error.
func (h *Host) Exec(stdin, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	var err error
	h.Do(func() {
		c := exec.Command(name, args...)
		c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
		err = c.Run()
	})
	if err != nil {
		err = fmt.Errorf("%s: %s %s: %w: %s", h.Name, name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), err
}

// TryIP runs `ip` with words, formatted as by fmt.Sprintf.
func (h *Host) TryIP(format string, args ...any) (string, error) {
	return h.Exec("", "ip", strings.Fields(fmt.Sprintf(format, args...))...)
}

// IP is TryIP for commands that must work.
func (h *Host) IP(format string, args ...any) string {
	h.tb.Helper()
	out, err := h.TryIP(format, args...)
	if err != nil {
		h.tb.Fatalf("%v", err)
	}
	return out
}

// NFT loads a script with `nft -f -`, in one transaction.
func (h *Host) NFT(script string) {
	h.tb.Helper()
	if _, err := h.Exec(script, "nft", "-f", "-"); err != nil {
		h.tb.Fatalf("%v\n%s", err, script)
	}
}

// Sysctl sets a kernel setting; the key is written with dots, or with slashes
// where a device name has a dot.
func (h *Host) Sysctl(key, value string) {
	h.tb.Helper()
	var err error
	h.Do(func() { err = os.WriteFile(sysctlFile(key), []byte(value), 0) })
	if err != nil {
		h.tb.Fatalf("%s: %v", h.Name, err)
	}
}

// GetSysctl reads a kernel setting.
func (h *Host) GetSysctl(key string) string {
	h.tb.Helper()
	var b []byte
	var err error
	h.Do(func() { b, err = os.ReadFile(sysctlFile(key)) })
	if err != nil {
		h.tb.Fatalf("%s: %v", h.Name, err)
	}
	return strings.TrimSpace(string(b))
}

func sysctlFile(key string) string {
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	return "/proc/sys/" + key
}

// Up adds the addresses (see Lab.Link) to a device and brings it up.
func (h *Host) Up(dev, addrs string) {
	h.tb.Helper()
	for _, a := range strings.Split(addrs, ",") {
		if a = strings.TrimSpace(a); a != "" {
			h.AddAddr(dev, a)
		}
	}
	h.IP("link set dev %s up", dev)
}

// waitRunning waits until the kernel has noticed the carrier, which may take it
// a second. Before that IPv6 does not send, and a first lost neighbour
// solicitation costs another.
func (h *Host) waitRunning(dev string) {
	h.tb.Helper()
	running := func() (up bool) {
		h.Do(func() {
			i, err := net.InterfaceByName(dev)
			up = err == nil && i.Flags&net.FlagRunning != 0
		})
		return up
	}
	if !Wait(5*time.Second, running) {
		h.tb.Fatalf("%s: %s has no carrier after 5 s", h.Name, dev)
	}
}

// zone is the number of a device: outside of the host its name means another.
func (h *Host) zone(dev string) string {
	h.tb.Helper()
	var i *net.Interface
	var err error
	h.Do(func() { i, err = net.InterfaceByName(dev) })
	if err != nil {
		h.tb.Fatalf("%s: %v", h.Name, err)
	}
	return strconv.Itoa(i.Index)
}

// AddAddr adds one address, usable at once (no duplicate address detection).
func (h *Host) AddAddr(dev, addr string) {
	h.tb.Helper()
	nodad := ""
	if strings.Contains(addr, ":") {
		nodad = "nodad"
	}
	h.IP("address add %s dev %s %s", addr, dev, nodad)
}

// DelAddr removes one address.
func (h *Host) DelAddr(dev, addr string) {
	h.tb.Helper()
	h.IP("address del %s dev %s", addr, dev)
}

// SetMAC gives a device another hardware address; it stays up.
func (h *Host) SetMAC(dev, mac string) {
	h.tb.Helper()
	h.IP("link set dev %s address %s", dev, mac)
}

// Dial connects from inside the host within 5 s; the address is literal.
func (h *Host) Dial(network string, to netip.AddrPort) (net.Conn, error) {
	var c net.Conn
	var err error
	d := net.Dialer{Timeout: 5 * time.Second}
	h.Do(func() { c, err = d.Dial(network, to.String()) })
	return c, err
}

// socketControl returns a net.Dialer or net.ListenConfig control function that
// binds a socket to a device and sets its mark; zero values leave them.
func socketControl(device string, mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = bindSocket(int(fd), device, mark) })
		if cerr != nil {
			return cerr
		}
		return err
	}
}

func bindSocket(fd int, device string, mark uint32) error {
	if device != "" {
		if err := unix.BindToDevice(fd, device); err != nil {
			return fmt.Errorf("bind to %s: %w", device, err)
		}
	}
	if mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			return fmt.Errorf("set mark %#x: %w", mark, err)
		}
	}
	return nil
}
