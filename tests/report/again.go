package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const (
	// againPrefix begins the names of second runs among the results.
	againPrefix = "again-"
	// mostAgain is how many failed tests can be noise of the machine; more are
	// none.
	mostAgain = 5
)

// again runs each test that failed in the stages with kernels once more, alone.
// One that passes then counts as passed, and is named.
func again(dir, goCommand string, to io.Writer) error {
	all, err := load(dir)
	if err != nil {
		return err
	}
	failed := all.retriable()
	if len(failed) > mostAgain {
		fmt.Fprintf(to, "%d tests failed: too many for a second run\n", len(failed))
		return nil
	}
	for _, t := range failed {
		if err := stage(dir, againPrefix+strings.ReplaceAll(t.pkg, "/", "_")+"-"+t.name, true, all.command(goCommand, t)); err != nil {
			return err
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if all, err = load(dir); err != nil {
		return err
	}
	for _, t := range failed {
		verdict := "failed at the second run too"
		if slices.Contains(all.second, t) {
			verdict = "passed at the second run"
		}
		fmt.Fprintf(to, "%s: %s %s\n", verdict, t.pkg, t.name)
	}
	return nil
}

// retriable are the failed tests, without their subtests, of the stages that
// depend on kernels and times. A package that ended before its tests did has
// none: nobody knows what the others would have done.
func (r *results) retriable() []test {
	var out []test
	for _, t := range sorted(r.outcome) {
		stage := r.stage[t.pkg]
		timed := stage == "kernel" || strings.HasPrefix(stage, "vm-") || strings.HasPrefix(stage, "cpu-")
		if r.outcome[t] == "fail" && timed && !r.died[t.pkg] && !strings.Contains(t.name, "/") {
			out = append(out, t)
		}
	}
	return out
}

// command runs one test alone, where it ran before.
func (r *results) command(goCommand string, t test) []string {
	only := "^" + t.name + "$"
	pkg, release, inVM := strings.Cut(t.pkg, "@")
	if !inVM {
		return []string{goCommand, "test", "-json", "-count=1", "-timeout=20m", "-run", only, pkg}
	}
	machine := []string{"-kernel", series(release)}
	for flavour, arch := range map[string]string{"-4kc-malta": "mipsel", "-armmp": "armhf"} {
		if strings.HasSuffix(release, flavour) {
			machine = append(machine, "-arch", arch, "-timeout", "9m")
		}
	}
	return slices.Concat([]string{goCommand, "run", "./tests/vm", "run", "-json"}, machine,
		[]string{"-require", strings.Join(r.features(t.home()), ","), "-test", only, pkg})
}

// series is the kernel series of a release: 6.1 of 6.1.0-44-amd64.
func series(release string) string {
	digits := func(c rune) bool { return c < '0' || c > '9' }
	parts := strings.FieldsFunc(release, digits)
	if len(parts) < 2 {
		return release
	}
	return parts[0] + "." + parts[1]
}

// features are those for whose lack a test or a subtest of it was skipped.
func (r *results) features(top test) []string {
	var out []string
	for t, f := range r.skips {
		if t.under(top) && f != "long" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// under reports whether t is the test or one of its subtests.
func (t test) under(top test) bool {
	return t.pkg == top.pkg && (t.name == top.name || strings.HasPrefix(t.name, top.name+"/"))
}

// mend puts the results of a second run in the place of the first ones, test by
// test, where nothing failed in it.
func (r *results) mend(one *results) {
	for _, top := range sorted(one.outcome) {
		if strings.Contains(top.name, "/") || one.outcome[top] != "pass" || r.outcome[top] != "fail" || one.died[top.pkg] {
			continue
		}
		for t := range r.outcome {
			if t.under(top) {
				delete(r.outcome, t)
			}
		}
		for t, o := range one.outcome {
			if t.under(top) {
				r.outcome[t] = o
			}
		}
		r.second = append(r.second, top)
	}
}

// runAgain is the subcommand; the go command is an argument as that of stages is.
func runAgain(dir string, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("again wants the go command\n%s", usage)
	}
	return again(dir, args[0], os.Stdout)
}
