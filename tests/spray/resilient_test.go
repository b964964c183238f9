package spray

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestResilient asks the kernel where 120 connections go by weights 2:1:1 in steering route: when one of three members dies, those of the two
// others stay where they are, and when it comes back too.
func TestResilient(t *testing.T) {
	lab.Need(t, lab.Nft, lab.Bridge, lab.Resilient)
	n := lab.Build(t, lab.Options{WANs: make([]lab.Kind, 3), NoIPv6: true})
	config := "config globals 'globals'\n\toption steering 'route'\n\nconfig probe 'quick'\n\tlist target '1.1.1.1'\n\toption interval '0.1'\n\toption down '3'\n\toption up '3'\n\toption down_interval '0.1'\n\n"
	for i, w := range n.WANs {
		config += fmt.Sprintf("%s\toption weight '%d'\n\tlist probe 'quick'\n\n", w.UCI(), []int{2, 1, 1}[i])
	}
	lab.StartDaemon(n.Router, config)
	wait := func(want int) {
		t.Helper()
		if !lab.Wait(15*time.Second, func() bool { return groupMembers(n.Router) == want }) {
			t.Fatalf("not %d members:\n%s", want, n.Router.IP("nexthop show"))
		}
	}
	ways := func() map[int]string {
		out := map[int]string{}
		for port := 30001; port <= 30120; port++ {
			words := strings.Fields(n.Router.IP("route get 1.1.1.1 from %s iif lan ipproto udp sport %d dport 53", lab.Client4, port))
			for i, w := range words {
				if w == "dev" && i+1 < len(words) {
					out[port] = words[i+1]
				}
			}
		}
		return out
	}
	wait(3)
	before := ways()
	share := map[string]int{}
	for _, dev := range before {
		share[dev]++
	}
	n.WANs[2].ISP.IP("link set dev net down")
	wait(2)
	after, moved := ways(), 0
	for port, dev := range before {
		if dev != "wan2" && after[port] != dev || after[port] == "wan2" {
			moved++
		}
	}
	t.Logf("connections %v; wan2 dies: %d of %d others moved", share, moved, 120-share["wan2"])
	if moved > 0 || len(share) != 3 {
		t.Error("want a part on each member, and none moved")
	}
	n.WANs[2].ISP.IP("link set dev net up")
	n.WANs[2].ISP.IP("route replace default via 10.255.2.1")
	wait(3)
	again, back := ways(), 0
	for port, dev := range after {
		if again[port] != dev {
			back++
		}
	}
	t.Logf("wan2 is back: %d of 120 moved at once", back)
	if back > share["wan2"] {
		t.Error("more than it had")
	}
}

// groupMembers counts the members of the first group of nexthops that a router has.
func groupMembers(h *lab.Host) int {
	_, group, ok := strings.Cut(h.IP("nexthop show"), "group ")
	if !ok {
		return 0
	}
	group, _, _ = strings.Cut(group, " ")
	return strings.Count(group, "/") + 1
}
