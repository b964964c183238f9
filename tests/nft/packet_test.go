package nft_test

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/nft"
)

// loopback gives the test's namespace a loopback with the addresses.
func loopback(t *testing.T, addrs ...string) {
	t.Helper()
	script := "ip link set lo up"
	for _, a := range addrs {
		script += " && ip addr add " + a + " dev lo"
		if strings.Contains(a, ":") {
			script += " nodad"
		}
	}
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Skipf("no loopback: %v: %s", err, out)
	}
}

// seenSource sends a datagram from src to dst and returns the source that the receiver sees.
func seenSource(t *testing.T, src, dst string) netip.AddrPort {
	t.Helper()
	in, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(dst)))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(src)), in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := in.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, from, err := in.ReadFromUDPAddrPort(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// TestNAT sends packets through each translation, with a foreign rule behind it, at the priority of a firewall's, which translates
// everything to another address: ours must bind.
func TestNAT(t *testing.T) {
	const foreign = "add table inet fw\nadd chain inet fw post { type nat hook postrouting priority 100; }\n" +
		"add rule inet fw post snat ip to 203.0.113.99\nadd rule inet fw post snat ip6 to 2001:db8:ffff::99\n"
	udp := is("meta l4proto", "udp")
	cases := map[string]struct {
		nat            *kstate.NAT
		src, dst, addr string
		lo, hi         uint16
	}{
		"none":       {nil, "10.9.0.1:4500", "10.9.0.2:7000", "203.0.113.99", 4500, 4500},
		"self":       {&kstate.NAT{Kind: "self", Family: v4}, "10.9.0.1:4500", "10.9.0.2:7000", "10.9.0.1", 4500, 4500},
		"self v6":    {&kstate.NAT{Kind: "self", Family: v6}, "[fd00:1::5]:4500", "[fd00:1::6]:7000", "fd00:1::5", 4500, 4500},
		"snat":       {&kstate.NAT{Kind: "snat", Addr: "192.0.2.7", Family: v4}, "10.9.0.1:4500", "10.9.0.2:7000", "192.0.2.7", 4500, 4500},
		"snat ports": {&kstate.NAT{Kind: "snat", Addr: "192.0.2.7", Port: kstate.PortRange{Lo: 2000, Hi: 2009}, Family: v4}, "10.9.0.1:4500", "10.9.0.2:7000", "192.0.2.7", 2000, 2009},
		"snat6 port": {&kstate.NAT{Kind: "snat", Addr: "2001:db8::7", Port: kstate.PortRange{Lo: 2000, Hi: 2000}, Family: v6}, "[fd00:1::5]:4500", "[fd00:1::6]:7000", "2001:db8::7", 2000, 2000},
		"prefix":     {&kstate.NAT{Kind: "prefix", Addr: "2001:db8:0:100::/56", Family: v6}, "[fd00:1::5]:4500", "[fd00:1::6]:7000", "2001:db8:0:100::5", 4500, 4500},
		"masquerade": {&kstate.NAT{Kind: "masquerade", Port: kstate.PortRange{Lo: 3000, Hi: 3009}, Family: v4}, "10.9.0.1:4500", "10.9.0.2:7000", "127.0.0.1", 3000, 3009},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := namespace(t)
			loopback(t, "10.9.0.1/32", "10.9.0.2/32", "fd00:1::5/128", "fd00:1::6/128")
			load(t, foreign)
			if tc.nat != nil {
				r := rule(udp, snat(*tc.nat))
				want := []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{
					{Name: "nat", Type: "nat", Hook: "postrouting", Priority: 90, Rules: []kstate.NftRule{r}}}}}
				apply(t, c, want)
			}
			got := seenSource(t, tc.src, tc.dst)
			if tc.nat != nil && tc.nat.Kind == "masquerade" {
				tc.addr = got.Addr().String() // the address of the device that the kernel picks; the ports are what is asked for
			}
			if got.Addr() != netip.MustParseAddr(tc.addr) || got.Port() < tc.lo || got.Port() > tc.hi {
				t.Errorf("the receiver sees %s, want %s and a port from %d to %d", got, tc.addr, tc.lo, tc.hi)
			}
		})
	}
}

// TestCounters counts packets, and keeps the count while rules change.
func TestCounters(t *testing.T) {
	c := namespace(t)
	loopback(t, "10.9.0.1/32", "10.9.0.2/32")
	want := []kstate.Table{{Family: "inet", Name: "multiwan", Counters: []string{"in", "idle"}, Chains: []kstate.Chain{
		{Name: "in", Type: "filter", Hook: "prerouting", Priority: -160, Rules: []kstate.NftRule{
			rule(is("ip daddr", "10.9.0.2"), is("meta l4proto", "udp"), kstate.Statement{Counter: "in"})}}}}}
	apply(t, c, want)
	seenSource(t, "10.9.0.1:4500", "10.9.0.2:7000")
	want[0].Chains[0].Rules = append(want[0].Chains[0].Rules, rule(kstate.Statement{Counter: "idle"}, verdict("accept")))
	want[0].Counters = append(want[0].Counters, "third")
	apply(t, c, want)
	got, err := c.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if in := got["in"]; in != (nft.Counter{Packets: 1, Bytes: 29}) {
		t.Errorf("counter in is %+v, want one packet of 29 bytes", in)
	}
	if len(got) != 3 {
		t.Errorf("counters %v", got)
	}
}

// TestMarks proves the order of bytes in registers: foreign bits stay, and maps and generators find their numbers.
func TestMarks(t *testing.T) {
	c := namespace(t)
	loopback(t, "10.9.0.1/32", "10.9.0.2/32")
	to := func(v, to string) kstate.VmapElem { return kstate.VmapElem{Value: v, Verdict: to} }
	count := func(name string) kstate.Statement { return kstate.Statement{Counter: name} }
	want := []kstate.Table{{Family: "inet", Name: "multiwan", Counters: []string{"hit", "foreign", "gen", "hash"}, Chains: []kstate.Chain{
		{Name: "hit", Rules: []kstate.NftRule{rule(count("hit"))}},
		{Name: "gen", Rules: []kstate.NftRule{rule(count("gen"))}},
		{Name: "hash", Rules: []kstate.NftRule{rule(count("hash"))}},
		{Name: "out", Type: "route", Hook: "output", Priority: -150, Rules: []kstate.NftRule{
			rule(is("ip daddr", "10.9.0.2"), mark("meta mark", 0x000000a5, 0xff)),
			rule(is("ip daddr", "10.9.0.2"), mark("meta mark", 0x21000000, 0x7f000000)),
			rule(masked("meta mark", 0x7f000000, "0x21000000"), mark("ct mark", 0x21000000, 0x7f000000)),
			rule(is("meta mark", "0x210000a5"), is("ct state", "new"), count("foreign")),
			rule(is("ip daddr", "10.9.0.2"), vmap(kstate.Vmap{Key: "ct mark", Mask: 0x7f000000, Elems: []kstate.VmapElem{to("0x21000000", "jump hit"), to("0x22000000", "drop")}})),
			rule(is("ip daddr", "10.9.0.2"), vmap(kstate.Vmap{Key: "numgen inc", Mod: 3, Elems: []kstate.VmapElem{to("0-2", "jump gen")}})),
			rule(is("ip daddr", "10.9.0.2"), vmap(kstate.Vmap{Key: "jhash ip saddr", Mod: 5, Elems: []kstate.VmapElem{to("0-4", "jump hash")}})),
		}}}}}
	apply(t, c, want)
	seenSource(t, "10.9.0.1:4500", "10.9.0.2:7000")
	got, err := c.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want[0].Counters {
		if got[name].Packets != 1 {
			t.Errorf("counter %s: %d packets, want 1", name, got[name].Packets)
		}
	}
}
