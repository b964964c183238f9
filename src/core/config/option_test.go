package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are lines that give an option a value other than its default, with the options that it needs, by "type.option".
var samples = map[string]string{
	"globals.enabled": "option enabled off", "globals.log_level": "option log_level debug", "globals.steering": "option steering route",
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
	"policy.failback_delay": "option failback_delay 10", "policy.drain_timeout": "option failback drain\noption drain_timeout 1.5",

	"member.interface": "option interface wan2", "member.metric": "option metric 3", "member.weight": "option weight 3",

	"rule.enabled": "option enabled 0", "rule.origin": "option origin any", "rule.family": "option family ipv6", "rule.proto": "list proto udp",
	"rule.src_ip": "list src_ip 192.168.1.0/24", "rule.dest_ip": "list dest_ip !2001:db8::/32", "rule.src_port": "option src_port 1024-65535",
	"rule.dest_port": "option dest_port 80,443", "rule.src_iface": "list src_iface a_network_of_any_length_at_all", "rule.dscp": "option dscp !ef",
	"rule.nftset": "option nftset !video", "rule.uid": "option origin router\noption uid 1000-1999",
	"rule.fwmark": "option origin router\noption fwmark 0x10/0xf0", "rule.sticky": "option sticky 0", "rule.policy": "option policy blackhole",
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
				sample, ok := samples[key]
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
				if cmp.Equal(base, c, append(addrs, lines)...) {
					t.Errorf("%q changes nothing", sample)
				}
			})
		}
	}
	if n := len(samples); n != countOptions() {
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
