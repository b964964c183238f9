package link

import (
	"context"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Address is an address that there is.
type Address struct {
	kstate.Address
	// Own says that the kernel has it from us (IFA_PROTO). A kernel before Linux 5.18 does not keep that (State.Protocols): there, what is
	// on a device of ours is taken for ours, and what was added to lo has to be recorded.
	Own bool
}

func (s *survey) addresses(ctx context.Context) error {
	all, err := s.c.c.Addrs(ctx)
	for _, a := range all { // those of loopback and link-local scope are the kernel's own, protocols 1 and 3
		s.st.Protocols = s.st.Protocols || a.Protocol != 0
	}
	for _, a := range all {
		d := s.byIndex[a.Index]
		own := a.Protocol == kstate.Protocol || !s.st.Protocols && d != nil && d.ours()
		if d == nil || a.Scope != unix.RT_SCOPE_UNIVERSE || !own && !d.ours() && d.name != "lo" {
			continue
		}
		s.st.Addresses = append(s.st.Addresses, Address{kstate.Address{Device: d.name, Prefix: a.Prefix}, own})
	}
	return err
}

// AddAddress adds an address with protocol 77, IPv6 ones without duplicate address detection. One that is there already, whoever added it,
// stays as it is and is no error.
func (c *Conn) AddAddress(a kstate.Address) error {
	m, err := c.address(a)
	if err == nil {
		if a.Family() == kstate.IPv6 {
			m[2] = unix.IFA_F_NODAD
		}
		m.U8(ifaProto, kstate.Protocol)
		err = c.c.Request(unix.RTM_NEWADDR, netlink.Create|netlink.Excl, m)
	}
	if err != nil && !rtnl.IsErrno(err, unix.EEXIST) {
		return fmt.Errorf("add %s: %w", a, err)
	}
	return nil
}

// DelAddress deletes an address of protocol 77, or one that recorded says we have added; any other is refused with a ForeignError.
func (c *Conn) DelAddress(a kstate.Address, recorded bool) error {
	m, err := c.address(a)
	if rtnl.IsErrno(err, unix.ENODEV) {
		return nil
	}
	if err == nil && !recorded {
		var found bool
		found, err = c.ownAddress(a)
		if err == nil && !found {
			return nil
		}
	}
	if err == nil {
		err = c.c.Request(unix.RTM_DELADDR, 0, m)
	}
	if err != nil && !rtnl.IsErrno(err, unix.EADDRNOTAVAIL, unix.ENODEV) {
		return fmt.Errorf("delete %s: %w", a, err)
	}
	return nil
}

// ownAddress says whether there is such an address, and fails where it is not ours.
func (c *Conn) ownAddress(a kstate.Address) (found bool, err error) {
	index, err := c.c.DeviceIndex(a.Device)
	if err != nil {
		return false, nil
	}
	all, err := c.c.Addrs(context.Background())
	for _, o := range all {
		if o.Index != index || o.Prefix != a.Prefix {
			continue
		}
		if o.Protocol != kstate.Protocol {
			return true, &ForeignError{a.String(), fmt.Sprintf("protocol %d", o.Protocol)}
		}
		return true, nil
	}
	return false, err
}

const ifAddrLen = 8 // struct ifaddrmsg

func (c *Conn) address(a kstate.Address) (rtnl.Message, error) {
	if !a.Prefix.IsValid() || a.Prefix.Addr().Is4In6() || a.Prefix.Addr().Zone() != "" {
		return nil, fmt.Errorf("address %s: %w", a.Prefix, unix.EINVAL)
	}
	index, err := c.c.DeviceIndex(a.Device)
	if err != nil {
		return nil, err
	}
	m := make(rtnl.Message, ifAddrLen, 64)
	m[0], m[1], m[3] = uint8(a.Family()), uint8(a.Prefix.Bits()), unix.RT_SCOPE_UNIVERSE
	native.PutUint32(m[4:], uint32(index))
	m.Addr(unix.IFA_LOCAL, a.Prefix.Addr())
	m.Addr(unix.IFA_ADDRESS, a.Prefix.Addr())
	return m, nil
}
