package reconcile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
)

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 8; n++ {
		got = append(got, backoff(n)/time.Second)
	}
	if d := cmp.Diff([]time.Duration{1, 2, 4, 8, 16, 32, 60, 60}, got); d != "" {
		t.Error(d)
	}
}

func TestRetries(t *testing.T) {
	r, now := retries{}, time.Unix(1000, 0)
	r.failed("a", "ip rule add a", errors.New("one"), now)
	r.failed("a", "ip rule add a", errors.New("two"), now)
	r.failed("b", "ip rule add b", errors.New("three"), now)
	want := []Problem{
		{Object: "a", Op: "ip rule add a", Error: "two", Since: now, Tries: 2, Next: now.Add(2 * time.Second)},
		{Object: "b", Op: "ip rule add b", Error: "three", Since: now, Tries: 1, Next: now.Add(time.Second)},
	}
	if d := cmp.Diff(want, r.list()); d != "" {
		t.Error(d)
	}
	if !r.wait("a", now) || r.wait("a", now.Add(2*time.Second)) || r.wait("c", now) {
		t.Error("wait")
	}
	if got := r.next(); !got.Equal(now.Add(time.Second)) {
		t.Errorf("next %v", got)
	}
	r.hurry(now)
	if r.wait("a", now) || r["a"].Tries != 2 {
		t.Errorf("after hurry: %+v", r["a"])
	}
	r.keep(map[string]bool{"b": true})
	if len(r) != 1 || r["b"] == nil {
		t.Errorf("kept %v", r.list())
	}
}

// TestDriftsAreBounded: a program that makes ever new objects does not fill the memory.
func TestDriftsAreBounded(t *testing.T) {
	var d drifts
	now := time.Unix(1000, 0)
	for i := range 10 * driftKept {
		d.note(strings.Repeat("x", i), "op", now.Add(time.Duration(i)*time.Second))
	}
	if len(d.byKey) != driftKept || d.total != 10*driftKept {
		t.Errorf("%d objects, %d repairs", len(d.byKey), d.total)
	}
	if d.byKey[strings.Repeat("x", 10*driftKept-1)] == nil {
		t.Error("the last was forgotten")
	}
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "state.json")
	v := newSaved()
	v.WANs["wan"] = 7
	v.Settings["net/ipv4/conf/eth1/rp_filter"] = setting{"1", "2"}
	v.Verdicts["wan"] = map[kstate.Family]verdict{kstate.IPv6: {Reason: "why"}}
	v.View = diff.View{Mask: 1, WANs: map[string]diff.WANView{"wan": {Mark: 5, Sides: map[kstate.Family]diff.SideView{kstate.IPv4: {Carries: true}}}}}
	v.Drains = []drain{{Due: time.Unix(5, 0).UTC(), Evict: &diff.Eviction{WAN: "wan", Mark: 5}, Tries: 1}}
	s := store{path: path}
	if err := s.save(v); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	got, found, err := (&store{path: path}).load()
	if err != nil || !found {
		t.Fatal(found, err)
	}
	opt := cmp.Comparer(func(a, b diff.View) bool {
		return len(diff.Effects(a, b)) == 0 && a.Mask == b.Mask && len(a.WANs) == len(b.WANs)
	})
	if d := cmp.Diff(v, got, opt, cmp.AllowUnexported(saved{}, setting{}, verdict{}, drain{})); d != "" {
		t.Error(d)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.save(v); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("what had not changed was written again")
	}
	if err := s.remove(); err != nil {
		t.Error("remove what is not there:", err)
	}
}

func TestStoreSaysWhatFailed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := store{path: filepath.Join(dir, "file", "state.json")}
	if err := s.save(newSaved()); err == nil || !strings.HasPrefix(err.Error(), "save state: ") {
		t.Errorf("err %v", err)
	}
}

// TestRouteSteering runs failover, failback and restart without any marks.
func TestRouteSteering(t *testing.T) {
	in(t, func(t *testing.T) {
		c := load(t, "\toption steering 'route'\n"+strings.ReplaceAll(preferred, "metric '2'", "metric '1'"))
		r := two(t, c)
		if s := r.last(); !s.Converged || len(s.Problems) > 0 {
			t.Fatalf("problems %v", s.Problems)
		}
		before := r.k.dump()
		r.k.change(func() {
			r.k.flows = []diff.Flow{
				{Family: kstate.IPv4, Translated: true, ReplyDst: line(1).IPv4.Addrs[0].Addr()},
				{Family: kstate.IPv4, Translated: true, ReplyDst: line(2).IPv4.Addrs[0].Addr()},
			}
		})
		r.verdict("wan", "down")
		if got := r.active("default"); len(got) != 1 || got[0] != "wanb" {
			t.Errorf("active %v", got)
		}
		if left := r.k.tracked(); len(left) != 1 || left[0].ReplyDst != line(2).IPv4.Addrs[0].Addr() {
			t.Errorf("connections %v", left)
		}
		r.verdict("wan", "up")
		settle()
		if d := cmp.Diff(before, r.k.dump()); d != "" {
			t.Error(d)
		}
		r.kill()
		r.k.writes()
		again := start(t, r.k, filepath.Dir(r.ports.State))
		defer again.kill()
		again.SetConfig(c)
		settle()
		if w := r.k.writes(); len(w) > 0 {
			t.Errorf("a restart wrote %q", w)
		}
	})
}

// TestPreviewOfAStart: what a start would change can be asked beside a daemon that does not run, with its predecessor's ids.
func TestPreviewOfAStart(t *testing.T) {
	in(t, func(t *testing.T) {
		c := load(t, preferred)
		old := two(t, c)
		old.kill()
		r := start(t, old.k, filepath.Dir(old.ports.State)) // never given a configuration
		defer r.kill()
		ops, p, err := r.Preview(t.Context(), c)
		if err != nil || len(ops) != 0 || p == nil {
			t.Errorf("operations %v, %v", ops, err)
		}
		if _, _, err := old.Preview(t.Context(), c); err == nil {
			t.Error("a loop that has ended answered")
		}
	})
}
