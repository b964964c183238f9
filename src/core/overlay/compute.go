package overlay

import (
	"fmt"
	"net/netip"
	"slices"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
	"multiwan/src/core/order"
)

// builder carries the inputs of one Compute and collects its result.
type builder struct {
	c      *config.Config
	f      Facts
	plan   *Plan
	conns  []*conn
	wires  []*wire
	bonds  []*bond
	byName map[string]*wire
	planOf map[string]bool          // names of devices that are wanted
	ours   map[string]bool          // devices of our sessions
	there  map[uint32]kstate.Tunnel // our tunnels as the kernel has them, by id
	taken  taken
	domain map[place]map[string]string // by far end, what leads there already
	held   []holding
	noted  map[string]bool // keys of addresses, and names to resolve, that are in the plan
}

// taken is what pseudowires before one in the file have.
type taken struct {
	tunnel  map[uint32]*wire
	session map[kstate.SessionKey]*wire
	port    map[netip.AddrPort]*wire
	device  map[string]*wire
	ends    map[[2]netip.Addr]*wire // of tunnels over IP
}

// conn is one enabled IPsec section with what is known of it.
type conn struct {
	config.IPsec
	carrier
	remote netip.Addr // outer; invalid while it is not known
	users  []*wire
	copies *copying // nil: every packet goes once
}

// wire is one enabled pseudowire with what is known of it.
type wire struct {
	config.Pseudowire
	carrier
	remote netip.Addr
	sec    *conn // nil in clear
	tunnel kstate.Tunnel
	state  string
	reason string
	port   mtu.Port
	joined attachment
}

// Compute returns what should be, and why.
func Compute(c *config.Config, f Facts) *Plan {
	b := newBuilder(c, f)
	if !c.Globals.Enabled {
		b.wantTables() // what is still there stays guarded until it is gone
		return b.plan
	}
	b.addConns()
	b.addWires()
	b.copyConns()
	b.wantTunnels()
	b.wantConns()
	b.keepEnds()
	b.sizes()
	b.wantBonds()
	b.attachAll()
	b.wantSit()
	b.wantTables()
	b.report()
	return b.plan
}

func newBuilder(c *config.Config, f Facts) *builder {
	b := &builder{
		c: c, f: f, plan: &Plan{Why: map[string]string{}}, byName: map[string]*wire{}, planOf: map[string]bool{}, there: map[uint32]kstate.Tunnel{}, ours: map[string]bool{},
		taken:  taken{map[uint32]*wire{}, map[kstate.SessionKey]*wire{}, map[netip.AddrPort]*wire{}, map[string]*wire{}, map[[2]netip.Addr]*wire{}},
		domain: map[place]map[string]string{}, noted: map[string]bool{},
	}
	for _, t := range f.Have.Tunnels {
		b.there[t.ID] = t
	}
	for _, s := range f.Have.Sessions {
		b.ours[s.Device] = true
	}
	return b
}

func (b *builder) addConns() {
	for _, s := range b.c.IPsec {
		if s.Enabled {
			b.conns = append(b.conns, &conn{IPsec: s})
		}
	}
}

// addWires collects the pseudowires, finds their ends and says what keeps them from being.
func (b *builder) addWires() {
	secs := make(map[string]*conn, len(b.conns))
	for _, x := range b.conns {
		secs[x.Name] = x
	}
	for _, p := range b.c.Pseudowires {
		if !p.Enabled {
			continue
		}
		w := &wire{Pseudowire: p, state: Ready}
		if w.sec = secs[p.IPsec]; w.sec != nil {
			w.sec.users = append(w.sec.users, w)
		} else if p.IPsec != "" {
			w.hold(Waiting, "ipsec %s is not enabled", p.IPsec)
		}
		b.wires, b.byName[p.Name] = append(b.wires, w), w
	}
	for _, x := range b.conns {
		b.carryConn(x)
	}
	for _, w := range b.wires {
		b.modules(w)
		b.ends(w)
	}
}

// hold says that a pseudowire is not there, and why. The first reason stands.
func (w *wire) hold(state, format string, args ...any) {
	if w.state == Ready {
		w.state, w.reason = state, fmt.Sprintf(format, args...)
	}
}

func (w *wire) protected() bool { return w.Pseudowire.IPsec != "" }

// modules holds a pseudowire that the kernel cannot make.
func (b *builder) modules(w *wire) {
	need := []string{"l2tp_eth"}
	if w.Encap == kstate.EncapIP && w.Family == kstate.IPv6 {
		need = append(need, "l2tp_ip6")
	} else if w.Encap == kstate.EncapIP {
		need = append(need, "l2tp_ip")
	}
	if w.protected() {
		need = append(need, "xfrm_user")
	}
	if why := b.lacking(need...); why != "" {
		w.hold(Waiting, "%s", why)
	}
}

// packageOf names what brings a kernel module on OpenWrt.
func packageOf(module string) string {
	switch module {
	case "l2tp_eth":
		return "kmod-l2tp-eth"
	case "l2tp_ip", "l2tp_ip6":
		return "kmod-l2tp-ip"
	case "bonding":
		return "kmod-bonding"
	case "sit":
		return "kmod-sit"
	case "veth":
		return "kmod-veth"
	case "act_mirred":
		return "kmod-sched-core"
	case "xfrm_user":
		return "kmod-ipsec"
	case "nft_meta_bridge":
		return "kmod-nft-bridge"
	case "nft_dup_ipv4":
		return "kmod-nft-dup-inet"
	}
	return module
}

// lacking warns of the first of the modules that is missing and says it in words, "" if none is.
func (b *builder) lacking(modules ...string) string {
	for _, m := range modules {
		if b.f.Missing[m] {
			why := fmt.Sprintf("kernel module %s is missing, on OpenWrt install %s", m, packageOf(m))
			b.warn("%s", why)
			return why
		}
	}
	return ""
}

// warn tells the user what cannot be done, once.
func (b *builder) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(b.plan.Warnings, text) {
		b.plan.Warnings = append(b.plan.Warnings, text)
	}
}

// resolve returns the address of a name, and notes that it is needed.
func (b *builder) resolve(host string) netip.Addr {
	if key := "name " + host; !b.noted[key] {
		b.noted[key] = true
		b.plan.Resolve = append(b.plan.Resolve, host)
	}
	return b.f.Names[host]
}

// report lists pseudowires and far ends, and sorts what has no order.
func (b *builder) report() {
	for _, w := range b.wires {
		b.plan.Pseudowires = append(b.plan.Pseudowires, b.reportWire(w))
	}
	for _, x := range b.bonds {
		b.plan.Bonds = append(b.plan.Bonds, x.report())
	}
	if b.f.NoCharon && len(b.plan.Conns) > 0 {
		b.warn("the IKE daemon (charon) does not answer: protected pseudowires pass nothing until it does")
	}
	for _, list := range []*[]netip.Addr{&b.plan.Remotes, &b.plan.Sources} {
		order.By(*list, func(i, j int) int { return (*list)[i].Compare((*list)[j]) })
		*list = slices.Compact(*list)
	}
}

func (b *builder) reportWire(w *wire) PseudowirePlan {
	p := PseudowirePlan{
		Name: w.Name, Device: w.Device, State: w.state, Reason: w.reason, WAN: w.wan, Local: w.local, Remote: w.remote, IPsec: w.Pseudowire.IPsec,
		MTU: w.port.MTU, How: w.port.How, Attached: w.joined.to, Detached: w.joined.why,
	}
	if w.state == Ready && w.sec != nil {
		p.WAN = w.sec.wan
	}
	p.MSS4, p.MSS6 = w.joined.mss4, w.joined.mss6
	if x := b.bondOf(w); x != nil {
		p.MSS4, p.MSS6 = x.joined.mss4, x.joined.mss6
	} else if w.Attach.Bond != "" && w.state == Ready {
		p.Detached = fmt.Sprintf("bond %s is not there", w.Attach.Bond)
	}
	p.Established = w.state == Ready && (w.sec == nil || b.f.SAs[w.sec.Name].Installed)
	p.Waits = b.waits(w)
	p.Redundancy = b.reportCopies(w)
	return p
}

// waits says what a pseudowire that is there lacks before frames can pass.
func (b *builder) waits(w *wire) string {
	switch {
	case w.state != Ready:
		return ""
	case w.away != "" && !(w.sec != nil && w.sec.copies != nil && b.f.SAs[w.sec.Name].Installed): // which the other paths carry
		return w.away
	case w.sec == nil || b.f.SAs[w.sec.Name].Installed:
		return ""
	case w.sec.away != "":
		return w.sec.away
	case b.f.NoCharon:
		return "the IKE daemon (charon) does not answer"
	}
	return "ipsec " + w.sec.Name + " is not established"
}
