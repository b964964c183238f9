package bonds

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// moving is the configuration of the router: a pseudowire between inner addresses, whose outer path a policy chooses.
const moving = `
config globals 'globals'
	option log_level 'debug'

config probe 'out'
	list target '8.8.8.8'
	list target '9.9.9.9'
	option interval '0.2'
	option timeout '0.5'
	option down '3'
	option up '3'
	option down_interval '0.2'

config policy 'away'
	list interface 'wan0'
	list interface 'wan1'

config ipsec 'dc'
	option mode 'tunnel'
	option remote '1.1.1.1'
	option policy 'away'
	option local_id 'branch'
	option remote_id 'dc'
	option psk 'secret'
	option initiate 'yes'

config pseudowire 'pw'
	option local '172.30.201.5'
	option remote '172.30.201.9'
	option tunnel_id '1'
	option ipsec 'dc'
` + fast

// standing is the other end, on plain Linux with one address, which is called.
const standing = `
config globals 'globals'
	option log_level 'debug'

config ipsec 'branch'
	option mode 'tunnel'
	option local '1.1.1.1'
	option remote 'any'
	option local_id 'dc'
	option remote_id 'branch'
	option psk 'secret'

config pseudowire 'pw'
	option local '172.30.201.9'
	option remote '172.30.201.5'
	option tunnel_id '1'
	option ipsec 'branch'
	list ipaddr '10.9.0.2/24'
` + fast

// TestS28Moves has a pseudowire follow a policy from line to line: its device, its bond and its bridge port stay, and after the switch
// nothing of it leaves by the line that it left.
func TestS28Moves(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Bonding, lab.Bridge, lab.Charon)
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 2), NoIPv6: true})
	a, b := n.Router, n.Internet
	a.IP("link add name br-x type bridge mcast_snooping 0")
	a.Up("br-x", "10.9.0.1/24")
	b.IP("route add default via 10.255.0.2") // as every host has one: inner packets need some route before IPsec takes them
	ike := [2]*lab.IKEDaemon{lab.StartCharon(a), lab.StartCharon(b)}
	state := func() [2]string { // the bridge has no port any more in the end
		return [2]string{a.IP("rule show"), strings.ReplaceAll(a.IP("route show table main"), " linkdown", "")}
	}
	before := state()
	lab.StartDaemon(b, standing, "--vici", ike[1].Socket())
	var config strings.Builder
	for i, w := range n.WANs {
		fmt.Fprintf(&config, "%s\toption metric '%d'\n\tlist probe 'out'\n\n", w.UCI(), i+1)
	}
	d := lab.StartDaemon(a, config.String()+moving+"\nconfig bond 'ha'\n\tlist member 'pw'\n\toption bridge 'br-x'\n", "--vici", ike[0].Socket())

	flow := a.PingFlow(netip.MustParseAddr("10.9.0.2"), lab.FlowOptions{Interval: 20 * time.Millisecond})
	began := time.Now()
	t.Logf("first answer %v after the start", flow.WaitAnswer(t, began, 40*time.Second).Received.Sub(began))
	devices := a.IP("-br link show")
	esp := func(f lab.Frame) bool {
		return f.Out && (f.Proto == 50 || f.Proto == 17 && (f.DstPort == 500 || f.DstPort == 4500 || f.DstPort == 1701))
	}
	out := [2]*lab.Capture{a.Capture("wan0", esp), a.Capture("wan1", esp)}
	time.Sleep(time.Second)
	if k := out[1].Count(); k > 0 || out[0].Count() == 0 {
		t.Fatalf("by wan0 %d packets, by wan1 %d", out[0].Count(), k)
	}

	at := n.WANs[0].BlackHole()
	flow.WaitAnswer(t, at.Add(300*time.Millisecond), 20*time.Second)
	back := flow.Report().FirstAfter(at.Add(100 * time.Millisecond)).Received
	time.Sleep(2 * time.Second)
	first := edge(out[1], at)
	t.Logf("black hole: %d ms until the first outer packet by wan1, answers again after %d ms", first.Sub(at).Milliseconds(), back.Sub(at).Milliseconds())
	espAfter(t, out[0], first, "wan0")
	gap(t, "black hole, the outer path moves", flow.Report(), at, 4*time.Second)
	if now := a.IP("-br link show"); now != devices {
		t.Errorf("devices before:\n%s\nafter:\n%s", devices, now)
	}
	for _, w := range n.WANs {
		if s := w.Spoofed(); s > 0 {
			t.Errorf("%s dropped %d packets for their source", w.Name, s)
		}
	}

	at = n.WANs[0].Heal()
	if !lab.Wait(20*time.Second, func() bool { return !edge(out[0], at).IsZero() }) {
		t.Fatal("it does not go back to wan0")
	}
	first = edge(out[0], at)
	time.Sleep(2 * time.Second)
	t.Logf("back on wan0 %d ms after the line healed", first.Sub(at).Milliseconds())
	gap(t, "the outer path goes back", flow.Stop(), at, time.Second)
	espAfter(t, out[1], first.Add(500*time.Millisecond), "wan1")
	if now := a.IP("-br link show"); now != devices {
		t.Errorf("devices before:\n%s\nafter:\n%s", devices, now)
	}

	for i, c := range out {
		for _, f := range c.Frames() {
			if f.Proto == 17 && f.DstPort == 1701 {
				t.Errorf("wan%d: a packet of L2TP in clear", i)
				break
			}
		}
	}

	d.Stop()
	if _, err := d.CLI("stop", "--vici", ike[0].Socket()); err != nil {
		t.Errorf("%v", err)
	}
	if after := state(); after != before {
		t.Errorf("rules and routes before:\n%s\nafter:\n%s", before, after)
	}
}

// edge is when the first ESP packet was captured after a time.
func edge(c *lab.Capture, after time.Time) time.Time {
	for _, f := range c.Frames() {
		if f.At.After(after) && f.Proto != 17 {
			return f.At
		}
	}
	return time.Time{}
}

// espAfter fails the test where the pseudowire's packets still left by a line.
func espAfter(t *testing.T, c *lab.Capture, after time.Time, wan string) {
	t.Helper()
	n := 0
	for _, f := range c.Frames() {
		if f.At.After(after) && f.Proto != 17 {
			n++
		}
	}
	if n > 0 {
		t.Errorf("%d packets of the pseudowire left by %s after the switch", n, wan)
	}
}
