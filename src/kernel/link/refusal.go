package link

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// ErrNotVLANAware says that a port is to be in a VLAN of a bridge that does not filter VLANs: it would be in all of them.
var ErrNotVLANAware = errors.New("the bridge does not filter VLANs (vlan_filtering is 0)")

// ErrNotMade says that a device cannot be added here: another package or another program makes it.
var ErrNotMade = errors.New("the device is made by other means")

// ForeignError says that something belongs to somebody else and was left as it is.
type ForeignError struct {
	Device string
	// What tells how it is known.
	What string
}

// Error names the device and why it is not ours.
func (e *ForeignError) Error() string { return fmt.Sprintf("%s is not ours: %s", e.Device, e.What) }

// ModuleError says that the kernel lacks a module.
type ModuleError struct {
	What    string // what needs it, for example "bond devices"
	Module  string // "bonding"
	Package string // of OpenWrt: "kmod-bonding"
	Err     error  // the kernel's words
}

// Error says what to install.
func (e *ModuleError) Error() string {
	return fmt.Sprintf("the kernel has no %s: install %s (module %s): %v", e.What, e.Package, e.Module, e.Err)
}

// Unwrap returns the kernel's error.
func (e *ModuleError) Unwrap() error { return e.Err }

// lacking turns the kernel's refusal of an unknown kind into a ModuleError. Unknown kinds of devices are EOPNOTSUPP (rtnl_newlink of
// net/core/rtnetlink.c), unknown queueing disciplines, classifiers and actions ENOENT (net/sched).
func lacking(kind string, err error) error {
	if !rtnl.IsErrno(err, syscall.EOPNOTSUPP, syscall.ENOENT) {
		return err
	}
	e := ModuleError{Err: err}
	switch kind {
	case kstate.KindBond:
		e.What, e.Module, e.Package = "bond devices", "bonding", "kmod-bonding"
	case kstate.KindVeth:
		e.What, e.Module, e.Package = "veth devices", "veth", "kmod-veth"
	case kstate.KindSit:
		e.What, e.Module, e.Package = "sit devices", "sit", "kmod-sit"
	case kstate.KindVLAN:
		e.What, e.Module, e.Package = "802.1Q devices", "8021q", "a kernel with CONFIG_VLAN_8021Q"
	case "clsact":
		e.What, e.Module, e.Package = "qdisc clsact", "sch_ingress", "kmod-sched-core"
	case "mirred":
		e.What, e.Module, e.Package = "filter matchall with action mirred", "cls_matchall, act_mirred", "kmod-sched-core"
	default:
		return err
	}
	return &e
}

// check returns what is wrong with a wanted device before the kernel is asked.
func check(l kstate.Link) error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	if !ourAlias(l.Alias) {
		return fmt.Errorf("alias %q does not begin with %q: %w", l.Alias, kstate.AliasPrefix, unix.EINVAL)
	}
	bad := ""
	switch l.Kind {
	case kstate.KindBond:
		if l.Bond == nil {
			bad = "no bond options"
		}
	case kstate.KindSit:
		if l.Sit == nil {
			bad = "no tunnel options"
		}
	case kstate.KindVeth:
		if err := checkName(l.Peer); err != nil {
			return fmt.Errorf("peer: %w", err)
		}
	case kstate.KindVLAN:
		if l.VLAN < 1 || l.VLAN > 4094 {
			bad = "VLAN is not within 1 and 4094"
		}
		if err := checkName(l.Parent); err != nil {
			return fmt.Errorf("parent: %w", err)
		}
	}
	if bad != "" {
		return fmt.Errorf("%s: %w", bad, unix.EINVAL)
	}
	return nil
}
