package uci

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParse: no input panics, every value lies inside the text, and what Export
// prints is read back as the same file.
func FuzzParse(f *testing.F) {
	for _, path := range recordedFiles(f) {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 20000 {
			f.Add(text)
		}
	}
	f.Add([]byte("config t 'a'; option b \"x\\\ny\" # z\r\n\x00list l '\xff'"))
	f.Add([]byte("config t a\n\toption " + strings.Repeat("o", 50) + " \\\r\n'v'"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := Parse("p", bytes.Clone(text))
		if err != nil {
			if first != nil {
				t.Fatal("a file together with an error")
			}
			return
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		eachValue(first, func(v Value) {
			if v.Line < 1 || v.Line > lines || v.Column < 1 || v.Column > len(text)+1 {
				t.Fatalf("value %q at %d:%d of %d lines", v.Text, v.Line, v.Column, lines)
			}
			if strings.Contains(v.Text, "\x00") {
				t.Fatalf("value %q contains NUL", v.Text)
			}
		})
		for _, s := range first.Sections {
			if strings.ContainsAny(s.Type, `'"\;#`) {
				return // libuci exports types without quotes, see Export
			}
		}
		second, err := Parse("p", printed(t, first.Export))
		if err != nil {
			t.Fatalf("read the export again: %v", err)
		}
		places := cmp.Options{
			cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(Value{}, "Line", "Column"),
			cmpopts.IgnoreFields(Option{}, "Line", "Replaced"),
			cmpopts.IgnoreFields(Section{}, "Line", "Again", "Empty"),
		}
		if diff := cmp.Diff(first, second, places); diff != "" {
			t.Fatalf("the export is another file (-first +second):\n%s", diff)
		}
	})
}
