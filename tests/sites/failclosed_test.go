package sites

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// guarded are two protected pseudowires of both sites: one in UDP between the bridges, one in IP with addresses of its own.
type guarded struct {
	*lab.Sites
	v6     bool // outside
	wire   *lab.Wire
	frames *lab.Flow // host to host
	pings  *lab.Flow // router to router
}

func (g *guarded) config(s *lab.Site, psk string) string {
	own := map[*lab.Site]string{g.A: "10.8.0.1/30", g.B: "10.8.0.2/30"}[s]
	return config(s, cable{psk: psk, v6: g.v6}, cable{name: "ip", id: 2, v6: g.v6, with: "pw", bridge: "-", options: []string{"encap ip", "ipaddr " + own}})
}

// passes waits until both carry what was sent from now on.
func (g *guarded) passes(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	f := g.frames.WaitAnswer(t, since, 15*time.Second)
	p := g.pings.WaitAnswer(t, since, 15*time.Second)
	if p.Received.After(f.Received) {
		f = p
	}
	return f.Received.Sub(since)
}

// stops checks that nothing passes for a while.
func (g *guarded) stops(t *testing.T) {
	t.Helper()
	since := time.Now().Add(100 * time.Millisecond) // what is on its way
	time.Sleep(1100 * time.Millisecond)
	for name, f := range map[string]*lab.Flow{"frame": g.frames, "ping": g.pings} {
		if p := f.Report().FirstAfter(since); !p.Received.IsZero() {
			t.Errorf("a %s passed without protection", name)
		}
	}
}

// unprotect ends all SAs of A, as an administrator may.
func (g *guarded) unprotect(t *testing.T) {
	t.Helper()
	if out, err := g.A.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--timeout", "1"); err != nil {
		t.Logf("%v\n%s", err, out)
	}
}

// TestS30FailClosed takes every part of the protection away in turn, while frames are sent all the time: never is a packet of L2TP on the
// wire, and they pass again where they may.
func TestS30FailClosed(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	t.Run("ipv4", func(t *testing.T) { failClosed(t, false) })
	t.Run("ipv6", func(t *testing.T) { failClosed(t, true) })
}

func failClosed(t *testing.T, v6 bool) {
	n := lab.JoinSites(t, lab.SitesOptions{})
	g := &guarded{Sites: n, v6: v6, wire: n.Wire(lab.Frame.L2TP)}
	begin := time.Now()
	g.frames = n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Start(g.config(s, ""))
	}
	g.pings = n.A.Router.PingFlow(netip.MustParseAddr("10.8.0.2"), lab.FlowOptions{Interval: 20 * time.Millisecond})
	t.Logf("both pass %v after the start", g.passes(t, begin))

	for _, c := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"SA terminated", g.unprotect},
		{"charon stopped and started", func(t *testing.T) {
			n.A.Charon.Stop()
			g.stops(t)
			n.A.Charon.Start()
		}},
		{"charon killed", func(t *testing.T) {
			n.B.Charon.Kill()
			g.passes(t, time.Now()) // the SAs are the kernel's
			n.B.Charon.Start()
		}},
		{"nft flush ruleset", func(t *testing.T) {
			n.A.Router.NFT("flush ruleset")
			n.B.Router.NFT("flush ruleset")
			g.unprotect(t)
		}},
		{"ip xfrm policy flush", func(t *testing.T) {
			n.A.Router.IP("xfrm policy flush")
			n.A.Router.IP("xfrm state flush")
		}},
		{"kill -9 of the daemon", func(t *testing.T) {
			n.A.Daemon.Kill()
			g.passes(t, time.Now())
			g.unprotect(t)
			g.stops(t)
			n.A.Router.NFT("flush ruleset")
			g.stops(t)
			n.A.Daemon.Start()
		}},
		{"wrong key", func(t *testing.T) {
			n.A.Daemon.Write(g.config(n.A, "not the secret of both"))
			n.A.Daemon.Reload()
			g.stopped(t)
			g.stops(t)
			n.A.Daemon.Write(g.config(n.A, ""))
			n.A.Daemon.Reload()
		}},
	} {
		c.do(t)
		t.Logf("%s: both pass after %v", c.name, g.passes(t, time.Now()))
		if t.Failed() {
			break
		}
	}
	noClear(t, g.wire)
}

// stopped waits until nothing passes.
func (g *guarded) stopped(t *testing.T) {
	t.Helper()
	quiet := func(f *lab.Flow) bool {
		return f.Report().FirstAfter(time.Now().Add(-300 * time.Millisecond)).Received.IsZero()
	}
	if !lab.Wait(5*time.Second, func() bool { return quiet(g.frames) && quiet(g.pings) }) {
		t.Error("frames pass for 5 s")
	}
}

// TestS30Selectors has selectors that do not cover the pseudowire: of our own it is a mistake in the configuration, which names both ends; of
// the peer a refusal.
func TestS30Selectors(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	elsewhere := strings.Replace(config(n.A, cable{}), "config pseudowire 'pw'\n\toption interface 'wan0'\n\toption remote '"+n.B.WANs[0].Addr4.String()+"'",
		"config pseudowire 'pw'\n\toption interface 'wan0'\n\toption remote '192.0.2.77'", 1)
	file := filepath.Join(t.TempDir(), "multiwan")
	if err := os.WriteFile(file, []byte(elsewhere), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := n.A.Router.Exec("", lab.Binary(t), "check", "--config", file)
	said := fmt.Sprint(out, err)
	if err == nil || !strings.Contains(said, "192.0.2.77") || !strings.Contains(said, n.B.WANs[0].Addr4.String()) || !strings.Contains(said, "sa_pw") {
		t.Errorf("check said %s", said)
	}

	ours := n.Wire(func(f lab.Frame) bool { return f.L2TP() && f.Src == n.A.WANs[0].Addr4 })
	ping := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	n.B.Charon = lab.StartCharon(n.B.Router)
	n.B.Charon.Load(foreign(n.B, "udp/1799"))
	n.A.Start(config(n.A, cable{}))
	reason := func() string { return n.A.Status().IPsec["sa_pw"].Cause }
	if !lab.Wait(10*time.Second, func() bool { return reason() == "selectors" }) {
		t.Errorf("status gives the cause %q, reason %q", reason(), n.A.Status().IPsec["sa_pw"].Reason)
	}
	if r := ping.Stop(); r.Lost() != len(r.Packets) {
		t.Errorf("%d of %d pings were answered", len(r.Packets)-r.Lost(), len(r.Packets))
	}
	for _, f := range ours.Frames() {
		t.Fatalf("%s sent L2TP in clear", f.Src)
	}
}

// foreign is the swanctl.conf of a peer that was made by hand, for pseudowires over the first WANs; selectors are the protocol and port of
// both ends.
func foreign(s *lab.Site, selectors string) string {
	local, remote := s.WANs[0].Addr4, s.Far.WANs[0].Addr4
	return fmt.Sprintf(`connections {
	peer {
		version = 2
		local_addrs = %[1]s
		remote_addrs = %[2]s
		proposals = aes128gcm16-prfsha256-curve25519
		local {
			auth = psk
			id = %[3]s
		}
		remote {
			auth = psk
			id = %[4]s
		}
		children {
			l2tp {
				mode = transport
				esp_proposals = aes128gcm16-curve25519
				local_ts = %[1]s[%[5]s]
				remote_ts = %[2]s[%[5]s]
			}
		}
	}
}
secrets {
	ike {
		id-1 = %[3]s
		id-2 = %[4]s
		secret = "secret of both"
	}
}
`, local, remote, s.Name, s.Far.Name, selectors)
}
