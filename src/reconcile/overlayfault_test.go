package reconcile

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// TestP5RepairsOverlay: whatever goes is back within a second of the notice, and the repair is told.
func TestP5RepairsOverlay(t *testing.T) {
	for name, harm := range map[string]func(s *sites){
		"session": func(s *sites) {
			delete(s.sessions, kstate.SessionKey{Tunnel: 1, ID: 1})
			delete(s.links, "pw")
			delete(s.ports, "pw")
		},
		"tunnels": func(s *sites) {
			clear(s.tunnels)
			clear(s.sessions)
			clear(s.links)
			clear(s.ports)
		},
		"port":    func(s *sites) { delete(s.ports, "pw") },
		"mtu":     func(s *sites) { l := s.links["pw"]; l.MTU = 576; s.links["pw"] = l },
		"alias":   func(s *sites) { l := s.links["pw"]; l.Alias = ""; s.links["pw"] = l },
		"blocks":  func(s *sites) { clear(s.blocks) },
		"address": func(s *sites) { clear(s.addrs) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r, s := beside(t, joinedSites)
				defer r.kill()
				before, repaired := s.holdsText(), r.last().Repaired
				s.change(func() { harm(s) })
				r.Kick("notice")
				settle()
				if d := cmp.Diff(before, s.holdsText()); d != "" {
					t.Error(d)
				}
				settle()
				if r.last().Repaired == repaired {
					t.Error("nobody was told")
				}
				s.writes()
				r.Kick("notice")
				settle()
				if w := s.writes(); len(w) > 0 {
					t.Errorf("wrote %q though all was well", w)
				}
			})
		})
	}
}

// TestOverlayRetries: what is refused is tried again with back-off, the rest stands meanwhile.
func TestOverlayRetries(t *testing.T) {
	in(t, func(t *testing.T) {
		k := newKernel()
		k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
		s := k.joined()
		tries, refused := 0, true
		k.fail = func(op string) error {
			if refused && strings.Contains(op, "add session name pw") {
				tries++
				return errRefused
			}
			return nil
		}
		r := resumed(t, k, t.TempDir(), joinedSites)
		defer r.kill()
		if len(s.sessions) != 1 || len(r.last().Problems) == 0 {
			t.Errorf("there is %s, problems %v", s.holdsText(), r.last().Problems)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries < 10 || tries > 20 {
			t.Errorf("%d tries in 10 minutes", tries)
		}
		k.change(func() { refused = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		if last := r.last(); !last.Converged || len(last.Problems) > 0 || len(s.sessions) != 2 {
			t.Errorf("converged %v, problems %v: %s", last.Converged, last.Problems, s.holdsText())
		}
	})
}

// TestBlindOverlayHindersNothing: a look at the overlay that fails, or that an interrupted dump cut short, changes nothing of it, and
// steering goes on with the guards as they were.
func TestBlindOverlayHindersNothing(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			in(t, func(t *testing.T) {
				r, s := beside(t, joinedSites)
				before, guards := s.holdsText(), strings.Count(text(s.tables), "overlay_guard")
				s.change(func() {
					s.lookErr = errors.New("partial dump")
					delete(s.ports, "pw") // half of what was seen
				})
				s.writes()
				if restart {
					r.kill()
					r = resumed(t, s.kernel, filepath.Dir(r.ports.State), joinedSites)
				}
				defer func() { r.kill() }()
				r.verdict("wan", "down")
				settle()
				if got := r.active("default"); !slices.Equal(got, []string{"wanb"}) {
					t.Errorf("active %v", got)
				}
				for _, op := range s.writes() {
					if strings.Contains(op, "l2tp") || strings.Contains(op, "policy") || strings.Contains(op, "link") {
						t.Errorf("did %s", op)
					}
				}
				if n := strings.Count(text(s.tables), "overlay_guard"); n != guards || n == 0 {
					t.Errorf("%d guards, were %d", n, guards)
				}
				if last := r.last(); last.Converged || !strings.Contains(strings.Join(last.Warnings, "\n"), "partial dump") {
					t.Errorf("converged %v, warnings %q", last.Converged, last.Warnings)
				}
				n := r.passes()
				time.Sleep(time.Minute)
				if n = r.passes() - n; n > 25 {
					t.Errorf("%d passes in a minute", n)
				}
				s.change(func() { s.lookErr = nil })
				time.Sleep(6 * time.Second)
				synctest.Wait()
				if d := cmp.Diff(before, s.holdsText()); d != "" || !r.last().Converged {
					t.Errorf("converged %v: %s", r.last().Converged, d)
				}
				s.unguarded(t)
			})
		})
	}
}

// TestSwitchDoesNotLook: traffic leaves a dead WAN before anybody looks at pseudowires, which follow at once.
func TestSwitchDoesNotLook(t *testing.T) {
	const moving = preferred + `
config policy 'default'
	list interface 'wan'
	list interface 'wanb'

config ipsec 'mv'
	option policy 'default'
	option mode 'tunnel'
	option remote '198.51.100.1'
	option local_id 'a'
	option remote_id 'b'
	option psk 'secret of both'
	option local_ts '172.30.0.1/32'
	option remote_ts '172.30.0.2/32'

config pseudowire 'moving'
	option local '172.30.0.1'
	option remote '172.30.0.2'
	option tunnel_id '1'
	option session_id '1'
	option ipsec 'mv'
`
	in(t, func(t *testing.T) {
		r, s := beside(t, moving)
		defer r.kill()
		looks := -1
		s.writes()
		s.change(func() {
			was := s.looks
			s.after = func(int) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if looks < 0 {
					looks = s.looks - was
				}
			}
		})
		began := time.Now()
		r.verdict("wan", "down")
		synctest.Wait()
		if looks != 0 {
			t.Errorf("%d looks before the first write", looks)
		}
		if want := netip.MustParseAddr("192.0.2.2"); len(s.conns) != 1 || s.conns[0].Local != want || time.Since(began) > 0 {
			t.Errorf("the moving connections are %v after %s", s.conns, time.Since(began))
		}
		if s.looks == 0 || !r.last().Converged {
			t.Errorf("%d looks, converged %v", s.looks, r.last().Converged)
		}
		if len(s.writes()) == 0 {
			t.Error("nothing moved")
		}
		s.unguarded(t)
	})
}

// TestStopJoined: a stop takes the connections out of the IKE daemon first and the guards away last, and not at all where a session stays.
func TestStopJoined(t *testing.T) {
	for _, tc := range []struct {
		name, refuse string
		ike          error
		left         bool
	}{{name: "all"}, {name: "no charon", ike: errRefused}, {name: "a session stays", refuse: "del session tunnel_id 1", left: true}} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r, s := beside(t, joinedSites)
				s.writes()
				s.clearErr = tc.ike
				s.fail = func(op string) error {
					if tc.refuse != "" && (strings.Contains(op, tc.refuse) || strings.Contains(op, "del tunnel tunnel_id 1")) {
						return errRefused
					}
					return nil
				}
				err := r.Stop(t.Context())
				if (err != nil) != (tc.left || tc.ike != nil) {
					t.Errorf("err %v", err)
				}
				log := s.writes()
				if tc.ike == nil && at(t, log, "ike clear") != 0 {
					t.Errorf("did %q", log)
				}
				if !tc.left && (s.holdsText() != "" || at(t, log, "policy delete") < at(t, log, "del session") || at(t, log, "nft delete") < at(t, log, "policy delete")) {
					t.Errorf("left %s, did %q", s.holdsText(), log)
				}
				if tc.left && (len(s.blocks) != 2 || len(s.tables) == 0) {
					t.Errorf("a session stays behind %s", s.holdsText())
				}
				s.unguarded(t)
			})
		})
	}
}
