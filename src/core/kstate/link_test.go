package kstate

import (
	"net/netip"
	"testing"
)

func TestLinkEqual(t *testing.T) {
	base := Link{Name: "x", Kind: KindVeth, MTU: 1500, Up: true, Alias: "multiwan:x", MAC: "02:00:00:00:00:01", Peer: "y"}
	bond := Link{Name: "x", Kind: KindBond, Up: true, Alias: "multiwan:x", Bond: &BondAttrs{Mode: BondActiveBackup, Miimon: 100}}
	sit := Link{Name: "x", Kind: KindSit, Sit: &SitAttrs{Local: netip.MustParseAddr("192.0.2.1")}}
	change := func(l Link, f func(*Link)) Link {
		if l.Bond != nil {
			b := *l.Bond
			l.Bond = &b
		}
		if l.Sit != nil {
			s := *l.Sit
			l.Sit = &s
		}
		f(&l)
		return l
	}
	for name, tc := range map[string]struct {
		want, have        Link
		equal, changeable bool
	}{
		"itself":            {base, base, true, true},
		"MTU":               {base, change(base, func(l *Link) { l.MTU = 1 }), false, true},
		"any MTU":           {change(base, func(l *Link) { l.MTU = 0 }), base, true, true},
		"any MAC":           {change(base, func(l *Link) { l.MAC = "" }), base, true, true},
		"down":              {base, change(base, func(l *Link) { l.Up = false }), false, true},
		"alias":             {base, change(base, func(l *Link) { l.Alias = "" }), false, true},
		"peer":              {base, change(base, func(l *Link) { l.Peer = "z" }), false, false},
		"kind":              {base, bond, false, false},
		"primary not there": {change(bond, func(l *Link) { l.Bond.Primary = "s1" }), bond, true, true},
		"primary":           {change(bond, func(l *Link) { l.Bond.Primary = "s1" }), change(bond, func(l *Link) { l.Bond.Usable = []string{"s1"} }), false, true},
		"no primary":        {bond, change(bond, func(l *Link) { l.Bond.Primary = "s1" }), false, true},
		"active not there":  {change(bond, func(l *Link) { l.Bond.ActiveSlave = "s1" }), bond, true, true},
		"active":            {change(bond, func(l *Link) { l.Bond.ActiveSlave = "s1" }), change(bond, func(l *Link) { l.Bond.ActiveSlave, l.Bond.Usable = "s2", []string{"s1"} }), false, true},
		"any active":        {bond, change(bond, func(l *Link) { l.Bond.ActiveSlave = "s1" }), true, true},
		"mode":              {bond, change(bond, func(l *Link) { l.Bond.Mode = BondXOR }), false, true},
		"kernel's miimon":   {change(bond, func(l *Link) { l.Bond.Mode, l.Bond.Miimon = Bond8023AD, 0 }), change(bond, func(l *Link) { l.Bond.Mode, l.Bond.LACPRate = Bond8023AD, LACPSlow }), true, true},
		"rate":              {change(bond, func(l *Link) { l.Bond.Mode, l.Bond.LACPRate = Bond8023AD, LACPFast }), change(bond, func(l *Link) { l.Bond.Mode, l.Bond.LACPRate = Bond8023AD, LACPSlow }), false, true},
		"defaults":          {bond, change(bond, func(l *Link) { l.Bond.XmitHashPolicy, l.Bond.ResendIGMP, l.Bond.NumPeerNotif = HashLayer2, 1, 1 }), true, true},
		"targets of no use": {bond, change(bond, func(l *Link) {
			l.Bond.ARPTargets, l.Bond.ARPValidate = []netip.Addr{netip.MustParseAddr("192.0.2.9")}, "all"
		}), true, true},
		"6to4":                {sit, change(sit, func(l *Link) { l.Sit.Prefix, l.Sit.RelayPrefix = Prefix6to4, IPv4.Any() }), true, true},
		"DF where TTL is set": {change(sit, func(l *Link) { l.Sit.TTL = 64 }), change(sit, func(l *Link) { l.Sit.TTL, l.Sit.PMTUDisc = 64, true }), true, true},
		"6rd":                 {change(sit, func(l *Link) { l.Sit.Prefix = netip.MustParsePrefix("2001:db8::/32") }), sit, false, true},
		"remote":              {change(sit, func(l *Link) { l.Sit.Remote = netip.MustParseAddr("192.0.2.9") }), sit, false, false},
	} {
		if got := tc.want.Equal(tc.have); got != tc.equal {
			t.Errorf("%s: equal is %v", name, got)
		}
		if got := tc.want.Changeable(tc.have); got != tc.changeable {
			t.Errorf("%s: changeable is %v", name, got)
		}
	}
}

func TestPortEqual(t *testing.T) {
	access := Port{Device: "l2", Master: "br0", PVID: 111, Isolated: true}
	plain := Port{Device: "l2", Master: "br0"}
	for name, tc := range map[string]struct {
		want, have Port
		equal      bool
	}{
		"itself":           {access, access, true},
		"trunk":            {access, Port{Device: "l2", Master: "br0", PVID: 111, Isolated: true, Tagged: true}, false},
		"not told":         {plain, Port{Device: "l2", Master: "br0", PVID: 1, Tagged: true}, true},
		"any cost":         {plain, Port{Device: "l2", Master: "br0", Cost: 100}, true},
		"cost":             {Port{Device: "l2", Master: "br0", Cost: 7}, Port{Device: "l2", Master: "br0", Cost: 100}, false},
		"isolated":         {plain, Port{Device: "l2", Master: "br0", Isolated: true}, false},
		"guard":            {Port{Device: "l2", Master: "br0", BPDUGuard: true}, plain, false},
		"of another":       {plain, Port{Device: "l2", Master: "br1"}, false},
		"default VLAN too": {access, Port{Device: "l2", Master: "br0", PVID: 1, Isolated: true}, false},
	} {
		if got := tc.want.Equal(tc.have); got != tc.equal {
			t.Errorf("%s: equal is %v", name, got)
		}
	}
}

func TestLinkString(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"link name v1 mtu 1412 type veth peer name u1 up alias multiwan:ha": Link{Name: "v1", Kind: KindVeth, Peer: "u1", MTU: 1412, Up: true, Alias: "multiwan:ha"},
		"link name bond0 type bond mode active-backup active_slave s1 arp_interval 100 arp_ip_target 192.0.2.9 ns_ip6_target 2001:db8::9 arp_validate active down": Link{
			Name: "bond0", Kind: KindBond, Bond: &BondAttrs{Mode: BondActiveBackup, ActiveSlave: "s1", ARPInterval: 100, ARPValidate: "active",
				ARPTargets: []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}}},
		"link name six type sit remote any local 10.1.2.3 ttl 64 pmtudisc 6rd-prefix 2001:db8::/32 6rd-relay_prefix 10.0.0.0/8 up": Link{
			Name: "six", Kind: KindSit, Up: true, Sit: &SitAttrs{Local: netip.MustParseAddr("10.1.2.3"), TTL: 64,
				Prefix: netip.MustParsePrefix("2001:db8::/32"), RelayPrefix: netip.MustParsePrefix("10.0.0.0/8")}},
		"link name e.7 link e type vlan id 7 up": Link{Name: "e.7", Kind: KindVLAN, Parent: "e", VLAN: 7, Up: true},
		"link set dev l2 master br0 type bridge_slave isolated on cost 7 vlan add dev l2 vid 111 pvid untagged": Port{
			Device: "l2", Master: "br0", Isolated: true, Cost: 7, PVID: 111},
		"address 2001:db8::5/128 dev lo nodad": Address{Device: "lo", Prefix: netip.MustParsePrefix("2001:db8::5/128")},
		"filter dev u1 ingress protocol all pref 77 handle 0x4d matchall action mirred egress redirect dev l1": Mirror{From: "u1", To: "l1"},
	} {
		if got.String() != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
