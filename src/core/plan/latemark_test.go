package plan_test

import (
	"strings"
	"testing"
)

// TestLateMark: packets that got their mark after their source was chosen follow the mark, in IPv4, whose sources are translated.
func TestLateMark(t *testing.T) {
	const lines = `
config interface 'a'
	option device 'eth1'
config interface 'b'
	option device 'eth2'
config rule 'one'
	option origin 'router'
	option fwmark '1000'
	option policy 'a'
config rule 'two'
	option origin 'router'
	option fwmark '1001'
	option policy 'b'
`
	late := func(text string) (rules []string) {
		_, p := planOf(t, text, "a", "b")
		for _, r := range p.Want.Rules {
			if r.Priority >= 6159 && r.Priority < 6200 {
				rules = append(rules, r.String())
			}
		}
		return rules
	}
	got := late(lines)
	if len(got) != 3 || !strings.Contains(got[0], "from 0.0.0.0/32 ") || !strings.Contains(got[0], "goto 6200") ||
		!strings.Contains(got[1], "fwmark 0x3e8/0x80ffffff") || !strings.Contains(got[2], "fwmark 0x3e9/0x80ffffff") {
		t.Errorf("rules %q", got)
	}
	if got := late(strings.ReplaceAll(lines, "option fwmark '", "option dest_ip '192.0.2.1'\n\toption uid '")); len(got) != 0 {
		t.Errorf("without marks: %q", got)
	}
}
