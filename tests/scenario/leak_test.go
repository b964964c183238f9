package scenario_test

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// TestP4EvictedDoesNotLeak ends connections at the client after their entries
// were evicted: the kernel knows no connection for such a packet and translates
// nothing. It must not leave with its private source.
func TestP4EvictedDoesNotLeak(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe))
	var left []*lab.Capture
	for _, w := range n.WANs {
		left = append(left, n.Router.Capture(w.Device, func(f lab.Frame) bool {
			return f.Out && f.Proto == 6 && (f.Src == lab.Client4 || f.Src == lab.Client6)
		}))
	}
	for _, to := range []netip.Addr{lab.Internet4, lab.Internet6} {
		closing, err := n.Client.Dial("tcp", lab.Echo(to))
		if err != nil {
			t.Fatal(err)
		}
		r.command("down", "wan0")
		r.await(patience, "the switch", func(d status.Document) bool { return d.Policies["default"].State == "backup" })
		closing.Close()
		time.Sleep(700 * time.Millisecond) // and twice again
		r.command("up", "wan0")
		r.await(patience, "the way back", func(d status.Document) bool { return d.Policies["default"].State == "up" })
	}
	for i, c := range left {
		for _, f := range c.Stop() {
			t.Errorf("%s sent %s > %s, flags %#x", n.WANs[i].Name, f.Src, f.Dst, f.Flags)
		}
	}
	r.noSpoofing()
}
