package lab

import "os"

// Long skips a test that takes minutes unless MULTIWAN_LONG is set, as `make
// test-all` does. The skip is a line of the kind that [Need] prints.
func Long(tb TB) {
	tb.Helper()
	if os.Getenv("MULTIWAN_LONG") == "" {
		tb.Skipf("multiwan-skip feature=long test=%s: takes minutes; set MULTIWAN_LONG=1 or run make test-all", tb.Name())
	}
}
