package reconcile

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
)

// TestP5DriftIsRepaired does what other programs do, and what the kernel does on its own.
func TestP5DriftIsRepaired(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(k *kernel)
		last string // of the repairs, in order of their objects
	}{
		{"ip rule flush", func(k *kernel) { clear(k.rules) }, "rule add"},
		{"ip route flush table", func(k *kernel) { clear(k.routes) }, "route add"},
		{"nft flush ruleset", func(k *kernel) { k.tables = nil }, "nft"},
		{"sysctl", func(k *kernel) { k.sysctls["net/ipv4/conf/eth1/rp_filter"] = "1" }, "sysctl"},
		{"a rule of our protocol", func(k *kernel) {
			k.rules[kstate.Rule{Family: kstate.IPv4, Priority: 6999, Action: kstate.Prohibit}] = true
		}, "rule delete"},
		{"another gateway", func(k *kernel) {
			for key, r := range k.routes {
				if r.Dst.Bits() == 0 && r.Gateway == netip.MustParseAddr("192.0.1.1") {
					r.Gateway = netip.MustParseAddr("192.0.1.66")
					k.routes[key] = r
				}
			}
		}, "route replace"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				k := newKernel()
				k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
				k.sysctls["net/ipv4/conf/all/rp_filter"], k.sysctls["net/ipv4/conf/eth1/rp_filter"] = "0", "1"
				r := start(t, k, t.TempDir())
				defer r.kill()
				r.SetConfig(load(t, preferred))
				r.verdict("wan", "up")
				settle()
				before, passes := k.dump(), r.passes()
				k.change(func() { tc.do(k) })
				if k.dump() == before {
					t.Fatal("nothing was changed")
				}
				r.Kick("rule event")
				settle()
				if d := cmp.Diff(before, k.dump()); d != "" {
					t.Error(d)
				}
				s := r.last()
				if s.Repaired == 0 || len(s.Drifts) == 0 || !strings.Contains(s.Drifts[len(s.Drifts)-1].Op, tc.last) {
					t.Errorf("repaired %d, drifts %+v", s.Repaired, s.Drifts)
				}
				if r.passes() != passes+1 {
					t.Errorf("%d passes", r.passes()-passes)
				}
			})
		})
	}
}

// TestOwnChangesAreNoDrift: what our own decisions and the world's changes need is nobody's doing.
func TestOwnChangesAreNoDrift(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		for range 3 {
			r.verdict("wan", "down")
			settle()
			r.k.change(func() { r.k.net.WANs["wanb"] = line(7) })
			r.Kick("address event")
			settle()
			r.verdict("wan", "up")
			settle()
			r.SetConfig(load(t, preferred+"\toption weight '3'\n"))
			settle()
		}
		// So does an address that is away for a moment, as often as it may be: that is no fight over its routes.
		for range 2 * fightRepairs {
			r.k.change(func() {
				for key, rt := range r.k.routes {
					if rt.Device == "eth1" {
						delete(r.k.routes, key)
					}
				}
			})
			r.KickNetwork("address event", false)
			settle()
			if !r.last().Converged {
				t.Fatal("the routes of a renewed address are not back")
			}
		}
		// A device that goes takes its routes along, before or after we hear of it.
		r.k.change(func() {
			delete(r.k.net.WANs, "wan")
			for key, rt := range r.k.routes {
				if rt.Device == "eth1" {
					delete(r.k.routes, key)
				}
			}
		})
		r.KickNetwork("device gone", true)
		settle()
		if s := r.last(); s.Repaired != 0 {
			t.Errorf("drifts %+v", s.Drifts)
		}
	})
}

// TestFightBacksOff: who deletes our rule every half second gets it back ever more rarely, and is named; the rest goes on.
func TestFightBacksOff(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		var victim kstate.Rule
		r.k.change(func() {
			for rule := range r.k.rules {
				if rule.Family == kstate.IPv4 && rule.Priority == 6400 {
					victim = rule
				}
			}
		})
		repairs := func() int {
			return len(slices.DeleteFunc(r.k.writes(), func(w string) bool { return !strings.Contains(w, "rule add") }))
		}
		enemy := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
				r.k.change(func() { delete(r.k.rules, victim) })
				r.Kick("rule event")
			}
			synctest.Wait()
		}
		enemy(3 * time.Second)
		if n := repairs(); n < fightRepairs {
			t.Errorf("%d repairs in the first seconds", n)
		}
		enemy(5 * time.Minute)
		if n := repairs(); n < 5 || n > 20 {
			t.Errorf("%d repairs in five minutes of fighting, want a handful", n)
		}
		s := r.last()
		if i := slices.IndexFunc(s.Drifts, func(d Drift) bool { return d.Object == victim.Key() && d.Fight }); i < 0 {
			t.Errorf("drifts %+v", s.Drifts)
		}
		if !strings.Contains(strings.Join(s.Warnings, "\n"), "another program keeps changing") {
			t.Errorf("warnings %q", s.Warnings)
		}
		r.k.writes()
		r.verdict("wan", "down")
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" {
			t.Error("failover in the middle of a fight:", d)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !r.k.holds(victim) || !r.last().Converged {
			t.Error("when the enemy is gone, the rule is not back")
		}
		r.Kick("later")
		settle()
		if s := r.last(); slices.ContainsFunc(s.Drifts, func(d Drift) bool { return d.Fight }) {
			t.Errorf("the fight is not over: %+v", s.Drifts)
		}
	})
}

// TestFailedOperation: one operation is refused; the rest is done, the kernel's words are kept, tries grow rarer, and it heals.
func TestFailedOperation(t *testing.T) {
	in(t, func(t *testing.T) {
		k := newKernel()
		k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
		tries := 0
		k.fail = func(op string) error {
			if strings.Contains(op, "-4 route add default via 192.0.2.1 dev eth2") {
				tries++
				return errRefused
			}
			return nil
		}
		r := start(t, k, t.TempDir())
		defer r.kill()
		r.SetConfig(load(t, preferred))
		r.verdict("wan", "up")
		settle()
		s := r.last()
		if s.Converged || len(s.Problems) == 0 || s.Problems[0].Error != errRefused.Error() {
			t.Errorf("converged %v, problems %+v", s.Converged, s.Problems)
		}
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" || len(k.rules) < 5 || len(k.tables) == 0 {
			t.Errorf("the rest was not done: %s %d rules", d, len(k.rules))
		}
		k.change(func() { tries = 0 })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		k.change(func() {
			if tries < 10 || tries > 20 {
				t.Errorf("%d tries in ten minutes", tries)
			}
		})
		k.change(func() { k.fail = nil })
		time.Sleep(61 * time.Second)
		if s := r.last(); !s.Converged || len(s.Problems) > 0 {
			t.Errorf("converged %v, problems %+v", s.Converged, s.Problems)
		}
	})
}

// TestEveryWriteMayFail refuses each write of a failover once: the next tries end where an undisturbed failover does.
func TestEveryWriteMayFail(t *testing.T) {
	undisturbed, writes := "", 0
	for n := 0; n <= max(writes, 1); n++ {
		in(t, func(t *testing.T) {
			r := two(t, load(t, preferred))
			defer r.kill()
			count := 0
			r.k.change(func() {
				r.k.fail = func(string) error {
					if count++; count == n {
						return errRefused
					}
					return nil
				}
			})
			r.SetVerdict("wan", kstate.IPv4, r.last().Facts.Health["wan"][kstate.IPv6], "", time.Now()) // no news
			r.verdict("wan", "down")
			synctest.Wait()
			if n == 0 {
				undisturbed = r.k.dump()
				r.k.change(func() { writes = count })
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if d := cmp.Diff(undisturbed, r.k.dump()); d != "" {
				t.Errorf("write %d refused: %s", n, d)
			}
			if s := r.last(); !s.Converged || len(s.Problems) > 0 {
				t.Errorf("write %d refused: converged %v, problems %+v", n, s.Converged, s.Problems)
			}
		})
	}
}

// TestRefusedNetfilterBreaksNothing: while nftables refuses to move flows away, the rules that they need stay, and nobody is evicted.
func TestRefusedNetfilterBreaksNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		var rules map[kstate.Rule]bool
		r.k.change(func() {
			rules = maps.Clone(r.k.rules)
			r.k.fail = func(op string) error {
				if op == "nft apply" {
					return errRefused
				}
				return nil
			}
		})
		r.verdict("wan", "down")
		settle()
		for rule := range rules {
			if !r.k.holds(rule) {
				t.Errorf("gone: %s", rule)
			}
		}
		for _, w := range r.k.writes() {
			if strings.Contains(w, "evict") || strings.Contains(w, "delete") {
				t.Errorf("did %q", w)
			}
		}
		if n := len(r.told()); n == 0 {
			t.Error("users' programs heard nothing")
		}
		r.k.change(func() { r.k.fail = nil })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w := strings.Join(r.k.writes(), "\n")
		if !r.last().Converged || !strings.Contains(w, "evict ipv4 connections of wan") {
			t.Errorf("when it is mended: %s", w)
		}
	})
}

// TestFailedEviction is tried again, and given up at last.
func TestFailedEviction(t *testing.T) {
	for _, heals := range []bool{true, false} {
		in(t, func(t *testing.T) {
			r := two(t, load(t, preferred))
			defer r.kill()
			tries := 0
			r.k.change(func() {
				r.k.flows = []diff.Flow{{Family: kstate.IPv4, Mark: 0x01000000}}
				r.k.fail = func(op string) error {
					if strings.Contains(op, "evict ipv4 connections of wan mark") {
						if tries++; tries < 3 || !heals {
							return errRefused
						}
					}
					return nil
				}
			})
			r.verdict("wan", "down")
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			want, left := 3, 0
			if !heals {
				want, left = evictTries, 1
			}
			r.k.change(func() {
				if tries != want || len(r.k.flows) != left {
					t.Errorf("heals %v: %d tries, %d connections left", heals, tries, len(r.k.flows))
				}
			})
		})
	}
}

// TestFailedDump: an interrupted dump deletes nothing and is followed by another pass; one that fails is tried again.
func TestFailedDump(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		before := r.k.dump()
		stray := kstate.Rule{Family: kstate.IPv4, Priority: 6001, Action: kstate.Prohibit}
		r.k.change(func() { r.k.partial = 2; r.k.rules[stray] = true })
		r.Kick("event")
		time.Sleep(quiet + time.Millisecond)
		synctest.Wait()
		if s := r.last(); !s.Partial || s.Converged {
			t.Errorf("partial %v, converged %v", s.Partial, s.Converged)
		}
		for _, w := range r.k.writes() {
			if strings.Contains(w, "delete") {
				t.Errorf("on the word of a partial dump: %q", w)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d := cmp.Diff(before, r.k.dump()); d != "" || !r.last().Converged {
			t.Errorf("converged %v: %s", r.last().Converged, d)
		}

		r.k.change(func() { r.k.lookErr = errRefused; r.k.rules[stray] = true })
		r.Kick("event")
		settle()
		if s := r.last(); !errors.Is(s.Err, errRefused) {
			t.Errorf("err %v", s.Err)
		}
		r.k.change(func() { r.k.lookErr = nil })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if d := cmp.Diff(before, r.k.dump()); d != "" || r.last().Err != nil {
			t.Errorf("err %v: %s", r.last().Err, d)
		}
	})
}

// TestSettingsComeAndGo: a setting is given back when its WAN goes from the configuration, and forgotten when its device goes.
func TestSettingsComeAndGo(t *testing.T) {
	const eth1, eth2 = "net/ipv4/conf/eth1/rp_filter", "net/ipv4/conf/eth2/rp_filter"
	in(t, func(t *testing.T) {
		k := newKernel()
		k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
		k.sysctls["net/ipv4/conf/all/rp_filter"], k.sysctls[eth1], k.sysctls[eth2] = "0", "1", "1"
		r := start(t, k, t.TempDir())
		defer r.kill()
		r.SetConfig(load(t, preferred))
		settle()
		if k.setting(eth1) != "2" || k.setting(eth2) != "2" {
			t.Fatalf("settings %v", k.sysctls)
		}
		r.SetConfig(load(t, "config interface 'wan'\n\toption device 'eth1'\n"))
		settle()
		if k.setting(eth1) != "2" || k.setting(eth2) != "1" {
			t.Errorf("without wanb: %v", k.sysctls)
		}
		k.change(func() { delete(k.net.WANs, "wan"); delete(k.sysctls, eth1) })
		r.KickNetwork("device gone", true)
		settle()
		if s := r.last(); len(s.Settings) != 0 || !s.Converged {
			t.Errorf("settings %v, converged %v", s.Settings, s.Converged)
		}
	})
}
