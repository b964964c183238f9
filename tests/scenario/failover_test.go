package scenario_test

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestS4BlackHole cuts the preferred line in silence at the worst moment, when a
// round of probes was answered just now, and holds the verdict against the
// published bounds. What a flow then waits for its first packet by the other
// WAN is bounded by one second.
func TestS4BlackHole(t *testing.T) {
	for _, c := range []struct {
		name  string
		probe string
		delay time.Duration // one way
		bound time.Duration
	}{
		{"defaults", "", 0, 3 * time.Second},
		{"defaults and 280 ms", "", 140 * time.Millisecond, 3 * time.Second},
		{"interval 0.1", pace("0.1"), 0, 600 * time.Millisecond},
		{"interval 0.1 and 280 ms", pace("0.1"), 140 * time.Millisecond, 600 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab.Need(t, lab.Nft, lab.Tun)
			quickest(t, c.bound, "verdict", func() time.Duration { return blackHole(t, c.probe, c.delay, c.bound) })
		})
	}
}

// blackHole cuts the line of a new network and returns how long the later of the
// families took to its verdict.
func blackHole(t *testing.T, probe string, delay, bound time.Duration) (latest time.Duration) {
	t.Helper()
	n := lab.Build(t, lab.Options{WANs: []lab.Kind{lab.RelayedEther, lab.Ethernet}})
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	a.Line.Set(lab.Quality{Delay: delay})
	r := start(t, n, n.UCI(probe))
	defer r.Kill() // for the next to have the machine for itself
	flows := map[string]*lab.Flow{
		"ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
		"ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
	}
	for _, f := range flows {
		arrived(t, f, a, time.Time{}, patience)
	}
	time.Sleep(time.Second) // the round-trip statistics settle
	round := n.Router.Capture(a.Device, func(f lab.Frame) bool { return f.Out && f.ICMPType == 8 && f.Dst == lab.Internet4 })
	if !lab.Wait(patience, func() bool { return round.Count() > 0 }) {
		t.Fatal("no probe was sent")
	}
	time.Sleep(delay + 10*time.Millisecond) // answers that are under way still arrive
	a.Line.Set(lab.Quality{Cut: true})
	cut := time.Now()
	for family, f := range flows {
		verdict := when(r.turned(a, family, "down", cut, bound+patience).Time)
		p := arrived(t, f, b, cut, patience)
		t.Logf("%s: verdict after %v, first packet by the other WAN %v later", family, verdict.Sub(cut).Round(time.Millisecond), p.Received.Sub(verdict).Round(time.Millisecond))
		if d := p.Received.Sub(verdict); d > time.Second {
			t.Errorf("%s: first packet by %s %v after the verdict, want 1 s", family, b.Name, d)
		}
		latest = max(latest, verdict.Sub(cut))
	}
	newFlows(t, n, b)
	r.noSpoofing()
	return latest
}

// newFlows opens connections in both families, all of which must succeed, by one
// WAN.
func newFlows(t *testing.T, n *lab.Network, by *lab.WAN) {
	t.Helper()
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		tally := n.Client.ConnectN(lab.Echo(to), 20, lab.ConnectOptions{})
		if tally.OK != 20 || tally.Sources[local(by, to)] != 20 {
			t.Errorf("new connections to %s: %+v, want 20 by %s", to, tally, by.Name)
		}
	}
}

// TestS4Carrier pulls the plug: no probe is needed to see that, and the first
// packet by the other WAN follows at once.
func TestS4Carrier(t *testing.T) {
	lab.Need(t, lab.Nft)
	quickest(t, 100*time.Millisecond, "verdict and first packet", func() time.Duration { return pulled(t) })
}

// pulled takes the carrier of the preferred WAN of a new network and returns how
// long the later of the families took to its verdict and to the first packet by
// the other WAN, whichever is longer.
func pulled(t *testing.T) (latest time.Duration) {
	t.Helper()
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	r := start(t, n, n.UCI())
	defer r.Kill()
	flows := map[string]*lab.Flow{
		"ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
		"ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
	}
	for _, f := range flows {
		arrived(t, f, a, time.Time{}, patience)
	}
	cut := time.Now()
	a.CarrierDown()
	for family, f := range flows {
		verdict := when(r.turned(a, family, "down", cut, patience).Time)
		p := arrived(t, f, b, cut, patience)
		t.Logf("%s: verdict after %v, first packet by the other WAN after %v", family, verdict.Sub(cut).Round(time.Millisecond), p.Received.Sub(cut).Round(time.Millisecond))
		latest = max(latest, verdict.Sub(cut), p.Received.Sub(cut))
	}
	newFlows(t, n, b)
	a.CarrierUp()
	r.uses("default", a)
	newFlows(t, n, a)
	r.noSpoofing()
	return latest
}

// TestS4Kinds cuts and heals a WAN of every kind: point-to-point, two addresses
// on one NIC, VLANs of one NIC, and two lines with the same subnet and gateway.
func TestS4Kinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind lab.Kind
		need lab.Feature
	}{
		"point to point": {lab.Tunnel, lab.Tun},
		"one NIC":        {lab.Alias, lab.Bridge},
		"VLANs":          {lab.TaggedVLAN, lab.VLAN},
		"same subnet":    {lab.SameSubnet, lab.Netns},
	} {
		t.Run(name, func(t *testing.T) {
			lab.Need(t, lab.Nft, c.need)
			n := lab.Build(t, lab.Options{WANs: []lab.Kind{c.kind, c.kind}})
			n.Internet.Echo()
			a, b := n.WANs[0], n.WANs[1]
			r := start(t, n, n.UCI(fastProbe))
			r.uses("default", a)
			flows := []*lab.Flow{
				n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}),
				n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
			}
			for _, f := range flows {
				arrived(t, f, a, time.Time{}, patience)
			}
			cut := a.BlackHole()
			for _, f := range flows {
				arrived(t, f, b, cut, patience)
			}
			r.uses("default", b)
			healed := a.Heal()
			for _, f := range flows {
				arrived(t, f, a, healed, patience)
			}
			r.noSpoofing()
		})
	}
}
