package ipsec_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/ipsec"
	"multiwan/tests/lab"
)

// foreign is a connection that is none of ours.
const foreign = `connections {
	office {
		remote_addrs = 203.0.113.7
		local { 
			auth = psk 
		}
		remote { 
			auth = psk 
		}
		children { 
			office { 
				mode = tunnel 
			} 
		}
	}
}
secrets { 
	ike-office { 
		id-1 = 203.0.113.7
		secret = foreignkey
	}
}
`

// TestTransport sets up, ends, rekeys and removes a connection beside a foreign one.
func TestTransport(t *testing.T) {
	p := newPair(t)
	p.a.load(foreign)
	p.b.load(byHand())
	c := client(t, p.a)
	c.Set([]kstate.Conn{conn("dc2")})
	st, took := await(t, c, "dc2", 20*time.Second, "up", isUp)
	t.Logf("from Set to installed: %v", took)
	checkKernel(t, p.a.host, st.SA)
	if st.SA.Local.String() != addrA+":500" || st.SA.Remote.String() != addrB+":500" || !st.SA.Initiator || st.SA.NAT || st.SA.Child.Encap ||
		st.SA.Proposal != "AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519" || st.SA.Child.Proposal != "AES_GCM_16-128" ||
		st.SA.LocalID != "a@example.org" || st.SA.RemoteID != "b@example.org" || st.SA.RekeyIn < 3*time.Hour || st.SA.Child.RekeyIn < 40*time.Minute {
		t.Errorf("status: %+v", st)
	}
	// The peer forgets everything; we are told that the path is dead and end it.
	before := st.SA.ID
	c.Terminate("dc2")
	st, took = await(t, c, "dc2", 20*time.Second, "up again", func(s ipsec.Status) bool { return isUp(s) && s.SA.ID != before })
	t.Logf("from Terminate to installed: %v", took)

	// The peer deletes the CHILD_SA.
	child := st.SA.Child.ID
	p.b.swanctl("--terminate", "--child", "net")
	st, took = await(t, c, "dc2", 20*time.Second, "up again", func(s ipsec.Status) bool { return isUp(s) && s.SA.Child.ID != child })
	t.Logf("after the peer deleted the CHILD_SA: %v", took)

	for _, what := range []string{"--child", "--ike"} {
		old := st.SA
		p.b.swanctl("--rekey", what, map[string]string{"--child": "net", "--ike": "site"}[what])
		st, _ = await(t, c, "dc2", 20*time.Second, "rekeyed "+what, func(s ipsec.Status) bool {
			if s.State != "up" {
				t.Errorf("%s while rekeying: %+v", s.State, s)
			}
			return s.SA.ID != old.ID || s.SA.Child.ID != old.Child.ID
		})
	}
	if st.Failures != 0 {
		t.Errorf("rekeying counted as failure: %+v", st)
	}

	c.Set(nil)
	if !lab.Wait(5*time.Second, func() bool { return len(c.Status()) == 0 }) {
		t.Fatal("not removed")
	}
	if out := p.a.swanctl("--list-sas"); strings.TrimSpace(out) != "" {
		t.Errorf("left: %s", out)
	}
	checkForeign(t, p.a)
}

// checkForeign holds that the foreign connection, its key and nothing else is there.
func checkForeign(t *testing.T, c *charon) {
	t.Helper()
	out := c.swanctl("--list-conns")
	if !strings.Contains(out, "office:") || strings.Contains(out, "multiwan") {
		t.Errorf("connections: %s", out)
	}
}

// checkKernel compares a status with the kernel's states.
func checkKernel(t *testing.T, h *lab.Host, s ipsec.SA) {
	t.Helper()
	out := h.IP("xfrm state")
	for _, spi := range []uint32{s.Child.SPIIn, s.Child.SPIOut} {
		if want := hex32(spi); spi == 0 || !strings.Contains(out, "spi "+want) {
			t.Errorf("SPI %s is not in the kernel:\n%s", want, out)
		}
	}
}

func hex32(n uint32) string {
	const digits = "0123456789abcdef"
	b := []byte("0x00000000")
	for i := 9; i > 1; i-- {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b)
}

// TestReasons holds that each way to fail is named, and tried seldom.
func TestReasons(t *testing.T) {
	p := newPair(t)
	c := client(t, p.a)
	for _, w := range []struct {
		name   string
		hand   string
		change func(*kstate.Conn)
		cause  ipsec.Cause
	}{
		{"key", byHand(`se#cret`, "other"), nil, ipsec.CauseAuth},
		{"identity", byHand("= b@example.org", "= c@example.org"), nil, ipsec.CauseAuth},
		{"ike proposal", byHand("proposals = aes128gcm16-prfsha256-curve25519", "proposals = aes256-sha512-modp4096"), nil, ipsec.CauseProposal},
		{"esp proposal", byHand("esp_proposals = aes128gcm16-curve25519", "esp_proposals = aes256-sha512"), nil, ipsec.CauseProposal},
		{"selectors", byHand("[udp/1702]", "[udp/9999]"), nil, ipsec.CauseSelectors},
		{"nobody", byHand(), func(c *kstate.Conn) { c.Remote = "192.0.2.99" }, ipsec.CauseUnreachable},
		{"file", byHand(), func(c *kstate.Conn) { c.PSK, c.Cert, c.PrivateKey = nil, "/no/cert", "/no/key" }, ipsec.CauseConfig},
	} {
		p.b.load(w.hand)
		wrong := conn("dc2")
		if w.change != nil {
			w.change(&wrong)
		}
		c.Set([]kstate.Conn{wrong})
		st, _ := await(t, c, "dc2", 20*time.Second, w.name+" refused", func(s ipsec.Status) bool { return s.Reason.Cause == w.cause })
		t.Logf("%s: %s %q", w.name, st.Reason.Cause, st.Reason.Text)
		time.Sleep(20 * time.Second)
		st = c.Status()["dc2"]
		most := 7
		if w.cause == ipsec.CauseUnreachable {
			most = 22 // who is silent is called every second, for the path's return
		}
		if st.State == "up" || st.Reason.Cause != w.cause || st.Failures > most {
			t.Errorf("%s: after 20 s %+v", w.name, st)
		}
		t.Logf("%s: %d tries in 20 s, reason counted %d", w.name, st.Failures, st.Reason.Count)
		if strings.Contains(st.Reason.Text, "secret") {
			t.Errorf("%s: the key is shown: %s", w.name, st.Reason.Text)
		}
		p.b.load(byHand())
		c.Set([]kstate.Conn{conn("dc2")})
		c.Initiate("dc2")
		st, took := await(t, c, "dc2", 20*time.Second, "up after "+w.name, isUp)
		t.Logf("%s: mended, up after %v", w.name, took)
		if st.Reason != (ipsec.Reason{}) || st.Failures != 0 {
			t.Errorf("%s: up, but %+v", w.name, st)
		}
		c.Set(nil)
		if !lab.Wait(5*time.Second, func() bool { return len(c.Status()) == 0 }) {
			t.Fatal("not removed")
		}
	}
}

// TestResponder holds that the end that waits sees reasons too, and that an SA that a peer has forgotten is removed.
func TestResponder(t *testing.T) {
	p := newPair(t)
	c := client(t, p.b)
	mirror := conn("dc1")
	mirror.Local, mirror.Remote, mirror.LocalID, mirror.RemoteID = netip.MustParseAddr(addrB), kstate.AnyPeer, mirror.RemoteID, mirror.LocalID
	mirror.LocalTS, mirror.RemoteTS, mirror.Initiate = mirror.RemoteTS, mirror.LocalTS, false
	mirror.PSK = kstate.Secret("other")
	c.Set([]kstate.Conn{mirror})
	await(t, c, "dc1", 10*time.Second, "waiting", func(s ipsec.Status) bool { return s.State == "waiting" && s.Loaded })
	peer := conn("dc2")
	p.a.load(ipsec.SwanctlText([]kstate.Conn{peer}))
	out, err := p.a.Swanctl("--initiate", "--child", "multiwan-dc2")
	if err == nil {
		t.Fatalf("set up with different keys: %s", out)
	}
	st, _ := await(t, c, "dc1", 5*time.Second, "refused", func(s ipsec.Status) bool { return s.Reason.Cause == ipsec.CauseAuth })
	t.Logf("%q", st.Reason.Text)

	mirror.PSK = peer.PSK
	c.Set([]kstate.Conn{mirror})
	await(t, c, "dc1", 10*time.Second, "loaded", func(s ipsec.Status) bool { return s.Loaded })
	p.a.swanctl("--initiate", "--child", "multiwan-dc2")
	st, _ = await(t, c, "dc1", 10*time.Second, "up", isUp)

	p.a.Kill()
	p.a.Start()
	p.a.load(ipsec.SwanctlText([]kstate.Conn{peer}))
	p.a.swanctl("--initiate", "--child", "multiwan-dc2")
	old := st.SA.ID
	st, _ = await(t, c, "dc1", 10*time.Second, "replaced", func(s ipsec.Status) bool { return isUp(s) && s.SA.ID != old })
	_, took := await(t, c, "dc1", 40*time.Second, "alone", func(s ipsec.Status) bool { return isUp(s) && s.SAs == 1 })
	t.Logf("the forgotten SA went after %v", took)
}

// TestCharonComesAndGoes holds that the connection is back after any end of charon.
func TestCharonComesAndGoes(t *testing.T) {
	p := newPair(t)
	p.b.load(byHand())
	p.a.Stop()
	c := client(t, p.a)
	c.Set([]kstate.Conn{conn("dc2")})
	await(t, c, "dc2", 5*time.Second, "absent", func(s ipsec.Status) bool { return s.State == "absent" })
	time.Sleep(10 * time.Second)
	if ch := c.Charon(); ch.Connected || ch.Text == "" {
		t.Errorf("charon: %+v", ch)
	}
	for i, end := range []func(){p.a.Kill, p.a.Stop, p.a.Kill, p.a.Stop} {
		p.a.Start()
		_, took := await(t, c, "dc2", 20*time.Second, "up", isUp)
		t.Logf("up %v after charon answered", took)
		if i > 0 && took > 3*time.Second {
			t.Errorf("up only after %v", took)
		}
		end()
		await(t, c, "dc2", 5*time.Second, "absent", func(s ipsec.Status) bool { return s.State == "absent" })
	}
}

// TestPathComesBack holds the promise of one second.
func TestPathComesBack(t *testing.T) {
	p := newPair(t)
	p.b.load(byHand())
	p.a.host.NFT("table inet hole {\n}\n")
	hole := func() {
		p.a.host.NFT("table inet hole {\nchain i { type filter hook prerouting priority -300; iifname wan drop;\n}\nchain o { type filter hook postrouting priority 300; oifname wan drop;\n}\n}\n")
	}
	heal := func() { p.a.host.NFT("flush table inet hole\n") }
	hole()
	c := client(t, p.a)
	c.Set([]kstate.Conn{conn("dc2")})
	for _, wait := range []time.Duration{time.Second, 7 * time.Second, 29 * time.Second} {
		time.Sleep(wait)
		heal()
		c.Initiate("dc2")
		_, took := await(t, c, "dc2", 20*time.Second, "up", isUp)
		t.Logf("up %v after a hole of %v", took, wait)
		if took > time.Second {
			t.Errorf("up only after %v", took)
		}
		hole()
		c.Terminate("dc2") // as the daemon does when the path is judged dead
		await(t, c, "dc2", 20*time.Second, "down", func(s ipsec.Status) bool { return !isUp(s) })
	}
	await(t, c, "dc2", 20*time.Second, "unreachable", func(s ipsec.Status) bool { return s.Reason.Cause == ipsec.CauseUnreachable })
	heal()
	_, took := await(t, c, "dc2", 20*time.Second, "up by itself", isUp)
	t.Logf("up by itself %v after the path came back", took)

	// Nobody tells of the next hole: charon finds it (DPD after 5 s, 165 s of repetition) and begins anew, and we in its place.
	hole()
	time.Sleep(190 * time.Second)
	st := c.Status()["dc2"]
	if isUp(st) || st.SAs > 1 {
		t.Errorf("after 190 s in the dark: %+v", st)
	}
	heal()
	_, took = await(t, c, "dc2", 20*time.Second, "up by itself", isUp)
	t.Logf("up by itself %v after a hole that charon found", took)
}

// TestTunnel holds that the outer address moves with hardly a gap, and says when charon makes routes.
func TestTunnel(t *testing.T) {
	p := newPair(t)
	p.b.load(tunnelByHand())
	p.a.host.IP("route add %s/32 via %s dev wan src %s", innerB, addrB, innerA)
	p.b.host.IP("route add %s/32 via %s dev wan src %s", innerA, addrA, innerB)
	c := client(t, p.a)
	site := tunnel("dc2")
	c.Set([]kstate.Conn{site})
	st, _ := await(t, c, "dc2", 20*time.Second, "up", isUp)
	if st.SA.Child.Mode != kstate.ModeTunnel {
		t.Errorf("mode %s", st.SA.Child.Mode)
	}
	if out, _ := p.a.host.TryIP("route show table 220"); !strings.Contains(out, innerB) {
		t.Errorf("charon made no route: %s", out)
	}
	flow := p.a.host.PingFlow(netip.MustParseAddr(innerB), lab.FlowOptions{Interval: 20 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	site.Local = netip.MustParseAddr(addrA2)
	c.Set([]kstate.Conn{site})
	st, took := await(t, c, "dc2", 20*time.Second, "moved", func(s ipsec.Status) bool { return isUp(s) && s.SA.Local.Addr() == site.Local })
	await(t, c, "dc2", 20*time.Second, "alone", func(s ipsec.Status) bool { return s.SAs == 1 })
	time.Sleep(time.Second)
	r := flow.Stop()
	t.Logf("moved in %v: %d of %d pings lost", took, r.Lost(), len(r.Packets))
	// The end that answers uses the new SA at once, and the other has it half a round trip later: what is sent meanwhile is lost.
	if r.Lost() > 2 {
		t.Errorf("%d pings lost", r.Lost())
	}
	checkKernel(t, p.a.host, st.SA)

	// Selectors with ports leave the routing alone.
	p.b.load(byHand("mode = transport", "mode = tunnel", "192.0.2.2/32", innerB+"/32", "192.0.2.1/32", innerA+"/32"))
	site.LocalTS, site.RemoteTS = []string{innerA + "/32[udp/1701]"}, []string{innerB + "/32[udp/1702]"}
	c.Set([]kstate.Conn{site})
	await(t, c, "dc2", 20*time.Second, "up by port", func(s ipsec.Status) bool {
		return isUp(s) && strings.Contains(strings.Join(s.SA.Child.RemoteTS, ""), "1702")
	})
	if out, _ := p.a.host.TryIP("route show table 220"); strings.TrimSpace(out) != "" {
		t.Errorf("charon made a route: %s", out)
	}
}

// TestSwanctlText holds that swanctl reads the text, and keeps what the client has loaded.
func TestSwanctlText(t *testing.T) {
	p := newPair(t)
	p.b.load(byHand())
	encap := conn("odd_1")
	encap.Remote, encap.RemoteID, encap.ForceEncap, encap.ReplayWindow = "203.0.113.9", "C=CH, O=\"x, #1\"", true, 4096
	encap.RekeyChild, encap.RekeyIKE = 90*time.Minute, 5*time.Hour
	conns := []kstate.Conn{conn("dc2"), encap}
	text := ipsec.SwanctlText(conns)
	t.Log(strings.ReplaceAll(text, conns[0].PSK.Text(), "***"))
	out := p.a.load(text)
	if !strings.Contains(out, "successfully loaded 2 connections, 0 unloaded") {
		t.Errorf("swanctl: %s", out)
	}
	p.a.swanctl("--initiate", "--child", "multiwan-dc2")

	// The client adopts what swanctl has brought up, and does not disturb it.
	sas := p.a.swanctl("--list-sas")
	c := client(t, p.a)
	encap.Initiate = false
	c.Set([]kstate.Conn{conns[0], encap})
	st, _ := await(t, c, "dc2", 5*time.Second, "adopted", func(s ipsec.Status) bool { return isUp(s) && s.Loaded })
	if !strings.Contains(sas, "multiwan-dc2: #"+"1,") || st.SA.ID != 1 {
		t.Errorf("not adopted: %+v\n%s", st, sas)
	}
	// The init script loads its files again: ours stay.
	out = p.a.load(text)
	if !strings.Contains(out, "successfully loaded 2 connections, 0 unloaded") {
		t.Errorf("swanctl: %s", out)
	}
	// Loaded without the text, ours go, and come back.
	p.a.load(foreign)
	if out := p.a.swanctl("--list-conns"); strings.Contains(out, "multiwan") {
		t.Errorf("swanctl kept: %s", out)
	}
	time.Sleep(5 * time.Second)
	if out := p.a.swanctl("--list-conns"); !strings.Contains(out, "multiwan-odd_1") {
		t.Errorf("not loaded again: %s", out)
	}
	if st := c.Status()["dc2"]; !isUp(st) || st.SA.ID != 1 {
		t.Errorf("disturbed: %+v", st)
	}
	// Removal, also of what no client has in mind.
	if err := ipsec.New(ipsec.Options{Socket: p.a.Socket()}).Clear(context.Background()); err != nil {
		t.Error(err)
	}
	checkForeign(t, p.a)
}
