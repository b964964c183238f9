package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// home and vm are what two stages may leave behind.
const (
	home = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestTable"}
{"Action":"run","Package":"p","Test":"TestTable/one"}
{"Action":"pass","Package":"p","Test":"TestTable/one"}
{"Action":"run","Package":"p","Test":"TestTable/two"}
{"Action":"pass","Package":"p","Test":"TestTable/two"}
{"Action":"pass","Package":"p","Test":"TestTable"}
{"Action":"run","Package":"p","Test":"TestL2TP"}
{"Action":"output","Package":"p","Test":"TestL2TP","Output":"    x.go:3: multiwan-skip feature=l2tp test=TestL2TP: no such file\n"}
{"Action":"skip","Package":"p","Test":"TestL2TP"}
{"Action":"run","Package":"p","Test":"TestSoak"}
{"Action":"output","Package":"p","Test":"TestSoak","Output":"multiwan-skip feature=long test=TestSoak: …\n"}
{"Action":"skip","Package":"p","Test":"TestSoak"}
{"Action":"pass","Package":"p"}
{"Action":"pass","Package":"stage","Test":"kernel"}
`
	vm = `{"Action":"run","Package":"p@6.1","Test":"TestL2TP"}
{"Action":"pass","Package":"p@6.1","Test":"TestL2TP"}
`
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		name   string
		stages []string
		want   string
		fails  bool
	}{
		{"native", []string{home}, "skipped for l2tp: 1\nskipped for long: 1\n4 passed, 0 failed, 2 skipped\n", false},
		{"made up for in the machine", []string{home, vm}, "skipped for long: 1\n5 passed, 0 failed, 1 skipped\n", false},
		{"no end", []string{`{"Action":"run","Package":"p","Test":"TestX"}`}, "FAIL p TestX\n0 passed, 1 failed, 0 skipped\n", true},
		{"does not build", []string{`{"Action":"fail","Package":"q"}`}, "FAIL q (package)\n0 passed, 1 failed, 0 skipped\n", true},
		{"a failed subtest is one", []string{`{"Action":"fail","Package":"p","Test":"T/a"}
{"Action":"pass","Package":"p","Test":"T/b"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"fail","Package":"p"}`}, "FAIL p T/a\n1 passed, 1 failed, 0 skipped\n", true},
		{"fails beside good subtests", []string{`{"Action":"pass","Package":"p","Test":"T/b"}
{"Action":"fail","Package":"p","Test":"T"}`}, "FAIL p T\n1 passed, 1 failed, 0 skipped\n", true},
		{"nothing", []string{""}, "0 passed, 0 failed, 0 skipped\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newResults()
			for _, s := range c.stages {
				if err := r.read(strings.NewReader(s)); err != nil {
					t.Fatal(err)
				}
			}
			var b strings.Builder
			err := r.summary(&b)
			if d := cmp.Diff(c.want, b.String()); d != "" {
				t.Error(d)
			}
			if (err != nil) != c.fails {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	r := newResults()
	if err := r.read(strings.NewReader(home)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	r.printMissing(&b)
	if want := "p ^(TestL2TP)$ l2tp\n"; b.String() != want {
		t.Errorf("missing %q, want %q", b.String(), want)
	}
}

// TestStage runs true commands: one that fails must not end the run, and must
// not be forgotten.
func TestStage(t *testing.T) {
	dir := t.TempDir()
	for name, command := range map[string][]string{
		"good": {"true"}, "bad": {"false"}, "absent": {"/no/such/program"},
	} {
		if err := stage(dir, name, false, command); err != nil {
			t.Fatal(err)
		}
	}
	if err := stage(dir, "crash", true, []string{"sh", "-c", `echo '{"Action":"run","Package":"p","Test":"TestA"}'; exit 3`}); err != nil {
		t.Fatal(err)
	}
	all, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := all.summary(&b); err == nil {
		t.Error("the run passed")
	}
	want := "FAIL p TestA\nFAIL stage absent\nFAIL stage bad\nFAIL stage crash\n1 passed, 4 failed, 0 skipped\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}
