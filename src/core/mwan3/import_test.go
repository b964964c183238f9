package mwan3

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiwan/src/core/uci"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// TestImport compares the text and the report for each configuration in testdata.
func TestImport(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			_, result := imported(t, name)
			golden(t, name, "multiwan.golden", string(result.Text))
			var report strings.Builder
			for _, n := range result.Notes {
				fmt.Fprintln(&report, n)
			}
			golden(t, name, "notes.golden", report.String())
		})
	}
}

// TestReadsAgain: the text is UCI, written as uci itself would write it.
func TestReadsAgain(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			_, result := imported(t, name)
			f, err := uci.Parse("multiwan", result.Text)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := f.Export(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("package multiwan\n\n"+string(result.Text), b.String()); diff != "" {
				t.Errorf("(-imported +exported again):\n%s", diff)
			}
		})
	}
}

func TestNotMwan3(t *testing.T) {
	f, err := uci.Parse("mwan3", []byte("config rule 'x'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(f); err == nil {
		t.Error("want an error for a file without interfaces")
	}
}

func cases(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*", "mwan3"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names
}

func imported(t *testing.T, name string) (*uci.File, Result) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "mwan3"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := uci.Parse("mwan3", text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Import(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, result
}

func golden(t *testing.T, name, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", name, file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
