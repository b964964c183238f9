package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

// TestMirror: the two files of two sites are each other's mirror image, and one end of each connection sets it up.
func TestMirror(t *testing.T) {
	near := loadClean(t, "two-sites.uci", read(t, examplesDir+"/two-sites.uci"))
	far := loadClean(t, "two-sites-mirror.uci", read(t, examplesDir+"/two-sites-mirror.uci"))
	for i, p := range near.Pseudowires {
		q := far.Pseudowires[i]
		if p.TunnelID != q.PeerTunnel || p.PeerTunnel != q.TunnelID || p.SessionID != q.PeerID || p.PeerID != q.SessionID || p.Cookie != q.PeerCookie || p.PeerCookie != q.Cookie {
			t.Errorf("pseudowire %s: %+v and %+v", p.Name, p, q)
		}
		if p.Attach.Bond != "ha" || len(p.Cookie) != 8 {
			t.Errorf("pseudowire %+v", p)
		}
		x, y := near.IPsec[i], far.IPsec[i]
		if x.LocalID != y.RemoteID || x.RemoteID != y.LocalID || !x.PSK.Equal(y.PSK) || x.Initiate == y.Initiate || x.Remote != p.Remote {
			t.Errorf("ipsec %+v and %+v", x, y)
		}
		if remote := near.Interfaces[i].Addresses[0].Addr(); y.Remote != remote || q.Remote != remote {
			t.Errorf("far end of %s: %v, %v, want %v", p.Name, y.Remote, q.Remote, remote)
		}
	}
}

// TestSecretsNeverShow: a key stands in nothing that is said of a file or printed of a Config, whatever is wrong beside it.
func TestSecretsNeverShow(t *testing.T) {
	const key = "hunter2"
	texts := []string{
		"config ipsec v\noption psk '%s'\noption remote 192.0.2.7\noption initiate yes",
		"config ipsec v\nlist psk '%s'\nlist psk '%s'\noption remote x",
		"config ipsec v\noption psk '0x%s'\noption cert /a\noption remote 192.0.2.300",
		"config ipsec v\noption psk '0s*%s'\noption mode nothing",
		"config ipsec v\noption psk '%s'\noption psk '%s'\noption remote any",
		"config ipsec v\noption pre_shared_key '%s'\noption pskk '%s'\noption remote 192.0.2.7",
		"config ipsec v\noption psk %s rest\n",
		"config ipsec v\noption psk '%s\n",
		"config ipsecs v\noption psk '%s'\n",
		"config pseudowire v\noption psk '%s'\n",
	}
	files, err := filepath.Glob("testdata/invalid/ipsec*.uci")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ReplaceAll(string(text), "secret", key))
	}
	for _, text := range texts {
		text = strings.ReplaceAll(text, "%s", key)
		c, ds := Load("multiwan", []byte(text))
		js, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		said := []string{ds.String(), fmt.Sprintf("%+v", ds), string(js)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			said = append(said, fmt.Sprintf(verb, *c), fmt.Sprintf(verb, c.IPsec))
		}
		for _, s := range said {
			if strings.Contains(s, key) || strings.Contains(s, fmt.Sprintf("%x", key)) || strings.Contains(s, fmt.Sprint([]byte(key))) {
				t.Errorf("%s\nshows the key:\n%s", text, s)
			}
		}
	}
}

// TestSecretForms: the key that is read is the one that is meant.
func TestSecretForms(t *testing.T) {
	for text, want := range map[string]string{"plain text": "plain text", "0x686921": "hi!", "0saGkh": "hi!", "0saGk=": "hi", "ünïcode #": "ünïcode #"} {
		c, ds := Load("multiwan", []byte("config ipsec v\n\toption psk '"+text+"'\n\toption remote 192.0.2.7\n\toption initiate yes\n"))
		if ds.HasErrors() || len(c.IPsec) != 1 || string(c.IPsec[0].PSK) != want {
			t.Errorf("%q: %d sections\n%s", text, len(c.IPsec), ds)
		}
	}
}

// TestJoinDefaults holds what two lines come to.
func TestJoinDefaults(t *testing.T) {
	c := loadClean(t, "multiwan", []byte(`
config interface wan
	option device eth0
	list ipaddr 198.51.100.2/24
config ipsec v
	option interface wan
	option remote 192.0.2.7
	option psk x
config pseudowire dc
	option remote 192.0.2.7
	option local_port 1777
	option tunnel_id 5
	option ipsec v
`))
	want := Pseudowire{
		Name: "dc", Line: 9, Enabled: true, Device: "dc", Interface: "wan", Remote: netip.MustParseAddr("192.0.2.7"), Family: kstate.IPv4, Encap: "udp",
		LocalPort: 1777, RemotePort: 1701, Checksum: true, TunnelID: 5, PeerTunnel: 5, SessionID: 5, PeerID: 5, L2Spec: "default", IPsec: "v",
		Attach: Attach{VLANMode: "access", Loop: "refuse"}, MTU: MTU{Mode: "auto"}, Probes: []string{LoopbackName},
	}
	if diff := cmp.Diff(want, c.Pseudowires[0], addrs...); diff != "" {
		t.Errorf("pseudowire (-want +got):\n%s", diff)
	}
	x := IPsec{
		Name: "v", Line: 5, Enabled: true, Interface: "wan", Mode: "transport", Remote: want.Remote, Family: kstate.IPv4, PSK: kstate.Secret("x"),
		IKEProposals: strings.Fields(defaultIKE), ESPProposals: strings.Fields(defaultESP), DPD: 5e9, Rekey: 3600e9, IKERekey: 14400e9, Initiate: false,
	}
	if diff := cmp.Diff(x, c.IPsec[0], addrs...); diff != "" {
		t.Errorf("ipsec (-want +got):\n%s", diff)
	}
	if !slices.Equal(c.Globals.FixedPorts, []uint16{500, 1701, 4500, 1777}) {
		t.Errorf("fixed ports %v", c.Globals.FixedPorts)
	}
	if !slices.ContainsFunc(c.Probes, func(p Probe) bool { return p.Name == LoopbackName && p.Method == loopback }) {
		t.Errorf("probes %+v", c.Probes)
	}
	if len(c.Interfaces) != 1 {
		t.Errorf("a pseudowire that no policy names became a WAN: %+v", c.Interfaces)
	}
}

// TestSelectorsFollow: without selectors exactly the inner ends are protected, and the carrier is one for both sections.
func TestSelectorsFollow(t *testing.T) {
	c := loadClean(t, "multiwan", []byte(`
config interface wan
config interface wanb
config pseudowire a
	option policy default
	option local 172.30.201.1
	option remote 172.30.201.2
	option tunnel_id 1
	option ipsec v
config pseudowire b
	option local 172.30.201.1
	option remote 172.30.201.2
	option tunnel_id 1
	option session_id 2
	option peer_session_id 2
	option ipsec v
config ipsec v
	option mode tunnel
	option remote any
	option remote_id spoke
	option cert /c
	option key /k
`))
	x := c.IPsec[0]
	got := fmt.Sprintf("%v %v %q %s %v %v %s %s", x.LocalTS, x.RemoteTS, x.Interface, x.Policy, x.Any, x.Initiate, c.Pseudowires[0].Policy, c.Pseudowires[1].Policy)
	if want := `[172.30.201.1/32] [172.30.201.2/32] "" default true false default default`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestInitiate: the lower identity sets the connection up, addresses where there are no others.
func TestInitiate(t *testing.T) {
	for lines, want := range map[string]bool{
		"option local 192.0.2.1":                                     true,
		"option local 192.0.2.9":                                     false,
		"option local_id b\noption remote_id a":                      false,
		"option local_id a\noption remote_id b":                      true,
		"option local 192.0.2.9\noption local_id 1":                  true,
		"option local_id a\noption initiate no":                      false,
		"option initiate yes":                                        true,
		"option interface wan":                                       true,
		"option local_id b\noption remote_id a\noption initiate yes": true,
	} {
		text := "config interface wan\nlist ipaddr 192.0.2.2/24\nconfig ipsec v\noption mode tunnel\nlist local_ts 10.1.0.0/16\nlist remote_ts 10.2.0.0/16\noption remote 192.0.2.7\noption psk x\n" + lines + "\n"
		if c := loadClean(t, "multiwan", []byte(text)); c.IPsec[0].Initiate != want {
			t.Errorf("%s: initiate %v", lines, c.IPsec[0].Initiate)
		}
	}
}

// TestNextHop: a policy's pseudowire knows where to send packets, and in which families.
func TestNextHop(t *testing.T) {
	for lines, want := range map[string]string{
		"list ipaddr 10.9.0.1/30":                            "[ipv4] 10.9.0.2 invalid IP",
		"list ipaddr 10.9.0.2/30":                            "[ipv4] 10.9.0.1 invalid IP",
		"list ipaddr 10.9.0.5/31":                            "[ipv4] 10.9.0.4 invalid IP",
		"list ipaddr fd00::/127\nlist ipaddr 10.9.0.1/24":    "[ipv6] invalid IP fd00::1",
		"list ipaddr fd00::1/64\noption gateway fe80::1":     "[ipv6] invalid IP fe80::1",
		"list ipaddr 10.9.0.1/24\noption gateway 10.9.0.254": "[ipv4] 10.9.0.254 invalid IP",
		"list ipaddr 10.9.0.1/30\nlist ipaddr fd00::3/127":   "[ipv4 ipv6] 10.9.0.2 fd00::2",
		"list ipaddr 10.9.0.1/24\nlist ipaddr 10.9.1.1/30":   "[ipv4] 10.9.1.2 invalid IP",
	} {
		text := "config policy p\nlist interface pw\nconfig ipsec v\noption remote 192.0.2.7\noption psk x\noption initiate yes\n" +
			"config pseudowire pw\noption remote 192.0.2.7\noption tunnel_id 1\noption ipsec v\n" + lines + "\n"
		c := loadClean(t, "multiwan", []byte(text))
		if len(c.Interfaces) != 1 {
			t.Fatalf("%s: %+v", lines, c.Interfaces)
		}
		i := c.Interfaces[0]
		if got := fmt.Sprint(i.Families, i.Gateway, i.Gateway6); got != want {
			t.Errorf("%s: got %s, want %s", lines, got, want)
		}
		if i.SNAT != "none" || i.SNAT6 != "none" || i.Device != "pw" || !slices.Equal(i.Probes, []string{LoopbackName}) {
			t.Errorf("%s: %+v", lines, i)
		}
	}
}

// TestTunnels: each type of tunnel is a WAN of family ipv6 that the default policy has.
func TestTunnels(t *testing.T) {
	c := loadClean(t, "multiwan", []byte(`
config interface wan
config tunnel relay
	option type 6to4
	option interface wan
config tunnel provider
	option type 6rd
	option interface wan
	option remote 192.0.2.1
	option prefix 2001:db8::/32
	option ipv4masklen 10
	option weight 3
config tunnel broker
	option type 6in4
	option interface wan
	option remote 192.0.2.2
	list ipaddr 2001:db8:5::2/64
	option prefix 2001:db8:6::/48
	option gateway 2001:db8:5::1
	option metric 4
`))
	want := []Tunnel{
		{Name: "relay", Device: "relay", Interface: "wan", Line: 3, Enabled: true, Type: "6to4", Remote: relay6to4, TTL: 64, Metric: 1, Weight: 1, Probes: []string{"builtin"}},
		{Name: "provider", Device: "provider", Interface: "wan", Line: 6, Enabled: true, Type: "6rd", Remote: netip.MustParseAddr("192.0.2.1"),
			Prefix: netip.MustParsePrefix("2001:db8::/32"), IPv4MaskLen: 10, TTL: 64, Metric: 1, Weight: 3, Probes: []string{"builtin"}},
		{Name: "broker", Device: "broker", Interface: "wan", Line: 13, Enabled: true, Type: "6in4", Remote: netip.MustParseAddr("192.0.2.2"),
			Prefix: netip.MustParsePrefix("2001:db8:6::/48"), Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8:5::2/64")},
			Gateway: netip.MustParseAddr("2001:db8:5::1"), TTL: 64, Metric: 4, Weight: 1, Probes: []string{"builtin"}},
	}
	if diff := cmp.Diff(want, c.Tunnels, addrs...); diff != "" {
		t.Errorf("tunnels (-want +got):\n%s", diff)
	}
	var wans []string
	for _, m := range c.Policies[0].Members {
		i := c.Interfaces[slices.IndexFunc(c.Interfaces, func(i Interface) bool { return i.Name == m.Interface })]
		wans = append(wans, fmt.Sprint(i.Name, i.Families, i.Gateway6, i.Prefixes, i.SNAT6, m.Metric, m.Weight))
	}
	wantWANs := []string{
		"wan[ipv4 ipv6] invalid IP []none1 1", "relay[ipv6] invalid IP []none1 1", "provider[ipv6] invalid IP []none1 3",
		"broker[ipv6] 2001:db8:5::1 [2001:db8:6::/48]none4 1",
	}
	if diff := cmp.Diff(wantWANs, wans); diff != "" {
		t.Errorf("default policy (-want +got):\n%s", diff)
	}
}

// TestNeverClear: no error in a file has a pseudowire run that names an ipsec section, unless that runs too.
func TestNeverClear(t *testing.T) {
	good := []string{"option remote 192.0.2.7", "option psk x", "option initiate yes", "option mode transport", "option ike_proposal aes128-sha256-modp2048"}
	bad := []string{"option remote 192.0.2.700", "option psk 0x", "option initiate maybe", "option mode clear", "option ike_proposal des", "option interface nowhere"}
	for i, line := range bad {
		lines := slices.Clone(good)
		if i < len(good) {
			lines = slices.Delete(lines, i, i+1)
		}
		text := "config pseudowire pw\noption remote 192.0.2.7\noption tunnel_id 1\noption ipsec v\nconfig ipsec v\n" + strings.Join(append(lines, line), "\n") + "\n"
		c, ds := Load("multiwan", []byte(text))
		checkInvariants(t, c, ds)
		if len(c.Pseudowires) > 0 || len(c.IPsec) > 0 || !ds.HasErrors() {
			t.Errorf("%s: %+v\n%s", line, c.Pseudowires, ds)
		}
	}
}

// TestMistypedNeverClear: neither a typing error nor a missing value has a pseudowire run without the protection that was meant.
func TestMistypedNeverClear(t *testing.T) {
	head := "config ipsec v\noption remote 192.0.2.7\noption psk x\noption initiate yes\nconfig pseudowire pw\noption remote 192.0.2.7\noption tunnel_id 1\n"
	const unused = "multiwan:1: warning: v: \"v\": protects nothing: no pseudowire uses it, and it has no local_ts and remote_ts\n"
	for _, c := range []struct{ line, want string }{
		{"option ipsce v", unused + "multiwan:8: pw.ipsce: want ipsec, or a name that is less like it: ignored, its frames would cross the WAN in clear\n"},
		{"list ipsecs v", unused + "multiwan:8: pw.ipsecs: want ipsec, or a name that is less like it: ignored, its frames would cross the WAN in clear\n"},
		{"option ipsec ''", unused + "multiwan:8: pw.ipsec: want a value: without it its frames would cross the WAN in clear\n"},
		{"option ipsec v\noption ipsex v", "multiwan:9: pw.ipsex: want ipsec, or a name that is less like it: ignored, its frames would cross the WAN in clear\n"},
		{"option ipsec v\noption ipsec ''", ""},
		{"option local ''\noption ipsec v\noption zebra v", "multiwan:10: warning: pw.zebra: unknown option, ignored\n"},
	} {
		conf, ds := Load("multiwan", []byte(head+c.line+"\n"))
		checkInvariants(t, conf, ds)
		if ds.String() != c.want || len(conf.Pseudowires) > 0 == ds.HasErrors() {
			t.Errorf("%s: %d pseudowires\n%swant\n%s", c.line, len(conf.Pseudowires), ds, c.want)
		}
	}
}

// TestTooManyJoined: pseudowires that policies name take the places of WANs.
func TestTooManyJoined(t *testing.T) {
	var text strings.Builder
	for i := range MaxWANs {
		fmt.Fprintf(&text, "config interface w%d\n", i)
	}
	text.WriteString("config ipsec v\noption remote 192.0.2.7\noption psk x\noption initiate yes\n")
	text.WriteString("config pseudowire pw\noption remote 192.0.2.7\noption tunnel_id 1\noption ipsec v\nlist ipaddr 10.9.0.1/30\nconfig policy p\nlist interface pw\nlist interface w0\n")
	c, ds := Load("multiwan", []byte(text.String()))
	checkInvariants(t, c, ds)
	if !ds.HasErrors() || len(c.Interfaces) != MaxWANs {
		t.Errorf("%d interfaces\n%s", len(c.Interfaces), ds)
	}
}
