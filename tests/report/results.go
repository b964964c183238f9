package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// test names one test of one run of its package. Packages that ran in a virtual
// machine are written PACKAGE@KERNEL, and in the events PACKAGE@KERNEL#PART where
// several machines ran parts of it.
type test struct{ pkg, name string }

// home is the same test on the build machine itself.
func (t test) home() test {
	pkg, _, _ := strings.Cut(t.pkg, "@")
	return test{pkg, t.name}
}

// results of all stages.
type results struct {
	outcome  map[test]string   // pass, fail, skip
	skips    map[test]string   // the features that skipped tests named
	evidence map[test][]string // what tests said that can be why they failed
	stage    map[string]string // the stage of a package
	died     map[string]bool   // packages that ended before their tests did
	second   []test            // those that failed once and passed then
}

// skipLine is what package lab prints; see lab.Need.
var skipLine = regexp.MustCompile(`multiwan-skip feature=(\S+)`)

func newResults() *results {
	return &results{
		outcome: map[test]string{}, skips: map[test]string{}, evidence: map[test][]string{},
		stage: map[string]string{}, died: map[string]bool{},
	}
}

// load reads the files of all stages, then those of second runs. No file at all
// is an error: a run that did nothing has not passed.
func load(dir string) (*results, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no results in %s (%v)", dir, err)
	}
	all := newResults()
	var again []string
	for _, name := range files {
		if strings.HasPrefix(filepath.Base(name), againPrefix) {
			again = append(again, name)
		} else if err := all.readFile(name); err != nil {
			return nil, err
		}
	}
	for _, name := range again {
		one := newResults()
		if err := one.readFile(name); err != nil {
			return nil, err
		}
		all.mend(one)
	}
	return all, nil
}

// readFile reads the events of one stage, which the file is named after.
func (r *results) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.read(strings.TrimSuffix(filepath.Base(name), ".json"), f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// read adds the events of one stage. A test that began and has no end (a
// panic, a machine that died) has failed. One that failed in another stage has
// failed, whatever comes of it here.
func (r *results) read(stage string, from io.Reader) error {
	began := map[test]string{} // and where
	before := maps.Clone(r.outcome)
	// By what one machine ran, which may be a part of a package.
	failedPackages := map[string][]string{} // and why, if it is not a test's fault
	failedIn := map[string]bool{}
	builds := map[string][]string{} // output of the compiler
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		if e.Action == "build-output" {
			builds[e.ImportPath] = append(builds[e.ImportPath], e.Output)
		}
		if e.Package == "" {
			continue
		}
		run := e.Package
		e.Package, _, _ = strings.Cut(run, "#")
		r.stage[e.Package] = stage
		t := test{e.Package, e.Test}
		if e.Test == "" {
			switch e.Action {
			case "fail":
				failedPackages[run] = builds[e.FailedBuild]
			case "pass": // a second machine, after one that died
				delete(failedPackages, run)
			}
			continue
		}
		switch e.Action {
		case "run":
			began[t] = run
		case "output":
			if m := skipLine.FindStringSubmatch(e.Output); m != nil {
				r.skips[t] = m[1]
			}
			r.evidence[t] = append(r.evidence[t], e.Output)
		case "pass", "fail", "skip":
			delete(began, t)
			if before[t] == "fail" {
				continue
			}
			r.outcome[t] = e.Action
			failedIn[run] = failedIn[run] || e.Action == "fail"
			if e.Package == checkPackage {
				r.evidence[t] = []string{e.Output}
			}
			if e.Action != "fail" {
				delete(r.evidence, t)
			}
		}
	}
	for t, run := range began {
		r.outcome[t] = "fail"
		r.died[t.pkg], failedIn[run] = true, true
	}
	for run, output := range failedPackages {
		if !failedIn[run] { // it did not build, or died outside of its tests
			p, _, _ := strings.Cut(run, "#")
			r.outcome[test{p, "(package)"}] = "fail"
			r.evidence[test{p, "(package)"}] = output
			r.died[p] = true
		}
	}
	return lines.Err()
}

// counted are the tests that the closing line counts: of a test with subtests
// the subtests alone, unless it failed by itself; of a skip only one that did
// not run anywhere else.
func (r *results) counted() map[test]string {
	parent := map[test]bool{}
	ran := map[test]bool{}
	for t, o := range r.outcome {
		for name := t.name; ; {
			i := strings.LastIndex(name, "/")
			if i < 0 {
				break
			}
			name = name[:i]
			if o == "fail" || r.outcome[test{t.pkg, name}] != "fail" {
				parent[test{t.pkg, name}] = true
			}
		}
		if o != "skip" {
			ran[t.home()] = true
		}
	}
	out := map[test]string{}
	for t, o := range r.outcome {
		if !parent[t] && !(o == "skip" && ran[t.home()]) {
			out[t] = o
		}
	}
	return out
}

func sorted(m map[test]string) []test {
	return slices.SortedFunc(maps.Keys(m), func(a, b test) int {
		return strings.Compare(a.pkg+" "+a.name, b.pkg+" "+b.name)
	})
}

// summary prints skips by reason, what passed at the second run, every failure
// with its evidence, and the closing line; it is an error if anything failed or
// nothing passed. The evidence comes last, since records are cut at the front.
func (r *results) summary(w io.Writer) error {
	counted := r.counted()
	n := map[string]int{}
	reasons := map[string]int{}
	for t, o := range counted {
		n[o]++
		if o == "skip" {
			reasons[cmp.Or(r.skips[t], "other")]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "skipped for %s: %d\n", reason, reasons[reason])
	}
	for _, t := range r.second {
		fmt.Fprintf(w, "passed at the second run: %s %s\n", t.pkg, t.name)
	}
	for _, t := range sorted(counted) {
		if counted[t] != "fail" {
			continue
		}
		fmt.Fprintf(w, "FAIL %s %s\n", t.pkg, t.name)
		for _, line := range assertions(r.evidence[t]) {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", n["pass"], n["fail"], n["skip"])
	switch {
	case n["fail"] > 0:
		return errors.New("something failed")
	case n["pass"] == 0:
		return errors.New("nothing passed")
	}
	return nil
}

// missing are the skipped tests that name a feature, with all the features of a
// package's skips. Long tests are left out on purpose, not for a lack.
func (r *results) missing() (tests map[string][]string, features map[string][]string) {
	tests, features = map[string][]string{}, map[string][]string{}
	for _, t := range sorted(r.skips) {
		f := r.skips[t]
		if r.outcome[t] != "skip" || f == "long" || strings.Contains(t.pkg, "@") {
			continue
		}
		top, _, _ := strings.Cut(t.name, "/")
		if !slices.Contains(tests[t.pkg], top) {
			tests[t.pkg] = append(tests[t.pkg], top)
		}
		if !slices.Contains(features[t.pkg], f) {
			features[t.pkg] = append(features[t.pkg], f)
		}
	}
	return tests, features
}

// printMissing prints a line a package: the package, an expression for its
// tests, and the features that they need.
func (r *results) printMissing(w io.Writer) {
	tests, features := r.missing()
	for _, p := range slices.Sorted(maps.Keys(tests)) {
		fmt.Fprintf(w, "%s ^(%s)$ %s\n", p, strings.Join(tests[p], "|"), strings.Join(features[p], ","))
	}
}
