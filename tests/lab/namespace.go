package lab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// threadNS is the network namespace of the calling thread. /proc/self would be
// that of the process's first thread.
const threadNS = "/proc/thread-self/ns/net"

// newNamespace makes an empty network namespace. It lives while the file is
// open or a process or socket is in it.
func newNamespace() (*os.File, error) {
	var ns *os.File
	err := withThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		f, err := os.Open(threadNS)
		ns = f
		return err
	})
	return ns, err
}

// inNamespace runs f on a thread that is in ns.
func inNamespace(ns *os.File, f func()) error {
	return withThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		f()
		return nil
	})
}

// withThread holds the calling goroutine on one thread while f runs and puts
// the thread's namespace back after it, also when f ends the goroutine. A
// thread whose namespace cannot be put back is never used again.
func withThread(f func() error) error {
	runtime.LockOSThread()
	old, err := os.Open(threadNS)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if err := unix.Setns(int(old.Fd()), unix.CLONE_NEWNET); err == nil {
			runtime.UnlockOSThread()
		}
		old.Close()
	}()
	return f()
}
