package lab

import "os"

// InVM reports whether the test runs in the virtual machine of tests/vm, where
// time is the guest's: a busy host does not stretch it, so bounds hold at the
// first try.
func InVM() bool { return os.Getenv("MULTIWAN_VM") != "" }
