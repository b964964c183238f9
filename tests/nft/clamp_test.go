package nft_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/kstate"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 0xa}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 0xb}
)

// TestClampPackets sends SYN and SYN-ACK through a bridge with the clamp, both ways, in both families, untagged and in a VLAN: the MSS is
// lowered, never raised, the checksum stays right and the tag stays where it is.
func TestClampPackets(t *testing.T) {
	c := namespace(t)
	a, b := links(t, twoPorts)
	apply(t, c, []kstate.Table{{Family: "bridge", Name: "multiwan", Counters: []string{"clamped"}, Chains: []kstate.Chain{
		{Name: "clamp", Type: "filter", Hook: "forward", Rules: clamp("l2")}}}})
	lowered := uint64(0)
	for _, f := range []struct {
		a, b  string
		limit uint16
	}{{"10.1.0.1:1000", "10.1.0.2:80", 1402}, {"[fd00:1::1]:1000", "[fd00:1::2]:80", 1382}} {
		for _, vlan := range []uint16{0, 7} {
			for _, mss := range []uint16{1460, 1000, f.limit, f.limit + 1} {
				for _, ack := range []bool{false, true} {
					out, in, dst, src, flags := a, b, macB, macA, byte(0x02)
					from, to := netip.MustParseAddrPort(f.a), netip.MustParseAddrPort(f.b)
					if ack {
						out, in, dst, src, from, to, flags = b, a, macA, macB, to, from, 0x12
					}
					frame := opening(dst, src, from, to, flags, mss)
					if vlan != 0 {
						frame = tagged(vlan, frame)
					}
					name := fmt.Sprintf("%s vlan %d mss %d flags %#x", from, vlan, mss, flags)
					out.send(frame)
					got := in.receive(src, 2*time.Second)
					if len(got) != len(frame) {
						t.Fatalf("%s: %d bytes came through of %d", name, len(got), len(frame))
					}
					if !bytes.Equal(got[:18], frame[:18]) {
						t.Errorf("%s: begins with %x, was %x", name, got[:18], frame[:18])
					}
					if m, right := offered(got); m != min(mss, f.limit) || !right {
						t.Errorf("%s: mss %d, checksum right %v, want %d", name, m, right, min(mss, f.limit))
					}
					if mss > f.limit {
						lowered++
					}
				}
			}
		}
	}
	frame := opening(macB, macA, netip.MustParseAddrPort("10.1.0.1:1000"), netip.MustParseAddrPort("10.1.0.2:80"), 0x10, 1460) // no SYN
	a.send(frame)
	if got := b.receive(macA, 2*time.Second); !bytes.Equal(got, frame) {
		t.Errorf("an ACK came out as %x, was %x", got, frame)
	}
	counters, err := c.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := counters["clamped"].Packets; n != lowered {
		t.Errorf("%d packets counted, want the %d that were lowered", n, lowered)
	}
}

// TestBridgeSubnet clamps what comes from one IPv4 subnet, untagged and in a VLAN, and nothing else: the family that the address implies
// is found behind the tag.
func TestBridgeSubnet(t *testing.T) {
	c := namespace(t)
	a, b := links(t, twoPorts)
	apply(t, c, []kstate.Table{{Family: "bridge", Name: "multiwan", Chains: []kstate.Chain{
		{Name: "clamp", Type: "filter", Hook: "forward", Rules: []kstate.NftRule{
			rule(is("oifname", "l2"), is("ip saddr", "10.1.0.0/24", "10.3.0.0/24"), is("meta l4proto", "tcp"), is("th dport", "80"), syn(), mss(1300)),
			rule(is("oifname", "l2"), is("ip6 saddr", "fd00:1::/64"), syn(), mss(1280)),
		}}}}})
	for _, tc := range []struct {
		from, to string
		want     uint16
	}{
		{"10.1.0.1:1000", "10.1.0.2:80", 1300}, {"10.2.0.1:1000", "10.1.0.2:80", 1460}, {"10.1.0.1:1000", "10.1.0.2:81", 1460},
		{"[fd00:1::1]:1000", "[fd00:1::2]:80", 1280}, {"[fd00:2::1]:1000", "[fd00:1::2]:80", 1460},
	} {
		for _, vlan := range []uint16{0, 7} {
			frame := opening(macB, macA, netip.MustParseAddrPort(tc.from), netip.MustParseAddrPort(tc.to), 0x02, 1460)
			if vlan != 0 {
				frame = tagged(vlan, frame)
			}
			a.send(frame)
			got := b.receive(macA, 2*time.Second)
			if got == nil {
				t.Fatalf("%s vlan %d: nothing came through", tc.from, vlan)
			}
			if m, right := offered(got); m != tc.want || !right {
				t.Errorf("%s vlan %d: mss %d, checksum right %v, want %d", tc.from, vlan, m, right, tc.want)
			}
		}
	}
}

// TestRouteMSS clamps what is routed to what the route leaves.
func TestRouteMSS(t *testing.T) {
	c := namespace(t)
	a, b := links(t, `ip link set dev lan address 02:00:00:00:00:01 && ip link set dev l2 mtu 1300 address 02:00:00:00:00:02 && ip addr add 10.1.0.254/24 dev lan && ip addr add 10.2.0.254/24 dev l2 &&
ip addr add fd00:1::ff/64 dev lan nodad && ip addr add fd00:2::ff/64 dev l2 nodad &&
ip neigh add 10.2.0.2 lladdr 02:00:00:00:00:0b dev l2 && ip neigh add fd00:2::2 lladdr 02:00:00:00:00:0b dev l2 &&
echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding`)
	apply(t, c, []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{
		{Name: "forward", Type: "filter", Hook: "forward", Priority: -10, Rules: []kstate.NftRule{rule(is("oifname", "l2"), syn(), mss(0))}}}}})
	router, out := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	for _, tc := range []struct {
		from, to    string
		offer, want uint16
	}{
		{"10.1.0.1:1000", "10.2.0.2:80", 1460, 1260}, {"10.1.0.1:1000", "10.2.0.2:80", 1000, 1000},
		{"[fd00:1::1]:1000", "[fd00:2::2]:80", 1440, 1240}, {"[fd00:1::1]:1000", "[fd00:2::2]:80", 1000, 1000},
	} {
		a.send(opening(router, macA, netip.MustParseAddrPort(tc.from), netip.MustParseAddrPort(tc.to), 0x02, tc.offer))
		got := b.receive(out, 2*time.Second)
		for got != nil && len(got) != 14+44 && len(got) != 14+64 {
			got = b.receive(out, 2*time.Second) // neighbour discovery of the router's own
		}
		if got == nil {
			t.Fatalf("%s: nothing came through", tc.from)
		}
		if m, right := offered(got); m != tc.want || !right {
			t.Errorf("%s mss %d: came as %d, checksum right %v, want %d", tc.from, tc.offer, m, right, tc.want)
		}
	}
}

// TestLoopbackStays drops loopback messages that come by a pseudowire's port, and only those.
func TestLoopbackStays(t *testing.T) {
	c := namespace(t)
	a, b := links(t, twoPorts)
	apply(t, c, []kstate.Table{{Family: "bridge", Name: "multiwan", Chains: []kstate.Chain{
		{Name: "cfm", Type: "filter", Hook: "prerouting", Priority: -300, Rules: []kstate.NftRule{
			rule(is("iifname", "l2"), is("ether type", "0x8902"), is("@nh,0,8", "0"), verdict("drop"))}}}}})
	level := func(n byte) net.HardwareAddr { return net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 0x30 + n} }
	message := make([]byte, 46)
	b.send(ether(level(0), macB, 0x8902, message))
	b.send(ether(net.HardwareAddr{2, 9, 9, 9, 9, 9}, macB, 0x8902, message)) // an answer, to nobody whom the bridge knows
	b.send(ether(level(7), macB, 0x8902, append([]byte{0xe0}, message[1:]...)))
	if got := a.receive(macB, 2*time.Second); got == nil || got[5] != 0x37 {
		t.Errorf("the first frame by the pseudowire is %x, want the one of level 7", got)
	}
	a.send(ether(level(0), macA, 0x8902, message))
	if got := b.receive(macA, 2*time.Second); got == nil || got[5] != 0x30 {
		t.Errorf("by the LAN came %x, want the message of level 0", got)
	}
	b.send(tagged(7, ether(level(0), macB, 0x8902, message)))
	if got := a.receive(macB, 2*time.Second); got == nil || got[12] != 0x81 {
		t.Errorf("after the messages came %x, want the tagged one", got)
	}
}

// TestGuards sends clear packets past the guards of a protected pseudowire: neither those out nor those in pass.
func TestGuards(t *testing.T) {
	for name, chain := range map[string]kstate.Chain{
		"out": {Hook: "output", Rules: []kstate.NftRule{rule(is("ip daddr", "10.9.0.2"), is("meta l4proto", "udp"), is("th dport", "1702"), is("rt ipsec", "missing"), count("stopped"), verdict("drop"))}},
		"in":  {Hook: "input", Rules: []kstate.NftRule{rule(is("ip saddr", "10.9.0.1"), is("meta l4proto", "udp"), is("th dport", "1702"), is("meta ipsec", "missing"), count("stopped"), verdict("drop"))}},
	} {
		t.Run(name, func(t *testing.T) {
			c := namespace(t)
			loopback(t, "10.9.0.1/32", "10.9.0.2/32")
			chain.Name, chain.Type = "guard", "filter"
			apply(t, c, []kstate.Table{{Family: "inet", Name: "multiwan", Counters: []string{"stopped"}, Chains: []kstate.Chain{chain}}})
			seenSource(t, "10.9.0.1:1701", "10.9.0.2:1703") // another port: not guarded
			udp, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.9.0.1:1701")), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.9.0.2:1702")))
			if err != nil {
				t.Fatal(err)
			}
			defer udp.Close()
			if _, err := udp.Write([]byte("x")); (err != nil) != (name == "out") {
				t.Errorf("write: %v", err)
			}
			counters, err := c.Counters(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n := counters["stopped"].Packets; n != 1 {
				t.Errorf("%d packets were stopped, want 1", n)
			}
		})
	}
}
