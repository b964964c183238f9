package bonds

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// vpn is an OpenVPN process at one end of tunnel i, with a tap of its own that lives as long as the process.
type vpn struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// startVPN starts OpenVPN with a static key; the mark is 0 where the router's own rules set it.
func startVPN(t *testing.T, h *lab.Host, secret string, i int, args ...string) *vpn {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	words := []string{"--dev", fmt.Sprintf("tap%d", i), "--dev-type", "tap", "--proto", "udp", "--secret", secret,
		"--cipher", "AES-256-CBC", "--auth", "SHA256", "--port", fmt.Sprint(1194 + i), "--log", log, "--float"}
	v := &vpn{cmd: h.Command(context.Background(), "openvpn", append(words, args...)...), done: make(chan struct{}), log: log}
	if err := v.cmd.Start(); err != nil {
		t.Fatalf("openvpn: %v", err)
	}
	go func() { defer close(v.done); v.cmd.Wait() }()
	t.Cleanup(func() {
		v.kill()
		if t.Failed() {
			b, _ := os.ReadFile(v.log)
			t.Logf("openvpn %d on %s:\n%s", i, h.Name, b)
		}
	})
	return v
}

func (v *vpn) kill() {
	v.cmd.Process.Kill()
	<-v.done
}

// far4 is the server's address on the bond.
var far4 = netip.MustParseAddr("10.77.0.2")

// tapsOf is a bond of the two taps, with an address.
func tapsOf(address string, options ...string) string {
	return fast + fmt.Sprintf("\nconfig bond 'ha'\n\tlist member 'tap0'\n\tlist member 'tap1'\n\tlist ipaddr '%s'\n\t%s\n", address, strings.Join(options, "\n\t"))
}

// byMark gives each tunnel its line, by the mark of its sockets.
func byMark(n *lab.Network) string {
	var b strings.Builder
	for i, w := range n.WANs {
		fmt.Fprintf(&b, "config rule 'tunnel%d'\n\toption origin 'router'\n\toption fwmark '%d'\n\toption policy '%s'\n\n", i, 1000+i, w.Name)
	}
	return b.String()
}

// userMarks is what a user had before: marks by the peer's port in the output hook, after the source was chosen.
const userMarks = `table inet user {
	chain o {
		type route hook output priority mangle; policy accept;
		udp dport 1194 meta mark set 1000
		udp dport 1195 meta mark set 1001
	}
}
`

// TestS32OpenVPN runs two OpenVPN taps over two providers in one bond, and has one provider die.
func TestS32OpenVPN(t *testing.T) {
	lab.Need(t, lab.Bonding, lab.OpenVPN, lab.Netem)
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 2), NoIPv6: true})
	for _, w := range n.WANs {
		n.Router.Sysctl("net/ipv4/conf/"+w.Device+"/rp_filter", "1")
		w.Shape(lab.Quality{Delay: 5 * time.Millisecond, Rate: 4e6, Queue: 100 * time.Millisecond})
	}
	n.Internet.Echo()
	secret := filepath.Join(t.TempDir(), "secret")
	if _, err := n.Internet.Exec("", "openvpn", "--genkey", "secret", secret); err != nil {
		t.Fatalf("%v", err)
	}
	lacp := "option mode '802.3ad'"
	server := lab.StartDaemon(n.Internet, tapsOf("10.77.0.2/24", lacp))
	client := lab.StartDaemon(n.Router, n.UCI(byMark(n), tapsOf("10.77.0.1/24", lacp)))
	var near [2]*vpn
	for i := range 2 {
		startVPN(t, n.Internet, secret, i, "--local", lab.Internet4.String())
		near[i] = startVPN(t, n.Router, secret, i, "--nobind", "--remote", lab.Internet4.String(), "--mark", fmt.Sprint(1000+i))
	}
	began := time.Now()
	wait(t, 40*time.Second, "LACP ports in use", func() string { return inUse(n.Router) }, "2")
	t.Logf("2 ports in use %v after the start", time.Since(began))
	flow := n.Router.PingFlow(far4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 10*time.Second)
	sources(t, n)

	bulk := n.Router.Download(far4)
	time.Sleep(time.Second)
	i := carrying(t, n.Router, "tap0", "tap1")
	at := n.WANs[i].BlackHole()
	wait(t, 10*time.Second, "LACP ports", func() string { return ports(n.Router) }, "1")
	time.Sleep(time.Second)
	moved := bulk.Bytes()
	time.Sleep(time.Second)
	if bulk.Bytes() == moved || bulk.Err() != nil {
		t.Errorf("the download stands still: %v", bulk.Err())
	}
	t.Logf("the download stood still for %v at most", bulk.LongestStall())
	bulk.Stop()
	gap(t, "OpenVPN, provider dead, LACP fast", flow.Report(), at, 3200*time.Millisecond)
	n.WANs[i].Heal()

	rounds := 1
	if lab.Thorough() {
		rounds = 5
	}
	both := func(options string) {
		server.Write(tapsOf("10.77.0.2/24", options))
		server.Reload()
		client.Write(n.UCI(byMark(n), tapsOf("10.77.0.1/24", options)))
		client.Reload()
		time.Sleep(time.Second) // the mode is changed, for which the members are switched off a moment
	}
	for round := range rounds {
		if round > 0 {
			both(lacp)
			wait(t, 60*time.Second, "LACP ports in use", func() string { return inUse(n.Router) }, "2")
		}
		both("list probe 'fast'\n\toption primary 'tap0'") // our probes instead, through both taps
		probedTaps(t, n, flow, server, client)
	}

	// The tap goes with its process and comes again, and the sockets are marked by a rule of the user's in place of --mark.
	at = time.Now()
	near[0].kill()
	wait(t, 5*time.Second, "slaves", func() string { return portsOf(n.Router, "ha") }, "tap1")
	time.Sleep(time.Second)
	gap(t, "OpenVPN killed, its tap vanishes", flow.Report(), at, time.Second)
	near[1].kill()
	wait(t, 5*time.Second, "slaves", func() string { return portsOf(n.Router, "ha") }, "")
	n.Router.NFT(userMarks)
	at = time.Now()
	for i := range 2 {
		startVPN(t, n.Router, secret, i, "--nobind", "--remote", lab.Internet4.String())
	}
	wait(t, 20*time.Second, "slaves", func() string { return sorted(portsOf(n.Router, "ha")) }, "tap0 tap1")
	t.Logf("marked in the output hook: first answer %v after the start", flow.WaitAnswer(t, at, 20*time.Second).Received.Sub(at))
	wait(t, 20*time.Second, "active", func() string { return activeOf(n.Router) }, "tap0")
	sources(t, n)
	flow.Stop()
}

// probedTaps has the provider of the active tap die and come back, with probes through both taps.
func probedTaps(t *testing.T, n *lab.Network, flow *lab.Flow, daemons ...*lab.Daemon) {
	t.Helper()
	for _, d := range daemons {
		wait(t, 40*time.Second, "state of the bond", func() string { return stateOf(d) }, "up")
	}
	for _, h := range []*lab.Host{n.Router, n.Internet} {
		wait(t, 20*time.Second, h.Name+": active", func() string { return activeOf(h) }, "tap0")
	}
	at := n.WANs[0].BlackHole()
	wait(t, 5*time.Second, "active", func() string { return activeOf(n.Router) }, "tap1")
	time.Sleep(2 * time.Second)
	gap(t, "OpenVPN, provider dead, active-backup, probe 0.1 s", flow.Report(), at, time.Second)
	at = n.WANs[0].Heal()
	// A line that dies again and again is held down for longer each time.
	wait(t, 3*time.Minute, "active", func() string { return activeOf(n.Router) }, "tap0")
	time.Sleep(time.Second)
	gap(t, "OpenVPN, provider back", flow.Report(), at, 200*time.Millisecond)
}

// sources fails the test unless each tunnel leaves by its own line, from that line's address.
func sources(t *testing.T, n *lab.Network) {
	t.Helper()
	var seen [2]*lab.Capture
	for i, w := range n.WANs {
		seen[i] = n.Router.Capture(w.Device, func(f lab.Frame) bool { return f.Out && f.Proto == 17 && (f.DstPort == 1194 || f.DstPort == 1195) })
	}
	spoofed := [2]int{n.WANs[0].Spoofed(), n.WANs[1].Spoofed()}
	time.Sleep(1500 * time.Millisecond)
	for i, w := range n.WANs {
		seen[i].Stop()
		good := 0
		for _, f := range seen[i].Frames() {
			if f.Src != w.Addr4 || f.DstPort != uint16(1194+i) {
				t.Errorf("%s: a packet from %s to port %d", w.Name, f.Src, f.DstPort)
				break
			}
			good++
		}
		if good == 0 {
			t.Errorf("%s: nothing of tunnel %d", w.Name, i)
		}
		if s := w.Spoofed() - spoofed[i]; s > 0 {
			t.Errorf("%s dropped %d packets for their source", w.Name, s)
		}
	}
}
