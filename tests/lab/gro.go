package lab

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGRO is ETHTOOL_SGRO of linux/ethtool.h, which takes a struct ethtool_value.
const setGRO = 0x2c

// GRO has a device merge packets as they come in, as real NICs do and veth does not by itself. Together with the module esp4_offload, which it
// loads, IPsec is then undone there, before any hook of nftables.
func (h *Host) GRO(dev string) {
	h.tb.Helper()
	if _, err := h.Exec("", "modprobe", "esp4_offload"); err != nil {
		h.tb.Skipf("multiwan-skip feature=esp test=%s: %v", h.tb.Name(), err)
	}
	var err error
	h.Do(func() { err = turnOnGRO(dev) })
	if err != nil {
		h.tb.Fatalf("%s: GRO of %s: %v", h.Name, dev, err)
	}
}

func turnOnGRO(dev string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	value := struct{ cmd, data uint32 }{setGRO, 1}
	var req struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}
	copy(req.name[:unix.IFNAMSIZ-1], dev)
	req.data = unsafe.Pointer(&value)
	if _, _, no := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); no != 0 {
		return no
	}
	return nil
}
