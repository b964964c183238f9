package daemon

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// capable says what right is missing to steer and to probe; the error is fs.ErrPermission then.
func capable() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // 64 bits in two halves
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for name, bit := range map[string]uint{"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW} {
		if data[bit/32].Effective&(1<<(bit%32)) == 0 {
			return fmt.Errorf("%s is missing, run as root: %w", name, fs.ErrPermission)
		}
	}
	return nil
}
