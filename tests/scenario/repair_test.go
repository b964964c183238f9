package scenario_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// bySecond sends what goes to the second internet addresses by wan1.
const bySecond = `
config rule 'second4'
	option dest_ip '8.8.8.8'
	option origin 'any'
	option policy 'wan1'

config rule 'second6'
	option dest_ip '2001:4860:4860::8888'
	option origin 'any'
	option policy 'wan1'
`

// damages are what other programs do to us.
var damages = []struct {
	name string
	do   func(t *testing.T, n *lab.Network)
	// spares are the flows that need nothing of what was damaged. With the last
	// chain for translation gone, the kernel translates no packet of any flow.
	spares []string
}{
	{"nft flush ruleset", func(t *testing.T, n *lab.Network) { mustNFT(t, n.Router, "flush ruleset") }, []string{"lan"}},
	{"nft delete table", func(t *testing.T, n *lab.Network) { mustNFT(t, n.Router, "delete table inet multiwan") }, []string{"lan"}},
	{"nft delete rule", func(t *testing.T, n *lab.Network) {
		mustNFT(t, n.Router, "delete rule inet multiwan prerouting handle %s", handle(t, n.Router, "prerouting", "0x02000000"))
	}, []string{"lan", "wan0"}},
	{"nft flush chain", func(t *testing.T, n *lab.Network) { mustNFT(t, n.Router, "flush chain inet multiwan postrouting") }, []string{"lan", "wan0"}},
	{"nft add rule", func(t *testing.T, n *lab.Network) { mustNFT(t, n.Router, "add rule inet multiwan postrouting accept") }, []string{"lan", "wan0"}},
	{"ip -4 rule flush", func(t *testing.T, n *lab.Network) { flushRules(n, "-4") }, nil},
	{"ip -6 rule flush", func(t *testing.T, n *lab.Network) { flushRules(n, "-6") }, nil},
	{"ip rule del", func(t *testing.T, n *lab.Network) { n.Router.IP("rule del pref 6500 fwmark 0x2000000/0x7f000000") }, []string{"lan", "wan0"}},
	{"ip -6 rule del", func(t *testing.T, n *lab.Network) { n.Router.IP("-6 rule del pref 6500 fwmark 0x2000000/0x7f000000") }, []string{"lan", "wan0"}},
	{"ip -4 route flush table", func(t *testing.T, n *lab.Network) { n.Router.IP("-4 route flush table 19714") }, []string{"lan", "wan0"}},
	{"ip -6 route flush table", func(t *testing.T, n *lab.Network) { n.Router.IP("-6 route flush table 19714") }, []string{"lan", "wan0"}},
	{"ip -4 route flush of all", func(t *testing.T, n *lab.Network) { n.Router.IP("-4 route flush table all proto 77") }, []string{"lan"}},
	{"ip -4 route replace", func(t *testing.T, n *lab.Network) {
		n.Router.IP("-4 route replace default via %s dev wan0 table 19714 metric 1", n.WANs[0].Gateway4)
	}, []string{"lan", "wan0"}},
	{"ip -6 route replace", func(t *testing.T, n *lab.Network) {
		n.Router.IP("-6 route replace default via %s dev wan0 table 19714 metric 1", n.WANs[0].Gateway6)
	}, []string{"lan", "wan0"}},
	{"ip route change", func(t *testing.T, n *lab.Network) {
		n.Router.IP("-4 route replace default via %s dev wan0 table 19714 metric 1 proto 77", n.WANs[0].Gateway4)
	}, []string{"lan", "wan0"}},
}

// flushRules does what netifd does when it starts: every rule goes, the kernel's
// own are put back.
func flushRules(n *lab.Network, family string) {
	n.Router.IP("%s rule flush", family)
	n.Router.IP("%s rule add pref 32766 lookup main", family)
	if family == "-4" {
		n.Router.IP("-4 rule add pref 32767 lookup default")
	}
}

// TestS15Repair damages everything of ours in each way and wants it back within
// a second, with the flows of the other WAN undisturbed where they needed
// nothing of it.
func TestS15Repair(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := ours(t, n.Router)
	flows := map[string]*lab.Flow{
		"wan0 ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
		"wan0 ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
		"wan1 ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4b), lab.FlowOptions{}),
		"wan1 ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6b), lab.FlowOptions{}),
		"lan ipv4":  n.Client.UDPFlow(lab.Echo(lab.Neighbour4), lab.FlowOptions{}),
		"lan ipv6":  n.Client.UDPFlow(lab.Echo(lab.Neighbour6), lab.FlowOptions{}),
	}
	for name, f := range flows {
		if p := f.WaitAnswer(t, time.Time{}, patience); strings.HasPrefix(name, "wan") && n.ByAddr(p.Source.Addr()).Name != name[:4] {
			t.Fatalf("the flow %s left by %s", name, p.Source)
		}
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			before := r.status()
			from := time.Now()
			d.do(t, n)
			at := time.Now()
			r.repaired(t, at, want)
			after := r.await(patience, "the repair counted", func(s status.Document) bool { return s.Counters.Repairs > before.Counters.Repairs })
			if repairs(after) != int(after.Counters.Repairs) {
				t.Errorf("the status tells of %d of %d repairs: %+v", repairs(after), after.Counters.Repairs, after.Repairs)
			}
			if after.Counters.Failed != before.Counters.Failed {
				t.Errorf("operations failed: %s", brief(after))
			}
			r.newByBoth(t)
			for name, f := range flows {
				p := f.WaitAnswer(t, time.Now(), patience)
				lost := f.Report().LostBetween(from, p.Sent.Add(-50*time.Millisecond)) // the last may be under way
				if lost != 0 && slices.Contains(d.spares, strings.Fields(name)[0]) {
					t.Errorf("the flow %s lost %d packets", name, lost)
				}
			}
		})
	}
	// A flow of wan1 that the kernel dropped and tracked anew while wan1's table led
	// to wan0 stays there; it must work like all others.
	settled := time.Now()
	time.Sleep(200 * time.Millisecond)
	for name, f := range flows {
		rep := f.Stop().Between(settled, time.Now().Add(-300*time.Millisecond))
		if rep.Lost() != 0 || len(rep.Packets) == 0 {
			t.Errorf("the flow %s loses %d of %d packets after all repairs", name, rep.Lost(), len(rep.Packets))
		}
	}
	for _, w := range n.WANs {
		for _, tr := range r.history(w) {
			if tr.From == "up" {
				t.Errorf("a repair cost a verdict: %s", asJSON(t, tr))
			}
		}
	}
}

// repairs is how many the status lists by object.
func repairs(d status.Document) (sum int) {
	for _, r := range d.Repairs {
		sum += r.Count
	}
	return sum
}

// newByBoth opens a connection by each WAN and family; see bySecond.
func (r *router) newByBoth(t *testing.T) {
	t.Helper()
	for to, want := range map[netip.Addr]*lab.WAN{
		lab.Internet4: r.WANs[0], lab.Internet6: r.WANs[0], lab.Internet4b: r.WANs[1], lab.Internet6b: r.WANs[1],
	} {
		if seen, err := exchange(r.Client, shot{network: "tcp", to: lab.Echo(to)}); err != nil || !want.Owns(seen.Addr()) {
			t.Errorf("a new connection to %s is seen as %s, %v; want it by %s", to, seen, err, want.Name)
		}
	}
}

// repaired waits until the kernel holds of ours what it held before, for a second
// after the damage was done.
func (r *router) repaired(t *testing.T, at time.Time, want kernelState) {
	t.Helper()
	for {
		looked := time.Now()
		got := ours(t, r.Router)
		if reflect.DeepEqual(got, want) {
			return
		}
		if looked.Sub(at) > time.Second {
			same(t, "not repaired within a second", want, got)
			t.FailNow()
		}
	}
}

// fw4Table is a ruleset of somebody else, as fw4 loads it.
func fw4Table(port int) string {
	return fmt.Sprintf(`table inet fw4
flush table inet fw4
table inet fw4 {
	set allowed { type ipv4_addr; elements = { 192.168.1.10 } }
	chain forward {
		type filter hook forward priority 0; policy accept;
		tcp dport %d drop
		ct state established,related accept
	}
	chain mangle { type filter hook prerouting priority -150; meta mark set meta mark or 0x1; }
	chain srcnat { type nat hook postrouting priority 100; oifname "wan*" masquerade; }
}
`, port)
}

// TestS15FirewallReload flushes and makes anew the table of another program, and
// nothing of ours: no write follows, and no connection is lost.
func TestS15FirewallReload(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.NFT(fw4Table(1))
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := ours(t, n.Router)
	before := r.status().Counters
	var flows []*lab.Flow
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6, lab.Internet4b, lab.Internet6b} {
		flows = append(flows, n.Client.UDPFlow(lab.Echo(to), lab.FlowOptions{}))
	}
	for _, f := range flows {
		f.WaitAnswer(t, time.Time{}, patience)
	}
	from := time.Now()
	for i := range 20 {
		n.Router.NFT(fw4Table(i + 2))
		time.Sleep(50 * time.Millisecond)
	}
	rest()
	after := r.status().Counters
	if after.Writes != before.Writes || after.Repairs != before.Repairs || after.Failed != before.Failed {
		t.Errorf("another program's table led to writes: %+v, was %+v", after, before)
	}
	same(t, "ours after the firewall's reloads", want, ours(t, n.Router))
	for i, f := range flows {
		if rep := f.Stop(); rep.LostBetween(from, time.Now()) != 0 || len(rep.Sources()) != 1 {
			t.Errorf("flow %d: %d lost, sources %v", i, rep.LostBetween(from, time.Now()), rep.Sources())
		}
	}
}

// TestS15Fight has a program that deletes one rule each half second: it is named
// in the status and left alone for longer and longer, while all else is repaired
// as ever.
func TestS15Fight(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	r := start(t, n, n.UCI(fastProbe))
	want := ours(t, n.Router)
	before, cpu := r.status().Counters, r.cpu()
	began := time.Now()
	fight := func() { n.Router.TryIP("rule del pref 6560 from 198.18.1.0/24") }
	for range 24 {
		fight()
		time.Sleep(500 * time.Millisecond)
	}
	spent, took := r.cpu()-cpu, time.Since(began)
	d := r.status()
	// 6 repairs make a fight; then 1, 2, 4 s of rest fill the rest of the 12 s.
	if got := d.Counters.Writes - before.Writes; got < 6 || got > 12 {
		t.Errorf("%d writes in a fight of %v, want 6 to 12", got, took)
	}
	if spent > took/20 {
		t.Errorf("a fight of %v took %v of processor time", took, spent)
	}
	if w := strings.Join(d.Warnings, "\n"); !strings.Contains(w, "another program keeps changing") || !strings.Contains(w, "198.18.1.0/24") {
		t.Errorf("the status does not name the fight: %q", d.Warnings)
	}
	if len(d.Repairs) != 1 || !strings.Contains(d.Repairs[0].Object, "198.18.1.0/24") || d.Repairs[0].Count < 6 || d.Repairs[0].RestUntil == 0 {
		t.Errorf("repairs %+v, want the one rule, 6 times and more, at rest", d.Repairs)
	}

	// Meanwhile something else is lost, and is back at once.
	n.Router.IP("rule del pref 6510 fwmark 0x1000000/0x7f000000")
	at := time.Now()
	if !lab.Wait(time.Second, func() bool { return strings.Contains(n.Router.IP("rule show"), "fwmark 0x1000000/0x7f000000 prohibit") }) {
		t.Errorf("during a fight another rule is not repaired after %v", time.Since(at))
	}
	// With the fight over, its object comes back too: after 8 s of rest at most.
	if !lab.Wait(20*time.Second, func() bool { return reflect.DeepEqual(ours(t, n.Router), want) }) {
		same(t, "after the fight", want, ours(t, n.Router))
	}
}
