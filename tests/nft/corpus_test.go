package nft_test

import (
	"multiwan/src/core/kstate"
)

// is, not and masked make matches, accept and the others statements, so that the corpus reads like a ruleset.
func is(key string, values ...string) kstate.Match { return kstate.Match{Key: key, Values: values} }

func not(key string, values ...string) kstate.Match {
	return kstate.Match{Key: key, Not: true, Values: values}
}

func masked(key string, mask uint32, value string) kstate.Match {
	return kstate.Match{Key: key, Mask: mask, Values: []string{value}}
}

func verdict(v string) kstate.Statement { return kstate.Statement{Verdict: v} }

func snat(n kstate.NAT) kstate.Statement { return kstate.Statement{NAT: &n} }

func vmap(v kstate.Vmap) kstate.Statement { return kstate.Statement{Vmap: &v} }

func mark(key string, value, mask uint32) kstate.Statement {
	return kstate.Statement{SetMark: &kstate.SetMark{Key: key, Value: value, Mask: mask}}
}

func update(set, key string) kstate.Statement {
	return kstate.Statement{Update: &kstate.Update{Set: set, Key: key}}
}

// rule takes matches and statements in their order.
func rule(parts ...any) kstate.NftRule {
	var r kstate.NftRule
	for _, p := range parts {
		switch p := p.(type) {
		case kstate.Match:
			r.Match = append(r.Match, p)
		case kstate.Statement:
			r.Do = append(r.Do, p)
		}
	}
	return r
}

const (
	v4 = kstate.IPv4
	v6 = kstate.IPv6
)

// corpus uses every key and every statement.
func corpus() []kstate.Table {
	return []kstate.Table{{
		Family: "inet", Name: "multiwan",
		Sets: []kstate.Set{
			{Name: "sticky4", Type: "ipv4_addr", Dynamic: true, Timeout: 600},
			{Name: "sticky6", Type: "ipv6_addr", Dynamic: true, Timeout: 600},
			{Name: "local4", Type: "ipv4_addr", Interval: true},
			{Name: "names6", Type: "ipv6_addr", Timeout: 90},
		},
		Counters: []string{"wan", "wanb"},
		Chains: []kstate.Chain{
			{Name: "leaf", Rules: []kstate.NftRule{rule(verdict("return"))}},
			{Name: "to_wan", Rules: []kstate.NftRule{
				rule(mark("meta mark", 0x01000000, 0x7f000000), kstate.Statement{Counter: "wan"}, verdict("accept"))}},
			{Name: "to_wanb", Rules: []kstate.NftRule{
				rule(mark("ct mark", 0x02000000, 0x7f000000), kstate.Statement{Counter: "wanb"}, verdict("accept"))}},
			{Name: "keys", Rules: keyRules()},
			{Name: "prerouting", Type: "filter", Hook: "prerouting", Priority: -160, Rules: append(mapRules(),
				rule(is("meta ipsec", "exists"), verdict("accept")), rule(is("meta ipsec", "missing"), is("meta l4proto", "115"), verdict("drop")),
				rule(verdict("jump keys")))},
			{Name: "postrouting", Type: "nat", Hook: "postrouting", Priority: 90, Rules: natRules()},
			{Name: "guard", Type: "filter", Hook: "output", Priority: -10, Rules: guardRules()},
			{Name: "forward", Type: "filter", Hook: "forward", Priority: -10, Rules: []kstate.NftRule{
				rule(is("oifname", "l2tp0"), syn(), mss(0)), rule(is("oifname", "l2tp0"), is("rt ipsec", "exists"), syn(), mss(1372))}},
			{Name: "output", Type: "route", Hook: "output", Priority: -150, Rules: []kstate.NftRule{rule(verdict("goto leaf"))}},
		},
	}, bridgeTable(), copyTable("ip", "192.0.2.1", "203.0.113.1"), copyTable("ip6", "2001:db8::1", "2001:db8:2::1")}
}

// copyTable sends copies with other addresses and gives the packet its own back.
func copyTable(family, from, to string) kstate.Table {
	set := func(side, a string) kstate.Statement {
		return kstate.Statement{SetAddr: &kstate.SetAddr{Key: family + " " + side, Addr: a}}
	}
	dup := kstate.Statement{Dup: &kstate.Dup{To: to, Index: 1}}
	classes := []kstate.NftRule{rule(is("meta l4proto", "udp"), is("@th,256,16", "0x0800"), is("@th,280,8", "184-187"), verdict("accept"))}
	if tos := uint8(184); family == "ip" {
		classes[0].Do = []kstate.Statement{{SetTOS: &tos}}
	}
	return kstate.Table{Family: family, Name: "multiwan", Counters: []string{"copies"}, Chains: []kstate.Chain{
		{Name: "classes", Type: "filter", Hook: "output", Priority: -1, Rules: classes},
		{Name: "output", Type: "filter", Hook: "output", Priority: 0, Rules: []kstate.NftRule{
			rule(is("meta l4proto", "esp"), is(family+" saddr", from), is("meta length", "0-300"), is("dscp", "46"), kstate.Statement{Limit: &kstate.Limit{Rate: 625000, Burst: 20000}},
				kstate.Statement{Counter: "copies"}, set("saddr", to), dup, set("saddr", from)),
			rule(is("meta l4proto", "esp"), not("meta length", "0-300"), not("dscp", "46", "40"), kstate.Statement{Limit: &kstate.Limit{Rate: 16, Burst: 4, Packets: true}}, dup),
			rule(is("meta l4proto", "udp"), is("th sport", "500", "4500"), set("daddr", to), dup, set("daddr", from)),
		}},
		{Name: "prerouting", Type: "filter", Hook: "prerouting", Priority: -300, Rules: []kstate.NftRule{rule(is(family+" saddr", to), set("saddr", from), set("daddr", from))}},
	}}
}

func keyRules() []kstate.NftRule {
	ok := verdict("accept")
	return []kstate.NftRule{
		rule(is("iifname", "eth0"), ok), rule(not("iifname", "eth0"), ok), rule(is("oifname", "eth0", "br-lan"), ok), rule(not("oifname", "eth0", "wan.7"), ok),
		rule(is("ip saddr", "192.0.2.1"), ok), rule(not("ip saddr", "192.0.2.0/24"), ok), rule(is("ip daddr", "10.0.0.0/9"), ok),
		rule(is("ip daddr", "10.0.0.0/8", "192.168.0.0/16", "192.0.2.1"), ok), rule(not("ip saddr", "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "255.0.0.0/8"), ok),
		rule(is("ip daddr", "192.0.2.1-192.0.2.9"), ok), rule(is("ip saddr", "@local4"), ok), rule(not("ip daddr", "@local4"), ok),
		rule(is("ip6 saddr", "2001:db8::1"), ok), rule(is("ip6 daddr", "fe80::/10", "2001:db8:1::/48"), ok), rule(not("ip6 saddr", "@names6"), ok),
		rule(is("ip6 daddr", "2000::/3"), ok),
		rule(is("ct reply ip daddr", "192.0.2.1"), ok), rule(is("ct reply ip6 daddr", "2001:db8::/56"), ok), rule(not("ct original ip daddr", "10.0.0.0/8"), ok),
		rule(is("ct original ip6 saddr", "2001:db8::1", "fe80::/10"), ok), rule(is("ct reply ip saddr", "192.0.2.0/24"), ok),
		rule(is("meta l4proto", "udp"), is("th dport", "4500"), ok), rule(is("meta l4proto", "tcp", "udp"), is("th dport", "80", "443", "1000-2000"), ok),
		rule(is("th sport", "1000-2000"), ok), rule(not("th sport", "1000-65535"), ok), rule(not("th dport", "53", "65000-65535"), ok),
		rule(is("meta l4proto", "icmp", "ipv6-icmp", "sctp", "gre", "esp", "115"), ok), rule(not("meta l4proto", "tcp"), ok),
		rule(is("meta nfproto", "ipv4"), ok), rule(is("meta nfproto", "ipv6"), is("ip6 saddr", "2001:db8::/32"), ok),
		rule(is("meta nfproto", "ipv4"), is("dscp", "46"), ok), rule(is("meta nfproto", "ipv6"), is("dscp", "10", "46"), ok),
		rule(is("meta nfproto", "ipv4"), not("dscp", "8", "63"), ok), rule(is("meta nfproto", "ipv6"), is("dscp", "63"), ok),
		rule(is("ct state", "new"), ok), rule(is("ct state", "established", "related"), ok), rule(not("ct state", "invalid"), ok),
		rule(is("ct direction", "reply"), ok), rule(is("ct direction", "original"), ok),
		rule(is("ct status", "snat"), ok), rule(not("ct status", "dnat"), ok), rule(is("ct status", "snat", "dnat"), ok),
		rule(masked("ct mark", 0x7f000000, "0x01000000"), ok), rule(is("meta mark", "0x1"), ok), rule(not("meta mark", "0x1", "0x2"), ok),
		rule(kstate.Match{Key: "meta mark", Mask: 0x7f000000, Not: true, Values: []string{"0x00000000"}}, ok),
		rule(is("fib daddr type", "local"), ok), rule(is("fib daddr type", "local", "broadcast", "multicast"), ok), rule(not("fib daddr type", "unicast"), ok),
	}
}

func mapRules() []kstate.NftRule {
	to := func(v, to string) kstate.VmapElem { return kstate.VmapElem{Value: v, Verdict: to} }
	share := []kstate.VmapElem{to("0-2", "goto to_wan"), to("3", "goto to_wanb")}
	return []kstate.NftRule{
		rule(vmap(kstate.Vmap{Key: "oifname", Elems: []kstate.VmapElem{to("eth0", "jump to_wan"), to("br-lan", "return")}})),
		rule(is("ct state", "new"), vmap(kstate.Vmap{Key: "iifname", Elems: []kstate.VmapElem{to("eth1", "accept"), to("eth2", "drop")}})),
		rule(vmap(kstate.Vmap{Key: "ct mark", Mask: 0x7f000000, Elems: []kstate.VmapElem{to("0x01000000", "goto to_wan"), to("0x02000000", "goto to_wanb")}})),
		rule(vmap(kstate.Vmap{Key: "meta mark", Elems: []kstate.VmapElem{to("0x00000001", "goto to_wan")}})),
		rule(vmap(kstate.Vmap{Key: "ip daddr", Elems: []kstate.VmapElem{to("10.0.0.0/8", "goto to_wan"), to("192.0.2.1", "accept")}})),
		rule(is("meta nfproto", "ipv4"), update("sticky4", "ip saddr")), rule(is("meta nfproto", "ipv6"), update("sticky6", "ip6 saddr")),
		rule(is("meta nfproto", "ipv4"), vmap(kstate.Vmap{Key: "jhash ip saddr", Mod: 4, Elems: share})),
		rule(is("meta nfproto", "ipv6"), vmap(kstate.Vmap{Key: "jhash ip6 saddr", Mod: 4, Elems: share})),
		rule(vmap(kstate.Vmap{Key: "numgen inc", Mod: 4, Elems: share})), rule(vmap(kstate.Vmap{Key: "numgen random", Mod: 4, Elems: share})),
	}
}

func natRules() []kstate.NftRule {
	udp := is("meta l4proto", "udp")
	return []kstate.NftRule{
		rule(is("oifname", "eth0"), is("meta nfproto", "ipv4"), snat(kstate.NAT{Kind: "masquerade", Family: v4})),
		rule(is("meta nfproto", "ipv6"), udp, snat(kstate.NAT{Kind: "masquerade", Family: v6, Port: kstate.PortRange{Lo: 1024, Hi: 2047}})),
		rule(is("meta nfproto", "ipv4"), snat(kstate.NAT{Kind: "snat", Addr: "192.0.2.1", Family: v4})),
		rule(is("meta nfproto", "ipv4"), udp, snat(kstate.NAT{Kind: "snat", Addr: "192.0.2.1", Port: kstate.PortRange{Lo: 1000, Hi: 1999}, Family: v4})),
		rule(is("meta nfproto", "ipv6"), udp, snat(kstate.NAT{Kind: "snat", Addr: "2001:db8::1", Port: kstate.PortRange{Lo: 500, Hi: 500}, Family: v6})),
		rule(is("meta nfproto", "ipv4"), udp, snat(kstate.NAT{Kind: "self", Family: v4})),
		rule(is("meta nfproto", "ipv6"), udp, snat(kstate.NAT{Kind: "self", Family: v6})),
		rule(is("meta nfproto", "ipv6"), is("ip6 saddr", "fd00:1::/56"), snat(kstate.NAT{Kind: "prefix", Addr: "2001:db8:0:100::/56", Family: v6})),
	}
}
