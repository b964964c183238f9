package rtnl

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// devices turns device names into indexes and back, and remembers the answers for one pass. It asks by ioctl on the netlink socket
// (which is in the right network namespace): a dump of all links with their statistics costs a hundred times more.
type devices struct {
	c      *Conn
	names  map[uint32]string
	indexs map[string]uint32
}

func (c *Conn) devices() *devices {
	return &devices{c: c, names: map[uint32]string{}, indexs: map[string]uint32{}}
}

// name returns the device's name, or "if7" for one that went away meanwhile, as ip(8) shows it.
func (d *devices) name(index uint32) string {
	if n, ok := d.names[index]; ok {
		return n
	}
	n, err := d.c.deviceName(index)
	if err != nil {
		n = fmt.Sprintf("if%d", index)
	}
	d.names[index] = n
	return n
}

// index returns the device's index, or an error that is unix.ENODEV.
func (d *devices) index(name string) (uint32, error) {
	if i, ok := d.indexs[name]; ok {
		return i, nil
	}
	i, err := d.c.DeviceIndex(name)
	if err != nil {
		return 0, err
	}
	d.indexs[name] = uint32(i)
	return uint32(i), nil
}

// DeviceIndex returns the index of a device; the error is syscall.ENODEV where there is none of that name.
func (c *Conn) DeviceIndex(name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("device %q: %w", name, unix.ENODEV)
	}
	if err := c.ioctl(unix.SIOCGIFINDEX, r); err != nil {
		return 0, fmt.Errorf("device %q: %w", name, err)
	}
	return int(r.Uint32()), nil
}

func (c *Conn) deviceName(index uint32) (string, error) {
	r, err := unix.NewIfreq("x") // overwritten by the answer
	if err != nil {
		return "", err
	}
	r.SetUint32(index)
	if err := c.ioctl(unix.SIOCGIFNAME, r); err != nil {
		return "", err
	}
	return r.Name(), nil
}

// DeviceName returns the name of the device with an index; the error is syscall.ENODEV or ENXIO where there is none.
func (c *Conn) DeviceName(index int) (string, error) {
	n, err := c.deviceName(uint32(index))
	if err != nil {
		return "", fmt.Errorf("device %d: %w", index, err)
	}
	return n, nil
}

func (c *Conn) ioctl(req uint, r *unix.Ifreq) error {
	var err error
	if cerr := c.raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), req, r) }); cerr != nil {
		return cerr
	}
	return err
}
