package reconcile

import (
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

func TestStartConvergesAndRests(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		s := r.last()
		if !s.Converged || len(s.Problems) > 0 {
			t.Errorf("converged %v, problems %v", s.Converged, s.Problems)
		}
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error(d)
		}
		before := r.passes()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := r.passes() - before; n != 0 {
			t.Errorf("%d passes in an hour in which nothing happened", n)
		}
	})
}

// TestS23RefreshesWriteNothing: a hundred notifications that change nothing cause no write.
func TestS23RefreshesWriteNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		for range 100 {
			r.Kick("address event")
			time.Sleep(500 * time.Millisecond)
		}
		synctest.Wait()
		if w := r.k.writes(); len(w) > 0 {
			t.Errorf("wrote %q", w)
		}
		if n := r.last().Serial; n < 100 {
			t.Errorf("%d passes: the refreshes were not looked at", n)
		}
	})
}

func TestDebounce(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		passes := r.passes
		n := passes()
		r.Kick("one")
		time.Sleep(quiet - time.Millisecond)
		if passes() != n {
			t.Error("a pass before it was quiet")
		}
		time.Sleep(2 * time.Millisecond)
		if passes() != n+1 {
			t.Error("no pass after it was quiet")
		}
		for range 25 { // 250 ms of events that never leave it quiet
			r.Kick("storm")
			time.Sleep(10 * time.Millisecond)
		}
		if got := passes(); got != n+2 {
			t.Errorf("%d passes within 250 ms of a storm, want 1", got-n-1)
		}
		time.Sleep(time.Second)
		n = passes()
		r.KickNetwork("carrier lost", true)
		if passes() != n+1 {
			t.Error("what is urgent waited")
		}
	})
}

func TestFailoverAndFailback(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		r.verdict("wan", "down")
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" {
			t.Error("at once:", d)
		}
		w := r.k.writes()
		at := func(part string) int {
			return slices.IndexFunc(w, func(s string) bool { return strings.Contains(s, part) })
		}
		nftAt, evicted, gone := at("nft apply"), at("evict ipv4 connections of wan"), at("-4 rule delete pref 6500 ")
		if nftAt < 0 || evicted < nftAt || gone < evicted {
			t.Errorf("nft at %d, eviction at %d, rule gone at %d in %q", nftAt, evicted, gone, w)
		}
		if len(w) > 6+2 {
			t.Errorf("failover of two families took %d writes: %q", len(w), w)
		}
		r.verdict("wan", "up")
		settle()
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error("back:", d)
		}
		w = r.k.writes()
		if back := at("-4 rule add pref 6500 "); back < 0 || back > at("nft apply") {
			t.Errorf("the rule of a wan comes back before its flows do: %q", w)
		}
		if at("of wanb") < 0 || !strings.Contains(w[at("of wanb")], "but tcp") {
			t.Errorf("the default failback moves all but tcp off the backup: %q", w)
		}
		var actions []string
		for _, h := range r.told() {
			if h.Family == kstate.IPv4 {
				actions = append(actions, h.Action+" "+h.Interface+h.Policy)
			}
		}
		if d := cmp.Diff([]string{"down wan", "failover wanbdefault", "up wan", "failback wandefault"}, actions); d != "" {
			t.Error(d)
		}
	})
}

// TestLostCarrier: the pass that sees it moves everything away; no verdict is waited for.
func TestLostCarrier(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		n := r.passes()
		r.k.change(func() {
			w := r.k.net.WANs["wan"]
			w.Carrier = false
			r.k.net.WANs["wan"] = w
		})
		r.KickNetwork("link event", true)
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" || r.passes() != n+1 {
			t.Errorf("%d passes: %s", r.passes()-n, d)
		}
		if w := strings.Join(r.k.writes(), "\n"); !strings.Contains(w, "evict ipv4 connections of wan mark 0x1000000/0x7f000000: no carrier") {
			t.Errorf("did %s", w)
		}
		time.Sleep(strayDelay)
		synctest.Wait()
		if w := strings.Join(r.k.writes(), "\n"); !strings.Contains(w, "evict ipv4 connections of wan translated to [192.0.1.2]: no carrier") {
			t.Errorf("did %s and searched for no strays", w)
		}
	})
}

// TestAddressComesBack: what the main table let out by a WAN that had no address for us yet was translated by nobody, and goes; what bears no
// mark of ours stays. A carrier that comes back is no such moment.
func TestAddressComesBack(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		const gone = "evict ipv4 connections that leave untranslated"
		whole := r.k.net.WANs["wan"]
		set := func(w plan.WAN) string {
			r.k.change(func() { r.k.net.WANs["wan"] = w })
			r.KickNetwork("link event", true)
			settle()
			return strings.Join(r.k.writes(), "\n")
		}
		bare := whole
		bare.IPv4.Addrs, bare.Up = nil, false
		if w := set(bare); strings.Contains(w, gone) {
			t.Errorf("the address goes: %s", w)
		}
		if w := set(whole); !strings.Contains(w, gone) {
			t.Errorf("the address is back: %s", w)
		}
		bare = whole
		bare.Carrier = false
		set(bare)
		if w := set(whole); strings.Contains(w, gone) {
			t.Errorf("the carrier is back: %s", w)
		}
	})
}

// TestP3LastWANStays: with nothing else to go to, nothing is taken away and nobody is evicted.
func TestP3LastWANStays(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		r.verdict("wanb", "down")
		settle()
		r.k.writes()
		r.k.change(func() { r.k.flows = []diff.Flow{{Family: kstate.IPv4, Mark: 0x01000000}} })
		r.verdict("wan", "down")
		settle()
		if w := r.k.writes(); len(w) > 0 {
			t.Errorf("wrote %q", w)
		}
		if len(r.k.tracked()) != 1 {
			t.Error("a connection was evicted")
		}
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error(d)
		}
		r.verdict("wanb", "up")
		settle()
		if len(r.k.tracked()) != 0 {
			t.Error("wanb is back, and the connection was left on the dead wan")
		}
	})
}

func TestFailbackDelay(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred+`
config policy 'default'
	list interface 'wan'
	list interface 'wanb'
	option failback_delay '30'
`))
		defer r.kill()
		r.verdict("wan", "down")
		time.Sleep(time.Minute)
		r.verdict("wan", "up")
		time.Sleep(29 * time.Second)
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" {
			t.Error("too early:", d)
		}
		time.Sleep(2 * time.Second)
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error("after the delay:", d)
		}
	})
}

// TestDegraded: a bad line is left while there is a better one, with what hangs on it, and kept where there is none.
func TestDegraded(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		r.k.change(func() { r.k.flows = []diff.Flow{{Family: kstate.IPv4, Proto: 6, Mark: 0x01000000}} })
		r.verdict("wan", "degraded")
		settle()
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" || len(r.k.tracked()) != 0 {
			t.Errorf("connections %v, %s", r.k.tracked(), d)
		}
		if rules := r.k.dump(); !strings.Contains(rules, "pref 6500 fwmark 0x1000000/0x7f000000 lookup") {
			t.Error("a degraded wan carries still, and its rule is gone")
		}
		r.k.change(func() { r.k.flows = []diff.Flow{{Family: kstate.IPv4, Proto: 6, Mark: 0x02000000}} })
		r.verdict("wanb", "down")
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" || len(r.k.tracked()) != 0 {
			t.Errorf("a bad line is better than none: connections %v, %s", r.k.tracked(), d)
		}
		settle()
		r.k.writes()
		r.verdict("wan", "up")
		settle()
		if w := r.k.writes(); len(w) > 0 {
			t.Errorf("it got better, and wrote %q", w)
		}
	})
}

func TestAdminDown(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		r.SetAdmin("wan", true, time.Now().Add(time.Minute))
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" {
			t.Error(d)
		}
		time.Sleep(61 * time.Second)
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error("after its time:", d)
		}
		r.SetAdmin("wan", true, time.Time{})
		time.Sleep(time.Hour)
		if d := cmp.Diff([]string{"wanb"}, r.active("default")); d != "" {
			t.Error("for good:", d)
		}
		r.SetAdmin("wan", false, time.Time{})
		settle()
		if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
			t.Error("put back:", d)
		}
	})
}

// TestS11DevicesInEveryOrder: the final state does not depend on the order in which devices appear, and waiting costs nothing.
func TestS11DevicesInEveryOrder(t *testing.T) {
	const three = preferred + `
config interface 'wanc'
	option device 'eth3'
	option metric '2'
`
	names := []string{"wan", "wanb", "wanc"}
	want := ""
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		in(t, func(t *testing.T) {
			k := newKernel()
			r := start(t, k, t.TempDir())
			defer r.kill()
			for _, n := range names {
				r.verdict(n, "waiting")
			}
			r.SetConfig(load(t, three))
			time.Sleep(10 * time.Minute)
			if n := r.passes(); n > 2 {
				t.Errorf("%d passes while there was nothing", n)
			}
			for _, i := range order {
				k.change(func() { k.net.WANs[names[i]] = line(i + 1) })
				r.KickNetwork("device "+names[i], true)
				r.verdict(names[i], "up")
				settle()
			}
			if want == "" {
				want = k.dump()
			}
			if d := cmp.Diff(want, k.dump()); d != "" {
				t.Errorf("order %v: %s", order, d)
			}
			if d := cmp.Diff([]string{"wan"}, r.active("default")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReload(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, strings.ReplaceAll(preferred, "metric '2'", "metric '1'")))
		defer r.kill()
		r.SetConfig(load(t, strings.ReplaceAll(preferred, "metric '2'", "metric '1'\n\toption weight '3'")))
		settle()
		for _, w := range r.k.writes() {
			if strings.Contains(w, "delete") || strings.Contains(w, "evict") {
				t.Errorf("a reload with one weight changed did %q", w)
			}
		}
		if n := len(r.told()); n == 0 || r.told()[n-1].Action != "reload" {
			t.Errorf("hooks %v", r.told())
		}
	})
}

func TestDisabledHoldsNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		c := *load(t, preferred)
		c.Globals.Enabled = false
		r.SetConfig(&c)
		settle()
		if d := cmp.Diff("\n", r.k.dump()); d != "" {
			t.Error(d)
		}
	})
}

func TestTimesFromVerdict(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		r.SetVerdict("wan", kstate.IPv4, plan.Verdict{State: "down"}, "10 probes lost", time.Now().Add(-3*time.Millisecond))
		if got := r.last().Times.FromVerdict; got != 3*time.Millisecond {
			t.Errorf("from verdict %v", got)
		}
		r.Kick("anything")
		settle()
		if got := r.last().Times.FromVerdict; got != 0 {
			t.Errorf("a pass that answers no verdict says %v", got)
		}
	})
}

func TestPreviewChangesNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		r := two(t, load(t, preferred))
		defer r.kill()
		before := r.k.dump()
		ops, p, err := r.Preview(t.Context(), load(t, strings.ReplaceAll(preferred, "metric '2'", "metric '1'")))
		if err != nil || p == nil || len(ops) == 0 {
			t.Errorf("%d operations, plan %v, %v", len(ops), p != nil, err)
		}
		if d := cmp.Diff(before, r.k.dump()); d != "" {
			t.Error(d)
		}
		if ops, _, err = r.Preview(t.Context(), nil); err != nil || len(ops) != 0 {
			t.Errorf("running configuration: %v, %v", ops, err)
		}
	})
}
