package sites

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// piece says whether a packet is the first fragment of several.
func piece(f lab.Frame) bool {
	const offset, more4, more6 = 0x1fff, 0x2000, 1
	if f.EtherType == 0x86dd {
		return f.Proto == 44 && binary.BigEndian.Uint16(f.Payload[42:]) == more6
	}
	word := binary.BigEndian.Uint16(f.Payload[6:])
	return word&offset == 0 && word&more4 != 0
}

// TestClearIsSeen sends unprotected pseudowires' packets of each kind, whole and in fragments: what finds nothing where other tests want
// nothing in clear finds every one of them.
func TestClearIsSeen(t *testing.T) {
	lab.Need(t, lab.L2TP)
	n := lab.JoinSites(t, lab.SitesOptions{})
	n.B.Router.Echo()
	kinds := []cable{
		{name: "udp", id: 1},
		{name: "ip", id: 2, options: []string{"encap ip"}},
		{name: "udp6", id: 3, v6: true, options: []string{"local_port 1799", "remote_port 1799"}},
		{name: "ip6", id: 4, v6: true, options: []string{"encap ip"}},
	}
	for end, s := range []*lab.Site{n.A, n.B} {
		var cables []cable
		for i, c := range kinds {
			c.clear, c.bridge = true, "-"
			c.options = append([]string{"mtu 1500", fmt.Sprintf("ipaddr 10.8.%d.%d/24", i, end+1)}, c.options...)
			cables = append(cables, c)
		}
		s.Daemon = lab.StartDaemon(s.Router, config(s, cables...))
	}
	for i, c := range kinds {
		up := func() bool { return n.A.Status().Pseudowires[c.name].State == "up" }
		if !lab.Wait(20*time.Second, up) { // before, the flow would take a source outside
			t.Fatalf("%s: %+v", c.name, n.A.Status().Pseudowires[c.name])
		}
		for _, size := range []int{100, 1450} {
			far := netip.AddrFrom4([4]byte{10, 8, byte(i), 2})
			kind := func(f lab.Frame) bool { return f.L2TP() && (f.EtherType == 0x86dd) == c.v6 }
			wire, pieces := n.Wire(kind), n.Wire(func(f lab.Frame) bool { return kind(f) && piece(f) })
			flow := n.A.Router.UDPFlow(lab.Echo(far), lab.FlowOptions{Interval: 20 * time.Millisecond, Size: size})
			flow.WaitAnswer(t, time.Time{}, 20*time.Second)
			time.Sleep(500 * time.Millisecond)
			r := flow.Stop()
			answered := len(r.Packets) - r.Lost()
			wire.Stop()
			pieces.Stop()
			// A datagram and its answer, each at the customer's side of two providers. Answers are short.
			t.Logf("%s, %d bytes: %d datagrams answered, %d packets seen, of which %d first fragments", c.name, size, answered, wire.Count(), pieces.Count())
			if answered < 10 || wire.Count() < 4*answered {
				t.Errorf("%s, %d bytes: %d datagrams answered, %d packets seen", c.name, size, answered, wire.Count())
			}
			if size > 1000 && pieces.Count() < 2*answered {
				t.Errorf("%s, %d bytes: %d datagrams answered, %d first fragments seen", c.name, size, answered, pieces.Count())
			}
		}
	}
}
