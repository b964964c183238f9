package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxInFlight is how many deletes are sent at once: their answers must fit the socket's receive buffer, 212992 bytes by default, of
// which each takes about a kilobyte.
const maxInFlight = 100

// deleteAll sends the messages as one datagram and reads an answer to each; the kernel goes on after one that fails. It handles them
// within the send call, so that all answers are there already, and reading without waiting costs a fraction of the library's Receive.
func (c *Conn) deleteAll(msgs []netlink.Message) (n int, failed error) {
	if _, err := c.nl.SendMessages(msgs); err != nil {
		return 0, fmt.Errorf("delete connections: %w", err)
	}
	answers := 0
	buf := make([]byte, 8<<10)
	for {
		var got int
		var err error
		if cerr := c.raw.Control(func(fd uintptr) { got, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT) }); cerr != nil {
			return n, fmt.Errorf("delete connections: %w", cerr)
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if failed == nil && answers < len(msgs) {
				failed = fmt.Errorf("delete connections: %d answers to %d messages", answers, len(msgs))
			}
			return n, failed
		case err != nil:
			return n, fmt.Errorf("delete connections: %w", err)
		}
		for _, errno := range errnos(buf[:got]) {
			answers++
			switch errno {
			case 0:
				n++
			case unix.ENOENT: // ended by itself
			case unix.EBUSY:
				failed = fmt.Errorf("delete connections: this kernel keeps those of offloaded flows: %w", errno)
			default:
				failed = fmt.Errorf("delete connections: %w", errno)
			}
		}
	}
}

// errnos reads the answers in a datagram: NLMSG_ERROR (linux/netlink.h), which begins with a negative errno, or 0.
func errnos(b []byte) []unix.Errno {
	var out []unix.Errno
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			break
		}
		if binary.NativeEndian.Uint16(b[4:]) == unix.NLMSG_ERROR && n >= unix.SizeofNlMsghdr+4 {
			out = append(out, unix.Errno(-int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:]))))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return out
}
