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
		{"with its reasons", []string{`{"Action":"output","Package":"p","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"p","Test":"TestX","Output":"    x_test.go:7: want 1,\n"}
{"Action":"output","Package":"p","Test":"TestX","Output":"        have 2\n"}
{"Action":"output","Package":"p","Test":"TestX","Output":"    daemon.go:1: log of the daemon:\n"}
{"Action":"output","Package":"p","Test":"TestX","Output":"        level=notice\n"}
{"Action":"fail","Package":"p","Test":"TestX"}
{"Action":"skip","Package":"p","Test":"TestY"}`}, "skipped for other: 1\nFAIL p TestX\n    x_test.go:7: want 1,\n        have 2\n0 passed, 1 failed, 1 skipped\n", true},
		{"does not build", []string{`{"ImportPath":"q [q.test]","Action":"build-output","Output":"q/a.go:7: undefined: x\n"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}`}, "FAIL q (package)\n    q/a.go:7: undefined: x\n0 passed, 1 failed, 0 skipped\n", true},
		{"a second machine", []string{`{"Action":"run","Package":"p@6.1","Test":"TestX"}
{"Action":"fail","Package":"p@6.1"}
{"Action":"run","Package":"p@6.1","Test":"TestX"}
{"Action":"pass","Package":"p@6.1","Test":"TestX"}
{"Action":"pass","Package":"p@6.1"}`}, "1 passed, 0 failed, 0 skipped\n", false},
		{"a part died outside of its tests, another passed", []string{`{"Action":"run","Package":"p@6.1#1","Test":"TestX"}
{"Action":"pass","Package":"p@6.1#1","Test":"TestX"}
{"Action":"fail","Package":"p@6.1#1"}
{"Action":"run","Package":"p@6.1#2","Test":"TestY"}
{"Action":"pass","Package":"p@6.1#2","Test":"TestY"}
{"Action":"pass","Package":"p@6.1#2"}`}, "FAIL p@6.1 (package)\n2 passed, 1 failed, 0 skipped\n", true},
		{"failed in one stage of two", []string{`{"Action":"fail","Package":"p@6.1","Test":"TestL2TP"}`, vm}, "FAIL p@6.1 TestL2TP\n0 passed, 1 failed, 0 skipped\n", true},
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
				if err := r.read("kernel", strings.NewReader(s)); err != nil {
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
	if err := r.read("kernel", strings.NewReader(home)); err != nil {
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
		"good": {"true"}, "bad": {"sh", "-c", "echo what is wrong; exit 1"}, "absent": {"/no/such/program"},
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
	want := "FAIL p TestA\nFAIL stage absent\n    fork/exec /no/such/program: no such file or directory\n" +
		"FAIL stage bad\n    what is wrong\n    exit status 1\nFAIL stage crash\n    exit status 3\n1 passed, 4 failed, 0 skipped\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}
