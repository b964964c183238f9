package daemon

import (
	"context"
	"strings"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/facts"
	"multiwan/src/openwrt/netifd"
	"multiwan/src/openwrt/ubus"
)

// newNetifd returns what is known of netifd's interfaces; each change of them is looked at.
func newNetifd(d *daemon) *netifd.Source {
	return netifd.New(func(names []string) {
		d.loop.Kick("netifd: " + strings.Join(names, ", "))
		d.raised.wake()
	},
		func(err error) { d.record.fault("netifd", err) })
}

// firstLook is how long netifd may take to answer at the start.
const firstLook = 2 * time.Second

// look asks netifd before the first pass: a daemon that begins anew and knew no devices would take the routes of its predecessor away.
func look(ctx context.Context, n *netifd.Source, path string) {
	c, err := ubus.Dial(path)
	if err != nil {
		return // there is none yet, or the bus tells what is wrong
	}
	defer c.Close()
	ctx, stop := context.WithTimeout(ctx, firstLook)
	defer stop()
	_ = n.Look(ctx, c)
}

// source says what is known of the WANs: netifd, where it is there, knows which devices they are on, with which next hops, prefixes and
// resolvers, the firewall whose business translation is, and the kernel what is there of that.
type source struct {
	*facts.Source
	netifd   *netifd.Source
	firewall *firewall
}

func (s source) Network(ctx context.Context, c *config.Config) (plan.Network, error) {
	n, err := s.Source.Network(ctx, wantsOf(c, s.netifd))
	if err != nil {
		return n, err
	}
	s.firewall.fill(ctx, n.WANs)
	if s.netifd == nil {
		return n, nil
	}
	n.Devices = map[string]string{}
	for _, r := range c.Rules {
		for _, name := range r.SrcIface.List {
			if device, ok := s.netifd.Device(name); ok {
				n.Devices[name] = device
			}
		}
	}
	return n, nil
}

// wantsOf returns the WANs as they are configured, and where the configuration says nothing, as netifd has them.
func wantsOf(c *config.Config, n *netifd.Source) []facts.Want {
	var wants []facts.Want
	joins := map[string]netifd.Joined{}
	var names []string
	for _, i := range c.Interfaces {
		names = append(names, i.Name)
	}
	for _, i := range c.Interfaces {
		if !i.Enabled {
			continue
		}
		w := facts.Want{Name: i.Name, Device: i.Device, Families: i.Families, Gateway4: i.Gateway, Gateway6: i.Gateway6,
			Addrs: i.Addresses, Prefixes: i.Prefixes}
		if n != nil {
			if j, ok := n.Join(netifd.WAN{Name: i.Name, Interface6: i.Interface6, Others: names}); ok && (w.Device == "" || w.Device == j.Device) {
				joins[w.Name] = j
				fill(&w, j)
			}
		}
		wants = append(wants, w)
	}
	for i := range wants { // which of a device's addresses are whose matters only where WANs share it
		w := &wants[i]
		if j, ok := joins[w.Name]; ok && len(w.Addrs) == 0 && shared(wants, i) {
			w.Addrs = j.Addrs
		}
	}
	return wants
}

// fill takes from netifd what the configuration does not say.
func fill(w *facts.Want, j netifd.Joined) {
	w.Device = j.Device
	if !w.Gateway4.IsValid() {
		w.Gateway4 = j.Gateway4
	}
	if !w.Gateway6.IsValid() {
		w.Gateway6 = j.Gateway6
	}
	if len(w.Prefixes) == 0 {
		w.Prefixes = j.Prefixes
	}
	w.DNS = j.DNS
}

// shared says whether another WAN is on the device of one.
func shared(wants []facts.Want, i int) bool {
	for k, o := range wants {
		if k != i && o.Device != "" && o.Device == wants[i].Device {
			return true
		}
	}
	return false
}
