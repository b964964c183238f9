package l2tp

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/xfrm"
	"multiwan/tests/lab"
)

// connection is a swanctl.conf for exactly the ends of a tunnel.
func connection(k kstate.Tunnel, local, remote, start string) string {
	return fmt.Sprintf(`connections {
	c {
		version = 2
		local_addrs = %s
		remote_addrs = %s
		local {
			auth = psk
			id = %s
		}
		remote {
			auth = psk
			id = %s
		}
		children {
			c {
				mode = transport
				local_ts = %s[udp/%d]
				remote_ts = %s[udp/%d]
				start_action = %s
				esp_proposals = aes128gcm16
			}
		}
	}
}
secrets {
	ike-c {
		secret = x
	}
}
`, k.Local, k.Remote, local, remote, k.Local, k.LocalPort, k.Remote, k.RemotePort, start)
}

// expect wants both blocks to stand, and a fate of their packets; what decides before them must be charon's.
func expect(t *testing.T, x *xfrm.Conn, k kstate.Tunnel, what string, state xfrm.State) {
	t.Helper()
	got := observedBlocks(t, x)
	for _, b := range k.Blocks() {
		if !slices.Contains(got, b) {
			t.Errorf("%s: %s is gone", what, b)
		}
		p, err := x.Protection(t.Context(), b)
		if err != nil || p.State != state || p.Ours != (state == xfrm.Blocked) {
			t.Errorf("%s, %s: %s by %+v, %v", what, b.Dir, p.State, p.Policy, err)
		}
		if !p.Ours && (p.Policy.Priority == 0 || p.Policy.Priority > 1000000 || p.Policy.SrcPort != b.SrcPort || p.Policy.User != 0) {
			t.Errorf("%s: the policy before ours is %+v", what, p.Policy)
		}
		if state == xfrm.Protected && (p.SAs[0].Mode != "transport" || p.SAs[0].ReqID != p.Policy.Templates[0].ReqID) {
			t.Errorf("%s: associations %v of %+v", what, p.SAs, p.Policy)
		}
	}
}

// TestBesideCharon keeps our policies through everything that charon does: start, policies of its own with the same ends, their end, its
// own end, and another start after it was killed.
func TestBesideCharon(t *testing.T) {
	lab.Need(t, lab.ESP, lab.Charon)
	a, _ := pair(t)
	x := dialXfrm(t, a)
	k := tunnels()[0]
	both := k.Blocks()
	add(t, x, both[:]...)
	c := lab.StartCharon(a)
	expect(t, x, k, "started", xfrm.Blocked)
	c.Load(connection(k, "a", "b", "trap"))
	expect(t, x, k, "trap", xfrm.Waiting)
	if _, err := c.Swanctl("--uninstall", "--child", "c"); err != nil {
		t.Error(err)
	}
	expect(t, x, k, "trap gone", xfrm.Blocked)
	c.Load("")
	c.Load(connection(k, "a", "b", "trap"))
	c.Stop()
	expect(t, x, k, "stopped", xfrm.Blocked)
	c.Start()
	c.Load(connection(k, "a", "b", "trap"))
	c.Kill()
	expect(t, x, k, "killed", xfrm.Waiting)
	c.Start()
	expect(t, x, k, "started after a kill", xfrm.Waiting)
}

// TestNothingInClear lets frames flow all the time while charon sets associations up, is told to end them, is killed and starts again.
func TestNothingInClear(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	a, b := pair(t)
	k := tunnels()[0]
	s := sessions(k, 0)[1]
	ca, cb, xa, xb := dial(t, a), dial(t, b), dialXfrm(t, a), dialXfrm(t, b)
	near, there := k.Blocks(), far(k).Blocks()
	// Tunnels before the blocks, which would refuse them, and sessions, which send, behind.
	if err := errors.Join(ca.AddTunnel(k), cb.AddTunnel(far(k))); err != nil {
		t.Fatal(err)
	}
	add(t, xa, near[:]...)
	add(t, xb, there[:]...)
	leaked := a.Capture("wan", inClear(k))
	if err := errors.Join(ca.AddSession(s), cb.AddSession(farSession(s))); err != nil {
		t.Fatal(err)
	}
	up(a, s.Device, 0, 1)
	up(b, s.Device, 0, 2)
	flow := a.PingFlow(addr("10.7.0.2"), lab.FlowOptions{Interval: 50 * time.Millisecond})
	expect(t, xa, k, "no charon", xfrm.Blocked)
	charon, other := lab.StartCharon(a), lab.StartCharon(b)
	charon.Load(connection(k, "a", "b", "none"))
	other.Load(connection(far(k), "b", "a", "none"))
	initiate := func() {
		t.Helper()
		if _, err := charon.Swanctl("--initiate", "--child", "c"); err != nil {
			t.Fatal(err)
		}
	}
	flows := func(what string) {
		t.Helper()
		expect(t, xa, k, what, xfrm.Protected)
		expect(t, xb, far(k), what+", far end", xfrm.Protected)
		flow.WaitAnswer(t, time.Now(), 3*time.Second)
	}
	initiate()
	flows("initiated")
	if _, err := charon.Swanctl("--terminate", "--ike", "c"); err != nil {
		t.Fatal(err)
	}
	expect(t, xa, k, "terminated", xfrm.Blocked)
	initiate()
	flows("initiated again")
	charon.Kill()
	flows("killed")
	charon.Start()
	flows("started after a kill")
	charon.Load(connection(k, "a", "b", "none"))
	initiate()
	flows("initiated after a kill")
	charon.Stop()
	a.IP("xfrm state flush") // what the killed one left
	flow.Stop()
	if n := leaked.Count(); n != 0 {
		t.Errorf("%d packets in clear: %+v", n, leaked.Frames()[0])
	}
	for _, p := range near {
		got, err := xa.Protection(t.Context(), p)
		if err != nil || got.State != xfrm.Blocked && got.State != xfrm.Waiting {
			t.Errorf("at the end: %s by %+v, %v", got.State, got.Policy, err)
		}
	}
}
