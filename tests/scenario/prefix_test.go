package scenario_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestS9Prefix has a provider renumber the prefix that it delegated for the LAN:
// the new one comes beside the old one, which is deprecated and then withdrawn.
// What uses the old one goes on while it is valid, the new one passes at once,
// and the other WAN carries nothing of either and loses nothing of its own. A
// host that keeps an address of the old one is a host with an address of its own,
// which snat6 'none' does not translate: its provider drops that.
func TestS9Prefix(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T2(t, 2)
	n.Internet.Echo()
	w := n.WANs[0]
	r := start(t, n, n.UCI(fastProbe))
	flow := func(src netip.Addr) *lab.Flow {
		f := n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{Local: netip.AddrPortFrom(src, 0)})
		if p := f.WaitAnswer(t, time.Time{}, patience); p.Source.Addr() != src {
			t.Errorf("%s is seen as %s", src, p.Source)
		}
		return f
	}
	before, control := flow(w.LAN6), flow(n.WANs[1].LAN6)
	from := time.Now()

	old, host := n.Delegate(w, netip.MustParsePrefix("2001:db8:2000::/56"))
	r.Write(strings.Replace(n.UCI(fastProbe), "\tlist prefix '"+w.Prefix6.String()+"'\n",
		"\tlist prefix '"+w.Prefix6.String()+"'\n\tlist prefix '"+old.String()+"'\n", 1))
	r.command("reload")
	after := flow(w.LAN6)
	passed := time.Now()
	unbroken(t, map[string]*lab.Flow{"of the old prefix": before}, from, "")

	r.Write(n.UCI(fastProbe))
	r.command("reload")
	r.steady()
	n.Withdraw(w, old, host)
	other := n.Router.Capture(n.WANs[1].Device, func(f lab.Frame) bool { return f.Out && old.Contains(f.Src) })
	if seen, err := exchange(n.Client, shot{network: "udp", local: netip.AddrPortFrom(host, 0), to: lab.Echo(lab.Internet6), wait: time.Second}); err == nil {
		t.Errorf("%s of the withdrawn prefix is seen as %s", host, seen)
	}
	if frames := other.Stop(); len(frames) != 0 {
		t.Errorf("%s sent %d packets of the withdrawn prefix", n.WANs[1].Name, len(frames))
	}
	if e := r.explain(w.LAN6, lab.Internet6, "udp", lab.EchoPort); oneWay(e) != w.Name || !e.Agrees {
		t.Errorf("explain says %s", asJSON(t, e))
	}
	unbroken(t, map[string]*lab.Flow{"of the new prefix": after}, passed, "")
	unbroken(t, map[string]*lab.Flow{"of the other WAN": control}, from, "")
	r.noSpoofing()
}
