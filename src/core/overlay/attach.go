package overlay

import (
	"fmt"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
)

// attachment is where a device of ours went.
type attachment struct {
	to, why    string // a bridge or bond; why it is not there
	mss4, mss6 int    // what its clamp says
}

// outlet is a device that frames leave to another site by: a pseudowire that is in no bond, or a bond.
type outlet struct {
	name, device string
	kind         string // of its section
	config.Attach
	port  mtu.Port
	peers []string // addresses and identities of its far end
	out   *attachment
}

// place is a broadcast domain of this router: a bridge, or one VLAN of it.
type place struct {
	bridge string
	vlan   int
}

// outlets lists them in the order in which they are attached.
func (b *builder) outlets() []*outlet {
	var out []*outlet
	for _, w := range b.wires {
		if w.state == Ready && w.Attach.Bond == "" {
			out = append(out, &outlet{name: w.Name, device: w.Device, kind: "pseudowire", Attach: w.Attach, port: w.port, peers: w.peers(), out: &w.joined})
		}
	}
	for _, x := range b.bonds {
		if x.state != Ready {
			continue
		}
		o := &outlet{name: x.Name, device: x.Device, kind: "bond", Attach: x.Attach, port: x.port, out: &x.joined}
		for _, m := range x.members {
			if m.wire != nil {
				o.peers = append(o.peers, m.wire.peers()...)
			}
		}
		out = append(out, o)
	}
	return out
}

// peers are the names by which a far end is known again: its address and its identity. The outer address of one that calls from anywhere may
// be that of a NAT which it shares with others.
func (w *wire) peers() []string {
	if w.sec == nil {
		return []string{w.remote.String()}
	}
	var p []string
	if !w.sec.Any || w.Remote.IsValid() {
		p = append(p, w.remote.String())
	}
	if !w.sec.Any && w.sec.remote.IsValid() {
		p = append(p, w.sec.remote.String())
	}
	if w.sec.RemoteID != "" {
		p = append(p, w.sec.RemoteID)
	}
	return p
}

// attachAll puts devices into bridges and gives them addresses.
func (b *builder) attachAll() {
	for _, o := range b.outlets() {
		device := o.device
		if o.VLAN != 0 && o.VLANMode == "tagged" {
			device = b.subInterface(o)
		}
		for _, p := range o.Addresses {
			a := kstate.Address{Device: device, Prefix: p}
			b.plan.Want.Addrs = append(b.plan.Want.Addrs, a)
			b.plan.Why[a.Key()] = fmt.Sprintf("address of %s %s", o.kind, o.name)
		}
		switch {
		case o.Bridge != "":
			b.bridge(o, device)
		default:
			b.held = append(b.held, holding{outlet: o, device: device})
		}
	}
}

// subInterface is the 802.1Q device whose frames carry the tag through the pseudowire. Where packets are to stay whole the tag needs room.
func (b *builder) subInterface(o *outlet) string {
	l := kstate.Link{
		Name: derived("", fmt.Sprintf("%s.%d", o.device, o.VLAN)), Kind: kstate.KindVLAN, MTU: o.port.MTU, Up: true,
		Alias: kstate.AliasPrefix + o.name, Parent: o.device, VLAN: o.VLAN,
	}
	if o.port.Fits == o.port.MTU && !o.port.Whole {
		l.MTU -= 4
	}
	b.wantLink(l, fmt.Sprintf("vlan %d through %s %s", o.VLAN, o.kind, o.name))
	return l.Name
}

// bridge makes a device a port, if the bridge is there and if no loop comes of it.
func (b *builder) bridge(o *outlet, device string) {
	d, there := b.f.Devices[o.Bridge]
	access := o.VLAN != 0 && o.VLANMode == "access"
	where := place{bridge: o.Bridge}
	if access {
		where.vlan = o.VLAN
	}
	switch {
	case !there:
		o.out.why = fmt.Sprintf("bridge %s does not exist yet", o.Bridge)
	case d.Kind != kstate.KindBridge:
		o.out.why = fmt.Sprintf("device %s is no bridge", o.Bridge)
	case access && !d.VLANFiltering:
		o.out.why = fmt.Sprintf("bridge %s does not filter VLANs (vlan_filtering), vlan_mode 'access' needs that", o.Bridge)
	default:
		o.out.why = b.loop(o, where, d)
	}
	if o.out.why != "" {
		if there {
			b.warn("%s %s is not in bridge %s: %s", o.kind, o.name, o.Bridge, o.out.why)
		}
		return
	}
	if b.domain[where] == nil {
		b.domain[where] = map[string]string{}
	}
	for _, peer := range o.peers {
		b.domain[where][peer] = o.kind + " " + o.name
	}
	p := kstate.Port{Device: device, Master: o.Bridge, Isolated: o.Isolated, PVID: where.vlan}
	b.plan.Want.Ports = append(b.plan.Want.Ports, p)
	b.plan.Why[p.Key()] = fmt.Sprintf("%s %s joins bridge %s", o.kind, o.name, o.Bridge)
	o.out.to = o.Bridge
	b.held = append(b.held, holding{outlet: o, device: device, bridge: o.Bridge})
}

// loop says why a second way between the same two bridges must not be, "" if it may.
func (b *builder) loop(o *outlet, where place, d Device) string {
	for _, peer := range o.peers {
		switch other := b.domain[where][peer]; {
		case other == "":
		case o.Loop != "stp":
			return fmt.Sprintf("it would close a loop with %s, which leads to the same peer: put both into a bond, or set loop 'stp'", other)
		case !d.STP:
			return fmt.Sprintf("it would close a loop with %s, and STP is off on the bridge", other)
		}
	}
	return ""
}
