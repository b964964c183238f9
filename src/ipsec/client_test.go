package ipsec

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/kstate"
)

func conn(name string) kstate.Conn {
	return kstate.Conn{Name: name, Local: netip.MustParseAddr("192.0.2.1"), Remote: "198.51.100.1", LocalID: "a@x", RemoteID: "b@x",
		PSK: kstate.Secret("hunter2"), Mode: kstate.ModeTransport, Initiate: true}
}

// run calls f in a bubble of its own time, with a client that runs against a fake charon.
func run(t *testing.T, f func(c *Client, charon *fake, changes func() int)) {
	synctest.Test(t, func(t *testing.T) {
		charon := newFake(t)
		n := make(chan int, 1)
		n <- 0
		c := New(Options{Dial: charon.dial, Changed: func() { n <- <-n + 1 }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		f(c, charon, func() int { v := <-n; n <- v; return v })
		cancel()
		<-done
		charon.kill()
	})
}

// pass lets time go by until everything is at rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantState(t *testing.T, c *Client, name, state string) Status {
	t.Helper()
	st := c.Status()[name]
	if st.State != state {
		t.Errorf("%s is %q, want %q: %+v", name, st.State, state, st)
	}
	return st
}

func wantNames(t *testing.T, charon *fake, want ...string) {
	t.Helper()
	if got := charon.names(); !slices.Equal(got, want) {
		t.Errorf("charon has %v, want %v", got, want)
	}
}

func TestSetLoadsAndUnloadsOursOnly(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		charon.mu.Lock()
		for _, n := range []string{"office", "multiwan-old"} {
			charon.conns[n], charon.shared["ike-"+n] = section{}, section{}
			charon.sas[n] = []fakeSA{{id: 100, child: 100, state: "ESTABLISHED"}}
		}
		charon.nextID = 100
		charon.mu.Unlock()
		pass(time.Second)
		wantNames(t, charon, "ike-multiwan-old", "ike-office", "multiwan-old", "office") // nothing was declared yet

		c.Set([]kstate.Conn{conn("a"), conn("b")})
		pass(time.Second)
		wantNames(t, charon, "ike-multiwan-a", "ike-multiwan-b", "ike-office", "multiwan-a", "multiwan-b", "office")
		st := wantState(t, c, "a", "up")
		if !st.Loaded || st.SA.Child.SPIIn != 0xc0ffee01 || st.SA.Child.BytesIn != 42 || time.Since(st.SA.Child.Installed) < 3*time.Second {
			t.Errorf("status: %+v", st)
		}
		c.Set([]kstate.Conn{conn("b")})
		pass(time.Second)
		wantNames(t, charon, "ike-multiwan-b", "ike-office", "multiwan-b", "office")
		if len(charon.sas["multiwan-a"]) != 0 || len(charon.sas["office"]) != 1 {
			t.Errorf("SAs: %v", charon.sas)
		}
		if _, still := c.Status()["a"]; still {
			t.Error("the status still has a")
		}
		if n := charon.count("initiate"); n != 2 {
			t.Errorf("%d initiations", n)
		}
	})
}

func TestClear(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Second)
		charon.mu.Lock()
		charon.conns["office"] = section{}
		charon.sas["multiwan-orphan"] = []fakeSA{{id: 7, child: 7, state: "ESTABLISHED"}}
		charon.mu.Unlock()
		if err := New(Options{Dial: charon.dial}).Clear(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantNames(t, charon, "office")
		if len(charon.sas["multiwan-orphan"])+len(charon.sas["multiwan-a"]) != 0 {
			t.Errorf("SAs: %v", charon.sas)
		}
	})
}

// TestReconnect ends charon at different moments; what was wanted is there again soon, and waiting costs little.
func TestReconnect(t *testing.T) {
	run(t, func(c *Client, charon *fake, changes func() int) {
		charon.kill()
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Minute)
		wantState(t, c, "a", "absent")
		if ch := c.Charon(); ch.Connected || !strings.Contains(ch.Text, "refused") || time.Since(ch.Since) < 55*time.Second {
			t.Errorf("charon: %+v", ch)
		}
		if n := changes(); n > 5 {
			t.Errorf("%d changes told while nothing changed", n)
		}
		for _, down := range []time.Duration{0, 100 * time.Millisecond, 10 * time.Second} {
			charon.start()
			pass(maxDelay + time.Second)
			wantState(t, c, "a", "up")
			if !c.Charon().Connected {
				t.Error("not connected")
			}
			charon.kill()
			pass(down)
		}
		charon.start()
		pass(maxDelay + time.Second)
		c.Set(nil)
		pass(time.Second)
		wantNames(t, charon)
	})
}

// TestEventsBetweenSubscriptions holds that events while the session is set up do not stop it.
func TestEventsBetweenSubscriptions(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		charon.kill()
		charon.mu.Lock()
		charon.flood = 300
		charon.mu.Unlock()
		charon.start()
		c.Set([]kstate.Conn{conn("a")})
		pass(10 * time.Second)
		wantState(t, c, "a", "up")
	})
}

// TestManySAs holds that a long listing is complete.
func TestManySAs(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		var conns []kstate.Conn
		for i := range 1000 {
			conns = append(conns, conn(fmt.Sprintf("n%03d", i)))
		}
		c.Set(conns)
		pass(3 * listEvery)
		for name, st := range c.Status() {
			if st.State != "up" {
				t.Fatalf("%s: %+v", name, st)
			}
		}
		if n := charon.count("initiate"); n != 1000 {
			t.Errorf("%d initiations", n)
		}
	})
}

func TestEventsAreHints(t *testing.T) {
	run(t, func(c *Client, charon *fake, changes func() int) {
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Second)
		st := wantState(t, c, "a", "up")
		before := changes()
		pass(5 * time.Minute)
		if n := changes(); n != before {
			t.Errorf("%d changes told in peace", n-before)
		}
		charon.lose("multiwan-a")
		pass(200 * time.Millisecond)
		if again := wantState(t, c, "a", "up"); again.SA.ID == st.SA.ID {
			t.Error("the status has the old SA")
		}
		charon.mu.Lock() // gone without an event
		delete(charon.sas, "multiwan-a")
		charon.mu.Unlock()
		pass(listEvery + time.Second)
		wantState(t, c, "a", "up")
	})
}

func TestRefusedIsTriedSeldom(t *testing.T) {
	run(t, func(c *Client, charon *fake, changes func() int) {
		charon.answers = func(string) (string, bool) { return "received AUTHENTICATION_FAILED notify error", false }
		c.Set([]kstate.Conn{conn("a")})
		pass(10 * time.Minute)
		st := wantState(t, c, "a", "retrying")
		if st.Reason.Cause != CauseAuth || st.Reason.Count != st.Failures || st.Failures < 10 || st.Failures > 16 {
			t.Errorf("after 10 minutes: %+v", st)
		}
		charon.mu.Lock()
		charon.answers = nil
		charon.mu.Unlock()
		c.Initiate("a")
		pass(100 * time.Millisecond)
		if st := wantState(t, c, "a", "up"); st.Failures != 0 || st.Reason != (Reason{}) {
			t.Errorf("up, but %+v", st)
		}
	})
}

func TestUnansweredIsTriedOften(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		charon.answers = func(string) (string, bool) { return "", false }
		c.Set([]kstate.Conn{conn("a")})
		pass(2 * time.Minute)
		st := wantState(t, c, "a", "connecting")
		if n := charon.count("initiate"); st.Reason.Cause != CauseUnreachable || n < 45 || n > 60 || len(charon.sas["multiwan-a"]) != 1 {
			t.Errorf("%d tries in 2 minutes, %d half open: %+v", n, len(charon.sas["multiwan-a"]), st)
		}
		pass(time.Hour)
		was := charon.count("initiate")
		pass(2 * time.Minute)
		if n := charon.count("initiate") - was; n < 9 || n > 11 {
			t.Errorf("%d tries in 2 minutes after an hour", n)
		}
		charon.mu.Lock()
		charon.answers = nil
		charon.mu.Unlock()
		c.Initiate("a")
		pass(patience + 100*time.Millisecond)
		wantState(t, c, "a", "up")
	})
}

// TestSlowPeerIsWaitedFor: whoever has answered the first packet gets time for the rest.
func TestSlowPeerIsWaitedFor(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		charon.answers = func(string) (string, bool) { return "", false }
		charon.heard = true
		c.Set([]kstate.Conn{conn("a")})
		pass(2 * time.Minute)
		if n := charon.count("initiate"); n < 10 || n > 13 {
			t.Errorf("%d tries in 2 minutes", n)
		}
	})
}

func TestRefusedByCharon(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		bad := conn("a")
		bad.IKEProposals = []string{"nonsense"}
		missing := conn("b")
		missing.PSK, missing.Cert = nil, "/no/such/file"
		c.Set([]kstate.Conn{bad, missing, conn("c")})
		pass(5 * time.Minute)
		for _, name := range []string{"a", "b"} {
			st := wantState(t, c, name, "refused")
			if st.Reason.Cause != CauseConfig || st.Reason.Text == "" || st.Reason.Count > 7 || st.Loaded {
				t.Errorf("%s: %+v", name, st)
			}
		}
		wantState(t, c, "c", "up")
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Second)
		wantState(t, c, "a", "up")
	})
}

// TestChanges holds what a change does to the SA that is there.
func TestChanges(t *testing.T) {
	for _, w := range []struct {
		name      string
		change    func(*kstate.Conn)
		kept      bool
		overlap   bool // the old SA was there when the new one was set up
		initiates int
	}{
		{"timer", func(c *kstate.Conn) { c.DPD = time.Minute }, true, false, 1},
		{"key", func(c *kstate.Conn) { c.PSK = kstate.Secret("other") }, false, false, 2},
		{"selectors", func(c *kstate.Conn) { c.LocalTS = []string{"192.0.2.1/32[udp/1701]"} }, false, false, 2},
		{"local address", func(c *kstate.Conn) { c.Local = netip.MustParseAddr("192.0.2.2") }, false, true, 2},
	} {
		t.Run(w.name, func(t *testing.T) {
			run(t, func(c *Client, charon *fake, _ func() int) {
				a := conn("a")
				c.Set([]kstate.Conn{a})
				pass(time.Second)
				first := wantState(t, c, "a", "up").SA.ID
				overlap := false
				charon.mu.Lock()
				charon.answers = func(n string) (string, bool) { overlap = len(charon.sas[n]) > 0; return "", true }
				charon.mu.Unlock()
				w.change(&a)
				c.Set([]kstate.Conn{a})
				pass(time.Second)
				wantState(t, c, "a", "up")
				pass(grace)
				st := wantState(t, c, "a", "up")
				if kept := st.SA.ID == first; kept != w.kept || overlap != w.overlap || st.SAs != 1 || len(charon.sas["multiwan-a"]) != 1 {
					t.Errorf("kept %v, overlap %v, SAs %v", kept, overlap, charon.sas)
				}
				if n := charon.count("initiate"); n != w.initiates {
					t.Errorf("%d initiations", n)
				}
			})
		})
	}
}

func TestTerminateComesBack(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		wait := conn("b")
		wait.Initiate = false
		c.Set([]kstate.Conn{conn("a"), wait})
		pass(time.Second)
		wantState(t, c, "b", "waiting")
		charon.mu.Lock()
		charon.sas["multiwan-b"] = []fakeSA{{id: 50, child: 50, state: "ESTABLISHED"}}
		charon.mu.Unlock()
		charon.event("ike-updown", section{}.section("multiwan-b", section{{key: "state", value: "ESTABLISHED"}}))
		pass(time.Second)
		wantState(t, c, "b", "up")
		first := wantState(t, c, "a", "up").SA.ID
		c.Terminate("a")
		c.Terminate("b")
		c.Terminate("nobody")
		c.Initiate("nobody")
		pass(200 * time.Millisecond)
		if st := wantState(t, c, "a", "up"); st.SA.ID == first || st.SAs != 1 {
			t.Errorf("not replaced: %+v", st)
		}
		wantState(t, c, "b", "waiting")
	})
}

// TestWaitingEndCalls holds that an end that waits calls once when it is told that the path is back, unless the other end does by itself.
func TestWaitingEndCalls(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		wait, any := conn("b"), conn("any")
		wait.Initiate, any.Initiate, any.Remote = false, false, kstate.AnyPeer
		c.Set([]kstate.Conn{wait, any})
		pass(time.Minute)
		c.Initiate("b")
		c.Initiate("any")
		pass(courtesy + 200*time.Millisecond)
		wantState(t, c, "b", "up")
		wantState(t, c, "any", "waiting")
		c.Initiate("b")
		charon.mu.Lock()
		charon.answers = func(string) (string, bool) { return "", false }
		charon.mu.Unlock()
		pass(time.Minute)
		if n := charon.count("initiate"); n != 1 {
			t.Errorf("%d calls, want one", n)
		}

		charon.lose("multiwan-b")
		pass(time.Minute)
		c.Initiate("b") // in vain
		pass(time.Hour)
		st := wantState(t, c, "b", "waiting")
		if n := charon.count("initiate"); n != 2 || st.SAs != 0 || st.Reason.Cause != CauseUnreachable {
			t.Errorf("%d calls, %+v", n, st)
		}
		c.Initiate("b") // and the other end calls at the same time
		charon.mu.Lock()
		charon.sas["multiwan-b"] = []fakeSA{{id: 70, state: "CONNECTING", theirs: true}}
		charon.mu.Unlock()
		charon.event("ike-updown", section{}.section("multiwan-b", section{}))
		pass(2 * time.Second)
		if n := charon.count("initiate"); n != 2 || len(charon.sas["multiwan-b"]) != 1 {
			t.Errorf("%d calls, %v", n, charon.sas)
		}
	})
}

// TestForgottenSAs holds that the waiting end removes an SA that its peer has replaced, and not before it is certain.
func TestForgottenSAs(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		wait := conn("b")
		wait.Initiate = false
		c.Set([]kstate.Conn{wait})
		pass(time.Second)
		charon.mu.Lock()
		charon.sas["multiwan-b"] = []fakeSA{{id: 50, child: 50, state: "ESTABLISHED"}, {id: 51, child: 51, state: "ESTABLISHED"}}
		charon.mu.Unlock()
		charon.event("ike-updown", section{}.section("multiwan-b", section{{key: "state", value: "ESTABLISHED"}}))
		pass(time.Second)
		if st := wantState(t, c, "b", "up"); st.SAs != 2 || st.SA.ID != 51 {
			t.Errorf("too early: %+v", st)
		}
		pass(3 * idle)
		if st := wantState(t, c, "b", "up"); st.SAs != 1 || st.SA.ID != 51 {
			t.Errorf("too late: %+v", st)
		}
	})
}

// TestLoadedAgain holds that what `swanctl --load-all` removed is loaded again, without a new SA.
func TestLoadedAgain(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Second)
		charon.mu.Lock()
		clear(charon.conns)
		clear(charon.shared)
		charon.mu.Unlock()
		pass(resyncEvery + listEvery)
		wantNames(t, charon, "ike-multiwan-a", "multiwan-a")
		charon.mu.Lock()
		clear(charon.conns)
		clear(charon.shared)
		charon.mu.Unlock()
		charon.event("log", section{{key: "msg", value: "unloaded shared key with id 'ike-multiwan-a'"}})
		pass(2 * time.Second)
		wantNames(t, charon, "ike-multiwan-a", "multiwan-a")
		if n := charon.count("initiate"); n != 1 {
			t.Errorf("%d initiations", n)
		}
	})
}

// TestIdle holds that a connection that is up costs a listing in ten seconds, and little more.
func TestIdle(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		c.Set([]kstate.Conn{conn("a")})
		pass(time.Second)
		before := charon.count("")
		for range 100 {
			c.Set([]kstate.Conn{conn("a")})
			charon.event("log", section{{key: "ikesa-name", value: "office"}, {key: "msg", value: "parsed INFORMATIONAL request 3 [ ]"}})
			pass(6 * time.Second)
		}
		// Ten minutes: 60 listings, and each minute two lists of names and two loads.
		if n := charon.count("") - before; n > 60+10*4+2 {
			t.Errorf("%d commands in ten minutes", n)
		}
	})
}

// TestKeysStayInside holds that no status, error or reason has a key in it.
func TestKeysStayInside(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		bad := conn("a")
		bad.IKEProposals = []string{"nonsense"}
		c.Set([]kstate.Conn{bad, conn("b")})
		pass(time.Second)
		charon.kill()
		pass(time.Second)
		for _, text := range []string{fmt.Sprintf("%+v %#v", c.Status(), c.Charon()), fmt.Sprintf("%v %+v", c.wanted, c.wanted)} {
			if strings.Contains(text, "hunter2") {
				t.Errorf("shows the key: %s", text)
			}
		}
	})
}
