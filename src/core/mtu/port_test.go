package mtu

import (
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
)

func TestDevice(t *testing.T) {
	wide := Stack{Path: 9000, Family: kstate.IPv4, Encap: "udp"}
	narrow := Stack{Path: 1500, Family: kstate.IPv4, Encap: "udp"}
	for _, row := range []struct {
		name          string
		m             config.MTU
		s             Stack
		mtu, fits     int
		mss6, tagged4 int
		whole         bool
		how           string
	}{
		{"auto on a jumbo path", config.MTU{Mode: "auto"}, wide, 1500, 1500, 1440, 1460, true,
			"9000 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 8946; device 1500"},
		{"path", config.MTU{Mode: "path"}, wide, 8946, 8946, 8886, 8902, false, "9000 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 8946"},
		{"fixed below", config.MTU{Mode: "fixed", Bytes: 1400}, narrow, 1400, 1400, 1340, 1360, true,
			"1500 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1446; 1400 as configured"},
		{"fixed above", config.MTU{Mode: "fixed", Bytes: 1480}, narrow, 1480, 1446, 1386, 1402, false,
			"1500 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1446; 1480 as configured"},
		{"auto", config.MTU{Mode: "auto"}, narrow, 1500, 1446, 1386, 1402, false,
			"1500 path - 20 ipv4 - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1446; device 1500, larger packets in fragments"},
	} {
		p := Device(row.m, row.s)
		if p.MTU != row.mtu || p.Fits != row.fits || p.MSS[kstate.IPv6] != row.mss6 || p.Tagged[kstate.IPv4] != row.tagged4 || p.Whole != row.whole {
			t.Errorf("%s: %+v", row.name, p)
		}
		if p.How != row.how {
			t.Errorf("%s: how %q", row.name, p.How)
		}
	}
}

func TestSmallest(t *testing.T) {
	auto := Device(config.MTU{Mode: "auto"}, Stack{Path: 1500, Family: kstate.IPv4, Encap: "udp"})
	path := Device(config.MTU{Mode: "path"}, Stack{Path: 1480, Family: kstate.IPv6, Encap: "udp"})
	for _, row := range []struct {
		name      string
		bond      int
		members   []Port
		mtu, mss4 int
		tagged4   int
	}{
		{"both", 0, []Port{auto, path}, 1406, 1366, 1362},
		{"auto alone", 0, []Port{auto}, 1500, 1406, 1402},
		{"tap", 0, []Port{Plain(1500)}, 1500, 1460, 1460},
		{"tap and auto", 0, []Port{Plain(1500), auto}, 1500, 1406, 1402},
		{"given", 1300, []Port{auto}, 1300, 1260, 1260},
		{"none", 0, nil, 1500, 1460, 1460},
	} {
		p := Smallest(row.bond, row.members)
		if p.MTU != row.mtu || p.MSS[kstate.IPv4] != row.mss4 || p.Tagged[kstate.IPv4] != row.tagged4 {
			t.Errorf("%s: %+v", row.name, p)
		}
	}
}

func TestSit(t *testing.T) {
	for path, want := range map[int]int{1500: 1480, 1492: 1472, 1300: 1280, 1000: 1280} {
		if got, how := Sit(path); got != want {
			t.Errorf("%d: %s", path, how)
		}
	}
}
