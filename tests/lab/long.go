package lab

import "os"

// Long skips a test that takes minutes unless MULTIWAN_LONG is set, as `make
// test-all` does. The skip is a line of the kind that [Need] prints.
func Long(tb TB) {
	tb.Helper()
	if !Thorough() {
		tb.Skipf("multiwan-skip feature=long test=%s: takes minutes; set MULTIWAN_LONG=1 or run make test-all", tb.Name())
	}
}

// Thorough says that tests may take minutes: those with a long form take it.
func Thorough() bool { return os.Getenv("MULTIWAN_LONG") != "" }
