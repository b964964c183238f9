package bonds

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestExternalTunnel carries a program that knows nothing of us, as MLVPN: one socket a line, bound to that line's address, marked by itself,
// or marked by a rule of the user's in the output hook. Each keeps to its line, dead or not, and the hooks are told of the lines.
func TestExternalTunnel(t *testing.T) {
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 2), NoIPv6: true})
	n.Internet.Echo()
	hooks := t.TempDir()
	script := "#!/bin/sh\necho \"$ACTION $INTERFACE $FAMILY $DEVICE $GATEWAY $1 $2 $#\" >> " + hooks + "/../called\n"
	called := filepath.Join(hooks, "..", "called")
	if err := os.WriteFile(filepath.Join(hooks, "10-lines"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	fmt.Fprintf(&config, "config globals 'globals'\n\toption hook_dir '%s'\n\n", hooks)
	for i, w := range n.WANs {
		fmt.Fprintf(&config, "%s\toption metric '%d'\n\tlist probe 'line'\n\n", w.UCI(), i+1)
	}
	config.WriteString("config probe 'line'\n\tlist target '8.8.8.8'\n\tlist target '9.9.9.9'\n\toption interval '0.2'\n\toption timeout '0.5'\n\toption down '3'\n\toption up '2'\n\toption down_interval '0.2'\n\n" + byMark(n))
	lab.StartDaemon(n.Router, config.String())

	n.Router.NFT("table inet user { chain o { type route hook output priority mangle;\nudp sport 5000 meta mark set 1000\nudp sport 5001 meta mark set 1001\n}\n}\n")
	var bound, marked, late [2]*lab.Flow
	var out [2]*lab.Capture
	for i, w := range n.WANs {
		bound[i] = n.Router.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{Interval: 20 * time.Millisecond, Local: netip.AddrPortFrom(w.Addr4, 0)})
	}
	for _, f := range bound {
		f.WaitAnswer(t, time.Time{}, 10*time.Second)
	}
	calls := func() string { b, _ := os.ReadFile(called); return string(b) }
	for i, w := range n.WANs {
		line := fmt.Sprintf("up %s ipv4 %s %s up %s 2\n", w.Name, w.Device, w.Gateway4, w.Name)
		if !lab.Wait(10*time.Second, func() bool { return strings.Contains(calls(), line) }) {
			t.Fatalf("the hook was not called with %q:\n%s", line, calls())
		}
		marked[i] = n.Router.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{Interval: 20 * time.Millisecond, Mark: uint32(1000 + i)})
		late[i] = n.Router.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{Interval: 20 * time.Millisecond, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(5000+i))})
		for _, f := range []*lab.Flow{marked[i], late[i]} {
			f.WaitAnswer(t, time.Time{}, 10*time.Second)
		}
	}

	for i, w := range n.WANs {
		out[i] = n.Router.Capture(w.Device, func(f lab.Frame) bool { return f.Out && f.Proto == 17 && f.DstPort == lab.EchoPort })
	}

	at := n.WANs[0].BlackHole()
	down := fmt.Sprintf("down wan0 ipv4 wan0 %s down wan0 2\n", n.WANs[0].Gateway4)
	if !lab.Wait(10*time.Second, func() bool { return strings.Contains(calls(), down) }) {
		t.Fatalf("the hook was not called with %q:\n%s", down, calls())
	}
	time.Sleep(time.Second)
	healed := n.WANs[0].Heal()
	for _, f := range []*lab.Flow{bound[0], marked[0], late[0]} {
		f.WaitAnswer(t, healed, 10*time.Second)
	}
	again := fmt.Sprintf("up wan0 ipv4 wan0 %s up wan0 2\n", n.WANs[0].Gateway4)
	if !lab.Wait(10*time.Second, func() bool { return strings.Count(calls(), again) == 2 }) {
		t.Errorf("the hook was not called with %q again:\n%s", again, calls())
	}
	for i, w := range n.WANs {
		for how, f := range map[string]*lab.Flow{"bound": bound[i], "marked": marked[i], "late marked": late[i]} {
			r := f.Stop()
			for source := range r.Sources() {
				if source != w.Addr4 {
					t.Errorf("the %s socket of %s was seen as %s", how, w.Name, source)
				}
			}
			if lost := r.LostBetween(at, healed); i == 1 && lost > 0 {
				t.Errorf("the %s socket of the sound line lost %d", how, lost)
			}
		}
		out[i].Stop()
		for _, f := range out[i].Frames() {
			if f.Src != w.Addr4 {
				t.Errorf("%s: a packet from %s, %v after the black hole", w.Name, f.Src, f.At.Sub(at))
				break
			}
		}
	}
	t.Logf("hooks:\n%s", calls())
}
