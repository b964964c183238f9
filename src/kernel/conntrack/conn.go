package conntrack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// ErrUnsupported says that the kernel has no ctnetlink: the module nf_conntrack_netlink is missing.
var ErrUnsupported = errors.New("no nf_conntrack_netlink in the kernel")

// Conn speaks to the connection tracking of the network namespace that it was dialled in. It may be used from several goroutines.
type Conn struct {
	mu  sync.Mutex
	nl  *netlink.Conn
	raw syscall.RawConn
}

// Dial opens the socket, in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, fmt.Errorf("dial conntrack: %w", ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("dial conntrack: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dial conntrack: %w", err), nl.Close())
	}
	return &Conn{nl: nl, raw: raw}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.nl.Close() }

// message builds a request. A version of 1 makes the kernel heed the family in a delete without a tuple (from Linux 4.20).
func message(typ uint16, flags netlink.HeaderFlags, family kstate.Family, attrs []netlink.Attribute) netlink.Message {
	version := byte(unix.NFNETLINK_V0)
	if family != 0 {
		version = 1
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(subsystem<<8 | typ), Flags: netlink.Request | flags},
		Data:   append([]byte{byte(family), version, 0, 0}, marshal(attrs)...), // struct nfgenmsg, linux/netfilter/nfnetlink.h
	}
}

// List gives the connections that the filter chooses to fn, until fn returns an error, which List returns. The table may change
// meanwhile: an entry may come twice or be gone already. fn must not call c.
func (c *Conn) List(ctx context.Context, f Filter, fn func(Entry) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list(ctx, f, fn)
}

func (c *Conn) list(ctx context.Context, f Filter, fn func(Entry) error) error {
	family := f.family()
	err := c.dump(ctx, message(msgGet, netlink.Dump, family, f.attributes(true)), f, fn)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		// Without the addresses, which this kernel cannot filter by. Nothing was given to fn: these errors come before any entry.
		err = c.supported(c.dump(ctx, message(msgGet, netlink.Dump, family, f.attributes(false)), f, fn))
	}
	return err
}

// dump reads the answer to the end whatever happens, so that the next request does not meet the rest.
func (c *Conn) dump(ctx context.Context, m netlink.Message, f Filter, fn func(Entry) error) error {
	if _, err := c.nl.Send(m); err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	var failed error
	for m, err := range c.nl.ReceiveIter() {
		if err != nil {
			return fmt.Errorf("list connections: %w", err)
		}
		if failed == nil {
			failed = ctx.Err()
		}
		if failed != nil {
			continue
		}
		e, err := parseEntry(m.Data)
		if err != nil {
			failed = fmt.Errorf("list connections: %w", err)
			continue
		}
		if f.Match(e) {
			failed = fn(e)
		}
	}
	return failed
}

// supported tells EINVAL because of a missing module from any other.
func (c *Conn) supported(err error) error {
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	if _, probe := c.nl.Execute(message(msgGetStats, 0, 0, nil)); errors.Is(probe, unix.EINVAL) {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return err
}

// Delete removes the connections that the filter chooses, and returns how many; -1 where the kernel did it on its own and does not say
// (a filter by mark and family). What goes away by itself meanwhile is no error. A filter without a condition is refused.
func (c *Conn) Delete(ctx context.Context, f Filter) (n int, err error) {
	if !f.conditions() {
		return 0, fmt.Errorf("delete connections: the filter would choose every one")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if f.markOnly() {
		_, err := c.nl.Execute(message(msgDelete, netlink.Acknowledge, f.Family, f.attributes(false)))
		if err != nil {
			return 0, c.supported(fmt.Errorf("delete connections of mark %#x/%#x: %w", f.Mark, f.Mask, err))
		}
		return -1, nil
	}
	var chosen []netlink.Message
	err = c.list(ctx, f, func(e Entry) error {
		chosen = append(chosen, message(msgDelete, netlink.Acknowledge, e.Family, e.key))
		return nil
	})
	if err != nil {
		return 0, err
	}
	var errs []error
	for part := range slices.Chunk(chosen, maxInFlight) {
		gone, err := c.deleteAll(part)
		n += gone
		if err != nil && !order.Any(len(errs), func(i int) bool { return errs[i].Error() == err.Error() }) {
			errs = append(errs, err)
		}
	}
	return n, errors.Join(errs...)
}
