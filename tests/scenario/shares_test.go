package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// weighted is a configuration in which all WANs have the same metric, with the
// weights given, and the policy default with more lines.
func weighted(n *lab.Network, weights []int, policy ...string) string {
	var b, members strings.Builder
	for i, w := range n.WANs {
		fmt.Fprintf(&b, "%s\toption weight '%d'\n\n", w.UCI(), weights[i])
		fmt.Fprintf(&members, "\tlist interface '%s'\n", w.Name)
	}
	fmt.Fprintf(&b, "config policy 'default'\n%s%s\n", members.String(), strings.Join(policy, ""))
	return b.String() + fastProbe
}

// byWAN counts connections by the WAN that the far end saw.
func byWAN(t *testing.T, n *lab.Network, tally lab.Tally) []int {
	t.Helper()
	counts := make([]int, len(n.WANs))
	for a, c := range tally.Sources {
		w := n.ByAddr(a)
		if w == nil {
			t.Fatalf("%d connections came from %s, which is no WAN's", c, a)
		}
		counts[w.Index] += c
	}
	return counts
}

// TestS2Shares deals 600 new connections a family out to three WANs.
func TestS2Shares(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 3)
	n.Internet.Echo()
	r := start(t, n, weighted(n, []int{1, 1, 1}))
	for _, weights := range [][]int{{1, 1, 1}, {1, 2, 3}} {
		r.Write(weighted(n, weights))
		r.Reload()
		sum := 0
		for _, w := range weights {
			sum += w
		}
		r.await(patience, fmt.Sprintf("weights %v in force", weights), func(d status.Document) bool {
			active := d.Policies["default"].Active
			return len(active) == 3 && near(active[2].Percent, 100*float64(weights[2])/float64(sum), 0.1)
		})
		r.steady()
		bothFamilies(t, func(t *testing.T, to netip.Addr) {
			const flows = 600
			tally := n.Client.ConnectN(lab.Echo(to), flows, lab.ConnectOptions{})
			if tally.OK != flows {
				t.Fatalf("%d of %d connections worked: %v", tally.OK, flows, tally.Errors)
			}
			for i, got := range byWAN(t, n, tally) {
				share, want := 100*float64(got)/flows, 100*float64(weights[i])/float64(sum)
				if !near(share, want, 5) {
					t.Errorf("weights %v: wan%d got %.1f %%, want %.1f", weights, i, share, want)
				}
			}
		})
	}
	r.noSpoofing()
}

func near(a, b, by float64) bool { return a-b <= by && b-a <= by }

// TestS2Router spreads the router's own connections, by destination, with the
// right source each and nothing translated.
func TestS2Router(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	for i := range 40 { // the kernel hashes addresses
		n.Internet.AddAddr("lo", fmt.Sprintf("9.9.1.%d/32", i+1))
		n.Internet.AddAddr("lo", fmt.Sprintf("2620:fe:1::%x/128", i+1))
	}
	n.Internet.Echo()
	r := start(t, n, weighted(n, []int{1, 1}))
	for _, format := range []string{"9.9.1.%d", "2620:fe:1::%x"} {
		count := map[string]int{}
		for i := range 40 {
			to := netip.MustParseAddr(fmt.Sprintf(format, i+1))
			seen, own, err := exchangeFrom(n.Router, shot{network: "tcp", to: lab.Echo(to)})
			if err != nil || own != seen {
				t.Errorf("to %s: own address %s, seen as %s, %v", to, own, seen, err)
			}
			count[outcome(n, seen, err)]++
		}
		if count["wan0"]+count["wan1"] != 40 || min(count["wan0"], count["wan1"]) < 6 {
			t.Errorf("the router's connections to 40 destinations: %v", count)
		}
	}
	r.noSpoofing()
}

// TestS2RouterWeights spreads the router's own connections 1:3, within 5 points
// of the weights. The kernel's hash of addresses deals them out, which is as
// random as a die: of 200 destinations one run in ten would miss by chance
// (3.1 points are one standard deviation), of 1,200 one in 15,000.
func TestS2RouterWeights(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.IP("route add local 9.9.8.0/21 dev lo") // it answers for all of them
	n.Internet.IP("-6 route add local 2620:fe:1::/64 dev lo")
	n.Internet.Echo()
	r := start(t, n, weighted(n, []int{1, 3}))
	for family, first := range map[string]string{"ipv4": "9.9.8.1", "ipv6": "2620:fe:1::1"} {
		const destinations = 1200
		count := map[string]int{}
		for i, to := 0, netip.MustParseAddr(first); i < destinations; i, to = i+1, to.Next() {
			seen, own, err := exchangeFrom(n.Router, shot{network: "tcp", to: lab.Echo(to)})
			if err != nil || own != seen {
				t.Fatalf("to %s: own address %s, seen as %s, %v", to, own, seen, err)
			}
			count[outcome(n, seen, err)]++
		}
		share := 100 * float64(count["wan0"]) / destinations
		t.Logf("%s: %v, %.1f %%", family, count, share)
		if count["wan0"]+count["wan1"] != destinations || !near(share, 25, 5) {
			t.Errorf("%s: weights 1:3: wan0 got %.1f %% of %d destinations, want 25: %v", family, share, destinations, count)
		}
	}
	r.noSpoofing()
}

// TestS3ExactCounts deals a multiple of the sum of the weights out exactly.
func TestS3ExactCounts(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, weighted(n, []int{3, 2}))
	bothFamilies(t, func(t *testing.T, to netip.Addr) {
		tally := n.Client.ConnectN(lab.Echo(to), 100, lab.ConnectOptions{})
		if got := byWAN(t, n, tally); tally.OK != 100 || got[0] != 60 || got[1] != 40 {
			t.Errorf("of 100 connections with weights 3:2 %d worked, by WAN %v", tally.OK, got)
		}
	})
	r.noSpoofing()
}

// hosts gives the client more addresses, 192.168.1.100 and fd00:1::100 on.
func hosts(n *lab.Network, count int) (v4, v6 []netip.Addr) {
	for i := range count {
		a := netip.MustParseAddr(fmt.Sprintf("192.168.1.%d", 100+i))
		b := netip.MustParseAddr(fmt.Sprintf("fd00:1::%d", 100+i))
		n.Client.AddAddr("eth0", a.String()+"/24")
		n.Client.AddAddr("eth0", b.String()+"/64")
		v4, v6 = append(v4, a), append(v6, b)
	}
	return v4, v6
}

// wanOf opens a TCP connection from a source and returns the WAN that carried it.
func wanOf(t *testing.T, n *lab.Network, src netip.Addr, to netip.Addr) string {
	t.Helper()
	seen, err := exchange(n.Client, shot{network: "tcp", local: netip.AddrPortFrom(src, 0), to: lab.Echo(to)})
	if err != nil {
		t.Fatalf("tcp from %s to %s: %v", src, to, err)
	}
	w := n.ByAddr(seen.Addr())
	if w == nil {
		t.Fatalf("tcp from %s to %s was seen as %s, which is no WAN's", src, to, seen)
	}
	return w.Name
}

// TestS3BalanceSource keeps every connection of a source on one WAN and spreads
// the sources.
func TestS3BalanceSource(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	v4, v6 := hosts(n, 24)
	r := start(t, n, weighted(n, []int{1, 1}, "\toption balance 'source'\n"))
	for to, sources := range map[netip.Addr][]netip.Addr{lab.Internet4: v4, lab.Internet6: v6} {
		count := map[string]int{}
		for _, src := range sources {
			first := wanOf(t, n, src, to)
			count[first]++
			for range 2 {
				if again := wanOf(t, n, src, to); again != first {
					t.Errorf("%s used %s and then %s", src, first, again)
				}
			}
		}
		if len(count) != 2 || min(count["wan0"], count["wan1"]) < 4 {
			t.Errorf("%d sources to %s were spread %v", len(sources), to, count)
		}
	}
	r.noSpoofing()
}

// TestS3Sticky keeps a source on its WAN for the timeout and no longer.
func TestS3Sticky(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	v4, v6 := hosts(n, 2)
	r := start(t, n, weighted(n, []int{1, 1}, "\toption sticky '2'\n"))
	for _, c := range []struct {
		to      netip.Addr
		sources []netip.Addr
	}{{lab.Internet4, v4}, {lab.Internet6, v6}} {
		t.Run(c.to.String(), func(t *testing.T) {
			t.Parallel()
			checkSticky(t, n, c.to, c.sources[0], c.sources[1])
		})
	}
	t.Cleanup(r.noSpoofing)
}

// checkSticky connects from two sources within the timeout of 2 s and after it.
func checkSticky(t *testing.T, n *lab.Network, to, a, b netip.Addr) {
	t.Helper()
	firstA, firstB := wanOf(t, n, a, to), wanOf(t, n, b, to)
	if firstA == firstB {
		t.Errorf("two sources both stick to %s", firstA)
	}
	// Each new connection renews the time: 5 × 0.7 s are longer than 2 s.
	for range 5 {
		time.Sleep(700 * time.Millisecond)
		if nowA, nowB := wanOf(t, n, a, to), wanOf(t, n, b, to); nowA != firstA || nowB != firstB {
			t.Errorf("within the timeout the sources moved to %s and %s from %s and %s", nowA, nowB, firstA, firstB)
		}
	}
	// In the other order the turns fall the other way.
	time.Sleep(2500 * time.Millisecond)
	if nowB, nowA := wanOf(t, n, b, to), wanOf(t, n, a, to); nowA == firstA || nowB == firstB {
		t.Errorf("after the timeout the sources still stick to %s and %s", nowA, nowB)
	}
}

// TestS3StickyForgottenWhenDown lets a source leave a WAN that goes down, and
// does not send it back where nothing but the memory would.
func TestS3StickyForgottenWhenDown(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	v4, v6 := hosts(n, 2)
	r := start(t, n, weighted(n, []int{1, 1}, "\toption sticky '600'\n"))
	for to, sources := range map[netip.Addr][]netip.Addr{lab.Internet4: v4, lab.Internet6: v6} {
		wanOf(t, n, sources[0], to)
		wanOf(t, n, sources[1], to)
	}
	if got := stuck(t, n, 1); len(got) != 2 {
		t.Fatalf("stuck to wan0: %q, want one source a family", got)
	}
	n.WANs[0].BlackHole()
	r.down(n.WANs[0])
	if !lab.Wait(time.Second, func() bool { return len(stuck(t, n, 1)) == 0 }) {
		t.Errorf("still stuck to wan0, which is down: %q", stuck(t, n, 1))
	}
	for to, sources := range map[netip.Addr][]netip.Addr{lab.Internet4: v4, lab.Internet6: v6} {
		for _, src := range sources {
			if got := wanOf(t, n, src, to); got != "wan1" {
				t.Errorf("%s to %s left by %s with wan0 down", src, to, got)
			}
		}
	}
	n.WANs[0].Heal()
	r.up(n.WANs[0])
	r.steady()
	for to, sources := range map[netip.Addr][]netip.Addr{lab.Internet4: v4, lab.Internet6: v6} {
		for _, src := range sources {
			if got := wanOf(t, n, src, to); got != "wan1" {
				t.Errorf("%s to %s went to %s, although it sticks to wan1 now", src, to, got)
			}
		}
	}
}

// stuck lists the sources that stick to the WAN with an id, as nft shows them.
func stuck(t *testing.T, n *lab.Network, id int) []string {
	t.Helper()
	out, err := n.Router.Exec("", "nft", "list", "sets", "inet")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ours := false
	for _, word := range strings.Fields(out) {
		if strings.HasPrefix(word, "sticky") {
			ours = strings.HasPrefix(word[len("sticky4"):], fmt.Sprintf("_%d_", id))
		}
		if a, err := netip.ParseAddr(strings.Trim(word, "{},")); err == nil && ours {
			list = append(list, a.String())
		}
	}
	return list
}
