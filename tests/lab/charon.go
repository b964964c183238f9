package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// IKEDaemon is strongSwan's charon on one host, with settings, a control socket
// and a log of its own: many run side by side.
type IKEDaemon struct {
	host *Host
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process ended
}

// charonSettings is its strongswan.conf(5): the plugins that an IKEv2 connection
// with a shared key or a certificate needs, and nothing that touches more of the
// machine than IPsec. The words are the directory, and settings of the test.
const charonSettings = `charon-systemd {
	load_modular = no
	load = random nonce drbg aes sha1 sha2 hmac kdf gcm openssl pem pkcs1 pkcs8 x509 pubkey constraints revocation kernel-netlink socket-default vici updown
	install_virtual_ip = no
	plugins {
		vici {
			socket = unix://%[1]s/vici
		}
	}
	filelog {
		log {
			path = %[1]s/log
			flush_line = yes
			time_format = %%T
			time_add_ms = yes
			default = 1
		}
	}
	journal {
		default = -1
	}
%[2]s
}
swanctl {
	load = random pem pkcs1 pkcs8 x509 pubkey openssl
}
`

// StartCharon starts charon-systemd inside a host, with further settings of the
// section charon-systemd if any, and returns once its control socket (VICI)
// accepts connections. It is ended with the test, and its log shown if that
// failed.
func StartCharon(h *Host, settings ...string) *IKEDaemon {
	h.tb.Helper()
	Need(h.tb, Charon)
	fastAES()
	dir, err := os.MkdirTemp("", "multiwan-charon-")
	if err != nil {
		h.tb.Fatalf("%v", err)
	}
	h.tb.Cleanup(func() { os.RemoveAll(dir) })
	c := &IKEDaemon{host: h, dir: dir}
	text := fmt.Sprintf(charonSettings, dir, strings.Join(settings, "\n"))
	if err := os.WriteFile(c.file("strongswan.conf"), []byte(text), 0o600); err != nil {
		h.tb.Fatalf("%v", err)
	}
	h.tb.Cleanup(c.cleanup)
	c.Start()
	return c
}

// fastAES loads what a PC loads at boot by what its processor can. Nothing else of the virtual machine asks for it, and AES in plain C
// passes 20 Mbit/s there.
var fastAES = sync.OnceFunc(func() {
	if InVM() {
		_ = exec.Command("modprobe", "aesni_intel").Run() // a kernel without it is slow and no less right
	}
})

func (c *IKEDaemon) file(name string) string { return filepath.Join(c.dir, name) }

// URI names the control socket as swanctl and VICI clients want it.
func (c *IKEDaemon) URI() string { return "unix://" + c.file("vici") }

// Socket is the path of the control socket.
func (c *IKEDaemon) Socket() string { return c.file("vici") }

// Start starts charon again after Stop or Kill, and waits for its socket. It
// knows no connection then.
func (c *IKEDaemon) Start() {
	c.host.tb.Helper()
	// What a killed one left would look like the new one's.
	os.Remove(c.file("vici"))
	c.cmd = c.host.Command(context.Background(), "charon-systemd")
	c.cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+c.file("strongswan.conf"))
	if err := c.cmd.Start(); err != nil {
		c.host.tb.Fatalf("start charon: %v", err)
	}
	cmd, done := c.cmd, make(chan struct{})
	c.done = done
	go func() { defer close(done); cmd.Wait() }()
	if !Wait(20*time.Second, func() bool { return !c.Running() || c.listens() }) || !c.Running() {
		c.host.tb.Fatalf("%s: charon did not come up (%v):\n%s", c.host.Name, c.cmd.ProcessState, c.Log())
	}
}

func (c *IKEDaemon) listens() bool {
	conn, err := net.Dial("unix", c.Socket())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// Settings is the path of its strongswan.conf, for programs that read the file that the environment variable STRONGSWAN_CONF names.
func (c *IKEDaemon) Settings() string { return c.file("strongswan.conf") }

// Running reports whether the process lives.
func (c *IKEDaemon) Running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// PID of charon.
func (c *IKEDaemon) PID() int { return c.cmd.Process.Pid }

// Stop ends charon by SIGTERM: it tells its peers and removes its states and
// policies.
func (c *IKEDaemon) Stop() { c.end(syscall.SIGTERM) }

// Kill ends charon by SIGKILL: its states and policies stay in the kernel.
func (c *IKEDaemon) Kill() { c.end(syscall.SIGKILL) }

// Restart is Stop and Start.
func (c *IKEDaemon) Restart() {
	c.host.tb.Helper()
	c.Stop()
	c.Start()
}

// end sends a signal to a charon that runs, and waits; one that does not end
// within 10 s is killed.
func (c *IKEDaemon) end(s syscall.Signal) {
	if !c.Running() {
		return
	}
	c.cmd.Process.Signal(s)
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		c.cmd.Process.Kill()
		<-c.done
	}
}

func (c *IKEDaemon) cleanup() {
	if c.done == nil {
		return
	}
	c.end(syscall.SIGTERM)
	if t, ok := c.host.tb.(interface{ Failed() bool }); ok && t.Failed() {
		c.host.tb.Logf("log of charon on %s:\n%s", c.host.Name, c.Log())
	}
}

// Log is what charon wrote so far, of all its lives.
func (c *IKEDaemon) Log() string {
	b, err := os.ReadFile(c.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Swanctl runs swanctl(8) with this charon and returns its standard output; the
// command is the first argument.
func (c *IKEDaemon) Swanctl(args ...string) (string, error) {
	words := append([]string{"STRONGSWAN_CONF=" + c.file("strongswan.conf"), "swanctl"}, args...)
	return c.host.Exec("", "env", append(words, "--uri", c.URI())...)
}

// Load replaces all connections and secrets by those of a text in the form of
// swanctl.conf(5).
func (c *IKEDaemon) Load(config string) {
	c.host.tb.Helper()
	name := c.file("swanctl.conf")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		c.host.tb.Fatalf("%v", err)
	}
	if _, err := c.Swanctl("--load-all", "--noprompt", "--file", name); err != nil {
		c.host.tb.Fatalf("%v", err)
	}
}

// PrivateKeys are the ids of the private keys that it has, by VICI: swanctl does not show them.
func (c *IKEDaemon) PrivateKeys() []string {
	c.host.tb.Helper()
	b := c.vici("get-keys", nil)
	var ids []string
	for len(b) > 3 { // a list begins (4, "keys"), has items (5) and ends (6)
		switch n := int(b[1]); b[0] {
		case 4:
			b = b[2+n:]
		case 5:
			n = int(binary.BigEndian.Uint16(b[1:]))
			ids, b = append(ids, string(b[3:3+n])), b[3+n:]
		default:
			c.host.tb.Fatalf("get-keys: %q", b)
		}
	}
	return ids
}

// LoadPrivateKey has it hold a private key, as another program than ours may. It lasts until charon ends.
func (c *IKEDaemon) LoadPrivateKey(key []byte) {
	c.host.tb.Helper()
	var args []byte
	for _, kv := range [][2]string{{"type", "any"}, {"data", string(key)}} {
		args = append(append(args, 3, byte(len(kv[0]))), kv[0]...)
		args = append(binary.BigEndian.AppendUint16(args, uint16(len(kv[1]))), kv[1]...)
	}
	if answer := c.vici("load-key", args); !bytes.Contains(answer, []byte("yes")) {
		c.host.tb.Fatalf("load-key: %q", answer)
	}
}

// vici runs a command of the README.md of charon's vici plugin and returns the answer's message.
func (c *IKEDaemon) vici(command string, args []byte) []byte {
	c.host.tb.Helper()
	conn, err := net.Dial("unix", c.Socket())
	if err != nil {
		c.host.tb.Fatalf("%v", err)
	}
	defer conn.Close()
	packet := binary.BigEndian.AppendUint32(nil, uint32(2+len(command)+len(args)))
	packet = append(append(append(packet, 0, byte(len(command))), command...), args...)
	if _, err := conn.Write(packet); err != nil {
		c.host.tb.Fatalf("%s: %v", command, err)
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		c.host.tb.Fatalf("%s: %v", command, err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(conn, answer); err != nil || len(answer) == 0 || answer[0] != 1 {
		c.host.tb.Fatalf("%s: %v, %q", command, err, answer)
	}
	return answer[1:]
}
