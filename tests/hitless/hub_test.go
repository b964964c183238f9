package hitless

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestHub has two sites with two lines each at one address, among fifty that are configured there. Both reach it while their lines die, and a
// packet costs little more than with two: what grows are the rules of routing policy, two for each site, which are a list.
func TestHub(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Netem)
	n := lab.JoinSites(t, lab.SitesOptions{B: make([]lab.Kind, 2), NoIPv6: true})
	hub, spokes := n.A, []*lab.Site{n.B, n.Add("c", make([]lab.Kind, 2)...)}
	hub.Host.Echo()
	wire := n.Wire(lab.Frame.L2TP)
	text := func(sites int) string {
		var all []string
		for i, s := range spokes {
			all = append(all, hubEnd(i, s.Name, s.WANs[0].Addr4, s.WANs[1].Addr4))
		}
		for i := len(all); i < sites; i++ {
			at := func(net byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 88, 98 + net, byte(i)}) }
			all = append(all, hubEnd(i, fmt.Sprintf("z%d", i), at(0), at(1)))
		}
		return hub.UCI(all...)
	}
	hub.Start(text(2))
	for i, s := range spokes {
		s.Start(s.UCI(fmt.Sprintf(hubText, "dc", hub.WANs[0].Addr4, s.Name, "hub", "yes", "\tlist interface 'wan0'\n\tlist interface 'wan1'\n", i, 5, 9, i+1)))
	}
	var flows []*lab.Flow
	each := func(interval time.Duration) {
		flows = nil
		for _, s := range spokes {
			flow := s.Host.UDPFlow(lab.Echo(hub.Host4), lab.FlowOptions{Interval: interval})
			flow.WaitAnswer(t, time.Time{}, 20*time.Second)
			flows = append(flows, flow)
		}
	}
	whole := func() {
		for i, flow := range flows {
			r := flow.Stop()
			if r.Lost() > 0 || r.Duplicates() > 0 {
				t.Errorf("%s: of %d datagrams %d were lost and %d came twice", spokes[i].Name, len(r.Packets), r.Lost(), r.Duplicates())
			}
		}
	}
	// cost of a packet there and back: what the machine works more while flows run.
	cost := func() float64 {
		const long = 4 * time.Second
		before := busy(t, long)
		each(3 * ms)
		began := time.Now()
		loaded := busy(t, long)
		whole()
		sent := 0
		for _, flow := range flows {
			sent += len(flow.Report().Between(began, began.Add(long)).Packets)
		}
		behind := busy(t, long)
		t.Logf("busy %.3f, with %d datagrams %.3f, then %.3f", before, sent, loaded, behind)
		return (loaded - (before+behind)/2) * float64(long.Microseconds()) / float64(sent)
	}
	each(20 * ms)
	for _, flow := range flows { // both are there; what was sent before is lost
		flow.Stop()
	}
	time.Sleep(3 * time.Second)
	few := cost()
	reload(hub, text(50))
	if !lab.Wait(30*time.Second, func() bool { return len(hub.Status().Pseudowires) == 50 }) {
		t.Fatalf("%d pseudowires", len(hub.Status().Pseudowires))
	}
	time.Sleep(3 * time.Second)
	each(5 * ms)
	for _, s := range spokes {
		holes(s, 600*ms)
	}
	whole()
	if rules, err := hub.Router.Exec("", "nft", "list", "table", "ip", "multiwan"); err != nil || strings.Count(rules, "dup to") != 100 {
		t.Errorf("%d rules that copy, want one for ESP and one for IKE of each site: %v", strings.Count(rules, "dup to"), err)
	}
	many := cost()
	t.Logf("CPU of all machines for a datagram there and back: %.0f microseconds with 2 sites configured, %.0f with 50, difference %.1f, ratio %.3f", few, many, many-few, many/few)
	if many > 1.5*few {
		t.Errorf("a packet costs %.2f times as much with 50 sites", many/few)
	}
	if frames := wire.Frames(); len(frames) > 0 {
		t.Errorf("%d packets of L2TP in clear", len(frames))
	}
}

// hubText is one end of a pseudowire between a site and the hub.
const hubText = `config ipsec '%[1]s'
	option remote '%[2]s'
	option local_id '%[3]s'
	option remote_id '%[4]s'
	option psk 'secret of both'
	option initiate '%[5]s'

config pseudowire 'pw_%[1]s'
	option redundancy 'duplicate'
%[6]s	option local '172.30.%[7]d.%[8]d'
	option remote '172.30.%[7]d.%[9]d'
	option tunnel_id '%[10]d'
	option ipsec '%[1]s'
	option bridge 'br-lan'
`

// hubEnd is the hub's end of a site's pseudowire.
func hubEnd(i int, name string, first, second netip.Addr) string {
	return fmt.Sprintf(hubText, name, first, "hub", name, "no", fmt.Sprintf("\tlist interface 'wan0'\n\tlist remote_alt '%s'\n", second), i, 9, 5, i+1)
}

// busy is the part of a time in which the processor works.
func busy(t *testing.T, long time.Duration) float64 {
	t.Helper()
	idle := func() float64 { // seconds, of all processors
		text, err := os.ReadFile("/proc/uptime")
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(string(text))
		n, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	was, began := idle(), time.Now()
	time.Sleep(long)
	return 1 - (idle()-was)/time.Since(began).Seconds()
}
