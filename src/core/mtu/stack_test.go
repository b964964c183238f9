package mtu

import (
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

var gcm16 = Cipher{IV: 8, Align: 4, ICV: 16}

// TestKernelTable has what the kernel itself computes for a session made over a 1500 byte path, and the outer packets that were counted.
func TestKernelTable(t *testing.T) {
	for _, row := range []struct {
		family kstate.Family
		encap  string
		cookie int
		l2spec string
		mtu    int
		outer  int // outer packet less inner packet
	}{
		{kstate.IPv4, "udp", 0, "default", 1446, 54}, {kstate.IPv4, "udp", 4, "default", 1442, 58}, {kstate.IPv4, "udp", 8, "default", 1438, 62},
		{kstate.IPv4, "udp", 0, "none", 1450, 50}, {kstate.IPv4, "udp", 4, "none", 1446, 54},
		{kstate.IPv4, "ip", 0, "default", 1458, 42}, {kstate.IPv4, "ip", 4, "default", 1454, 46}, {kstate.IPv4, "ip", 8, "default", 1450, 50},
		{kstate.IPv4, "ip", 0, "none", 1462, 38}, {kstate.IPv4, "ip", 4, "none", 1458, 42},
		{kstate.IPv6, "udp", 0, "default", 1426, 74}, {kstate.IPv6, "udp", 4, "default", 1422, 78}, {kstate.IPv6, "udp", 8, "default", 1418, 82},
		{kstate.IPv6, "udp", 0, "none", 1430, 70}, {kstate.IPv6, "udp", 4, "none", 1426, 74},
		{kstate.IPv6, "ip", 0, "default", 1438, 62}, {kstate.IPv6, "ip", 4, "default", 1434, 66}, {kstate.IPv6, "ip", 8, "default", 1430, 70},
		{kstate.IPv6, "ip", 0, "none", 1442, 58}, {kstate.IPv6, "ip", 4, "none", 1438, 62},
	} {
		s := Stack{Path: 1500, Family: row.family, Encap: row.encap, Cookie: row.cookie, L2Spec: row.l2spec}
		if got := s.Inside().MTU; got != row.mtu {
			t.Errorf("%+v: inside %d, want %d", s, got, row.mtu)
		}
		if got := s.Outside(1000, false) - 1000; got != row.outer {
			t.Errorf("%+v: %d outside, want %d", s, got, row.outer)
		}
		if got := s.Outside(row.mtu, false); got != 1500 {
			t.Errorf("%+v: the largest packet becomes %d", s, got)
		}
	}
	for _, row := range []struct {
		s    Stack
		want int
	}{
		{Stack{Path: 1400, Family: kstate.IPv4, Encap: "udp"}, 1346},
		{Stack{Path: 1400, Family: kstate.IPv4, Encap: "ip"}, 1358},
		{Stack{Path: 1400, Family: kstate.IPv6, Encap: "udp"}, 1326},
	} {
		if got := row.s.Inside().MTU; got != row.want {
			t.Errorf("%+v: inside %d, want %d", row.s, got, row.want)
		}
	}
}

// TestProtectedTable has what was measured on the wire with aes128gcm16 over a 1500 byte path.
func TestProtectedTable(t *testing.T) {
	for _, row := range []struct {
		name                         string
		encap                        string
		esp                          ESP
		mtu, mss4, mss6, vlan4, vlan int
	}{
		{"transport udp", "udp", ESP{Mode: "transport", Cipher: gcm16}, 1412, 1372, 1352, 1368, 1348},
		{"transport ip", "ip", ESP{Mode: "transport", Cipher: gcm16}, 1424, 1384, 1364, 1380, 1360},
		{"nat", "udp", ESP{Mode: "transport", Cipher: gcm16, NAT: true}, 1404, 1364, 1344, 1360, 1340},
		{"tunnel", "udp", ESP{Mode: "tunnel", Cipher: gcm16}, 1392, 1352, 1332, 1348, 1328},
		{"none", "udp", ESP{}, 1446, 1406, 1386, 1402, 1382},
	} {
		s := Stack{Path: 1500, Family: kstate.IPv4, Encap: row.encap, ESP: row.esp}
		p := Device(config.MTU{Mode: "path"}, s)
		got := [5]int{p.MTU, p.MSS[kstate.IPv4], p.MSS[kstate.IPv6], p.Tagged[kstate.IPv4], p.Tagged[kstate.IPv6]}
		if want := [5]int{row.mtu, row.mss4, row.mss6, row.vlan4, row.vlan}; got != want {
			t.Errorf("%s: %v, want %v (%s)", row.name, got, want, p.How)
		}
		if auto := Device(config.MTU{Mode: "auto"}, s); auto.MTU != 1500 || auto.MSS[kstate.IPv4] != row.mss4 || auto.Tagged[kstate.IPv6] != row.vlan || auto.Whole {
			t.Errorf("%s: auto %+v", row.name, auto)
		}
	}
}

// TestLargestAndNoLarger: what is inside fits, and one byte more does not, whatever the stack.
func TestLargestAndNoLarger(t *testing.T) {
	ciphers := []Cipher{gcm16, {8, 4, 8}, {8, 4, 12}, {16, 16, 12}, {16, 16, 16}, {16, 16, 24}, {16, 16, 32}, {8, 8, 12}, {0, 4, 16}}
	n := 0
	for path := 1280; path <= 1500; path++ {
		for _, c := range ciphers {
			for _, s := range stacks(path, c) {
				n++
				m := s.Inside().MTU
				if s.Outside(m, false) > path || s.Outside(m+1, false) <= path {
					t.Fatalf("%+v: %d inside, %d outside, one more %d", s, m, s.Outside(m, false), s.Outside(m+1, false))
				}
				if s.Outside(m-4, true) != s.Outside(m, false) {
					t.Fatalf("%+v: a tag is not 4 bytes", s)
				}
			}
		}
	}
	if n < 30000 {
		t.Errorf("only %d stacks", n)
	}
}

func stacks(path int, c Cipher) []Stack {
	var out []Stack
	for _, f := range kstate.Families {
		for _, encap := range []string{"udp", "ip"} {
			for _, spec := range []string{"default", "none"} {
				for _, mode := range []string{"", "transport", "tunnel"} {
					out = append(out, Stack{Path: path, Family: f, Encap: encap, Cookie: 4, L2Spec: spec,
						ESP: ESP{Mode: mode, Cipher: c, NAT: encap == "udp", Inner: kstate.IPv6}})
				}
			}
		}
	}
	return out
}

func TestHow(t *testing.T) {
	for _, row := range []struct {
		s    Stack
		want string
	}{
		{Stack{Path: 1500, Family: kstate.IPv4, Encap: "udp"}, "1500 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1446"},
		{Stack{Path: 1493, Family: kstate.IPv6, Encap: "ip", Cookie: 8, L2Spec: "none", ESP: ESP{Mode: "tunnel", Cipher: Cipher{16, 16, 16}, NAT: true, Inner: kstate.IPv4}},
			"1493 path - 40 ipv6 - 8 udp for nat - 8 esp - 16 iv - 16 icv - 13 padding - 2 trailer - 20 inner ipv4 - 4 l2tp - 8 cookie - 14 ethernet = 1344"},
		{Stack{Path: 600, Family: kstate.IPv4, Encap: "ip"}, "600 path - 20 ipv4 - 4 l2tp - 4 l2spec - 14 ethernet = 558, raised to 576"},
	} {
		r := row.s.Inside()
		if r.How != row.want {
			t.Errorf("how %q, want %q", r.How, row.want)
		}
		if r.Short != strings.Contains(row.want, "raised") {
			t.Errorf("%s: short %v", r.How, r.Short)
		}
	}
}

func TestNeeded(t *testing.T) {
	s := Stack{Family: kstate.IPv4, Encap: "udp", ESP: ESP{Mode: "transport", Cipher: gcm16}}
	if got := s.Outside(1500, false); got != 1588 {
		t.Errorf("a full frame needs %d", got)
	}
	s.Path = 1588
	if got := s.Inside(); got.MTU != 1500 {
		t.Errorf("%s", got.How)
	}
}
