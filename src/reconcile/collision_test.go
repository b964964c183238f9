package reconcile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

func TestCollision(t *testing.T) {
	foreign := []kstate.Rule{
		{Family: kstate.IPv4, Priority: 0, Action: kstate.Lookup, Table: kstate.TableLocal},
		{Family: kstate.IPv4, Priority: 32766, Action: kstate.Lookup, Table: kstate.TableMain},
		{Family: kstate.IPv4, Priority: 6100, Mark: 0x100, Mask: 0xff00, Action: kstate.Lookup, Table: 19750},
		{Family: kstate.IPv6, Priority: 7999, Action: kstate.Lookup, Table: 100},
	}
	t.Run("move", func(t *testing.T) {
		in(t, func(t *testing.T) {
			k := newKernel()
			k.net.WANs["wan"], k.net.WANs["wanb"] = line(1), line(2)
			k.foreign = foreign
			r := start(t, k, t.TempDir())
			r.SetConfig(load(t, preferred))
			r.verdict("wan", "up")
			settle()
			for rule := range k.rules {
				if rule.Priority < 8000 || rule.Priority >= 9000 {
					t.Errorf("not in the free range: %s", rule)
				}
			}
			for _, rt := range k.routes {
				if rt.Table < 19712+256 {
					t.Errorf("not in the free range: %s", rt)
				}
			}
			s := r.last()
			if !strings.Contains(strings.Join(s.Warnings, "\n"), "rules moved to 8000, tables to 19968") || s.Config.Globals.RuleBase != 8000 {
				t.Errorf("base %d, warnings %q", s.Config.Globals.RuleBase, s.Warnings)
			}
			r.kill()
			k.change(func() { k.foreign = nil }) // they went: we stay where we are
			k.writes()
			for _, dir := range []string{filepath.Dir(r.ports.State), t.TempDir()} {
				again := start(t, k, dir)
				again.SetConfig(load(t, preferred))
				settle()
				if w := k.writes(); len(w) > 0 {
					t.Errorf("a restart moved: %q", w)
				}
				if w := strings.Join(again.last().Warnings, "\n"); !strings.Contains(w, "rules moved to 8000, tables to 19968") {
					t.Errorf("after a restart: warnings %q", w)
				}
				again.kill()
			}
		})
	})
	t.Run("refuse", func(t *testing.T) {
		in(t, func(t *testing.T) {
			k := newKernel()
			k.foreign = foreign
			r := start(t, k, t.TempDir())
			defer r.stop()
			c := load(t, preferred)
			c.Globals.Collision = "refuse"
			r.SetConfig(c)
			var collision ErrCollision
			if err := <-r.ended; !errors.As(err, &collision) || len(collision.With) != 2 {
				t.Errorf("err %v", err)
			}
			if w := k.writes(); len(w) > 0 {
				t.Errorf("wrote %q", w)
			}
		})
	})
	t.Run("refused reload", func(t *testing.T) {
		in(t, func(t *testing.T) {
			r := two(t, load(t, preferred))
			defer r.kill()
			before := r.k.dump()
			r.k.change(func() {
				r.k.foreign = []kstate.Rule{{Family: kstate.IPv4, Priority: 9100, Action: kstate.Lookup, Table: 5}}
			})
			c := *load(t, preferred)
			c.Globals.RuleBase, c.Globals.Collision = 9000, "refuse"
			r.SetConfig(&c)
			settle()
			if len(r.taken) != 1 || r.taken[0] != &c {
				t.Errorf("told of refusals %v", r.taken)
			}
			if d := cmp.Diff(before, r.k.dump()); d != "" {
				t.Error(d)
			}
			if s := r.last(); !s.Converged || !strings.Contains(strings.Join(s.Warnings, "\n"), "the reload was refused: others use our numbers") {
				t.Errorf("converged %v, warnings %q", s.Converged, s.Warnings)
			}
			r.SetConfig(load(t, preferred))
			settle()
			if n := r.told(); n[len(n)-1].Action != "reload" {
				t.Errorf("hooks %v", n)
			}
			if w := r.last().Warnings; len(w) > 0 {
				t.Errorf("warnings %q", w)
			}
		})
	})
	t.Run("marks", func(t *testing.T) {
		in(t, func(t *testing.T) {
			k := newKernel()
			k.foreign = []kstate.Rule{{Family: kstate.IPv4, Priority: 100, Mark: 0x02000000, Mask: 0x02000000, Action: kstate.Lookup, Table: 5}}
			r := start(t, k, t.TempDir())
			defer r.kill()
			r.SetConfig(load(t, preferred))
			settle()
			if w := strings.Join(r.last().Warnings, "\n"); !strings.Contains(w, "uses bits of mark_mask") {
				t.Errorf("warnings %q", w)
			}
			c := *load(t, preferred)
			c.Globals.MarkMask = 0x00fe0000
			r.SetConfig(&c)
			settle()
			if w := r.last().Warnings; len(w) > 0 {
				t.Errorf("another mask: warnings %q", w)
			}
		})
	})
}
