package link

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// State is what there is: all devices of ours, and of others those that were asked for, the masters of what is in it, and the ports of our bonds.
type State struct {
	// Links are the devices of ours, sorted by name.
	Links []kstate.Link
	// Devices are the devices of ours and of others, by name.
	Devices map[string]Device
	// Ports are the devices above that have a master, sorted by name.
	Ports []kstate.Port
	// Bonds are the bonds among the devices, by name.
	Bonds map[string]Bond
	// Addresses are those of global scope on devices of ours and on lo, and elsewhere those of ours.
	Addresses []Address
	// Protocols says that the kernel keeps who has added an address, as far as can be told: at least one address says so.
	Protocols bool
	// Mirrors are those from devices of ours. To is "" where the device is gone.
	Mirrors []kstate.Mirror
}

// Device is a device of anybody.
type Device struct {
	_ order.Incomparable

	Index, MTU  int
	Own         bool
	Up, Carrier bool
	Kind        string // "" is a physical device, or a pseudowire
	MAC, Alias  string
	Master      string
	Bridge      Bridge // of a bridge
}

// Bond is how a bond does.
type Bond struct {
	Active     string // the active port, of modes that have one
	Aggregator Aggregator
	Slaves     []Slave // sorted by name
}

// Slave is a port of a bond.
type Slave struct {
	Device     string
	Active     bool // not a backup
	Works      bool // its link is up, as the bond sees it
	Failures   int
	Aggregator int // of 802.3ad
}

// Observe returns the devices of ours with all that hangs on them, and the devices of others in names that exist. The error is rtnl.ErrPartial
// where the answer is not a snapshot; the state then holds what was seen, and the caller deletes nothing.
func (c *Conn) Observe(ctx context.Context, names []string) (State, error) {
	all, err := c.devices(ctx)
	partial := errors.Is(err, rtnl.ErrPartial)
	if err != nil && !partial {
		return State{}, err
	}
	s := &survey{
		c: c, byIndex: make(map[int]*device, len(all)), seen: map[int]bool{},
		st: State{Devices: map[string]Device{}, Bonds: map[string]Bond{}},
	}
	s.choose(all, names)
	for _, step := range []func() error{s.vlans, func() error { return s.addresses(ctx) }, func() error { return s.mirrors(ctx) }} {
		err := step()
		if errors.Is(err, rtnl.ErrPartial) {
			partial = true
		} else if err != nil {
			return s.st, err
		}
	}
	if partial {
		return s.st, fmt.Errorf("observe links: %w", rtnl.ErrPartial)
	}
	return s.st, nil
}

// devices dumps all devices, without their statistics.
func (c *Conn) devices(ctx context.Context) ([]device, error) {
	m := request(unix.AF_UNSPEC, 0, 8)
	m.U32(unix.IFLA_EXT_MASK, filterNoStats)
	var all []device
	err := c.c.Dump(ctx, unix.RTM_GETLINK, m, func() { all = all[:0] }, func(data []byte) {
		if d, ok := decode(data); ok {
			all = append(all, d)
		}
	})
	if err != nil {
		return all, fmt.Errorf("dump links: %w", err)
	}
	return all, nil
}

// survey collects a State.
type survey struct {
	c       *Conn
	byIndex map[int]*device
	seen    map[int]bool // devices in the state, by index
	st      State
}

func (s *survey) name(index int) string {
	if d := s.byIndex[index]; d != nil {
		return d.name
	}
	return ""
}

// choose takes devices into the state.
func (s *survey) choose(all []device, names []string) {
	asked := make(map[string]bool, len(names))
	for _, n := range names {
		asked[n] = true
	}
	order.By(all, func(i, j int) int { return strings.Compare(all[i].name, all[j].name) })
	for i := range all {
		s.byIndex[all[i].index] = &all[i]
	}
	members := map[int][]Slave{}
	for i := range all {
		d := &all[i]
		if m := s.byIndex[d.master]; m != nil && m.bond != nil {
			members[d.master] = append(members[d.master], Slave{d.name, d.slave.active, d.slave.works && d.up, int(d.slave.failures), int(d.slave.aggregator)})
		}
	}
	for i := range all {
		d := &all[i]
		m := s.byIndex[d.master]
		if !d.ours() && !d.unfinished() && !asked[d.name] && (m == nil || !m.ours()) {
			continue
		}
		s.add(d, members)
		if m != nil {
			s.add(m, members)
			p := d.port
			p.Device, p.Master = d.name, m.name
			s.st.Ports = append(s.st.Ports, p)
		}
		if d.ours() || d.unfinished() {
			l := d.wanted(s.name)
			if l.Bond != nil {
				l.Bond.Usable = working(members[d.index])
			}
			s.st.Links = append(s.st.Links, l)
		}
	}
}

func working(list []Slave) (names []string) {
	for _, m := range list {
		if m.Works {
			names = append(names, m.Device)
		}
	}
	return names
}

func (s *survey) add(d *device, members map[int][]Slave) {
	if s.seen[d.index] {
		return
	}
	s.seen[d.index] = true
	s.st.Devices[d.name] = Device{
		Index: d.index, MTU: d.mtu, Own: d.ours() || d.unfinished(), Up: d.up, Carrier: d.carrier, Kind: d.kind, MAC: d.mac, Alias: d.alias,
		Master: s.name(d.master), Bridge: d.bridge,
	}
	if d.bond != nil {
		s.st.Bonds[d.name] = Bond{s.name(d.bond.active), d.bond.ad, members[d.index]}
	}
}

// vlans completes the ports of bridges that filter VLANs. Where there is none, the kernel is not asked.
func (s *survey) vlans() error {
	ports := map[int]*kstate.Port{}
	for i := range s.st.Ports {
		p := &s.st.Ports[i]
		if s.st.Devices[p.Master].Bridge.VLANFiltering {
			ports[s.st.Devices[p.Device].Index] = p
		}
	}
	if len(ports) == 0 {
		return nil
	}
	start := func() {
		for _, p := range ports {
			p.PVID, p.Tagged = 0, false
		}
	}
	return s.c.dumpVLANs(start, func(index int, v vlanRange) {
		p := ports[index]
		if p == nil {
			return
		}
		if v.flags&vlanPVID != 0 {
			p.PVID = int(v.from)
		}
		if !v.access() {
			p.Tagged = true
		}
	})
}
