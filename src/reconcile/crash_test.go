package reconcile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestP6RestartAdopts: a new loop on the state of an old one writes nothing, evicts nobody and tells no hook, though health knows
// nothing yet.
func TestP6RestartAdopts(t *testing.T) {
	for _, file := range []string{"kept", "lost"} {
		t.Run("state file "+file, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := load(t, preferred)
				old := two(t, c)
				old.verdict("wan", "down")
				settle()
				old.kill()
				old.k.writes()
				before := old.k.dump()
				dir := filepath.Dir(old.ports.State)
				if file == "lost" {
					dir = t.TempDir()
				}
				r := start(t, old.k, dir)
				defer r.kill()
				r.verdict("wan", "waiting")
				r.verdict("wanb", "waiting")
				r.SetConfig(c)
				settle()
				if w := old.k.writes(); len(w) > 0 {
					t.Errorf("wrote %q", w)
				}
				r.verdict("wanb", "up")
				r.verdict("wan", "down")
				settle()
				if w := old.k.writes(); len(w) > 0 {
					t.Errorf("wrote %q when health said what was known", w)
				}
				if d := cmp.Diff(before, old.k.dump()); d != "" {
					t.Error(d)
				}
				if file == "kept" && len(r.told()) > 0 {
					t.Errorf("hooks %v", r.told())
				}
			})
		})
	}
}

// TestIDsSurviveWithoutFile: ids are recovered from the kernel where another order of the file would deal them out anew.
func TestIDsSurviveWithoutFile(t *testing.T) {
	in(t, func(t *testing.T) {
		old := two(t, load(t, preferred))
		ids := old.last().Facts.IDs
		old.kill()
		r := start(t, old.k, t.TempDir())
		defer r.kill()
		r.SetConfig(load(t, `
config interface 'wanb'
	option device 'eth2'
	option metric '2'

config interface 'wan'
	option device 'eth1'
	option metric '1'
`))
		settle()
		if d := cmp.Diff(ids, r.last().Facts.IDs); d != "" {
			t.Error(d)
		}
	})
}

// TestS17KilledInTheMiddle ends a loop after every single write of a failover, and starts another: it ends where an undisturbed one
// does, and the connections of the dead WAN are gone.
func TestS17KilledInTheMiddle(t *testing.T) {
	flows := []diff.Flow{{Family: kstate.IPv4, Mark: 0x01000000}, {Family: kstate.IPv4, Mark: 0x02000000}}
	undisturbed, writes := "", 0
	for n := 0; n <= max(writes, 1); n++ {
		in(t, func(t *testing.T) {
			c := load(t, preferred)
			old := two(t, c)
			k := old.k
			k.change(func() { k.flows = append([]diff.Flow(nil), flows...) })
			if n > 0 {
				k.change(func() {
					k.after = func(done int) {
						if done == n {
							old.stop()
						}
					}
				})
			}
			old.verdict("wan", "down")
			settle()
			if n == 0 {
				undisturbed, writes = k.dump(), len(k.writes())
				if writes < 5 || len(k.tracked()) != 1 {
					t.Fatalf("%d writes, flows %v", writes, k.tracked())
				}
			}
			old.kill()
			k.after = nil
			if n == 0 {
				return
			}
			r := start(t, k, filepath.Dir(old.ports.State))
			defer r.kill()
			r.SetConfig(c)
			settle()
			r.verdict("wan", "down")
			settle()
			if d := cmp.Diff(undisturbed, k.dump()); d != "" {
				t.Errorf("killed after write %d: %s", n, d)
			}
			if !slices.Equal(flows[1:], k.tracked()) {
				t.Errorf("killed after write %d: connections %v", n, k.tracked())
			}
		})
	}
}

// TestDrainSurvivesRestart: an eviction that is due later is carried out by the next loop.
func TestDrainSurvivesRestart(t *testing.T) {
	const drain = preferred + `
config policy 'default'
	list interface 'wan'
	list interface 'wanb'
	option failback 'drain'
	option drain_timeout '60'
`
	for _, tc := range []struct {
		name    string
		restart bool
		again   bool // wan goes down once more before the time is up
		left    int
	}{{"plain", false, false, 0}, {"restart", true, false, 0}, {"called off", false, true, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := load(t, drain)
				r := two(t, c)
				defer func() { r.kill() }()
				r.verdict("wan", "down")
				settle()
				r.k.change(func() { r.k.flows = []diff.Flow{{Family: kstate.IPv4, Proto: 6, Mark: 0x02000000}} })
				r.verdict("wan", "up")
				settle()
				if s := r.last(); len(r.k.tracked()) != 1 || len(s.Draining) != 2 {
					t.Fatalf("at the failback: flows %v, draining %v", r.k.flows, s.Draining)
				}
				if tc.restart {
					r.kill()
					r = start(t, r.k, filepath.Dir(r.ports.State))
					r.SetConfig(c)
				}
				if tc.again {
					time.Sleep(30 * time.Second)
					r.verdict("wan", "down")
				}
				time.Sleep(50 * time.Second)
				synctest.Wait()
				if !tc.again && len(r.k.tracked()) != 1 {
					t.Error("evicted too early")
				}
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if len(r.k.tracked()) != tc.left {
					t.Errorf("%d connections left, want %d", len(r.k.tracked()), tc.left)
				}
			})
		})
	}
}

func TestStopLeavesNothing(t *testing.T) {
	for _, how := range []string{"running", "crashed"} {
		t.Run(how, func(t *testing.T) {
			in(t, func(t *testing.T) {
				k := newKernel()
				k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
				k.sysctls["net/ipv4/conf/all/rp_filter"] = "0"
				k.sysctls["net/ipv4/conf/eth1/rp_filter"] = "1"
				k.sysctls["net/ipv4/conf/eth2/rp_filter"] = "0"
				before := k.dump()
				r := start(t, k, t.TempDir())
				r.SetConfig(load(t, preferred))
				settle()
				if v := k.setting("net/ipv4/conf/eth1/rp_filter"); v != "2" {
					t.Errorf("rp_filter of eth1 is %s: the test proves little", v)
				}
				if d := cmp.Diff(map[string]string{"net/ipv4/conf/eth1/rp_filter": "1"}, r.last().Settings); d != "" {
					t.Error(d)
				}
				var err error
				if how == "running" {
					err = r.Stop(t.Context())
					if end := <-r.ended; !errors.Is(end, ErrStopped) {
						t.Errorf("run returned %v", end)
					}
				} else {
					r.kill()
					err = Cleanup(t.Context(), r.ports)
				}
				if err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(before, k.dump()); d != "" {
					t.Error(d)
				}
				if _, err := os.Stat(r.ports.State); !os.IsNotExist(err) {
					t.Errorf("state file: %v", err)
				}
				if err := Cleanup(t.Context(), r.ports); err != nil {
					t.Errorf("again: %v", err)
				}
			})
		})
	}
}

// TestCleanupKeepsWhatItNeeds: where something could not be removed, the originals of settings are kept for the next try.
func TestCleanupKeepsWhatItNeeds(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		r.kill()
		r.k.fail = func(op string) error {
			if strings.Contains(op, "rule delete") {
				return errRefused
			}
			return nil
		}
		if err := Cleanup(context.Background(), r.ports); !errors.Is(err, errRefused) {
			t.Errorf("err %v", err)
		}
		if _, err := os.Stat(r.ports.State); err != nil {
			t.Error(err)
		}
	})
}

func TestCleanupOfABadStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := newKernel()
	k.rules[kstate.Rule{Family: kstate.IPv4, Priority: 6000, Action: kstate.Prohibit}] = true
	if err := Cleanup(t.Context(), Ports{Routing: k, Netfilter: nft{k}, Settings: k, State: path}); err == nil {
		t.Error("it was not said that settings may be left")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) || len(k.rules) != 0 {
		t.Errorf("left: %v, %d rules", err, len(k.rules))
	}
}

func TestBadStateFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"Version":99,"Settings":{"net/ipv4/conf/eth1/rp_filter":{"Original":"1","Ours":"2"}}}`} {
		in(t, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			k := newKernel()
			k.net.WANs["wan"] = line(1)
			k.sysctls["net/ipv4/conf/eth1/rp_filter"] = "2"
			r := start(t, k, dir)
			defer r.kill()
			r.SetVerdict("wan", kstate.IPv4, plan.Verdict{State: "up"}, "", time.Now())
			r.SetConfig(load(t, preferred))
			settle()
			s := r.last()
			if !s.Converged || len(s.Warnings) == 0 || !strings.Contains(strings.Join(s.Warnings, "\n"), "state.json") {
				t.Errorf("converged %v, warnings %q", s.Converged, s.Warnings)
			}
			if strings.Contains(text, "Original") && s.Settings["net/ipv4/conf/eth1/rp_filter"] != "1" {
				t.Errorf("the original setting was forgotten: %v", s.Settings)
			}
		})
	}
}
