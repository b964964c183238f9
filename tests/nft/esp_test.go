package nft_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/nft"
	"multiwan/tests/lab"
)

// TestGuardsUnderESP lets the guards of a protected pseudowire stand at both ends: what goes under ESP passes, and once the states and
// policies are gone nothing does, in clear.
func TestGuardsUnderESP(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Nft, lab.ESP)
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "wan", "192.0.2.1/24", b, "wan", "192.0.2.2/24")
	for _, h := range []*lab.Host{a, b} {
		for i, way := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"192.0.2.2", "192.0.2.1"}} {
			h.IP("xfrm state add src %s dst %s proto esp spi %d reqid 1 mode transport aead rfc4106(gcm(aes)) 0x0001020304050607080910111213141516171819 128", way[0], way[1], i+1)
			dir := "out"
			if (h == a) != (i == 0) {
				dir = "in"
			}
			h.IP("xfrm policy add src %s dst %s proto udp dir %s tmpl src %s dst %s proto esp reqid 1 mode transport", way[0], way[1], dir, way[0], way[1])
		}
		guard(t, h)
	}
	pass := func() bool { return datagram(t, a, b) }
	if !pass() {
		t.Error("under ESP nothing passes")
	}
	clear := b.Capture("wan", func(f lab.Frame) bool { return f.Proto == 17 && f.DstPort == 1701 && !f.Out })
	a.IP("xfrm policy flush")
	a.IP("xfrm state flush")
	if pass() {
		t.Error("in clear a datagram passes")
	}
	if n := clear.Count(); n != 0 {
		t.Errorf("%d datagrams on the wire in clear", n)
	}
	a.NFT("flush ruleset")
	b.IP("xfrm policy flush") // which would stop it too
	if pass() {
		t.Error("the receiver takes a datagram in clear")
	}
	if clear.Count() == 0 {
		t.Error("nothing came in clear without the guard: it proves nothing that nothing came with it")
	}
}

// guard loads the guards of a pseudowire by UDP between ports 1701 into a host, by our own encoder.
func guard(t *testing.T, h *lab.Host) {
	t.Helper()
	rules := func(key string) []kstate.NftRule {
		return []kstate.NftRule{rule(is("meta l4proto", "udp"), is("th sport", "1701"), is("th dport", "1701"), is(key, "missing"), verdict("drop"))}
	}
	var err error
	h.Do(func() {
		var c *nft.Conn
		if c, err = nft.Dial(); err != nil {
			return
		}
		defer c.Close()
		_, err = c.Apply(t.Context(), []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{
			{Name: "guard_out", Type: "filter", Hook: "output", Rules: rules("rt ipsec")},
			{Name: "guard_in", Type: "filter", Hook: "input", Rules: rules("meta ipsec")},
		}}}, nft.Observed{}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// datagram says whether one gets through from a to b.
func datagram(t *testing.T, a, b *lab.Host) (passed bool) {
	t.Helper()
	socket := func(h *lab.Host, addr string) (c *net.UDPConn) {
		var err error
		h.Do(func() { c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))) })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	in, out := socket(b, "192.0.2.2:1701"), socket(a, "192.0.2.1:1701")
	defer in.Close()
	defer out.Close()
	out.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort("192.0.2.2:1701")) // refused where the guard stands
	if err := in.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _, err := in.ReadFromUDPAddrPort(make([]byte, 16))
	return err == nil
}
