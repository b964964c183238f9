package diff

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// world builds views: WANs a, b, c with marks 1, 2, 3 (mask 0x7f, flag 0x40) and one address each, in IPv4 alone.
type world struct{ View }

func newWorld() *world {
	w := &world{View{Mask: 0x7f, WANs: map[string]WANView{}, Policies: map[string]PolicyView{}}}
	for i, n := range []string{"a", "b", "c"} {
		w.WANs[n] = WANView{Device: "eth" + n, Mark: uint32(i + 1), Sides: map[kstate.Family]SideView{kstate.IPv4: {
			Carries: true, State: "up", Gateway: addr(i, 1), Addrs: []netip.Addr{addr(i, 2)}, Sticky: []string{"sticky4_" + n},
		}}}
	}
	return w
}

func addr(wan, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, byte(wan + 1), byte(host)})
}

// side changes one WAN.
func (w *world) side(wan string, f func(*SideView)) *world {
	s := w.WANs[wan].Sides[kstate.IPv4]
	f(&s)
	w.WANs[wan].Sides[kstate.IPv4] = s
	return w
}

func (w *world) down(wans ...string) *world {
	for _, n := range wans {
		w.side(n, func(s *SideView) { s.Carries, s.State, s.Reason = false, "down", "10 probes lost" })
	}
	return w
}

// policy sets what a policy uses: "name active,active state", of members a and b unless members are given.
func (w *world) policy(text, failback string, members ...string) *world {
	f := strings.Fields(text)
	if members == nil {
		members = []string{"a", "b"}
	}
	side := PolicySide{State: f[2]}
	if f[1] != "-" {
		side.Active = strings.Split(f[1], ",")
	}
	w.Policies[f[0]] = PolicyView{Members: members, Failback: failback, Drain: 30 * time.Second, Sides: map[kstate.Family]PolicySide{kstate.IPv4: side}}
	return w
}

func TestEffects(t *testing.T) {
	up := func() *world { return newWorld().policy("p a up", "move_udp") }
	backup := func() *world { return newWorld().policy("p b backup", "move_udp") }
	for _, tc := range []struct {
		name       string
		prev, next *world
		want       []string
	}{
		{"failover", up(), newWorld().down("a").policy("p b backup", "move_udp"), []string{
			"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2]: 10 probes lost",
			"flush sets sticky4_a",
			"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=10 probes lost",
			"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b: a: 10 probes lost",
		}},
		{"nothing else carries", up(), newWorld().side("a", func(s *SideView) { s.State = "down" }).down("b").policy("p a best_effort", ""), []string{
			"flush sets sticky4_b",
			"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=",
			"hook ACTION=down DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY= REASON=10 probes lost",
		}},
		{"all refused", up(), newWorld().down("a", "b").policy("p - unreachable", ""), []string{
			"flush sets sticky4_a, sticky4_b",
			"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=10 probes lost",
			"hook ACTION=down DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY= REASON=10 probes lost",
			"hook ACTION=failover DEVICE= FAMILY=ipv4 GATEWAY= INTERFACE= POLICY=p REASON=a to none: a: 10 probes lost",
		}},
		{"the other is back while one is still down", newWorld().down("a", "b").policy("p - unreachable", ""), newWorld().down("a").policy("p b backup", ""), []string{
			"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2]: 10 probes lost",
			"hook ACTION=up DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY= REASON=",
			"hook ACTION=failback DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=none to b",
		}},
		{"best effort moves, nobody is evicted", newWorld().down("b").side("a", func(s *SideView) { s.State = "down" }).policy("p a best_effort", ""),
			newWorld().down("a").side("b", func(s *SideView) { s.State = "down" }).policy("p b best_effort", ""), []string{
				"flush sets sticky4_a",
				"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b: a: 10 probes lost",
			}},
		{"failback move_udp", backup(), up(), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2] but tcp: policy p moved to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
		}},
		{"failback keep", backup(), newWorld().policy("p a up", "keep"), []string{
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
		}},
		{"failback move", backup(), newWorld().policy("p a up", "move"), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2]: policy p moved to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
		}},
		{"failback drain", backup(), newWorld().policy("p a up", "drain"), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2] in 30s: policy p moved to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
		}},
		{"another policy stays on the backup", backup().policy("q b up", "move"), up().policy("q b up", "move"), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2] but tcp of policies p: policy p moved to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
		}},
		{"another policy keeps what is there", backup().policy("q b backup", "keep"), up().policy("q a up", "keep"), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2] but tcp of policies p: policy p moved to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a",
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=q REASON=b to a",
		}},
		{"a policy that has nothing else stays", up().policy("q a up", "", "a"),
			newWorld().down("a").policy("p b backup", "").policy("q - unreachable", "", "a"), []string{
				"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2] of policies p: 10 probes lost",
				"flush sets sticky4_a",
				"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=10 probes lost",
				"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b: a: 10 probes lost",
				"hook ACTION=failover DEVICE= FAMILY=ipv4 GATEWAY= INTERFACE= POLICY=q REASON=a to none: a: 10 probes lost",
			}},
		{"kept connections go when their backup dies", newWorld().policy("p a up", "keep"), newWorld().down("b").policy("p a up", "keep"), []string{
			"evict ipv4 connections of b mark 0x2/0x7f translated to [192.0.2.2]: 10 probes lost",
			"flush sets sticky4_b",
			"hook ACTION=down DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY= REASON=10 probes lost",
		}},
		{"a member joins", newWorld().policy("p b up", "move"), newWorld().policy("p a,b up", "move"), []string{
			"hook ACTION=failback DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY=p REASON=b to a,b",
		}},
		{"a wan that no policy uses dies", up(), up().down("c"), []string{
			"flush sets sticky4_c",
			"hook ACTION=down DEVICE=ethc FAMILY=ipv4 GATEWAY=192.0.3.1 INTERFACE=c POLICY= REASON=10 probes lost",
		}},
		{"address changed", up(), up().side("a", func(s *SideView) { s.Addrs = []netip.Addr{addr(0, 9)} }), []string{
			"evict ipv4 connections of a of [192.0.1.2]: address changed",
		}},
		{"address moved to another wan", up(), up().side("a", func(s *SideView) { s.Addrs = []netip.Addr{addr(0, 9)} }).
			side("b", func(s *SideView) { s.Addrs = []netip.Addr{addr(0, 2), addr(1, 2)} }), nil},
		{"second address", up(), up().side("a", func(s *SideView) { s.Addrs = append(s.Addrs, addr(0, 9)) }), nil},
		{"suspect is no event", up(), up().side("a", func(s *SideView) { s.State = "suspect" }), nil},
		{"degraded", up(), up().side("a", func(s *SideView) { s.State, s.Reason = "degraded", "loss 12 %" }), []string{
			"hook ACTION=degraded DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=loss 12 %",
		}},
		{"a policy leaves a degraded wan that still carries", up(),
			newWorld().side("a", func(s *SideView) { s.State, s.Reason = "degraded", "loss 45 %" }).policy("p b backup", "move_udp"), []string{
				"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2]: loss 45 %",
				"hook ACTION=degraded DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=loss 45 %",
				"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b: a: loss 45 %",
			}},
		{"a policy that has nothing better stays on a degraded wan", up().policy("q a up", "", "a"),
			newWorld().side("a", func(s *SideView) { s.State = "degraded" }).policy("p b backup", "move_udp").policy("q a up", "", "a"), []string{
				"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2] of policies p: no longer carries",
				"hook ACTION=degraded DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=",
				"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b",
			}},
		{"waiting after up is down", up(), up().side("a", func(s *SideView) { s.State = "waiting" }), []string{
			"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=",
		}},
		{"nothing known before", &world{}, up(), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, e := range Effects(tc.prev.View, tc.next.View) {
				got = append(got, e.String())
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if again := Effects(tc.next.View, tc.next.View); len(again) > 0 {
				t.Errorf("not idempotent: %v", again)
			}
		})
	}
}

// TestRemasked: marks of a mask that overlaps the new one would be read as other WANs; those of one that does not are left alone.
func TestRemasked(t *testing.T) {
	prev := newWorld().policy("p a up", "keep")
	for mask, want := range map[uint32][]string{
		0x7f:   nil,
		0x7f00: nil,
		0x3f80: nil,
		0xfe: {
			"evict ipv4 connections of a mark 0x1/0x3f: mark_mask changed", "evict ipv6 connections of a mark 0x1/0x3f: mark_mask changed",
			"evict ipv4 connections of b mark 0x2/0x3f: mark_mask changed", "evict ipv6 connections of b mark 0x2/0x3f: mark_mask changed",
			"evict ipv4 connections of c mark 0x3/0x3f: mark_mask changed", "evict ipv6 connections of c mark 0x3/0x3f: mark_mask changed",
		},
	} {
		next := newWorld().policy("p a up", "keep")
		next.Mask = mask
		var got []string
		for _, e := range Effects(prev.View, next.View) {
			got = append(got, e.String())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("mask %#x: %s", mask, d)
		}
	}
}

// TestRemovedWAN takes a WAN out of the configuration.
func TestRemovedWAN(t *testing.T) {
	prev, next := newWorld().policy("p a up", "keep"), newWorld().policy("p b up", "keep", "b")
	delete(next.WANs, "a")
	var got []string
	for _, e := range Effects(prev.View, next.View) {
		got = append(got, e.String())
	}
	want := []string{
		"evict ipv4 connections of a mark 0x1/0x7f translated to [192.0.1.2]: no longer carries",
		"flush sets sticky4_a",
		"hook ACTION=down DEVICE=etha FAMILY=ipv4 GATEWAY=192.0.1.1 INTERFACE=a POLICY= REASON=removed from the configuration",
		"hook ACTION=failover DEVICE=ethb FAMILY=ipv4 GATEWAY=192.0.2.1 INTERFACE=b POLICY=p REASON=a to b",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestRedial: a line that drops and comes back with the same address keeps its connections, with another it loses them.
func TestRedial(t *testing.T) {
	for _, tc := range []struct {
		host    int
		evicted bool
	}{{2, false}, {7, true}} {
		first := newWorld().policy("p a up", "keep", "a")
		gone := newWorld().down("a").policy("p - unreachable", "keep", "a").side("a", func(s *SideView) { s.Addrs = nil })
		middle := gone.After(first.View)
		for _, e := range Effects(first.View, middle) {
			if e.Evict != nil {
				t.Errorf("evicted with nothing else to go to: %s", e)
			}
		}
		back := newWorld().policy("p a up", "keep", "a").side("a", func(s *SideView) { s.Addrs = []netip.Addr{addr(0, tc.host)} })
		evicted := slices.ContainsFunc(Effects(middle, back.After(middle)), func(e Effect) bool {
			return e.Evict != nil && slices.Equal(e.Evict.Gone, []netip.Addr{addr(0, 2)})
		})
		if evicted != tc.evicted {
			t.Errorf("back with host %d: evicted %v", tc.host, evicted)
		}
	}
}

func TestEvictionMatch(t *testing.T) {
	e := &Eviction{Family: kstate.IPv4, Mark: 1, Mask: 0x7f, Translated: []netip.Addr{addr(0, 2)}, Gone: []netip.Addr{addr(0, 3)}, NotTCP: true}
	for _, tc := range []struct {
		name string
		flow Flow
		want bool
	}{
		{"ours", Flow{Family: kstate.IPv4, Proto: 17, Mark: 1}, true},
		{"ours with foreign bits", Flow{Family: kstate.IPv4, Proto: 17, Mark: 0xff00001}, true},
		{"tcp", Flow{Family: kstate.IPv4, Proto: 6, Mark: 1}, false},
		{"came in from outside", Flow{Family: kstate.IPv4, Proto: 17, Mark: 0x41}, false},
		{"another wan", Flow{Family: kstate.IPv4, Proto: 17, Mark: 2}, false},
		{"another family", Flow{Family: kstate.IPv6, Proto: 17, Mark: 1}, false},
		{"unmarked and translated", Flow{Family: kstate.IPv4, Proto: 17, ReplyDst: addr(0, 2), Translated: true}, true},
		{"the router's own", Flow{Family: kstate.IPv4, Proto: 17, ReplyDst: addr(0, 2)}, false},
		{"translated, marked for another", Flow{Family: kstate.IPv4, Proto: 17, Mark: 2, ReplyDst: addr(0, 2), Translated: true}, false},
		{"to an address that is gone", Flow{Family: kstate.IPv4, Proto: 17, Mark: 0x42, Dst: addr(0, 3)}, true},
		{"unmarked, between lans", Flow{Family: kstate.IPv4, Proto: 17, ReplyDst: addr(8, 8)}, false},
	} {
		if got := e.Match(tc.flow); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
