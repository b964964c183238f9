package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are lines that give an option a value other than its default, with the options that it needs, by "type.option".
var samples = map[string]string{
	"globals.config_version": "option config_version 1",
	"globals.enabled":        "option enabled off", "globals.log_level": "option log_level debug", "globals.steering": "option steering route",
	"globals.mark_mask": "option mark_mask 0xff00", "globals.rule_base": "option rule_base 7000", "globals.table_base": "option table_base 30000",
	"globals.collision": "option collision refuse", "globals.hook_dir": "option hook_dir /tmp/hooks", "globals.fixed_port": "list fixed_port 51820",

	"interface.enabled": "option enabled 0", "interface.device": "option device eth1.4", "interface.interface6": "option interface6 wan6",
	"interface.gateway": "option gateway 192.0.2.1", "interface.gateway6": "option gateway6 fe80::1", "interface.ipaddr": "list ipaddr 192.0.2.2/24",
	"interface.prefix": "list prefix 2001:db8::/48", "interface.family": "list family ipv6", "interface.metric": "option metric 7",
	"interface.weight": "option weight 7", "interface.snat": "option snat 192.0.2.2", "interface.snat6": "option snat6 masquerade",
	"interface.probe": "list probe x",

	"probe.method": "option method tcp", "probe.target": "list target 9.9.9.9", "probe.reliability": "list target 9.9.9.9\noption reliability 2",
	"probe.interval": "option interval 0.2", "probe.timeout": "option timeout 2", "probe.down": "option down 3", "probe.up": "option up 3",
	"probe.down_interval": "option down_interval 5", "probe.window": "option window 100", "probe.loss_down": "option loss_down 40",
	"probe.loss_up": "option loss_down 40\noption loss_up 10", "probe.latency_down": "option latency_down 500",
	"probe.latency_up": "option latency_down 500\noption latency_up 100.5", "probe.size": "option size 1000",
	"probe.port": "option method tcp\noption port 22", "probe.query": "option method dns\noption query example.org",
	"probe.path": "option method http\noption path /x",

	"policy.interface": "list interface wan2", "policy.member": "list member m", "policy.balance": "option balance source",
	"policy.sticky": "option sticky 600", "policy.last_resort": "option last_resort main", "policy.failback": "option failback keep",
	"policy.delay_spread":   "option interface w4\noption balance packet\noption delay_spread 20",
	"policy.failback_delay": "option failback_delay 10", "policy.drain_timeout": "option failback drain\noption drain_timeout 1.5",

	"member.interface": "option interface wan2", "member.metric": "option metric 3", "member.weight": "option weight 3",

	"rule.enabled": "option enabled 0", "rule.origin": "option origin any", "rule.family": "option family ipv6", "rule.proto": "list proto udp",
	"rule.src_ip": "list src_ip 192.168.1.0/24", "rule.dest_ip": "list dest_ip !2001:db8::/32", "rule.src_port": "option src_port 1024-65535",
	"rule.dest_port": "option dest_port 80,443", "rule.src_iface": "list src_iface a_network_of_any_length_at_all", "rule.dscp": "option dscp !ef",
	"rule.nftset": "option nftset !video", "rule.uid": "option origin router\noption uid 1000-1999",
	"rule.fwmark": "option origin router\noption fwmark 0x10/0xf0", "rule.sticky": "option sticky 0", "rule.policy": "option policy blackhole",

	"pseudowire.enabled": "option enabled 0", "pseudowire.device": "option device l2tp9", "pseudowire.interface": "option interface wan",
	"pseudowire.policy": "option policy p\noption local 172.30.201.5\noption remote 172.30.201.9\noption ipsec vt\n" + otherIPsec("vt", "192.0.2.8\noption mode tunnel"),
	"pseudowire.local":  "option local 198.51.100.2", "pseudowire.remote": "option remote 192.0.2.8\noption ipsec vx\n" + otherIPsec("vx", "192.0.2.8"),
	"pseudowire.family": "option remote far.example\noption family ipv6\noption ipsec vx\n" + otherIPsec("vx", "far.example\noption family ipv6"),
	"pseudowire.encap":  "option encap ip", "pseudowire.local_port": "option local_port 1799", "pseudowire.remote_port": "option remote_port 1702",
	"pseudowire.checksum": "option checksum 0", "pseudowire.tunnel_id": "option tunnel_id 4294967295", "pseudowire.peer_tunnel_id": "option peer_tunnel_id 12",
	"pseudowire.session_id": "option session_id 11", "pseudowire.peer_session_id": "option peer_session_id 22",
	"pseudowire.cookie": "option cookie deadBEEF", "pseudowire.peer_cookie": "option peer_cookie 0011223344556677", "pseudowire.l2spec": "option l2spec none",
	"pseudowire.ipsec": "option ipsec v2", "pseudowire.redundancy": doubled, "pseudowire.remote_alt": "list remote_alt 203.0.113.7\n" + doubled,
	"pseudowire.duplicate": "option duplicate 'dscp ef,cs5 46'\n" + doubled, "pseudowire.duplicate_rate": "option duplicate_rate 5000\n" + doubled,

	"ipsec.enabled": "option enabled 0", "ipsec.mode": "option mode transport", "ipsec.interface": "option interface wan",
	"ipsec.policy": "option policy p\noption remote 192.0.2.8", "ipsec.local": "option local 198.51.100.2", "ipsec.remote": "option remote any",
	"ipsec.family": "option remote far.example\noption family ipv6", "ipsec.local_id": "option local_id a2", "ipsec.remote_id": "option remote_id b2",
	"ipsec.psk":  otherIPsec("vx", "192.0.2.8\noption mode tunnel\nlist local_ts 10.1.0.0/16\nlist remote_ts 10.2.0.0/16"),
	"ipsec.cert": "option cert /etc/swanctl/x509/other.pem", "ipsec.key": "option key /etc/swanctl/private/other.pem", "ipsec.ca": "option ca /etc/swanctl/x509ca/ca.pem",
	"ipsec.ike_proposal": "list ike_proposal aes256-sha512-ecp521", "ipsec.esp_proposal": "list esp_proposal chacha20poly1305-curve25519",
	"ipsec.allow_weak": "option allow_weak 1\nlist esp_proposal aes128-sha1-modp1024", "ipsec.local_ts": "list local_ts 172.30.0.0/24",
	"ipsec.remote_ts": "list remote_ts 192.0.2.0/24", "ipsec.dpd": "option dpd 0", "ipsec.rekey": "option rekey 600", "ipsec.ike_rekey": "option ike_rekey 86400",
	"ipsec.encap": "option encap 1", "ipsec.initiate": "option initiate no",

	"bond.enabled": "option enabled 0", "bond.device": "option device bond9", "bond.member": "list member tap0", "bond.mode": "option mode balance-rr",
	"bond.monitor": "option mode 802.3ad\noption monitor probe", "bond.lacp_rate": "option mode 802.3ad\noption lacp_rate slow",
	"bond.xmit_hash_policy": "option mode balance-xor\noption xmit_hash_policy layer2", "bond.arp_target": "option monitor arp\nlist arp_target 10.0.0.1",
	"bond.arp_interval": "option monitor arp\nlist arp_target 10.0.0.1\noption arp_interval 0.5", "bond.primary": "option primary w2",

	"mss_clamp.enabled": "option enabled 0", "mss_clamp.bridge": "option bridge br-guest", "mss_clamp.device": otherClamp, "mss_clamp.mss": "option mss 1360",
	"mss_clamp.subnet": "list subnet 10.1.0.0/24",

	"tunnel.enabled": "option enabled 0", "tunnel.type": otherTunnel, "tunnel.interface": "option interface wan2",
	"tunnel.device": "option device sit9", "tunnel.remote": "option remote 192.0.2.10", "tunnel.prefix": "option prefix 2001:db8:77::/48",
	"tunnel.ipv4masklen": otherTunnel, "tunnel.ipaddr": "list ipaddr 2001:db8:7::2/64", "tunnel.gateway": "option gateway 2001:db8:6::1",
	"tunnel.ttl": "option ttl 255", "tunnel.mtu": "option mtu 1280", "tunnel.metric": "option metric 5", "tunnel.weight": "option weight 5", "tunnel.probe": "list probe x",
}

// attached are the samples of options that pseudowires and bonds have both.
var attached = map[string]string{
	"bridge": "option bridge br-lan", "vlan": "option bridge br-lan\noption vlan 111", "vlan_mode": "option bridge br-lan\noption vlan 111\noption vlan_mode tagged",
	"isolated": "option bridge br-lan\noption isolated 1", "loop": "option bridge br-lan\noption loop stp", "ipaddr": "list ipaddr 10.9.9.1/30",
	"gateway": "list ipaddr 10.9.9.1/29\noption gateway 10.9.9.2", "mtu": "option mtu 1400", "probe": "list probe x",
}

// sample returns lines that give an option another value than its default.
func sample(key string) (string, bool) {
	if lines, ok := samples[key]; ok {
		return lines, true
	}
	_, option, _ := strings.Cut(key, ".")
	lines, ok := attached[option]
	if key == "bond.probe" {
		lines = "list member tap0\n" + lines // pseudowires have their own
	}
	return lines, ok
}

// Sections beside those of the frame, for options that exclude what the frame has.
const (
	otherClamp  = "config mss_clamp other\noption device w4"
	otherTunnel = "config tunnel other\noption type 6rd\noption interface wan2\noption remote 192.0.2.1\noption prefix 2001:db8::/32\noption ipv4masklen 8"
)

// doubled is a pseudowire of two paths.
var doubled = "option redundancy duplicate\nlist interface wan\nlist interface wan2\noption local 172.30.201.5\noption remote 172.30.201.9\noption ipsec vd\n" + otherIPsec("vd", "192.0.2.8")

func otherIPsec(name, remote string) string {
	return "config ipsec " + name + "\noption psk secret\noption initiate yes\noption remote " + remote
}

// frame is a file with one section of each type, named x, into which the sample of typ goes.
func frame(typ, sample string) string {
	sections := []struct{ typ, name, lines string }{
		{"globals", "g", ""},
		{"probe", "x", "list target 1.1.1.1"},
		{"interface", "wan", ""}, {"interface", "wan2", "option metric 2"}, {"interface", "wan3", "option weight 2"},
		{"member", "m", "option interface wan3"},
		{"policy", "p", "list interface wan"},
		{"rule", "r", "option policy p"},
		{"ipsec", "v0", "option mode tunnel\noption remote 192.0.2.7\noption cert /c\noption key /k\noption local_id a\noption remote_id b"},
		{"ipsec", "v", "option remote 192.0.2.7\noption psk hunter2\noption initiate yes"},
		{"ipsec", "v2", "option remote 192.0.2.7\noption psk hunter2\noption initiate yes\noption remote_id v2@example"},
		{"pseudowire", "w1", "option remote 192.0.2.7\noption tunnel_id 1\noption ipsec v"},
		{"pseudowire", "w0", "option enabled 0\noption local 172.30.0.1\noption remote 192.0.2.7\noption tunnel_id 9\noption ipsec v0"},
		{"pseudowire", "w2", "option remote 192.0.2.7\noption tunnel_id 2\noption local_port 1702\noption ipsec v2"},
		{"pseudowire", "w4", "option remote 192.0.2.7\noption tunnel_id 4\noption local_port 1704\noption ipsec v\nlist ipaddr 10.9.0.1/30"},
		{"bond", "bo", "list member w2"},
		{"mss_clamp", "cl", "option bridge br-lan"},
		{"tunnel", "six", "option type 6in4\noption interface wan3\noption remote 192.0.2.9\nlist ipaddr 2001:db8:6::2/64"},
	}
	var b strings.Builder
	done := false
	for _, s := range sections {
		fmt.Fprintf(&b, "config %s %s\n%s\n", s.typ, s.name, s.lines)
		if s.typ == typ && !done {
			b.WriteString(sample + "\n")
			done = true
		}
	}
	b.WriteString("config policy used_member\nlist member m\n")
	return b.String()
}

// TestEveryOption: each option of the table is read without a word and changes the Config: none is only accepted.
func TestEveryOption(t *testing.T) {
	for _, s := range Sections() {
		base, ds := Load("base", []byte(frame(s.Type, "")))
		if len(ds) > 0 {
			t.Fatalf("frame of %s:\n%s", s.Type, ds)
		}
		for _, o := range s.Options {
			key := s.Type + "." + o.Name
			t.Run(key, func(t *testing.T) {
				sample, ok := sample(key)
				if !ok {
					t.Fatal("no sample")
				}
				c, ds := Load("multiwan", []byte(frame(s.Type, sample)))
				for _, d := range ds {
					if !strings.HasPrefix(d.Want, "replaces the value in line") { // the frame's own
						t.Errorf("%s: %s", sample, d)
					}
				}
				checkInvariants(t, c, ds)
				lines := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Line" }, cmp.Ignore())
				if key == "globals.config_version" {
					return // the one version that there is says nothing new
				}
				if cmp.Equal(base, c, append(addrs, lines)...) {
					t.Errorf("%q changes nothing", sample)
				}
			})
		}
	}
	if n := len(samples) + 2*len(attached); n != countOptions() {
		t.Errorf("%d samples for %d options", n, countOptions())
	}
}

func countOptions() int {
	n := 0
	for _, s := range Sections() {
		n += len(s.Options)
	}
	return n
}

// TestTable holds what the readers of the table rely on.
func TestTable(t *testing.T) {
	for _, s := range Sections() {
		if s.Help == "" || s.Example == "" {
			t.Errorf("section %s is not described", s.Type)
		}
		seen := map[string]bool{}
		for i := range s.Options {
			o := &s.Options[i]
			name := s.Type + "." + o.Name
			if seen[o.Name] {
				t.Errorf("%s stands twice", name)
			}
			seen[o.Name] = true
			if !strings.HasSuffix(o.Help, ".") {
				t.Errorf("%s: help is no sentence: %q", name, o.Help)
			}
			if o.Required == (o.Default != "" || o.DefaultHelp != "") {
				t.Errorf("%s: want a default, or what stands for it, or required", name)
			}
			for _, w := range words(o, o.Default) {
				if _, err := o.parse(w.bare); o.Default != "" && err != nil {
					t.Errorf("%s: default %q: %v", name, w.bare, err)
				}
			}
			for _, c := range o.With {
				other := s.Option(c.Option)
				if other == nil || len(without(c.Values, other.Values)) > 0 {
					t.Errorf("%s: condition on %s %v", name, c.Option, c.Values)
				}
			}
			for _, r := range o.Refers {
				if !strings.Contains(frame("", ""), "config "+r+" ") {
					t.Errorf("%s refers to %s", name, r)
				}
			}
			if len(without(o.MarkValues, o.Values)) > 0 {
				t.Errorf("%s: %v are not among %v", name, o.MarkValues, o.Values)
			}
		}
	}
}
