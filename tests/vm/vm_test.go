package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSerial(t *testing.T) {
	for _, c := range []struct {
		name, serial, out string
		code              int
		guest             float64
		fails             bool
	}{
		{"passes", "SeaBIOS\r\n\x1bcVM-READY 1.5\r\n=== RUN\r\nPASS\r\nVM-EXIT 0 12.25\r\nreboot: power down\r\n", "=== RUN\nPASS\n", 0, 12.25, false},
		{"fails", "VM-READY 1\nFAIL\nVM-EXIT 1 3\n", "FAIL\n", 1, 3, false},
		{"panics", "VM-READY 1\nhalf\nKernel panic", "half\nKernel panic", 0, 0, true},
		{"does not boot", "No bootable device", "", 0, 0, true},
		{"spoilt mark", "VM-READY 1\nVM-EXIT x\n", "", 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			code, guest, _, err := readSerial(strings.NewReader(c.serial), &out)
			if code != c.code || guest != c.guest || (err != nil) != c.fails {
				t.Errorf("exit %d after %v s, error %v", code, guest, err)
			}
			if d := cmp.Diff(c.out, out.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestImageName(t *testing.T) {
	amd64, err := findArchitecture("amd64")
	if err != nil {
		t.Fatal(err)
	}
	mipsel, err := findArchitecture("mipsel")
	if err != nil {
		t.Fatal(err)
	}
	if m := mipsel.imageName().FindStringSubmatch("linux-image-6.1.0-50-4kc-malta"); m == nil || m[1] != "6.1.0-50" {
		t.Errorf("mipsel's kernel: %v", m)
	}
	for name, want := range map[string]string{
		"linux-image-6.1.0-56-amd64-unsigned":       "6.1.0-56",
		"linux-image-6.12.117+deb12-amd64":          "6.12.117+deb12",
		"linux-image-6.1.0-56-cloud-amd64-unsigned": "",
		"linux-image-6.1.0-56-rt-amd64":             "",
		"linux-image-amd64":                         "",
	} {
		got := ""
		if m := amd64.imageName().FindStringSubmatch(name); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s: version %q, want %q", name, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	b := make([]byte, 4096)
	b[0x1f1] = 2
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint32(b[0x248:], 100)
	binary.LittleEndian.PutUint32(b[0x24c:], 5)
	copy(b[3*512+100:], "hello!")
	p, err := bzImagePayload(b)
	if err != nil || string(p) != "hello" {
		t.Errorf("payload %q, error %v", p, err)
	}
	binary.LittleEndian.PutUint32(b[0x24c:], 1<<20)
	if _, err := bzImagePayload(b); err == nil {
		t.Error("a payload beyond the end of the file was taken")
	}
}

// TestArchive lets cpio itself read what was written.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skipf("multiwan-skip feature=cpio test=%s: %v", t.Name(), err)
	}
	var b bytes.Buffer
	a := newArchive(&b)
	a.file("/usr/bin/x", 0o755, []byte("12345"))
	a.file("/usr/bin/x", 0o755, []byte("again"))
	a.link("/bin", "usr/bin")
	a.dir("/tmp")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("cpio", "-tv", "--quiet", "--numeric-uid-gid")
	c.Stdin = &b
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("cpio: %v: %s", err, out)
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Fields(line)
		got = append(got, f[0]+" "+f[4]+" "+strings.Join(f[8:], " "))
	}
	want := []string{"drwxr-xr-x 0 usr", "drwxr-xr-x 0 usr/bin", "-rwxr-xr-x 5 usr/bin/x", "lrwxrwxrwx 7 bin -> usr/bin", "drwxr-xr-x 0 tmp"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadJobs(t *testing.T) {
	got, err := readJobs(strings.NewReader("multiwan/tests/lab ^(TestA|TestB)$ vlan,l2tp\n"))
	if err != nil || len(got) != 1 || got[0] != (job{"multiwan/tests/lab", "^(TestA|TestB)$", "vlan,l2tp", 0}) {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := readJobs(strings.NewReader("half a line\n x")); err == nil {
		t.Error("a line that is not ours was taken")
	}
}

// TestWholeLines: what two machines print at once is mixed by lines only.
func TestWholeLines(t *testing.T) {
	var out strings.Builder
	a, b := &wholeLines{to: &out}, &wholeLines{to: &out}
	for _, w := range []struct {
		to   *wholeLines
		text string
	}{{a, "one "}, {b, "two\nthr"}, {a, "and a half\n"}, {b, "ee\n"}} {
		if n, err := w.to.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := out.String(); got != "two\none and a half\nthree\n" {
		t.Errorf("%q", got)
	}
}

// TestJudge: a package without tests is none that failed, but there must be one with.
func TestJudge(t *testing.T) {
	jobs := []job{{pkg: "a"}, {pkg: "b"}, {pkg: "c"}}
	if err := judge(jobs, []error{nil, errNoTests, nil}); err != nil {
		t.Error(err)
	}
	if err := judge(jobs, []error{errNoTests, errNoTests, errNoTests}); err == nil {
		t.Error("no test ran, and nothing was said")
	}
	err := judge(jobs, []error{errTests, nil, errMachine})
	if !errors.Is(err, errTests) || !strings.Contains(err.Error(), "a c") {
		t.Error(err)
	}
}

// TestLongestFirst: the package with most tests is the first to run.
func TestLongestFirst(t *testing.T) {
	jobs, err := readJobs(strings.NewReader("a ^(TestA|TestB)$ l2tp\nb ^TestC$ esp\nc ^(TestD|TestE|TestF)$ esp,l2tp\n"))
	want := []job{{"c", "^(TestD|TestE|TestF)$", "esp,l2tp", 0}, {"a", "^(TestA|TestB)$", "l2tp", 0}, {"b", "^TestC$", "esp", 0}}
	if err != nil || !slices.Equal(jobs, want) {
		t.Errorf("%v, %v, want %v", jobs, err, want)
	}
}

// TestSplit: many tests of one package are divided among machines, each name once; any other expression stays as it is.
func TestSplit(t *testing.T) {
	var names []string
	for i := range 23 {
		names = append(names, fmt.Sprintf("Test%d", i))
	}
	parts := job{"a", "^(" + strings.Join(names, "|") + ")$", "esp", 0}.split()
	var got []string
	for i, p := range parts {
		list := strings.Split(strings.TrimSuffix(strings.TrimPrefix(p.test, "^("), ")$"), "|")
		if p.pkg != "a" || p.part != i+1 || p.require != "esp" || len(list) > testsAtOnce || len(list) < 7 {
			t.Errorf("part %+v", p)
		}
		got = append(got, list...)
	}
	if !slices.Equal(got, names) {
		t.Errorf("%d parts with %v", len(parts), got)
	}
	for _, test := range []string{"", "^TestA$", "Test(A|B|C|D|E|F|G|H|I|J|K|L)"} {
		if one := (job{"a", test, "", 0}).split(); len(one) != 1 || one[0].test != test {
			t.Errorf("%q was divided: %+v", test, one)
		}
	}
}
