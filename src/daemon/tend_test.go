package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/ipsec"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

var epoch = time.Unix(1e9, 0)

// tended is the outcome of a pass with one protected pseudowire over wan, whose far end has a name.
func tended() *reconcile.Snapshot {
	at := netip.MustParseAddr
	return &reconcile.Snapshot{
		Config: &config.Config{Pseudowires: []config.Pseudowire{{Name: "pw", RemoteHost: "dc.example", Family: kstate.IPv4}}},
		Plan:   &plan.Plan{WANs: []plan.WANPlan{{Name: "wan"}}},
		Facts: plan.Facts{
			Network: plan.Network{WANs: map[string]plan.WAN{"wan": {Device: "eth1", Index: 1, Up: true, Carrier: true, MTU: 1500,
				IPv4: plan.Side{Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}, Gateway: at("192.0.2.1")}}}},
			Health: map[string]map[kstate.Family]plan.Verdict{"wan": {kstate.IPv4: {State: "up"}}},
		},
		Overlay: &overlay.Plan{
			Pseudowires: []overlay.PseudowirePlan{{Name: "pw", Device: "l2", State: overlay.Ready, WAN: "wan", Local: at("192.0.2.2"), Remote: at("198.51.100.1"), IPsec: "dc"}},
			Conns:       []kstate.Conn{{Name: "dc", Local: at("192.0.2.2"), Remote: "198.51.100.1", Initiate: true}},
			Resolve:     []string{"dc.example"},
		},
	}
}

// lineDown says that wan does not carry.
func lineDown(s *reconcile.Snapshot) *reconcile.Snapshot {
	s.Facts.Health["wan"][kstate.IPv4] = plan.Verdict{State: "down"}
	return s
}

// hand is a tender with fake surroundings; what it does is in log.
func hand(state *health.State, log *[]string) *tender {
	say := func(what string) func(string) { return func(name string) { *log = append(*log, what+" "+name) } }
	return &tender{
		latest: newLatest(), cases: map[string]*ending{},
		health: func() map[string]map[kstate.Family]health.Snapshot {
			return map[string]map[kstate.Family]health.Snapshot{"pw": {0: {State: *state, LastGood: epoch.Add(-time.Hour)}}}
		},
		conns: func() map[string]ipsec.Status {
			return map[string]ipsec.Status{"dc": {State: "up", Since: epoch.Add(-time.Hour)}}
		},
		initiate: say("initiate"), terminate: say("terminate"), resolve: say("resolve"), rebuild: say("rebuild"),
		silence: func(ctx context.Context, _, _ netip.Addr) (time.Duration, error) { <-ctx.Done(); return 0, ctx.Err() },
		fault: func(part string, err error) {
			if err != nil {
				*log = append(*log, "fault")
			}
		},
	}
}

func TestTender(t *testing.T) {
	state, log := health.Up, []string(nil)
	h := hand(&state, &log)
	expect := func(name string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, log); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		log = nil
	}
	h.look(t.Context(), tended(), epoch)
	expect("up")
	state = health.Down
	next := h.look(t.Context(), tended(), epoch)
	expect("first try", "resolve dc.example", "initiate dc", "fault")
	if next != epoch.Add(time.Second) {
		t.Errorf("next after %s", next.Sub(epoch))
	}
	h.look(t.Context(), tended(), epoch.Add(time.Second/2))
	expect("too early")
	for _, name := range []string{"second try", "third try", "fourth try"} {
		next = h.look(t.Context(), tended(), next)
		expect(name, "resolve dc.example", "initiate dc", "fault")
	}
	next = h.look(t.Context(), tended(), next)
	expect("fifth try", "resolve dc.example", "initiate dc", "rebuild l2", "fault")
	if next = h.look(t.Context(), lineDown(tended()), next); !next.IsZero() {
		t.Errorf("without a line, next after %s", next.Sub(epoch))
	}
	expect("no line")
	h.look(t.Context(), tended(), epoch.Add(time.Hour))
	expect("the line is back", "resolve dc.example", "initiate dc")
	moved := tended()
	moved.Overlay.Conns[0].Local = netip.MustParseAddr("192.0.2.3")
	wan := moved.Facts.WANs["wan"]
	wan.IPv4.Addrs = []netip.Prefix{netip.MustParsePrefix("192.0.2.3/24")}
	moved.Facts.WANs["wan"] = wan
	h.look(t.Context(), moved, epoch.Add(time.Hour))
	expect("another address", "resolve dc.example", "initiate dc")
	state = health.Up
	if next = h.look(t.Context(), moved, epoch.Add(2*time.Hour)); !next.IsZero() {
		t.Error("something is due though all is well")
	}
	expect("recovered")
	h.look(t.Context(), &reconcile.Snapshot{}, epoch)
	if len(h.cases) > 0 {
		t.Error("what is not configured any more is remembered")
	}
}

// TestInquire: the SA is ended where the peer answers outside of it while the far end stays silent.
func TestInquire(t *testing.T) {
	for name, tc := range map[string]struct {
		answers bool
		state   health.State
		good    time.Duration // when the far end answered, from now
		want    []string
	}{
		"peer has lost it": {true, health.Down, -time.Hour, []string{"terminate dc", "initiate dc"}},
		"path is away":     {false, health.Down, -time.Hour, nil},
		"came back":        {true, health.Down, time.Hour, nil},
		"is up":            {true, health.Up, -time.Hour, nil},
	} {
		var log []string
		h := hand(&tc.state, &log)
		h.silence = func(context.Context, netip.Addr, netip.Addr) (time.Duration, error) {
			if tc.answers {
				return 0, nil
			}
			return 0, context.DeadlineExceeded
		}
		h.health = func() map[string]map[kstate.Family]health.Snapshot {
			return map[string]map[kstate.Family]health.Snapshot{"pw": {0: {State: tc.state, LastGood: time.Now().Add(tc.good)}}}
		}
		c, _ := connOf(tended(), "dc")
		h.inquire(t.Context(), "pw", c)
		if !slices.Equal(log, tc.want) {
			t.Errorf("%s: did %q", name, log)
		}
	}
}

// TestHail: while a pseudowire is without an SA its peer is listened for, and called when it is back after a silence.
func TestHail(t *testing.T) {
	state, log := health.Down, []string(nil)
	h := hand(&state, &log)
	sa := "connecting"
	h.conns = func() map[string]ipsec.Status { return map[string]ipsec.Status{"dc": {State: sa}} }
	begun, ended, called := make(chan netip.Addr), make(chan error), make(chan string, 1)
	answer := make(chan time.Duration)
	h.silence = func(ctx context.Context, _, remote netip.Addr) (time.Duration, error) {
		begun <- remote
		select {
		case d := <-answer:
			return d, nil
		case <-ctx.Done():
			ended <- ctx.Err()
			return 0, ctx.Err()
		}
	}
	h.initiate = func(name string) { called <- name }
	tries := func(now time.Time) {
		h.look(t.Context(), tended(), now)
		for len(called) > 0 {
			<-called // the try itself
		}
	}
	tries(epoch) // of a new way
	for i := range 3 {
		tries(epoch.Add(time.Duration(i+1) * time.Minute))
	}
	if got := <-begun; got != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("listens for %s", got)
	}
	select {
	case <-begun:
		t.Error("two tasks listen")
	case answer <- away / 2:
	}
	state, sa = health.Up, "up"
	h.look(t.Context(), tended(), epoch.Add(time.Hour))
	if len(called) > 0 {
		t.Error("calls a peer that was there all the time")
	}
	state, sa = health.Down, "connecting"
	tries(epoch.Add(2 * time.Hour))
	<-begun
	answer <- 3 * time.Second
	if got := <-called; got != "dc" {
		t.Errorf("calls %s", got)
	}
	state, sa = health.Up, "up"
	h.look(t.Context(), tended(), epoch.Add(3*time.Hour))
	if h.cases["pw"].quit != nil {
		t.Error("goes on listening with an SA")
	}
	state, sa = health.Down, "connecting"
	tries(epoch.Add(4 * time.Hour))
	<-begun
	h.look(t.Context(), &reconcile.Snapshot{}, epoch.Add(5*time.Hour))
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the task ends with %v", err)
	}
}

// TestTenderSharedSA: an SA that serves another pseudowire well is not ended.
func TestTenderSharedSA(t *testing.T) {
	state, log := health.Down, []string(nil)
	h := hand(&state, &log)
	h.health = func() map[string]map[kstate.Family]health.Snapshot {
		return map[string]map[kstate.Family]health.Snapshot{"pw": {0: {State: health.Down, LastGood: epoch.Add(-time.Hour)}}, "twin": {0: {State: health.Up}}}
	}
	s := tended()
	twin := s.Overlay.Pseudowires[0]
	twin.Name = "twin"
	s.Overlay.Pseudowires = append(s.Overlay.Pseudowires, twin)
	for i := range 10 {
		h.look(t.Context(), s, epoch.Add(time.Duration(i)*time.Minute))
	}
	if slices.Contains(log, "terminate dc") || !slices.Contains(log, "rebuild l2") {
		t.Errorf("did %q", log)
	}
}

func TestNames(t *testing.T) {
	var set, faults []string
	asked := make(chan string, 10)
	fail := false
	n := &names{
		latest: newLatest(), hosts: map[string]*hostname{}, ways: map[string]bool{}, answers: make(chan answer, 10), urgent: make(chan string, 1),
		ask: func(host string, f kstate.Family, paths []probe.Path) (netip.Addr, error) {
			asked <- fmt.Sprintf("%s %s by %d", host, f, len(paths))
			if fail {
				return netip.Addr{}, errors.New("no answer")
			}
			return netip.MustParseAddr("198.51.100.1"), nil
		},
		set:   func(host string, a netip.Addr) { set = append(set, host+" "+a.String()) },
		fault: func(part string, err error) { faults = append(faults, fmt.Sprint(part, ": ", err)) },
	}
	question := func(name string, s *reconcile.Snapshot, now time.Time, want string, after time.Duration) {
		t.Helper()
		n.look(t.Context(), s, now)
		if want == "" {
			if len(asked) > 0 {
				t.Errorf("%s: asked %s", name, <-asked)
			}
			return
		}
		if got := <-asked; got != want {
			t.Errorf("%s: asked %s", name, got)
		}
		n.take(<-n.answers, now)
		if next := n.look(t.Context(), s, now); next.Sub(now) != after {
			t.Errorf("%s: again after %s", name, next.Sub(now))
		}
	}
	question("start", tended(), epoch, "dc.example ipv4 by 1", 5*time.Minute)
	question("known", tended(), epoch.Add(time.Minute), "", 0)
	fail = true
	question("five minutes", tended(), epoch.Add(5*time.Minute), "dc.example ipv4 by 1", time.Second)
	question("back-off", tended(), epoch.Add(5*time.Minute+time.Second), "dc.example ipv4 by 1", 2*time.Second)
	question("no line", lineDown(tended()), epoch.Add(10*time.Minute), "dc.example ipv4 by 0", 4*time.Second)
	fail = false
	question("the line is back", tended(), epoch.Add(10*time.Minute), "dc.example ipv4 by 1", 5*time.Minute)
	if d := cmp.Diff([]string{"dc.example 198.51.100.1", "dc.example 198.51.100.1"}, set); d != "" {
		t.Error(d)
	}
	if len(faults) != 5 || faults[1] != "resolve dc.example: no answer" || faults[4] != "resolve dc.example: <nil>" {
		t.Errorf("faults %q", faults)
	}
	n.look(t.Context(), &reconcile.Snapshot{}, epoch)
	if len(n.hosts) > 0 {
		t.Error("a name that nobody wants is remembered")
	}
}

func TestPaths(t *testing.T) {
	set := map[string]int{}
	tried := make(chan int, 10)
	passes := 1400
	p := &paths{
		latest: newLatest(), known: map[reconcile.Path]*pathway{}, narrow: map[reconcile.Path]int{}, results: make(chan result, 10),
		try:   func(_ context.Context, _, _ netip.Addr, most int) (int, error) { tried <- most; return passes, nil },
		set:   func(remote netip.Addr, bytes int) { set[remote.String()] = bytes },
		fault: func(string, error) {},
	}
	round := func(name string, s *reconcile.Snapshot, now time.Time, most, want int) {
		t.Helper()
		p.look(t.Context(), s, now)
		if most == 0 {
			if len(tried) > 0 {
				t.Errorf("%s: tried", name)
			}
			return
		}
		if got := <-tried; got != most {
			t.Errorf("%s: tried %d", name, got)
		}
		p.take(<-p.results)
		if got := set["198.51.100.1"]; got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
		if next := p.look(t.Context(), s, now); next.Sub(now) != pathEvery || p.tries != 0 {
			t.Errorf("%s: again after %s", name, next.Sub(now))
		}
	}
	round("start", tended(), epoch, 1500, 1400)
	round("known", tended(), epoch.Add(pathEvery-time.Second), 0, 0)
	passes = 0
	round("silence", tended(), epoch.Add(pathEvery), 1500, 1400)
	round("no line", lineDown(tended()), epoch.Add(2*pathEvery), 0, 0)
	passes = 1500
	round("the line is back", tended(), epoch.Add(2*pathEvery), 1500, 0)
	jumbo := tended()
	wan := jumbo.Facts.WANs["wan"]
	wan.MTU = 9000
	jumbo.Facts.WANs["wan"] = wan
	round("larger frames", jumbo, epoch.Add(2*pathEvery), 9000, 1500)

	now := epoch.Add(3 * pathEvery)
	p.look(t.Context(), jumbo, now)
	r := <-p.results
	r.took = 20 * time.Second
	p.take(r)
	if next := p.look(t.Context(), jumbo, now); next.Sub(now) != pathRests {
		t.Errorf("after a long search: again after %s", next.Sub(now))
	}
}

// TestPathsToOneHub: two lines lead to one hub, and the narrower one counts, whichever was tried last, until nothing takes it.
func TestPathsToOneHub(t *testing.T) {
	at := netip.MustParseAddr
	hub := at("198.51.100.1")
	both := tended()
	both.Facts.WANs["wanb"] = plan.WAN{Device: "eth2", Index: 2, Up: true, Carrier: true, MTU: 1500,
		IPv4: plan.Side{Addrs: []netip.Prefix{netip.MustParsePrefix("203.0.113.2/24")}, Gateway: at("203.0.113.1")}}
	both.Facts.Health["wanb"] = map[kstate.Family]plan.Verdict{kstate.IPv4: {State: "up"}}
	both.Plan.WANs = append(both.Plan.WANs, plan.WANPlan{Name: "wanb"})
	both.Overlay.Conns = append(both.Overlay.Conns, kstate.Conn{Name: "dcb", Local: at("203.0.113.2"), Remote: hub.String()})
	set := -1
	p := &paths{
		latest: newLatest(), known: map[reconcile.Path]*pathway{}, narrow: map[reconcile.Path]int{}, results: make(chan result, 10),
		set: func(_ netip.Addr, bytes int) { set = bytes }, fault: func(string, error) {},
	}
	p.try = func(context.Context, netip.Addr, netip.Addr, int) (int, error) { return 0, nil }
	found := func(local string, bytes, want int) {
		t.Helper()
		p.tries++
		p.take(result{path: reconcile.Path{Local: at(local), Remote: hub}, most: 1500, bytes: bytes})
		if set != want {
			t.Errorf("%d bytes from %s: %d to the hub, want %d", bytes, local, set, want)
		}
	}
	p.look(t.Context(), both, epoch)
	for range 2 {
		p.take(<-p.results)
	}
	found("192.0.2.2", 1400, 1400)
	found("203.0.113.2", 1500, 1400)
	found("203.0.113.2", 1300, 1300)
	found("203.0.113.2", 1500, 1400)
	found("203.0.113.2", 1450, 1400)
	p.look(t.Context(), tended(), epoch)
	if set != 1400 {
		t.Errorf("the wider line goes: %d", set)
	}
	p.look(t.Context(), both, epoch)
	p.take(<-p.results)
	found("203.0.113.2", 1450, 1400)
	both.Overlay.Conns = both.Overlay.Conns[1:]
	p.look(t.Context(), both, epoch)
	if set != 1450 {
		t.Errorf("the narrower line goes: %d", set)
	}
	found("203.0.113.2", 1500, 0)
}
