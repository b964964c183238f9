package overlay

import (
	"fmt"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// miimon is how often in milliseconds a bond looks at the carrier of its slaves: taps lose it, pseudowires never do.
const miimon = 100

// bond is one enabled bond with what is known of it.
type bond struct {
	config.Bond
	state, reason string
	members       []*member
	active, why   string
	port          mtu.Port
	joined        attachment
}

// member is one member of a bond.
type member struct {
	config.BondMember
	wire    *wire  // nil of a foreign device
	slave   string // the device that the bond takes
	verdict plan.Verdict
	absent  string // why it is not there
	out     string // why it is not in though it is there
	port    mtu.Port
}

func (m *member) dead() bool { return m.verdict.State == "down" || m.verdict.State == "disabled" }

// wantBonds plans bonds, their slaves, and the way around for LACP.
func (b *builder) wantBonds() {
	for _, c := range b.c.Bonds {
		if !c.Enabled {
			continue
		}
		x := &bond{Bond: c, state: Ready}
		b.bonds = append(b.bonds, x)
		for _, m := range c.Members {
			x.members = append(x.members, b.member(x, m))
		}
		b.admit(x)
		if x.state == Ready {
			b.size(x)
			b.takeOut(x)
			b.choose(x)
			b.wantBond(x)
		}
	}
	for _, w := range b.wires {
		if w.state == Ready {
			b.wantLink(kstate.Link{Name: w.Device, Kind: kstate.KindL2TP, MTU: w.port.MTU, Up: true, Alias: kstate.AliasPrefix + w.Name},
				fmt.Sprintf("device of pseudowire %s; mtu: %s", w.Name, w.port.How))
		}
	}
}

func (b *builder) wantLink(l kstate.Link, why string) {
	b.plan.Want.Links = append(b.plan.Want.Links, l)
	b.plan.Why[l.Key()] = why
	b.planOf[l.Name] = true
}

// admit says whether a bond can be.
func (b *builder) admit(x *bond) {
	why := b.lacking("bonding")
	switch _, foreign := b.f.Devices[x.Device]; {
	case why != "":
		x.state, x.reason = Waiting, why
	case foreign:
		x.state, x.reason = Refused, fmt.Sprintf("device %s is that of another program", x.Device)
		b.warn("bond %s: device %s exists and is not ours, it is left alone: choose another device", x.Name, x.Device)
	case b.planOf[x.Device]:
		x.state, x.reason = Refused, fmt.Sprintf("device %s is that of another section", x.Device)
		b.warn("bond %s: %s", x.Name, x.reason)
	}
}

// member looks at one member: a pseudowire, or a device that another program makes and takes away.
func (b *builder) member(x *bond, c config.BondMember) *member {
	m := &member{BondMember: c, slave: c.Device, verdict: b.f.Verdicts[c.Name]}
	if m.verdict.State == "" {
		m.verdict.State = "waiting"
	}
	if !c.Pseudowire {
		d, there := b.f.Devices[c.Device]
		m.port = mtu.Plain(d.MTU)
		switch {
		case !there:
			m.absent = fmt.Sprintf("device %s does not exist yet", c.Device)
		case d.Master != "" && d.Master != x.Device:
			m.absent = fmt.Sprintf("device %s is in %s", c.Device, d.Master)
		}
		return m
	}
	w := b.byName[c.Name]
	switch {
	case w == nil:
		m.absent = "pseudowire " + c.Name + " is not enabled"
	case w.state != Ready:
		m.absent = w.reason
	default:
		m.wire, m.port = w, w.port
		if b.f.Disabled[w.wan] {
			m.verdict.State = "disabled"
		}
		if x.Mode == kstate.Bond8023AD {
			m.absent = b.lacking("veth", "act_mirred")
			m.slave, _ = detour(c.Device)
		}
	}
	return m
}

// size gives a bond the MTU of its smallest member, and the members that of the bond: the kernel sets it on every slave.
func (b *builder) size(x *bond) {
	var ports []mtu.Port
	for _, m := range x.members {
		if m.absent == "" {
			ports = append(ports, m.port)
		}
	}
	given := 0
	if x.MTU.Mode == "fixed" {
		given = x.MTU.Bytes
	}
	x.port = mtu.Smallest(given, ports)
	for _, m := range x.members {
		if m.wire != nil && m.wire.port.MTU != x.port.MTU {
			m.wire.port.MTU = x.port.MTU
			m.wire.port.How += fmt.Sprintf("; %d for all of bond %s", x.port.MTU, x.Name)
		}
		if m.wire != nil {
			m.wire.joined.to = x.Device
		}
	}
}

// takeOut keeps dead members out of modes that use all members at once, as long as another lives.
func (b *builder) takeOut(x *bond) {
	if x.Monitor != "probe" || x.Mode == kstate.BondActiveBackup || x.Mode == kstate.BondBroadcast {
		return
	}
	alive := order.Any(len(x.members), func(i int) bool { return x.members[i].absent == "" && x.members[i].verdict.Carries() })
	for _, m := range x.members {
		if alive && m.absent == "" && m.dead() {
			m.out = "its far end does not answer"
		}
	}
}

// choose picks the member that carries in mode active-backup with monitor probe: the primary while it works, else the one in use while it
// works, else the first that does. Where none works nothing moves.
func (b *builder) choose(x *bond) {
	if x.Monitor != "probe" || x.Mode != kstate.BondActiveBackup {
		return
	}
	pick := func(good func(*member) bool) *member {
		for _, m := range x.members {
			if m.absent == "" && good(m) {
				return m
			}
		}
		return nil
	}
	now := b.activeSlave(x.Device)
	current := func(m *member) bool { return m.slave == now }
	works := func(m *member) bool { return m.verdict.Sound() }
	if pick(works) == nil {
		works = func(m *member) bool { return m.verdict.Carries() }
	}
	for _, try := range []struct {
		good func(*member) bool
		why  string
	}{
		{func(m *member) bool { return works(m) && m.Name == x.Primary }, "primary, its far end answers"},
		{func(m *member) bool { return works(m) && current(m) }, "in use, its far end answers"},
		{works, "the first whose far end answers"},
		{current, "in use; no far end answers"},
		{func(m *member) bool { return !m.dead() && m.Name == x.Primary }, "primary; no far end has answered yet"},
		{func(m *member) bool { return !m.dead() }, "the first; no far end has answered yet"},
		{func(*member) bool { return true }, "the first; no far end answers"},
	} {
		if m := pick(try.good); m != nil {
			x.active, x.why = m.Name, try.why
			return
		}
	}
}

func (b *builder) activeSlave(device string) string {
	for _, l := range b.f.Have.Links {
		if l.Name == device && l.Bond != nil {
			return l.Bond.ActiveSlave
		}
	}
	return ""
}

// wantBond plans the device, its slaves and the detours.
func (b *builder) wantBond(x *bond) {
	for _, m := range x.members {
		if m.absent != "" || m.out != "" {
			continue
		}
		if m.wire != nil && m.slave != m.Device {
			b.wantDetour(x, m)
		}
		p := kstate.Port{Device: m.slave, Master: x.Device}
		b.plan.Want.Ports = append(b.plan.Want.Ports, p)
		b.plan.Why[p.Key()] = fmt.Sprintf("member %s of bond %s", m.Name, x.Name)
	}
	b.wantLink(kstate.Link{Name: x.Device, Kind: kstate.KindBond, MTU: x.port.MTU, Up: true, Alias: kstate.AliasPrefix + x.Name, Bond: x.attrs()},
		fmt.Sprintf("bond %s; mtu: %s", x.Name, x.port.How))
}

// attrs are the kernel's options. With monitor probe the primary is ours to prefer, not the kernel's, which would return to it as soon as it
// has carrier; and the two ends may choose different members for a moment, so that frames of the other one count as well.
func (x *bond) attrs() *kstate.BondAttrs {
	a := &kstate.BondAttrs{Mode: x.Mode, Miimon: miimon}
	if x.Mode == kstate.Bond8023AD || x.Mode == kstate.BondXOR {
		a.XmitHashPolicy = x.XmitHashPolicy
	}
	if x.Mode == kstate.Bond8023AD {
		a.LACPRate = x.LACPRate
		return a
	}
	if x.Monitor == "arp" {
		a.Miimon, a.ARPInterval, a.ARPTargets = 0, int(x.ARPInterval/time.Millisecond), x.ARPTargets
	}
	if x.Mode != kstate.BondActiveBackup {
		return a
	}
	for _, m := range x.members {
		switch {
		case x.Monitor != "probe" && m.Name == x.Primary:
			a.Primary = m.slave
		case x.Monitor == "probe" && m.Name == x.active:
			a.ActiveSlave = m.slave
		}
	}
	if x.Monitor == "arp" {
		a.ARPValidate = "active"
	} else {
		a.AllSlavesActive = true
	}
	return a
}

// wantDetour leads LACP past a device that has no speed, without which the kernel speaks no LACP on it: one end of a veth is the slave,
// the other passes every frame on to the pseudowire and back.
func (b *builder) wantDetour(x *bond, m *member) {
	slave, other := detour(m.Device)
	why := fmt.Sprintf("lets LACP of bond %s pass pseudowire %s", x.Name, m.Name)
	alias := kstate.AliasPrefix + x.Name
	b.wantLink(kstate.Link{Name: slave, Kind: kstate.KindVeth, MTU: x.port.MTU, Up: true, Alias: alias, Peer: other}, why)
	b.wantLink(kstate.Link{Name: other, Kind: kstate.KindVeth, MTU: x.port.MTU, Up: true, Alias: alias, Peer: slave}, why)
	for _, mirror := range []kstate.Mirror{{From: other, To: m.Device}, {From: m.Device, To: other}} {
		b.plan.Want.Mirrors = append(b.plan.Want.Mirrors, mirror)
		b.plan.Why[mirror.Key()] = why
	}
}

// detour names the two ends of the veth of a device: the same names at every start.
func detour(device string) (slave, other string) { return derived("v-", device), derived("u-", device) }

// derived makes a device's name out of a prefix and another name. Where that is too long, its end is replaced by a hash (FNV-1a) of all of it.
func derived(prefix, device string) string {
	if len(prefix)+len(device) <= kstate.MaxDeviceName {
		return prefix + device
	}
	h := uint32(2166136261)
	for i := range len(device) {
		h = (h ^ uint32(device[i])) * 16777619
	}
	return fmt.Sprintf("%s%s%08x", prefix, device[:kstate.MaxDeviceName-8-len(prefix)], h)
}

// bondOf returns the bond that a pseudowire is a member of, nil where that is not to be.
func (b *builder) bondOf(w *wire) *bond {
	for _, x := range b.bonds {
		if x.Name == w.Attach.Bond && x.state == Ready {
			return x
		}
	}
	return nil
}

func (x *bond) report() BondPlan {
	p := BondPlan{
		Name: x.Name, Device: x.Device, Mode: x.Mode, State: x.state, Reason: x.reason, Active: x.active, ActiveWhy: x.why,
		MTU: x.port.MTU, MSS4: x.joined.mss4, MSS6: x.joined.mss6, Attached: x.joined.to, Detached: x.joined.why,
	}
	for _, m := range x.members {
		in := x.state == Ready && m.absent == "" && m.out == ""
		reason := m.absent
		if reason == "" {
			reason = m.out
		}
		p.Members = append(p.Members, MemberPlan{Name: m.Name, Device: m.Device, Verdict: m.verdict.State, In: in, Reason: reason})
	}
	return p
}
