package nft_test

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"multiwan/src/kernel/nft"
)

// namespace gives the test's goroutine a network namespace of its own, with nftables in it, and a connection to that. The thread is
// never unlocked: the runtime ends it with the goroutine, and the namespace with it.
func namespace(t testing.TB) *nft.Conn {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skipf("no nft(8) to compare with: %v", err)
	}
	if out, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil {
		t.Skipf("no nftables in this kernel: %v: %s", err, out)
	}
	c, err := nft.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// cli runs nft(8) in the test's namespace.
func cli(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("nft", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// load gives a file to nft(8).
func load(t *testing.T, file string, args ...string) {
	t.Helper()
	cmd := exec.Command("nft", append(args, "-f", "-")...)
	cmd.Stdin = strings.NewReader(file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft -f: %v: %s\n%s", err, out, file)
	}
}
