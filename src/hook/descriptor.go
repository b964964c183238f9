package hook

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// seal has every descriptor but the standard three closed in programs that are run from now on. Go opens its own so; what the daemon
// was started with, from a shell or a service manager, would be handed on to hooks.
func seal() error {
	names, err := names("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd) // one that is gone again, as that of the directory, is no matter
		}
	}
	return nil
}
