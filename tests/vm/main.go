package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const usage = `usage: vm run [-arch amd64] [-kernel 6.1] [-test REGEXP] [-json] [-require FEATURES] [-timeout 5m] [-daemon FILE] PACKAGE…
       vm rest [-kernel 6.1] [-json] [-timeout 5m]   (reads what "report skipped" prints)
       vm kernels [-arch amd64]`

// errTests says that everything worked but the tests failed; they have said why.
var errTests = errors.New("tests failed")

// errMachine says that the machine ended without a result: the tests are not to
// blame, a busy host may be.
var errMachine = errors.New("the machine ended without a result")

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, errTests) {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "kernels":
		o, err := parseOptions(args[1:])
		if err != nil {
			return err
		}
		a, err := aptFor(o.cache, o.arch)
		if err != nil {
			return err
		}
		list, err := availableKernels(a, o.arch)
		for _, p := range list {
			fmt.Println(p.name)
		}
		return err
	case "run":
		o, err := parseOptions(args[1:])
		if err != nil {
			return err
		}
		jobs, err := o.jobs()
		if err != nil {
			return err
		}
		return runJobs(o, jobs)
	case "rest":
		o, err := parseOptions(args[1:])
		if err != nil {
			return err
		}
		jobs, err := readJobs(os.Stdin)
		if err != nil {
			return err
		}
		return runJobs(o, jobs)
	}
	return fmt.Errorf("unknown command %q\n%s", args[0], usage)
}

// options of `vm run`.
type options struct {
	arch     architecture
	daemon   string // a program that is built; empty: one from this tree
	kernel   string
	test     string
	json     bool
	require  string
	timeout  time.Duration
	packages []string
	cache    string
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	arch := f.String("arch", "amd64", "architecture of the machine: amd64, mipsel, armhf")
	f.StringVar(&o.daemon, "daemon", "", "the program for the machine; empty: it is built from this tree")
	f.StringVar(&o.kernel, "kernel", "6.1", "kernel series: the newest Debian package of it is taken")
	f.StringVar(&o.test, "test", "", "tests to run, as `go test -run`")
	f.BoolVar(&o.json, "json", false, "print events as `go test -json`")
	f.StringVar(&o.require, "require", "", "features whose lack is a failure (MULTIWAN_REQUIRE)")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "longest run of one package, in time of the host")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.packages = f.Args()
	var err error
	if o.arch, err = findArchitecture(*arch); err != nil {
		return o, err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	o.cache = filepath.Join(dir, "multiwan", "vm")
	return o, os.MkdirAll(o.cache, 0o755)
}

// runJobs runs packages, each in a fresh machine. All run, whatever fails.
func runJobs(o options, jobs []job) error {
	unlock, err := lock(filepath.Join(o.cache, "vm.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	begin := time.Now()
	a, err := aptFor(o.cache, o.arch)
	if err != nil {
		return err
	}
	k, err := fetchKernel(o.cache, o.kernel, a, o.arch)
	if err != nil {
		return err
	}
	user, err := userlandFor(o.cache, o.arch, a)
	if err != nil {
		return err
	}
	base, err := baseRoot(o.cache, k, o.arch, user)
	if err != nil {
		return err
	}
	note("kernel %s and its root ready after %.1f s", k.version, time.Since(begin).Seconds())
	results := make([]error, len(jobs))
	var group errgroup.Group
	group.SetLimit(o.machines())
	for i, j := range jobs {
		group.Go(func() error { results[i] = runJob(o, k, base, j); return nil })
	}
	_ = group.Wait()
	return judge(jobs, results)
}

// machines is how many run at once: one processor each keeps busy. What people read is not mixed.
func (o options) machines() int {
	if o.json {
		return min(2, runtime.NumCPU())
	}
	return 1
}

// runJob runs one package, once more where its machine died.
func runJob(o options, k kernel, base string, j job) error {
	err := runPackage(o, k, base, j)
	if errors.Is(err, errMachine) {
		note("%s: %v; a second try", j.pkg, err)
		err = runPackage(o, k, base, j)
	}
	if err != nil && !errors.Is(err, errNoTests) && !errors.Is(err, errTests) { // it did not build, or the machine died
		note("%s: %v", j.pkg, err)
	}
	return err
}

// judge says which packages failed, or that none had a test.
func judge(jobs []job, results []error) error {
	var failed []string
	ran := 0
	for i, err := range results {
		if errors.Is(err, errNoTests) {
			continue
		}
		ran++
		if err != nil {
			failed = append(failed, jobs[i].pkg)
		}
	}
	if ran == 0 {
		return errors.New("no test to run")
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w: %s", errTests, strings.Join(failed, " "))
	}
	return nil
}

// runPackage builds the tests of one package and runs them in a fresh machine.
func runPackage(o options, k kernel, base string, j job) error {
	begin := time.Now()
	dir, err := os.MkdirTemp(o.cache, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root, err := jobRoot(o, dir, j)
	if err != nil {
		return err
	}
	initrd := filepath.Join(dir, "initrd")
	if err := concat(initrd, base, root); err != nil {
		return err
	}
	built := time.Since(begin)
	code, guest, err := boot(o, k, initrd, j)
	if err != nil {
		return err
	}
	note("%s: exit %d, %.1f s (%.1f s to build), %.1f s in the guest", j.label(k), code, time.Since(begin).Seconds(), built.Seconds(), guest)
	if code != 0 {
		return errTests
	}
	return nil
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "vm: "+format+"\n", args...) }

// lock lets one run of packages go on at a time: two would only slow each other down.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
