package scenario_test

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestP6FlowsFromBefore has flows that the kernel tracked while nothing translated
// them, before the start and while another program had our table deleted. Each
// packet keeps such an entry alive, so it would never work again; we end it, and
// the flow goes on translated.
func TestP6FlowsFromBefore(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft, lab.ConntrackNetlink)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	n.Router.NFT(`table inet watcher { chain c { type filter hook forward priority 0; ct state new counter; }
}
`)
	early := map[string]*lab.Flow{
		"ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{}), "ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6), lab.FlowOptions{}),
	}
	inside := n.Client.UDPFlow(lab.Echo(lab.Neighbour4), lab.FlowOptions{})
	from := inside.WaitAnswer(t, time.Time{}, patience).Sent
	r := start(t, n, n.UCI(fastProbe))
	settled := time.Now()
	for name, f := range early {
		f.WaitAnswer(t, settled, 2*time.Second)
		t.Logf("the %s flow from before works", name)
	}

	mustNFT(t, n.Router, "delete table inet multiwan")
	late := map[string]*lab.Flow{
		"ipv4": n.Client.UDPFlow(lab.Echo(lab.Internet4b), lab.FlowOptions{}), "ipv6": n.Client.UDPFlow(lab.Echo(lab.Internet6b), lab.FlowOptions{}),
	}
	r.steady()
	repaired := time.Now()
	for name, f := range late {
		f.WaitAnswer(t, repaired, 2*time.Second)
		t.Logf("the %s flow from the gap works", name)
	}
	if lost := inside.Stop().LostBetween(from, time.Now()); lost != 0 {
		t.Errorf("the flow within the LAN lost %d packets", lost)
	}
}
