package link

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// setBond gives a bond its options. All but the mode and the LACP rate change while the bond runs. For the rate the bond goes down for a
// moment where the kernel asks for it, and for the mode its ports are released, too, and taken back.
func (c *Conn) setBond(want kstate.BondAttrs, d device) error {
	mode, err := number(bondModes, want.Mode)
	if err != nil {
		return fmt.Errorf("mode: %w", err)
	}
	ports, err := c.slaves(d.index)
	if err != nil {
		return err
	}
	if want.Mode != d.bond.attrs.Mode {
		return c.setMode(want, mode, d, ports)
	}
	return c.setOptions(want, d, ports)
}

func (c *Conn) setMode(want kstate.BondAttrs, mode uint8, d device, ports []device) error {
	var errs []error
	for _, p := range ports {
		errs = append(errs, c.enslave(p, 0))
	}
	if d.up {
		errs = append(errs, c.setUp(d.index, false))
	}
	var m rtnl.Message
	m.U8(unix.IFLA_BOND_MODE, mode)
	err := c.setData(d, m)
	if err == nil {
		err = c.setFresh(want, d.name)
	}
	errs = append(errs, err)
	// The ports come back whatever was refused: a bond without ports is worse than one in the wrong mode.
	for _, p := range ports {
		p.up, p.master = false, 0 // releasing has switched them off
		errs = append(errs, c.enslave(p, d.index))
	}
	if d.up {
		errs = append(errs, c.setUp(d.index, true))
	}
	return errors.Join(errs...)
}

// setFresh gives a bond that has just changed its mode, and has no ports, its options.
func (c *Conn) setFresh(want kstate.BondAttrs, name string) error {
	d, found, err := c.get(name)
	if err != nil || !found || d.bond == nil {
		return errors.Join(err, unix.ENODEV)
	}
	return c.setOptions(want, d, nil)
}

func (c *Conn) setOptions(want kstate.BondAttrs, d device, ports []device) error {
	have := *d.wanted(c.name).Bond
	have.Usable = usable(ports)
	to, from := want.Toward(have)
	change, err := changeBond(to, from, c.c.DeviceIndex)
	if err != nil {
		return err
	}
	var errs []error
	if from.ARPInterval == 0 && to.ARPInterval != 0 && from.Active() {
		errs = append(errs, c.refresh(d, have))
	}
	if len(change.live) > 0 {
		errs = append(errs, c.setData(d, change.live))
	}
	if len(change.down) > 0 {
		err := c.setData(d, change.down)
		if rtnl.IsErrno(err, unix.EBUSY) && d.up {
			err = errors.Join(c.setUp(d.index, false), c.setData(d, change.down), c.setUp(d.index, true))
		}
		errs = append(errs, err)
	}
	if len(change.active) > 0 {
		errs = append(errs, c.setData(d, change.active))
	}
	return errors.Join(errs...)
}

// refresh makes another port active and then the same one again. The ARP monitor looks at once when it is switched on and finds that nothing
// has come in by the active port for long, since nobody took note before it ran; so the bond would have no active port until the first
// answer. A port that has just become active is given two intervals (bond_ab_arp_inspect of drivers/net/bonding/bond_main.c).
func (c *Conn) refresh(d device, have kstate.BondAttrs) error {
	for _, other := range have.Usable {
		if have.ActiveSlave == "" || other == have.ActiveSlave {
			continue
		}
		for _, name := range []string{other, have.ActiveSlave} {
			var m rtnl.Message
			if err := deviceAttr(&m, unix.IFLA_BOND_ACTIVE_SLAVE, name, c.c.DeviceIndex); err != nil {
				return err
			}
			if err := c.setData(d, m); err != nil {
				return err
			}
		}
		return nil
	}
	return nil // with one port there is nothing to be done
}

// setData changes options of the device's kind.
func (c *Conn) setData(d device, data rtnl.Message) error {
	m := request(unix.AF_UNSPEC, d.index, 64+len(data))
	m.Attr(unix.IFLA_LINKINFO|nested, linkInfo(d.kind, data))
	return c.c.Request(unix.RTM_NEWLINK, 0, m)
}

func linkInfo(kind string, data rtnl.Message) rtnl.Message {
	var info rtnl.Message
	info.Name(unix.IFLA_INFO_KIND, kind)
	if len(data) > 0 {
		info.Attr(unix.IFLA_INFO_DATA|nested, data)
	}
	return info
}

// usable returns the names of the ports of a bond that can be active.
func usable(ports []device) (names []string) {
	for _, p := range ports {
		if p.up && p.slave.works {
			names = append(names, p.name)
		}
	}
	order.By(names, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	return names
}
