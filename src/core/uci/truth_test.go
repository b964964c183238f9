package uci

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is what the real uci (66127cd) did with one file. Long output is kept
// as its beginning and its length.
type recorded struct {
	RC     int    `json:"rc"`
	Text   string `json:"text"`
	Base64 string `json:"base64"`
	Len    int    `json:"len"`
	Stderr string `json:"stderr"`
}

func (r recorded) equal(t *testing.T, command string, got []byte) {
	t.Helper()
	want := r.Text
	if r.Base64 != "" {
		raw, err := base64.StdEncoding.DecodeString(r.Base64)
		if err != nil {
			t.Fatal(err)
		}
		want = string(raw)
	}
	if r.Len > 0 {
		if len(got) != r.Len {
			t.Errorf("%s: %d bytes, want %d", command, len(got), r.Len)
		}
		want = strings.TrimSuffix(want, "...")
		got = got[:min(len(want), len(got))]
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s differs from the real uci (-want +got):\n%s", command, diff)
	}
}

// TestRealUCI compares with the real uci's recorded answers, byte for byte, and
// the refusals with line, byte and reason.
func TestRealUCI(t *testing.T) {
	var cases []struct {
		Name   string
		Why    string
		Show   recorded
		ShowX  recorded `json:"show_X"`
		ShowN  recorded `json:"show_n"`
		Export recorded
	}
	readJSON(t, "parse.json", &cases)
	if len(cases) != 50 {
		t.Fatalf("%d cases, want the 50 recorded ones", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "files", c.Name))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(c.Name, text)
			if c.Show.RC != 0 {
				if diff := cmp.Diff(c.Show.Stderr, asUCI(t, err)); diff != "" {
					t.Errorf("%s: refusal differs (-want +got):\n%s", c.Why, diff)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", c.Why, err)
			}
			c.Show.equal(t, "show", printed(t, f.Show))
			c.ShowN.equal(t, "-n show", printed(t, f.Show)) // -n is about export only
			c.ShowX.equal(t, "-X show", printed(t, f.ShowNames))
			c.Export.equal(t, "export", printed(t, f.Export))
		})
	}
}

// TestCommitted reads the files that the real uci wrote after changes: it must
// show the same, and Export must give back the very bytes, since `uci commit`
// writes an export without its first line.
func TestCommitted(t *testing.T) {
	var cases []struct{ Name, File, Command, Stdout string }
	readJSON(t, "commit.json", &cases)
	exports, shows, gets := 0, 0, 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			f, err := Parse("m", []byte(c.File))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(c.File, "# ") {
				exports++
				if diff := cmp.Diff("package m\n"+c.File, string(printed(t, f.Export))); diff != "" {
					t.Errorf("export (-want +got):\n%s", diff)
				}
			}
			switch command, what, _ := strings.Cut(c.Command, " "); {
			case command == "get":
				gets++
				if got := get(t, f, what) + "\n"; got != c.Stdout {
					t.Errorf("%s: %q, want %q", c.Command, got, c.Stdout)
				}
			case what == "m":
				shows++
				if diff := cmp.Diff(c.Stdout, string(printed(t, f.Show))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.Command, diff)
				}
			case command == "show": // one section, always under its own name
				shows++
				if got := string(printed(t, f.ShowNames)); !strings.Contains(got, c.Stdout) {
					t.Errorf("%s: no\n%s in\n%s", c.Command, c.Stdout, got)
				}
			}
		})
	}
	if exports < 20 || shows < 5 || gets < 5 {
		t.Errorf("only %d exports, %d shows, %d gets compared", exports, shows, gets)
	}
}

// get answers `uci get m.SECTION[.OPTION]`, with @type[index] as uci counts it.
func get(t *testing.T, f *File, what string) string {
	t.Helper()
	parts := strings.Split(what, ".")
	var section *Section
	var typ string
	var index int
	if n, _ := fmt.Sscanf(strings.NewReplacer("[", " ", "]", "").Replace(parts[1]), "@%s %d", &typ, &index); n == 2 {
		var all []*Section
		for _, s := range f.Sections {
			if s.Type == typ {
				all = append(all, s)
			}
		}
		if index < 0 {
			index += len(all)
		}
		section = all[index]
	} else if s, ok := f.Section(parts[1]); ok {
		section = s
	}
	if section == nil {
		t.Fatalf("no section for %s", what)
	}
	if len(parts) == 2 {
		return section.Type
	}
	var items []string
	for _, v := range section.List(parts[2]) {
		items = append(items, v.Text)
	}
	return strings.Join(items, " ")
}

// asUCI writes an error as the uci program prints it.
func asUCI(t *testing.T, err error) string {
	t.Helper()
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a SyntaxError", err)
	}
	return fmt.Sprintf("uci: Parse error (%s) at line %d, byte %d\n", e.Reason, e.Line, e.Byte)
}

func printed(t testing.TB, print func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := print(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
