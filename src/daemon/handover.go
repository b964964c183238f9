package daemon

import (
	"context"
	"fmt"

	"multiwan/src/core/kstate"
	"multiwan/src/openwrt/netifd"
)

// ports is what the kernel does with ports of bridges and bonds.
type ports interface {
	Master(device string) (string, error)
	SetPort(kstate.Port) error
	ClearPort(kstate.Port) error
}

// handover puts devices into bridges: into one of netifd's by netifd, which otherwise would not know of it and throw it out when it looks at
// the bridge again; into others directly.
type handover struct {
	ports
	netifd *netifd.Source // nil where it is not asked
}

// set makes a device a port. What netifd does not say of it is set afterwards.
func (h handover) set(p kstate.Port) error {
	name, whole := "", false
	if h.netifd != nil {
		name, whole = h.netifd.On(p.Master, p.PVID)
	}
	master, err := h.Master(p.Device)
	if err != nil || name == "" || master == p.Master {
		return h.SetPort(p) // which says what is wrong
	}
	vlan := 0
	if whole {
		vlan = p.PVID
	}
	ctx, stop := context.WithTimeout(context.Background(), firstLook)
	defer stop()
	if err := h.netifd.AddDevice(ctx, name, p.Device, vlan); err != nil {
		return err
	}
	if master, err = h.Master(p.Device); err == nil && master != p.Master {
		err = fmt.Errorf("netifd's interface %s has %s and has not put it into %s yet", name, p.Device, p.Master)
	}
	if err != nil {
		return err
	}
	return h.SetPort(p)
}

// clear takes a device out of a bridge or bond.
func (h handover) clear(p kstate.Port) error {
	h.giveBack(p.Device)
	return h.ClearPort(p)
}

// giveBack has netifd forget a device that goes, where it is in a bridge of netifd's.
func (h handover) giveBack(device string) {
	if h.netifd == nil {
		return
	}
	master, err := h.Master(device)
	if err != nil || master == "" {
		return
	}
	for _, name := range h.netifd.Over(master) {
		ctx, stop := context.WithTimeout(context.Background(), firstLook)
		_ = h.netifd.RemoveDevice(ctx, name, device) // it may have another's, or have forgotten already
		stop()
	}
}
