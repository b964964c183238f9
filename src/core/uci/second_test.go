package uci

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	second "github.com/digineo/go-uci/v2"
	"github.com/google/go-cmp/cmp"
)

// ordinary are configurations as people and LuCI write them. On these go-uci,
// an independent reader of the same language, must agree.
var ordinary = map[string]string{
	"multiwan": `
config globals 'globals'
	option enabled '1'
	option steering 'mark'               # mark | route
	option mark_mask '0x7f000000'

config interface 'wan'                 # name of the netifd interface
	option device 'eth0'
	list   family 'ipv4'
	list   family 'ipv6'
	option metric '1'
	option weight '3'
	list   probe 'internet'

config probe 'internet'
	option method 'ping'
	list   target '1.1.1.1'
	list   target '2606:4700:4700::1111'
	list   target 'gateway'
	option interval '0.2'

config policy 'default'
	list   interface 'wan'
	list   interface 'wanb'

config rule
	option src_ip '!192.168.1.0/24'
	option proto 'udp'

config rule 'voip'
	option dest_port '5060:5061'

config rule
	option policy 'default'
`,
	"network": `
config interface 'loopback'
	option device 'lo'
	option proto 'static'
	option ipaddr '127.0.0.1'

config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'eth1'
	list ports 'eth2'

config device
	option name "br-guest"
	option type bridge
`,
	"continued": `
config interface 'wan'
	option metric '1'

config interface 'lan'
	option proto 'static'

config interface 'wan'
	option metric '2'
	option weight '3'
`,
}

// unlike are inputs on which go-uci and the real uci part ways: why this package
// exists. Each is a section `w` with an option or list `a`.
var unlike = []struct {
	name, text string
	ours       []string // as the real uci, see testdata
	theirs     []string // nil: refused, or not found
	why        string
}{
	{"empty list item", "config t w\n\tlist a ''\n", []string{""}, nil, "an empty string yields no token"},
	{"quote in a value", "config t w\n\toption a 'it'\\''s'\n", []string{"it's"}, nil, "a quoted piece ends the value"},
	{"pieces side by side", "config t w\n\toption a x'y'\n", []string{"xy"}, []string{"x'y'"}, "quotes count only in front"},
	{"line end in quotes", "config t w\n\toption a 'x\ny'\n", []string{"x\ny"}, nil, "taken as a missing quote"},
	{"no final line end", "config t w\n\toption a x", []string{"x"}, nil, "as above"},
	{"CRLF", "config t 'w'\r\n\toption a 'x'\r\n", []string{"x"}, nil, "CR is no blank"},
	{"quoted type", "config 't' 'w'\n\toption a 'x'\n", []string{"x"}, nil, "types and names take no quotes"},
	{"package line", "package p\nconfig t w\n\toption a x\n", []string{"x"}, nil, "not supported"},
	{"commands on a line", "config t 'w';option a 'x'\n", []string{"x"}, nil, "; separates nothing"},
	{"backslash", "config t w\n\toption a \"x\\\"y\"\n", []string{`x"y`}, []string{`x\"y`}, "it stays in the value"},
	{"an item twice", "config t w\n\tlist a x\n\tlist a x\n", []string{"x", "x"}, []string{"x"}, "dropped"},
}

func TestSecondOpinion(t *testing.T) {
	for name, text := range ordinary {
		t.Run(name, func(t *testing.T) {
			other, err := secondOpinion(t, name, []byte(text))
			if err != nil {
				t.Fatalf("go-uci: %v", err)
			}
			f, err := Parse(name, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(theirs(t, other, f), ours(f)); diff != "" {
				t.Errorf("(-go-uci +uci):\n%s", diff)
			}
		})
	}
}

func TestWhereTheSecondOpinionIsWrong(t *testing.T) {
	for _, c := range unlike {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse("p", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.ours, ours(f)["w.a"]); diff != "" {
				t.Errorf("uci (-want +got):\n%s", diff)
			}
			var got []string
			if other, err := secondOpinion(t, "p", []byte(c.text)); err == nil {
				got, _ = other.Get("p", "w", "a")
			}
			if diff := cmp.Diff(c.theirs, got); diff != "" {
				t.Errorf("go-uci (%s) (-want +got):\n%s", c.why, diff)
			}
		})
	}
}

func secondOpinion(t *testing.T, name string, text []byte) (second.Tree, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	tree := second.NewTree(dir)
	return tree, tree.LoadConfig(name, false)
}

// ours lists every value under the names that both readers can ask for.
func ours(f *File) map[string][]string {
	all := make(map[string][]string)
	count := make(map[string]int)
	for _, s := range f.Sections {
		name := s.Name
		if s.Anonymous {
			name = fmt.Sprintf("@%s[%d]", s.Type, count[s.Type])
		}
		count[s.Type]++
		all[s.Type] = append(all[s.Type], name)
		for _, o := range s.Options {
			for _, v := range o.Values {
				key := name + "." + o.Name
				all[key] = append(all[key], v.Text)
			}
		}
	}
	return all
}

// theirs asks go-uci, which cannot list options, for what we found.
func theirs(t *testing.T, tree second.Tree, f *File) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for key := range ours(f) {
		section, option, isValue := cutLast(key)
		var got []string
		if isValue {
			got, _ = tree.Get(f.Name, section, option)
		} else {
			var err error
			if got, err = tree.GetSections(f.Name, key); err != nil {
				t.Fatal(err)
			}
		}
		all[key] = got
	}
	return all
}

func cutLast(key string) (section, option string, found bool) {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] == '.' {
			return key[:i], key[i+1:], true
		}
	}
	return key, "", false
}
