package uci

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPositions(t *testing.T) {
	text := "# first\n" +
		"config interface 'wan' # a word\n" +
		"\toption  metric   7\n" +
		"\tlist probe 'a'\n" +
		"\tlist probe \"b\n" +
		"c\" # runs over a line end\n" +
		"\toption after o\\\n" +
		"ne\n" +
		"config rule\r\n" +
		"\toption one 1 ; option two 2\r\n" +
		"config interface wan\n" +
		"\toption metric 8"
	want := &File{Name: "p", Sections: []*Section{
		{Type: "interface", Name: "wan", Line: 2, Again: []int{11}, Options: []*Option{
			{Name: "metric", Line: 12, Replaced: []int{3}, Values: []Value{{"8", 12, 16}}},
			{Name: "probe", List: true, Line: 4, Values: []Value{{"a", 4, 13}, {"b\nc", 5, 13}}},
			{Name: "after", Line: 7, Values: []Value{{"one", 7, 15}}},
		}},
		{Type: "rule", Name: "cfg0292bd", Anonymous: true, Line: 9, Options: []*Option{
			{Name: "one", Line: 10, Values: []Value{{"1", 10, 13}}},
			{Name: "two", Line: 10, Values: []Value{{"2", 10, 28}}},
		}},
	}}
	f, err := Parse("p", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShown covers rules that the recorded files do not reach; wanted is what
// reading libuci's source gives.
func TestShown(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"short keywords", "c t n\no a b\nl d e\np x\n", "p.n=t\np.n.a='b'\np.n.d='e'\n"},
		{"a semicolon behind a bare word ends the line", "config t a;config t b\n", "p.a=t\n"},
		{"behind a blank it does not", "config t a ;config t b\n", "p.a=t\np.b=t\n"},
		{"behind a quote it does not", "config t 'a';config t 'b'\n", "p.a=t\np.b=t\n"},
		{"a semicolon alone is no command", "config t a\n ; \n", "line 2, byte 1: invalid command"},
		{"an empty option keeps the old value", "config t a\noption o 1\noption o ''\n", "p.a=t\np.a.o='1'\n"},
		{"an empty extra argument is none", "config t a ''\noption o 1 \"\"\n", "p.a=t\np.a.o='1'\n"},
		{"a comment in the middle of a word", "config t a#b\noption o 'x'#y\n", "p.a=t\np.a.o='x'\n"},
		{"a quoted #", "config t a\noption o 'x#y'\n", "p.a=t\np.a.o='x#y'\n"},
		{"an escaped blank, quote and #", `config t a` + "\n" + `option o \ \'\#` + "\n", "p.a=t\np.a.o=' '\\''#'\n"},
		{"a named section may go on with an anonymous one", "config rule\nconfig rule cfg0192bd\noption a b\n", "p.@rule[0]=rule\np.@rule[0].a='b'\n"},
		{"text behind a NUL is lost with the line end", "config t a\x00x\n option o 1\n", "line 1, byte 18: too many arguments"},
		{"a line that begins with NUL is skipped", "config t a\n\x00config u b\noption o 1\n", "p.a=t\np.a.o='1'\n"},
		{"many lines with NULs", strings.Repeat("#\x00\n", 100), ""},
		{"no line end behind a keyword", "config", "line 0, byte 0: config without name"},
		{"no line end behind option", "config t a\noption", "line 1, byte 0: option without name"},
		{"no line end behind package", "package", "line 0, byte 0: package without name"},
		{"a single quote left open", "config t a\noption o 'x\n", "line 2, byte 12: EOF with unterminated '"},
		{"a backslash at the very end", "config t a\noption o x\\", "p.a=t\np.a.o='x'\n"},
		{"an option's name", "config t a\noption a-b x\n", "line 2, byte 11: invalid character in name field"},
		{"a package's name", "package a.b\n", "line 1, byte 12: invalid character in name field"},
		{"a package's name may have a dash", "package a-b\nconfig t a\n", "p.a=t\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse("p", []byte(c.text))
			var got string
			var e *SyntaxError
			switch {
			case err == nil:
				got = string(printed(t, f.Show))
			case errors.As(err, &e):
				got = strings.TrimPrefix(asUCI(t, err), "uci: Parse error (")
				reason, place, _ := strings.Cut(got, ") at ")
				got = strings.TrimSpace(place) + ": " + reason
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	_, err := Parse("/etc/config/multiwan", []byte("\n  oops x\n"))
	if want := "/etc/config/multiwan:2:2: invalid command"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLookup(t *testing.T) {
	f, err := Parse("p", []byte("config t a\noption o 1\nlist l 1\nlist l 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := f.Section("a")
	if !ok {
		t.Fatal("no section a")
	}
	if _, ok := f.Section("b"); ok {
		t.Error("found a section that is not there")
	}
	for name, want := range map[string]string{"o": "1", "l": "2", "none": ""} {
		v, ok := s.Get(name)
		if v.Text != want || ok != (want != "") {
			t.Errorf("Get(%s) = %q %v", name, v.Text, ok)
		}
	}
	if got := s.List("l"); len(got) != 2 || got[0].Text != "1" || got[1].Text != "2" {
		t.Errorf("List(l) = %v", got)
	}
	if got := s.List("o"); len(got) != 1 || got[0].Text != "1" {
		t.Errorf("List(o) = %v", got)
	}
	if got := s.List("none"); got != nil {
		t.Errorf("List(none) = %v", got)
	}
}

// TestValuePlaces finds every value of the recorded files again at the place that
// it names.
func TestValuePlaces(t *testing.T) {
	found := 0
	for _, path := range recordedFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse("p", text)
		if err != nil {
			continue // refusals are compared elsewhere
		}
		lines := bytes.Split(text, []byte("\n"))
		eachValue(f, func(v Value) {
			found++
			rest := lines[v.Line-1][v.Column-1:]
			start := strings.TrimLeft(string(rest), `'"\`)
			first, _, _ := strings.Cut(v.Text, "\n")
			// The first byte is enough where quotes and backslashes follow.
			if v.Text != "" && !strings.HasPrefix(start, strings.TrimLeft(first, `'"\`)[:1]) {
				t.Errorf("%s:%d:%d: %.20q, value is %.20q", path, v.Line, v.Column, rest, v.Text)
			}
		})
	}
	if found < 2000 {
		t.Errorf("only %d values looked at", found)
	}
}

func eachValue(f *File, do func(Value)) {
	for _, s := range f.Sections {
		for _, o := range s.Options {
			for _, v := range o.Values {
				do(v)
			}
		}
	}
}

func recordedFiles(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "files", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recorded files: %v", err)
	}
	return paths
}
