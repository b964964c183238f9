package reconcile

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// joinedSites: tunnel 1 is protected and in a bridge, tunnel 2 is in clear and has an address.
const joinedSites = preferred + `
config ipsec 'dc'
	option interface 'wan'
	option remote '198.51.100.1'
	option local_id 'a'
	option remote_id 'b'
	option psk 'secret of both'

config pseudowire 'pw'
	option interface 'wan'
	option remote '198.51.100.1'
	option tunnel_id '1'
	option session_id '1'
	option ipsec 'dc'
	option bridge 'br-lan'

config pseudowire 'open'
	option interface 'wanb'
	option remote '198.51.100.2'
	option tunnel_id '2'
	option session_id '2'
	option local_port '1702'
	list ipaddr '10.7.0.1/30'
`

// beside starts a loop with two WANs and the other half of the kernel, and waits until it is quiet.
func beside(t testing.TB, text string) (*rig, *sites) {
	k := newKernel()
	k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
	k.joined()
	return resumed(t, k, t.TempDir(), text), k.sites
}

// resumed starts a loop on a kernel and waits until it is quiet.
func resumed(t testing.TB, k *kernel, dir, text string) *rig {
	r := start(t, k, dir)
	r.verdict("wan", "up")
	r.verdict("wanb", "up")
	r.SetConfig(load(t, text))
	settle()
	settle()
	return r
}

// at is where a text first occurs in a log, the end of it where it does not.
func at(t *testing.T, log []string, text string) int {
	t.Helper()
	i := slices.IndexFunc(log, func(op string) bool { return strings.Contains(op, text) })
	if i < 0 {
		t.Errorf("no %q in\n%s", text, strings.Join(log, "\n"))
		return len(log)
	}
	return i
}

// unguarded reports what stood without its guards.
func (s *sites) unguarded(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clear {
		t.Error(c)
	}
}

func without(log []string, text string) []string {
	return slices.DeleteFunc(slices.Clone(log), func(op string) bool { return strings.Contains(op, text) })
}

// TestP8Order: guards, then blocks, then the tunnel and its session; and the way back, with the guards a pass later.
func TestP8Order(t *testing.T) {
	in(t, func(t *testing.T) {
		r, s := beside(t, joinedSites)
		defer r.kill()
		log := s.writes()
		steps := []string{"nft apply", "policy add", "l2tp add session name pw", "link set dev pw master br-lan"}
		for i, step := range steps[1:] {
			if at(t, log, steps[i]) > at(t, log, step) {
				t.Errorf("%q before %q", step, steps[i])
			}
		}
		if last := r.last(); !last.Converged || len(s.conns) != 1 {
			t.Errorf("converged %v, %d connections, problems %v", last.Converged, len(s.conns), last.Problems)
		}
		r.SetConfig(load(t, preferred))
		settle()
		log = s.writes()
		if a, b := at(t, log, "l2tp del session"), at(t, log, "policy delete"); a > b {
			t.Error("the blocks went before the session")
		}
		if log[len(log)-1] != "nft apply" {
			t.Errorf("the guards did not go last: %q", log)
		}
		if left := s.holdsText(); left != "" || len(s.conns) != 0 {
			t.Errorf("left %s, %d connections", left, len(s.conns))
		}
		if strings.Contains(text(s.tables), "overlay_") {
			t.Error("guards of nothing are left")
		}
		s.unguarded(t)
	})
}

// TestP8NoSessionWithoutNftables: where the rules are refused, nothing that could send in clear is made.
func TestP8NoSessionWithoutNftables(t *testing.T) {
	in(t, func(t *testing.T) {
		k := newKernel()
		k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
		s := k.joined()
		refused := true
		k.fail = func(op string) error {
			if refused && strings.HasPrefix(op, "nft") {
				return errRefused
			}
			return nil
		}
		r := resumed(t, k, t.TempDir(), joinedSites)
		defer r.kill()
		if len(s.sessions)+len(s.tunnels) > 0 || len(s.blocks) != 2 {
			t.Errorf("there is %s", s.holdsText())
		}
		k.writes()
		r.Kick("xfrm policies")
		settle()
		for _, op := range k.writes() {
			if strings.Contains(op, "xfrm") {
				t.Errorf("a pass that can make no tunnel goes on with %s", op)
			}
		}
		k.change(func() { refused = false })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !r.last().Converged || len(s.sessions) != 2 {
			t.Errorf("converged %v: %s", r.last().Converged, s.holdsText())
		}
		s.unguarded(t)
	})
}

// TestP6RestartAdoptsOverlay: a new loop finds what is ours by the state file, or by aliases alone, and writes nothing.
func TestP6RestartAdoptsOverlay(t *testing.T) {
	for _, file := range []string{"kept", "lost"} {
		t.Run("state file "+file, func(t *testing.T) {
			in(t, func(t *testing.T) {
				old, s := beside(t, joinedSites)
				old.kill()
				s.writes()
				before, dir := s.holdsText(), filepath.Dir(old.ports.State)
				if file == "lost" {
					dir = t.TempDir()
				}
				r := resumed(t, s.kernel, dir, joinedSites)
				if w := s.writes(); len(w) > 0 || before != s.holdsText() {
					t.Errorf("wrote %q", w)
				}
				if err := r.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				if left := s.holdsText(); left != "" {
					t.Errorf("left %s", left)
				}
			})
		})
	}
}

// TestS17KilledWhileJoining ends a loop after every single write of the overlay, and starts another: nothing ever stands unguarded, and it
// ends where an undisturbed one does, up and down.
func TestS17KilledWhileJoining(t *testing.T) {
	for _, file := range []string{"kept", "lost"} {
		for _, way := range [][2]string{{preferred, joinedSites}, {joinedSites, preferred}} {
			undisturbed, writes := "", 0
			for n := 0; n <= max(writes, 1); n++ {
				in(t, func(t *testing.T) {
					old, s := beside(t, way[0])
					s.writes()
					if n > 0 {
						s.change(func() {
							s.after = func(done int) {
								if done == n {
									old.stop()
								}
							}
						})
					}
					old.SetConfig(load(t, way[1]))
					settle()
					if n == 0 {
						undisturbed, writes = s.holdsText()+s.dump(), len(s.writes())
						if writes < 8 {
							t.Fatalf("%d writes", writes)
						}
					}
					old.kill()
					s.after = nil
					if n == 0 {
						return
					}
					dir := filepath.Dir(old.ports.State)
					if file == "lost" {
						dir = t.TempDir()
					}
					r := resumed(t, s.kernel, dir, way[1])
					defer r.kill()
					if d := cmp.Diff(undisturbed, s.holdsText()+s.dump()); d != "" && file == "kept" {
						t.Errorf("killed after write %d: %s", n, d)
					}
					s.unguarded(t)
				})
			}
		}
	}
}

// TestForeignTunnelStays: a tunnel of somebody else with a number of ours is never touched, also not by a stop.
func TestForeignTunnelStays(t *testing.T) {
	in(t, func(t *testing.T) {
		k := newKernel()
		k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
		s := k.joined()
		theirs := kstate.Tunnel{ID: 1, PeerID: 7, Encap: "udp", Local: netip.MustParseAddr("192.0.1.2"), Remote: netip.MustParseAddr("203.0.113.9"), LocalPort: 5, RemotePort: 6}
		s.tunnels[1] = theirs
		s.sessions[kstate.SessionKey{Tunnel: 1, ID: 9}] = kstate.Session{Tunnel: 1, ID: 9, PeerID: 9, Device: "l2tpeth0", Foreign: true}
		r := resumed(t, k, t.TempDir(), joinedSites)
		if _, there := s.sessions[kstate.SessionKey{Tunnel: 2, ID: 2}]; !there {
			t.Error("the other pseudowire is not there")
		}
		if !strings.Contains(strings.Join(r.last().Warnings, "\n"), "another program") {
			t.Errorf("warnings %q", r.last().Warnings)
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if len(s.tunnels) != 1 || s.tunnels[1] != theirs || len(s.sessions) != 1 {
			t.Errorf("left %s", s.holdsText())
		}
	})
}

// TestBootVoidsRecord: what the record knows of tunnels is of a kernel that is no more, so that an equal tunnel without a device of ours
// is somebody else's.
func TestBootVoidsRecord(t *testing.T) {
	for _, boot := range []string{"boot 1", "boot 2"} {
		t.Run(boot, func(t *testing.T) {
			in(t, func(t *testing.T) {
				old, s := beside(t, joinedSites)
				old.kill()
				s.boot = boot
				clear(s.sessions)
				clear(s.links)
				clear(s.ports)
				r := resumed(t, s.kernel, filepath.Dir(old.ports.State), joinedSites)
				defer r.kill()
				if ours := len(s.sessions) == 2; ours != (boot == "boot 1") {
					t.Errorf("there is %s", s.holdsText())
				}
			})
		})
	}
}

// TestRebuild: a pseudowire is made anew behind its guards and gets back its place; others in its tunnel stay.
func TestRebuild(t *testing.T) {
	const twin = `
config pseudowire 'twin'
	option interface 'wan'
	option remote '198.51.100.1'
	option tunnel_id '1'
	option session_id '3'
	option ipsec 'dc'
`
	for name, more := range map[string]string{"alone": "", "beside another": twin} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r, s := beside(t, joinedSites+more)
				defer r.kill()
				before, repaired := s.holdsText(), r.last().Repaired
				s.writes()
				r.Rebuild("pw")
				settle()
				log := s.writes()
				at(t, log, "del session tunnel_id 1 session_id 1")
				at(t, log, "link set dev pw master br-lan")
				if d := cmp.Diff(before, s.holdsText()); d != "" {
					t.Error(d)
				}
				tunnel := slices.ContainsFunc(log, func(op string) bool { return strings.Contains(op, "tunnel tunnel_id 1") })
				if tunnel != (more == "") || strings.Contains(strings.Join(log, "\n"), "session_id 3") {
					t.Errorf("did\n%s", strings.Join(log, "\n"))
				}
				if n := r.last().Repaired; n != repaired {
					t.Errorf("%d repairs told", n-repaired)
				}
				s.unguarded(t)
			})
		})
	}
}

// TestSANewsIsSmall: an SA that changes what fits changes sizes and nothing else, and one that changes nothing writes nothing.
func TestSANewsIsSmall(t *testing.T) {
	in(t, func(t *testing.T) {
		r, s := beside(t, strings.Replace(joinedSites, "option bridge 'br-lan'", "option bridge 'br-lan'\n\toption mtu 'path'", 1))
		defer r.kill()
		s.writes()
		sa := overlay.SA{Installed: true, Proposal: "AES_GCM_16-128", Local: netip.MustParseAddr("192.0.1.2"), Remote: netip.MustParseAddr("198.51.100.1")}
		for _, tc := range []struct {
			name, path string
			encap      bool
			want       bool
		}{{"first", "", false, false}, {"again", "", false, false}, {"behind NAT", "", true, true}} {
			sa.Encap = tc.encap
			s.change(func() { s.sas["dc"] = sa })
			r.Kick("security associations")
			settle()
			log := s.writes()
			if rest := without(without(log, "link set dev pw mtu"), "nft apply"); len(rest) > 0 || tc.want && len(log) == 0 {
				t.Errorf("%s: wrote %q", tc.name, log)
			}
		}
		s.change(func() { s.paths[netip.MustParseAddr("198.51.100.1")] = 1400 })
		r.SetPathMTU(netip.MustParseAddr("198.51.100.1"), 1300)
		settle()
		low := s.links["pw"].MTU
		r.SetPathMTU(netip.MustParseAddr("198.51.100.1"), 0)
		settle()
		if learned := s.links["pw"].MTU; learned != low+100 {
			t.Errorf("MTU %d found by trying, %d as learned", low, learned)
		}
	})
}

// TestFarEndsSurvive: what was known of far ends holds over a restart until there is news, and a lost one is not a hasty matter.
func TestFarEndsSurvive(t *testing.T) {
	in(t, func(t *testing.T) {
		old, s := beside(t, joinedSites)
		old.SetFarEnd("pw", plan.Verdict{State: "up"}, "answers", time.Now())
		old.SetName("dc.example", netip.MustParseAddr("198.51.100.9"))
		settle()
		old.kill()
		r := resumed(t, s.kernel, filepath.Dir(old.ports.State), joinedSites)
		defer r.kill()
		r.SetFarEnd("pw", plan.Verdict{State: "waiting"}, "", time.Now())
		settle()
		if j := r.last().Joins; j.Verdicts["pw"].State != "up" || !j.Names["dc.example"].IsValid() {
			t.Errorf("verdicts %v, names %v", j.Verdicts, j.Names)
		}
		looks := s.looks
		r.SetFarEnd("pw", plan.Verdict{State: "down"}, "silent", time.Now())
		synctest.Wait()
		if s.looks == looks || r.last().FarEnds["pw"] != "silent" {
			t.Errorf("%d looks, %v", s.looks-looks, r.last().FarEnds)
		}
		if slices.ContainsFunc(r.last().Done, func(d Done) bool { return d.Op.Verb == diff.Delete }) {
			t.Errorf("did %v", r.last().Done)
		}
	})
}

// TestPortOfOthers: a device that somebody else makes a port of a bridge stays there, across a restart too; one that we put there is taken out when
// the option goes.
func TestPortOfOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		r, s := beside(t, joinedSites)
		s.writes()
		s.change(func() { s.ports["open"] = kstate.Port{Device: "open", Master: "br-other"} })
		r.Kick("port")
		settle()
		r.kill()
		r = resumed(t, s.kernel, filepath.Dir(r.ports.State), joinedSites)
		defer r.kill()
		if w := s.writes(); len(w) > 0 {
			t.Errorf("wrote %q", w)
		}
		r.SetConfig(load(t, strings.Replace(joinedSites, "\toption bridge 'br-lan'\n", "", 1)))
		settle()
		if len(s.ports) != 1 || s.ports["open"].Master != "br-other" {
			t.Errorf("ports %v", s.ports)
		}
	})
}
