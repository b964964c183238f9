package nft_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// syn matches SYN and SYN-ACK; above an MSS over a size; mss lowers it.
func syn() kstate.Match { return masked("tcp flags", 0x06, "syn") }

func above(size int) kstate.Match {
	return kstate.Match{Key: "tcp option maxseg size", Over: true, Values: []string{strconv.Itoa(size)}}
}

func mss(size int) kstate.Statement { return kstate.Statement{MSS: &kstate.MSS{Size: size}} }

func count(name string) kstate.Statement { return kstate.Statement{Counter: name} }

// clamp is the clamp of a bridge port: both directions, both families.
func clamp(port string) []kstate.NftRule {
	var out []kstate.NftRule
	for _, f := range []struct {
		proto string
		size  int
	}{{"ip", 1402}, {"ip6", 1382}} {
		for _, dir := range []string{"oifname", "iifname"} {
			out = append(out, rule(is(dir, port), is("meta protocol", f.proto), syn(), above(f.size), count("clamped"), mss(f.size)))
		}
	}
	return out
}

// bridgeTable uses every key and statement that bridges have.
func bridgeTable() kstate.Table {
	return kstate.Table{
		Family: "bridge", Name: "multiwan", Counters: []string{"clamped"},
		Chains: []kstate.Chain{
			{Name: "bridge_keys", Rules: bridgeRules()},
			{Name: "cfm", Type: "filter", Hook: "prerouting", Priority: -300, Rules: []kstate.NftRule{
				rule(is("iifname", "l2tp0"), is("ether type", "0x8902"), is("@nh,0,8", "0"), verdict("drop"))}},
			{Name: "clamp", Type: "filter", Hook: "forward", Rules: append(clamp("l2tp0"), rule(verdict("jump bridge_keys")))},
		},
	}
}

func bridgeRules() []kstate.NftRule {
	ok := verdict("accept")
	return []kstate.NftRule{
		rule(is("iifname", "l2tp0"), is("ip saddr", "10.1.0.0/24"), ok), rule(is("oifname", "l2tp0"), is("ip6 daddr", "2001:db8::/32"), ok),
		rule(is("oifname", "l2tp0", "l2tp1"), is("ip daddr", "10.1.0.0/24", "10.2.0.0/24"), syn(), mss(1300)),
		rule(is("meta protocol", "ip"), is("ip saddr", "10.1.0.1"), is("meta l4proto", "udp"), is("th dport", "53"), ok),
		rule(is("meta protocol", "ip6"), is("ip6 saddr", "2001:db8::1"), is("meta l4proto", "tcp", "udp"), is("th sport", "1000-2000"), ok),
		rule(is("meta protocol", "ip", "ip6", "arp"), ok), rule(is("meta protocol", "vlan"), ok), rule(is("meta protocol", "0x8902"), ok), rule(not("meta protocol", "ip"), ok),
		rule(is("ether type", "0x8902"), ok), rule(is("ether type", "vlan"), ok), rule(not("ether type", "0x8902", "0x88cc"), ok),
		rule(is("ether saddr", "02:00:00:00:00:01"), ok), rule(not("ether daddr", "01:80:c2:00:00:30", "01:80:c2:00:00:37"), ok),
		rule(masked("tcp flags", 0x17, "ack"), ok), rule(masked("tcp flags", 0x3f, "syn"), ok),
		rule(is("tcp option maxseg size", "1460"), ok), rule(not("tcp option maxseg size", "536", "1220"), ok), rule(is("meta l4proto", "tcp"), above(65000), ok),
	}
}

// guardRules are those of a protected pseudowire on its way out, by UDP and by IP, in both families.
func guardRules() []kstate.NftRule {
	drop := verdict("drop")
	return []kstate.NftRule{
		rule(is("ip saddr", "192.0.2.1"), is("ip daddr", "198.51.100.1"), is("meta l4proto", "udp"), is("th sport", "1701"), is("th dport", "1702"), is("rt ipsec", "missing"), drop),
		rule(is("ip6 saddr", "2001:db8::1"), is("ip6 daddr", "2001:db8::2"), is("meta l4proto", "115"), is("rt ipsec", "missing"), drop),
	}
}

// TestClampText loads the rules that were proven by hand, and ours, and compares what the kernel has of both.
func TestClampText(t *testing.T) {
	const text = `table bridge byhand {
 counter clamped { }
 chain clamp { type filter hook forward priority 0; policy accept;
  oifname "l2tp0" meta protocol ip tcp flags & (syn|rst) == syn tcp option maxseg size > 1402 counter name "clamped" tcp option maxseg size set 1402
  iifname "l2tp0" meta protocol ip tcp flags & (syn|rst) == syn tcp option maxseg size > 1402 counter name "clamped" tcp option maxseg size set 1402
  oifname "l2tp0" meta protocol ip6 tcp flags & (syn|rst) == syn tcp option maxseg size > 1382 counter name "clamped" tcp option maxseg size set 1382
  iifname "l2tp0" meta protocol ip6 tcp flags & (syn|rst) == syn tcp option maxseg size > 1382 counter name "clamped" tcp option maxseg size set 1382
 }
}
`
	c := namespace(t)
	load(t, text)
	apply(t, c, []kstate.Table{{Family: "bridge", Name: "multiwan", Counters: []string{"clamped"}, Chains: []kstate.Chain{
		{Name: "clamp", Type: "filter", Hook: "forward", Rules: clamp("l2tp0")}}}})
	want, got := expressions(cli(t, "--debug=netlink", "list", "table", "bridge", "byhand")), expressions(cli(t, "--debug=netlink", "list", "table", "bridge", "multiwan"))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what the kernel has (-by hand +ours):\n%s", d)
	}
}

// expressions are the lines of a listing but for the table's name and the rules' user data.
func expressions(list string) []string {
	var out []string
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "userdata") {
			out = append(out, strings.Replace(line, "byhand", "multiwan", 1))
		}
	}
	return out
}
