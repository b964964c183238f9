package nft

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

func compiled(t *testing.T, r kstate.NftRule) *encoder {
	t.Helper()
	e, err := compile(unix.NFPROTO_INET, r, (&batch{}).nextID)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// inOrder returns the bytes of a number as this machine's registers hold it, found without the package that the encoder uses.
func inOrder(big ...byte) []byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return big
	}
	return []byte{big[3], big[2], big[1], big[0]}
}

// TestByteOrder looks for constants in the encoded rule: registers with numbers in this machine's order, packet bytes in network order.
func TestByteOrder(t *testing.T) {
	match := func(m kstate.Match) kstate.NftRule { return kstate.NftRule{Match: []kstate.Match{m}} }
	cases := map[string]struct {
		rule kstate.NftRule
		want [][]byte
	}{
		"mark": {match(kstate.Match{Key: "meta mark", Mask: 0x7f000000, Values: []string{"0x01000002"}}), [][]byte{inOrder(0x7f, 0, 0, 0), inOrder(1, 0, 0, 2)}},
		"set mark": {kstate.NftRule{Do: []kstate.Statement{{SetMark: &kstate.SetMark{Key: "ct mark", Value: 0x01000000, Mask: 0x7f000000}}}},
			[][]byte{inOrder(0x80, 0xff, 0xff, 0xff), inOrder(1, 0, 0, 0)}},
		"state":   {match(kstate.Match{Key: "ct state", Values: []string{"new", "related"}}), [][]byte{inOrder(0, 0, 0, 12)}},
		"fib":     {match(kstate.Match{Key: "fib daddr type", Values: []string{"multicast"}}), [][]byte{inOrder(0, 0, 0, 5)}},
		"address": {match(kstate.Match{Key: "ip saddr", Values: []string{"192.0.2.1"}}), [][]byte{{192, 0, 2, 1}}},
		"port":    {match(kstate.Match{Key: "th dport", Values: []string{"258"}}), [][]byte{{1, 2, 0, 0}}},
	}
	for name, tc := range cases {
		b := marshal(compiled(t, tc.rule).exprs)
		for _, w := range tc.want {
			if !bytes.Contains(b, w) {
				t.Errorf("%s: no %x in %x", name, w, b)
			}
		}
	}
}

func TestElements(t *testing.T) {
	e := compiled(t, kstate.NftRule{Do: []kstate.Statement{{Vmap: &kstate.Vmap{Key: "numgen inc", Mod: 4,
		Elems: []kstate.VmapElem{{Value: "0-2", Verdict: "goto a"}, {Value: "3", Verdict: "drop"}}}}}})
	if len(e.sets) != 1 || e.sets[0].interval || len(e.sets[0].spans) != 4 {
		t.Errorf("the generator's map is %+v, want four single numbers", e.sets)
	}
	e = compiled(t, kstate.NftRule{Match: []kstate.Match{{Key: "ip saddr", Values: []string{"10.0.0.0/8", "10.1.0.0/16", "255.0.0.0/8"}}}})
	// An end before the first range, two starts, and one end: nothing comes after 255.255.255.255.
	if got := len(e.sets[0].elements()); len(e.sets[0].spans) != 2 || got != 4 {
		t.Errorf("%d ranges of %d elements, want 2 of 4", len(e.sets[0].spans), got)
	}
}

func TestRefusedHere(t *testing.T) {
	bad := []kstate.NftRule{
		{Match: []kstate.Match{{Key: "ip saddr", Values: []string{"2001:db8::1"}}}},
		{Match: []kstate.Match{{Key: "ip saddr", Values: []string{"10.0.0.1"}}, {Key: "ip6 daddr", Values: []string{"::1"}}}},
		{Match: []kstate.Match{{Key: "dscp", Values: []string{"46"}}}},
		{Match: []kstate.Match{{Key: "th dport", Values: []string{"2000-1000"}}}},
		{Match: []kstate.Match{{Key: "th dport", Mask: 1, Values: []string{"5"}}}},
		{Match: []kstate.Match{{Key: "iifname", Values: []string{strings.Repeat("x", 16)}}}},
		{Match: []kstate.Match{{Key: "iifname"}}},
		{Do: []kstate.Statement{{Verdict: "perhaps"}}},
		{Do: []kstate.Statement{{Vmap: &kstate.Vmap{Key: "numgen inc", Mod: 2, Elems: []kstate.VmapElem{{Value: "2", Verdict: "drop"}}}}}},
		{Do: []kstate.Statement{{NAT: &kstate.NAT{Kind: "snat", Addr: "2001:db8::1", Family: kstate.IPv4}}}},
	}
	bad = append(bad,
		kstate.NftRule{Match: []kstate.Match{{Key: "ether type", Values: []string{"0x8902"}}}},
		kstate.NftRule{Match: []kstate.Match{{Key: "meta protocol", Values: []string{"ip"}}}},
		kstate.NftRule{Match: []kstate.Match{{Key: "tcp flags", Values: []string{"syn"}}}},
		kstate.NftRule{Match: []kstate.Match{{Key: "meta l4proto", Values: []string{"udp"}}, {Key: "tcp flags", Mask: 6, Values: []string{"syn"}}}},
		kstate.NftRule{Match: []kstate.Match{{Key: "th dport", Over: true, Values: []string{"80"}}}},
		kstate.NftRule{Do: []kstate.Statement{{MSS: &kstate.MSS{Size: 65536}}}},
	)
	for _, r := range bad {
		if _, err := compile(unix.NFPROTO_INET, r, (&batch{}).nextID); err == nil {
			t.Errorf("rule %s was encoded", r)
		}
	}
}

func TestIdentity(t *testing.T) {
	long := kstate.NftRule{Match: []kstate.Match{{Key: "ip saddr", Values: strings.Fields(strings.Repeat("10.0.0.1 ", 60))}}}
	other := kstate.NftRule{Match: []kstate.Match{{Key: "ip saddr", Values: append([]string{}, append(long.Match[0].Values[1:], "10.0.0.2")...)}}}
	if identity(long) == identity(other) {
		t.Error("two long rules have one identity")
	}
	for _, r := range []kstate.NftRule{long, {Do: []kstate.Statement{{Verdict: "accept"}}}} {
		data := append([]byte{0, 2, 'x', 0}, userdataOf(identity(r))...)
		if id, ok := identityOf(data); !ok || id != identity(r) || len(userdataOf(id)) > 256 {
			t.Errorf("read back %q of %q", id, identity(r))
		}
	}
	if _, ok := identityOf([]byte{0x4d, 200, 1}); ok {
		t.Error("cut user data was read")
	}
}

func TestDiff(t *testing.T) {
	accept, drop := kstate.NftRule{Do: []kstate.Statement{{Verdict: "accept"}}}, kstate.NftRule{Do: []kstate.Statement{{Verdict: "drop"}}}
	want := []kstate.Table{{Family: "inet", Name: "multiwan", Counters: []string{"c"}, Chains: []kstate.Chain{{Name: "a", Rules: []kstate.NftRule{accept}}}}}
	have := Observed{Generation: 1, Tables: []Table{{Family: "inet", Sets: []Set{{"old", "set old"}}, Chains: []Chain{
		{Name: "a", Rules: []string{identity(drop)}}, {Name: "gone"}}}, {Family: "bridge"}}}
	lines, err := Diff(want, have)
	const text = `delete chain inet multiwan gone
delete set inet multiwan old
add counter inet multiwan c
delete rule inet multiwan a drop
add rule inet multiwan a accept
delete table bridge multiwan`
	if got := strings.Join(lines, "\n"); err != nil || got != text {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, text)
	}
}

// TestValues reads the values of bridges' keys.
func TestValues(t *testing.T) {
	for text, want := range map[string]string{"vlan": "8100", "ip6": "86dd", "0x8902": "8902", "2048": "0800", "0x18902": "", "ipx": ""} {
		if b, err := etherType(text); hex.EncodeToString(b) != want || (err == nil) != (want != "") {
			t.Errorf("EtherType %s is %x, %v", text, b, err)
		}
	}
	for text, want := range map[string]string{
		"01:80:c2:00:00:30": "0180c2000030", "02:00:00:00:00:0A": "02000000000a", "1:80:c2:00:00:30": "", "01:80:c2:00:00": "", "01:80:c2:00:00:30:00": "", "": "",
	} {
		if b, err := hardwareAddress(text); hex.EncodeToString(b) != want || (err == nil) != (want != "") {
			t.Errorf("hardware address %s is %x, %v", text, b, err)
		}
	}
}
