package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeGo stands for the go command: TestNoise passes, TestBad fails, TestDies
// ends without a result, TestSkips is skipped.
const fakeGo = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
for last; do :; done
p=$last
case "$*" in
*mipsel*) p=$p@6.1.0-50-4kc-malta ;;
*tests/vm*) p=$p@6.1.0-44-amd64 ;;
esac
case "$*" in
*TestNoise*) echo "{\"Action\":\"pass\",\"Package\":\"$p\",\"Test\":\"TestNoise/a\"}"
	echo "{\"Action\":\"pass\",\"Package\":\"$p\",\"Test\":\"TestNoise\"}" ;;
*TestBad*) echo "{\"Action\":\"fail\",\"Package\":\"$p\",\"Test\":\"TestBad\"}"; exit 1 ;;
*TestDies*) echo "{\"Action\":\"run\",\"Package\":\"$p\",\"Test\":\"TestDies\"}"; exit 1 ;;
*TestSkips*) echo "{\"Action\":\"skip\",\"Package\":\"$p\",\"Test\":\"TestSkips\"}" ;;
esac
`

// failing is a stage in which these tests of one package failed.
func failing(pkg string, names ...string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(`{"Action":"fail","Package":"` + pkg + `","Test":"` + n + `"}` + "\n")
	}
	b.WriteString(`{"Action":"fail","Package":"` + pkg + `"}` + "\n")
	return b.String()
}

func TestAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		stages map[string]string
		calls  string
		says   string // what it prints, with the summary
	}{
		{"noise", map[string]string{"kernel": failing("p", "TestNoise/a", "TestNoise") + `{"Action":"pass","Package":"p","Test":"TestGood"}`},
			"test -json -count=1 -timeout=20m -run ^TestNoise$ p\n",
			"passed at the second run: p TestNoise\n\npassed at the second run: p TestNoise\n2 passed, 0 failed, 0 skipped\n"},
		{"not noise", map[string]string{"kernel": failing("p", "TestBad", "TestSkips", "TestDies", "TestNoise")},
			"test -json -count=1 -timeout=20m -run ^TestBad$ p\ntest -json -count=1 -timeout=20m -run ^TestDies$ p\n" +
				"test -json -count=1 -timeout=20m -run ^TestNoise$ p\ntest -json -count=1 -timeout=20m -run ^TestSkips$ p\n",
			"failed at the second run too: p TestBad\nfailed at the second run too: p TestDies\n" +
				"passed at the second run: p TestNoise\nfailed at the second run too: p TestSkips\n\n" +
				"passed at the second run: p TestNoise\nFAIL p TestBad\nFAIL p TestDies\nFAIL p TestSkips\n1 passed, 3 failed, 0 skipped\n"},
		{"in the machine", map[string]string{
			"kernel": `{"Action":"output","Package":"p","Test":"TestNoise/a","Output":"multiwan-skip feature=l2tp test=TestNoise/a: no\n"}
{"Action":"skip","Package":"p","Test":"TestNoise/a"}
{"Action":"pass","Package":"p","Test":"TestNoise"}`,
			"vm-6.1": failing("p@6.1.0-44-amd64", "TestNoise")},
			"run ./tests/vm run -json -kernel 6.1 -require l2tp -test ^TestNoise$ p\n",
			"passed at the second run: p@6.1.0-44-amd64 TestNoise\n\n" +
				"passed at the second run: p@6.1.0-44-amd64 TestNoise\n1 passed, 0 failed, 0 skipped\n"},
		{"on another processor", map[string]string{"cpu-mipsel": failing("p@6.1.0-50-4kc-malta", "TestNoise")},
			"run ./tests/vm run -json -kernel 6.1 -arch mipsel -timeout 9m -require  -test ^TestNoise$ p\n",
			"passed at the second run: p@6.1.0-50-4kc-malta TestNoise\n\n" +
				"passed at the second run: p@6.1.0-50-4kc-malta TestNoise\n1 passed, 0 failed, 0 skipped\n"},
		{"too many", map[string]string{"kernel": failing("p", "TestA", "TestB", "TestC", "TestD", "TestE", "TestNoise")}, "",
			"6 tests failed: too many for a second run\n\n" +
				"FAIL p TestA\nFAIL p TestB\nFAIL p TestC\nFAIL p TestD\nFAIL p TestE\nFAIL p TestNoise\n0 passed, 6 failed, 0 skipped\n"},
		{"none of unit tests", map[string]string{"unit": failing("p", "TestNoise")}, "",
			"\nFAIL p TestNoise\n0 passed, 1 failed, 0 skipped\n"},
		{"none where others may not have run", map[string]string{"kernel": failing("p", "TestNoise") + `{"Action":"run","Package":"p","Test":"TestPanic"}`}, "",
			"\nFAIL p TestNoise\nFAIL p TestPanic\n0 passed, 2 failed, 0 skipped\n"},
		{"all is well", map[string]string{"kernel": `{"Action":"pass","Package":"p","Test":"TestGood"}`}, "", "\n1 passed, 0 failed, 0 skipped\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for stage, events := range c.stages {
				write(t, filepath.Join(dir, stage+".json"), events)
			}
			fake := filepath.Join(t.TempDir(), "go")
			write(t, fake, fakeGo)
			var b strings.Builder
			if err := again(dir, fake, &b); err != nil {
				t.Fatal(err)
			}
			calls, _ := os.ReadFile(filepath.Join(filepath.Dir(fake), "calls"))
			if d := cmp.Diff(c.calls, string(calls)); d != "" {
				t.Errorf("commands:\n%s", d)
			}
			all, err := load(dir)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString("\n")
			err = all.summary(&b)
			if d := cmp.Diff(c.says, b.String()); d != "" {
				t.Error(d)
			}
			if failed := strings.Contains(c.says, "FAIL"); (err != nil) != failed {
				t.Errorf("error %v, want one: %v", err, failed)
			}
		})
	}
}

func TestSeries(t *testing.T) {
	for release, want := range map[string]string{"6.1.0-44-amd64": "6.1", "6.12.85+deb12-amd64": "6.12", "odd": "odd"} {
		if got := series(release); got != want {
			t.Errorf("%s is of series %s, want %s", release, got, want)
		}
	}
}

func TestAssertions(t *testing.T) {
	output := []string{"=== RUN   TestX\n", "    a_test.go:1: first\n"}
	for range evidenceLines {
		output = append(output, "    b_test.go:2: "+strings.Repeat("x", 400)+"\n")
	}
	output = append(output, "        1\n", "        2\n", "        3\n", "        4\n", "--- FAIL: TestX (0.00s)\n")
	got := assertions(output)
	if len(got) != evidenceLines || len(got[0]) > 310 || got[evidenceLines-1] != "    3" {
		t.Errorf("%d lines: %q", len(got), got)
	}
	if d := cmp.Diff([]string{"fatal error: all goroutines are asleep"}, assertions([]string{"fatal error: all goroutines are asleep\n"})); d != "" {
		t.Errorf("a failure without messages:\n%s", d)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
