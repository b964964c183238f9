package mwan3

import (
	"fmt"
	"strings"
	"testing"

	"multiwan/src/core/uci"

	"github.com/google/go-cmp/cmp"
)

// TestNothingInSilence adds each option that mwan3 or its nftables port knows, with
// a value that is not its default, to a small configuration: the result or the
// report must change.
func TestNothingInSilence(t *testing.T) {
	base := map[string]string{
		"globals":   "config globals 'globals'\n",
		"interface": "config interface 'wan'\n\tlist track_ip '192.0.2.1'\n\toption interval '5'\n",
		"member":    "config member 'm'\n\toption interface 'wan'\n",
		"policy":    "config policy 'p'\n\tlist use_member 'm'\n",
		"rule":      "config rule 'r'\n\toption use_policy 'p'\n\toption proto 'tcp'\n",
	}
	build := func(typ, option, value string) string {
		var b strings.Builder
		for _, t := range []string{"globals", "interface", "member", "policy", "rule"} {
			b.WriteString(base[t])
			if t == typ {
				fmt.Fprintf(&b, "\t%s '%s'\n", option, value)
			}
		}
		return b.String()
	}
	before := importText(t, build("", "", ""))
	for _, c := range []struct{ typ, option, value string }{
		{"globals", "option mmx_mask", "0xff00"},
		{"globals", "option logging", "1"},
		{"globals", "option loglevel", "debug"},
		{"globals", "list rt_table_lookup", "220"},
		{"globals", "option source_routing", "1"},
		{"globals", "option local_source", "lan"},
		{"globals", "option ipv6_routing", "on"},
		{"globals", "list bypass_network", "10.0.0.0/8"},
		{"globals", "option enabled", "0"},
		{"interface", "option enabled", "1"},
		{"interface", "option family", "ipv6"},
		{"interface", "option initial_state", "offline"},
		{"interface", "list track_ip", "192.0.2.2"},
		{"interface", "option track_gateway", "1"},
		{"interface", "option track_method", "httping"},
		{"interface", "option httping_ssl", "1"},
		{"interface", "option reliability", "2"},
		{"interface", "option count", "2"},
		{"interface", "option size", "100"},
		{"interface", "option max_ttl", "10"},
		{"interface", "option check_quality", "1"},
		{"interface", "option failure_latency", "900"},
		{"interface", "option recovery_latency", "100"},
		{"interface", "option failure_loss", "50"},
		{"interface", "option recovery_loss", "20"},
		{"interface", "option timeout", "3"},
		{"interface", "option failure_interval", "2"},
		{"interface", "option keep_failure_interval", "1"},
		{"interface", "option recovery_interval", "2"},
		{"interface", "option down", "2"},
		{"interface", "option up", "2"},
		{"interface", "list flush_conntrack", "ifdown"},
		{"interface", "list flush_conntrack", "connected"},
		{"interface", "option snat6", "1"},
		{"interface", "option nonsense", "1"},
		{"member", "option metric", "2"},
		{"member", "option weight", "2"},
		{"policy", "list use_member", "none"},
		{"policy", "option last_resort", "default"},
		{"rule", "option enabled", "0"},
		{"rule", "option family", "ipv6"},
		{"rule", "option src_ip", "192.168.1.1"},
		{"rule", "option dest_ip", "198.51.100.1"},
		{"rule", "option src_port", "1000"},
		{"rule", "option dest_port", "1000"},
		{"rule", "option src_iface", "lan"},
		{"rule", "option ipset", "s"},
		{"rule", "option ipset_src", "s"},
		{"rule", "option sticky", "1"},
		{"rule", "option timeout", "5"},
		{"rule", "option logging", "1"},
	} {
		t.Run(c.typ+" "+c.option+" "+c.value, func(t *testing.T) {
			after := importText(t, build(c.typ, c.option, c.value))
			same := string(after.Text) == string(before.Text)
			if same && cmp.Equal(said(before), said(after)) {
				t.Error("neither the configuration nor the report says anything of it")
			}
		})
	}
}

// said is the report without the lines, which move when an option is added.
func said(r Result) []Note {
	var notes []Note
	for _, n := range r.Notes {
		n.Line = 0
		notes = append(notes, n)
	}
	return notes
}

func importText(t *testing.T, text string) Result {
	t.Helper()
	f, err := uci.Parse("mwan3", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	result, err := Import(f)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
