package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// job is what one machine runs: the tests of one package.
type job struct {
	pkg     string // import path
	test    string // expression for their names; empty for all
	require string // features whose lack is a failure
	part    int    // of the package's tests, from 1; 0: it has all of them
}

// errNoTests says that a package has no test of the wanted names.
var errNoTests = errors.New("no tests")

// jobs are the packages of the command line, patterns resolved.
func (o options) jobs() ([]job, error) {
	if len(o.packages) == 0 {
		return nil, errors.New("no package given\n" + usage)
	}
	out, err := exec.Command("go", append([]string{"list"}, o.packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(o.packages, " "), err)
	}
	var jobs []job
	for _, pkg := range strings.Fields(string(out)) {
		jobs = append(jobs, job{pkg, o.test, o.require, 0})
	}
	return jobs, nil
}

// testsAtOnce is how many tests of one package a machine runs; what has more takes several, which may run at the same time.
const testsAtOnce = 10

// readJobs reads lines of package, expression, features. What has most tests mostly takes longest, and comes first, so that in the end
// no machine runs alone for long.
func readJobs(r io.Reader) ([]job, error) {
	var jobs []job
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 3 {
			return nil, fmt.Errorf("want package, expression and features: %q", lines.Text())
		}
		jobs = append(jobs, job{f[0], f[1], f[2], 0}.split()...)
	}
	tests := func(j job) int { return strings.Count(j.test, "|") }
	slices.SortStableFunc(jobs, func(a, b job) int { return tests(b) - tests(a) })
	return jobs, lines.Err()
}

// label is what the results of a job are written under.
func (j job) label(k kernel) string {
	label := j.pkg + "@" + k.version
	if j.part > 0 {
		label += fmt.Sprintf("#%d", j.part)
	}
	return label
}

// split divides a job whose expression is a list of names into equal ones of at most testsAtOnce tests.
func (j job) split() []job {
	list, ok := strings.CutPrefix(j.test, "^(")
	list, closed := strings.CutSuffix(list, ")$")
	names := strings.Split(list, "|")
	if !ok || !closed || len(names) <= testsAtOnce {
		return []job{j}
	}
	parts := (len(names) + testsAtOnce - 1) / testsAtOnce
	var out []job
	for part := range slices.Chunk(names, (len(names)+parts-1)/parts) {
		out = append(out, job{j.pkg, "^(" + strings.Join(part, "|") + ")$", j.require, len(out) + 1})
	}
	return out
}

// jobRoot builds the part of the initramfs that belongs to one package: its
// test binary, its testdata and the daemon.
func jobRoot(o options, dir string, j job) (string, error) {
	test := filepath.Join(dir, "test")
	if err := goBuild(o.arch, "test", "-c", "-o", test, j.pkg); err != nil {
		return "", err
	}
	if _, err := os.Stat(test); err != nil {
		return "", errNoTests
	}
	if some, err := hasTests(o, test, j); err != nil {
		return "", err
	} else if !some {
		return "", errNoTests
	}
	place, err := findPackage(j.pkg)
	if err != nil {
		return "", err
	}
	daemon := cmp.Or(o.daemon, filepath.Join(dir, "multiwan"))
	var noDaemon error
	if o.daemon == "" {
		noDaemon = goBuild(o.arch, "build", "-o", daemon, "multiwan/src/cmd/multiwan")
	}
	// Not every test starts the daemon; those that do fail without it.
	if noDaemon != nil {
		note("without the daemon: %v", noDaemon)
	}
	name := filepath.Join(dir, "job.cpio")
	w, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer w.Close()
	a := newArchive(w)
	a.copy("/job/test", test)
	if noDaemon == nil {
		a.copy("/usr/sbin/multiwan", daemon)
	}
	if err := addData(a, place.module); err != nil {
		return "", err
	}
	a.dir("/tree/" + place.rel)
	a.file("/job/run", 0o755, []byte(jobScript(o, j, place.rel)))
	if err := a.close(); err != nil {
		return "", err
	}
	return name, w.Close()
}

// hasTests says whether a package has tests of the wanted names. The test binary itself knows; that of a foreign architecture does not run
// here, and go builds another.
func hasTests(o options, binary string, j job) (bool, error) {
	list := exec.Command(binary, "-test.list", cmp.Or(j.test, "."))
	if o.arch.foreign {
		list = exec.Command("go", "test", "-list", cmp.Or(j.test, "."), j.pkg)
	}
	out, err := list.Output()
	if err != nil {
		return false, fmt.Errorf("list tests: %w", err)
	}
	return strings.HasPrefix(string(out), "Test"), nil
}

// place of a package in the tree.
type place struct{ module, rel string }

func findPackage(pkg string) (place, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Module.Dir}}\n{{.Dir}}", pkg).Output()
	if err != nil {
		return place{}, fmt.Errorf("go list %s: %w", pkg, err)
	}
	module, dir, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	rel, err := filepath.Rel(module, dir)
	return place{module, rel}, err
}

// addData adds what tests read of the tree, at the same places below /tree:
// every testdata directory, the documents and the files of the package.
func addData(a *archive, module string) error {
	for _, d := range []string{"docs", "files"} {
		a.tree("/tree/"+d, filepath.Join(module, d))
	}
	for _, top := range []string{"src", "tests"} {
		err := filepath.WalkDir(filepath.Join(module, top), func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() || d.Name() != "testdata" {
				return err
			}
			rel, err := filepath.Rel(module, p)
			a.tree("/tree/"+rel, p)
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.err
}

func goBuild(arch architecture, args ...string) error {
	c := exec.Command("go", args...)
	c.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOOS=linux"}, arch.env...)...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// jobScript runs the tests as `go test` would: in the directory of the package. There is one processor, so tests that wait overlap only by
// -test.parallel; the guest's time is counted, so the limit is a guest's too.
func jobScript(o options, j job, rel string) string {
	verbose := "true"
	if o.json {
		verbose = "test2json"
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\ncd /tree/" + rel + "\nexport MULTIWAN_BIN=/usr/sbin/multiwan MULTIWAN_VM=1\n")
	fmt.Fprintf(&b, "export MULTIWAN_REQUIRE=%s\n", quote(j.require))
	if o.arch.foreign {
		fmt.Fprintf(&b, "export MULTIWAN_MIPS=%d\n", o.arch.mips)
	}
	if long := os.Getenv("MULTIWAN_LONG"); long != "" {
		fmt.Fprintf(&b, "export MULTIWAN_LONG=%s\n", quote(long))
	}
	fmt.Fprintf(&b, "exec /job/test -test.v=%s -test.paniconexit0 -test.parallel=1 -test.timeout=1h", verbose)
	if j.test != "" {
		fmt.Fprintf(&b, " -test.run=%s", quote(j.test))
	}
	b.WriteString("\n")
	return b.String()
}

// quote protects a word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
