package overlay

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
)

// ReplayWindow is that of an SA whose packets come twice: the largest of the kernel (XFRMA_REPLAY_ESN_MAX). A copy that is more packets
// behind than that is lost, also where it is the first to come.
const ReplayWindow = 4096

// States of a path of a duplicated pseudowire.
const (
	PathFirst  = "first"  // packets go by it as they are
	PathCopies = "copies" // it carries copies
	PathNAT    = "nat"    // it carries none, since its packets would be translated on the way
	PathDown   = "down"   // it carries none for another reason
)

// metricPath is the metric of the first host route to the far end in the table of the first WAN.
const metricPath = 10

// copying is how the packets of a connection are duplicated.
type copying struct {
	*config.Redundancy
	paths []*path
	pairs []pair // the ends of its SAs: as planned, and as they still are
	// widowed says that the first path is dead, so that what is usually not copied needs the others.
	widowed bool
}

// pair is the two ends of an SA.
type pair struct{ local, remote netip.Addr }

// path is one way of the copies.
type path struct {
	wan           string
	line          plan.WAN
	local, remote netip.Addr
	own           bool // by another device than the first path
	lost          bool // the line has got another address than its SA has
	state, reason string
}

// duplicated says whether the packets of a connection go by several paths.
func (x *conn) duplicated() bool {
	return order.Any(len(x.users), func(i int) bool { return x.users[i].Redundancy != nil })
}

// elsewhere says whether another WAN than the first carries the packets of a connection too.
func (b *builder) elsewhere(x *conn) bool {
	return slices.ContainsFunc(x.users, func(w *wire) bool {
		return w.Redundancy != nil && slices.ContainsFunc(w.Redundancy.Interfaces[min(1, len(w.Redundancy.Interfaces)):], func(wan string) bool {
			return b.f.WANs[wan].Usable(x.Family) && !b.f.Disabled[wan]
		})
	})
}

// copyConns finds the paths of connections whose packets are duplicated.
func (b *builder) copyConns() {
	for _, x := range b.conns {
		i := order.First(len(x.users), func(i int) bool { return x.users[i].Redundancy != nil })
		if i < 0 || !x.local.IsValid() || !x.remote.IsValid() {
			continue
		}
		x.copies = &copying{Redundancy: x.users[i].Redundancy, pairs: []pair{{x.local, x.remote}}}
		x.copies.widowed = b.f.Silent[counterOf("in", x, 0)] || b.f.Down[x.copies.Interfaces[0]]
		sa := b.f.SAs[x.Name]
		if was := (pair{sa.Local, sa.Remote}); was.local.IsValid() && was.remote.IsValid() && was != x.copies.pairs[0] {
			x.copies.pairs = append(x.copies.pairs, was)
		}
	}
	for _, x := range b.conns {
		if x.copies != nil {
			b.paths(x)
		}
	}
}

// paths lists the ways between the two ends: by the i-th interface to the i-th address, where a side with fewer begins again.
func (b *builder) paths(x *conn) {
	r := x.copies
	remotes := append([]netip.Addr{x.remote}, r.RemoteAlt...)
	var first string
	for i := range max(len(r.Interfaces), len(remotes)) {
		p := &path{wan: r.Interfaces[i%len(r.Interfaces)], remote: remotes[i%len(remotes)], state: PathCopies}
		p.line = b.f.WANs[p.wan]
		if side := p.line.Side(x.Family); p.wan == r.Interfaces[0] {
			p.local = x.local
		} else if len(side.Addrs) > 0 {
			p.local = side.Addrs[0].Addr()
		}
		if i == 0 {
			first = p.line.Device
			p.state = PathFirst
		}
		p.own = p.line.Device != first
		p.lost = !x.Local.IsValid() && p.wan == r.Interfaces[0] && lostAddress(p.line.Side(x.Family), x.local)
		b.judge(x, p, i)
		r.paths = append(r.paths, p)
		if i > 0 {
			b.plan.Remotes = append(b.plan.Remotes, p.remote)
		}
	}
}

// judge says what keeps a path from carrying copies.
func (b *builder) judge(x *conn, p *path, i int) {
	no := func(state, format string, args ...any) {
		p.state, p.reason = state, fmt.Sprintf(format, args...)
	}
	sa := b.f.SAs[x.Name]
	missing := p.line.Missing(x.Family)
	lacking := ""
	if i > 0 {
		lacking = b.lacking("nft_dup_ipv4")
	}
	switch {
	case lacking != "":
		no(PathDown, "%s", lacking)
	case b.f.Disabled[p.wan]:
		no(PathDown, "interface %s is out of use by hand", p.wan)
	case missing != "":
		no(PathDown, "interface %s: %s", p.wan, missing)
	case p.lost:
		no(PathDown, "interface %s has lost the address %s of its SA, which goes on by the others until it ends", p.wan, p.local)
	case translated(p.local, p.remote) && (i == 0 || !b.f.Came[counterOf("in", x, i)]): // with NAT of one address to one, the far end's copies come
		no(PathNAT, "%s, the address of interface %s, is translated on the way: copies need an address of the line's own", p.local, p.wan)
	case sa.Installed && sa.Encap && !x.Encap:
		no(PathNAT, "the IKE daemon found a NAT between %s and %s: packets are not duplicated behind it", x.local, x.remote)
	case i > 0 && b.endsOf(x, pair{p.local, p.remote}):
		no(PathDown, "another ipsec section has the ends %s and %s: its packets could not be told from copies", p.local, p.remote)
	}
}

// lostAddress says whether a line has addresses, and not this one.
func lostAddress(side plan.Side, a netip.Addr) bool {
	return len(side.Addrs) > 0 && !order.Any(len(side.Addrs), func(i int) bool { return side.Addrs[i].Addr() == a })
}

// translated says whether a source is one that no host in the internet sees: behind a router (RFC 1918, RFC 4193), with CGNAT (RFC 6598) or with
// IPv4 over IPv6 (RFC 7335).
func translated(local, remote netip.Addr) bool {
	hidden := func(a netip.Addr) bool {
		return a.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10).Contains(a) ||
			netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 0, 0}), 29).Contains(a)
	}
	return hidden(local) && !hidden(remote)
}

// endsOf says whether another connection than x has the two ends.
func (b *builder) endsOf(x *conn, ends pair) bool {
	return order.Any(len(b.conns), func(i int) bool { return b.conns[i] != x && pair{b.conns[i].local, b.conns[i].remote} == ends })
}

// usable says whether packets can be sent by a path.
func (p *path) usable() bool { return p.state == PathFirst || p.state == PathCopies }

// alone says whether no path beside the first can carry copies: then there are no rules. Behind a NAT some may come.
func (r *copying) alone() bool {
	return !slices.ContainsFunc(r.paths[1:], func(p *path) bool { return p.state == PathCopies || p.state == PathNAT })
}

// keepEnds keeps the address of an SA on lo for as long as it is used, so that the SA outlives its WAN, and gives its packets a way out by every
// WAN: that of the first one that is there.
func (b *builder) keepEnds() {
	for _, x := range b.conns {
		if x.copies == nil {
			continue
		}
		for _, p := range x.copies.pairs {
			a := kstate.Address{Device: "lo", Prefix: netip.PrefixFrom(p.local, p.local.BitLen())}
			if !b.noted[a.Key()] {
				b.noted[a.Key()] = true
				b.plan.Want.Addrs = append(b.plan.Want.Addrs, a)
				b.plan.Why[a.Key()] = "end of ipsec " + x.Name + ", also while its wan is away"
			}
			b.waysOut(x, p)
		}
	}
}

// waysOut routes the packets of an SA: by the first WAN, and should the kernel lose that route, by the next.
func (b *builder) waysOut(x *conn, ends pair) {
	f := x.Family
	table := b.f.Tables[x.copies.Interfaces[0]]
	if table == 0 {
		return
	}
	rule := kstate.Rule{Family: f, Priority: b.c.Globals.RuleBase + prioInner, IIF: "lo", Action: kstate.Lookup, Table: table,
		Src: netip.PrefixFrom(ends.local, f.Bits()), Dst: netip.PrefixFrom(ends.remote, f.Bits())}
	if b.plan.Why[rule.Key()] == "" {
		b.plan.Rules = append(b.plan.Rules, rule)
		b.plan.Why[rule.Key()] = "packets of ipsec " + x.Name + " leave by any of its wans"
	}
	b.wayTo(x, table, ends.remote)
	for _, w := range x.users {
		if x.Mode == kstate.ModeTunnel && w.state == Ready {
			b.wayTo(x, table, w.remote) // inner packets need a route too before they are wrapped
		}
	}
}

// wayTo routes a host by each path of a connection in a table.
func (b *builder) wayTo(x *conn, table uint32, host netip.Addr) {
	f := x.Family
	if kstate.FamilyOf(host) != f {
		return
	}
	for i, p := range x.copies.paths {
		side := p.line.Side(f)
		if !p.line.Usable(f) || p.lost || p.state == PathNAT && i > 0 || i > 0 && !p.own {
			continue
		}
		r := kstate.Route{Family: f, Table: table, Type: kstate.Unicast, Dst: netip.PrefixFrom(host, f.Bits()), Metric: metricPath + uint32(i),
			Gateway: side.Gateway, Device: p.line.Device, OnLink: plan.OffLink(side)}
		if b.plan.Why[r.Key()] == "" {
			b.plan.Routes = append(b.plan.Routes, r)
			b.plan.Why[r.Key()] = fmt.Sprintf("path %d of ipsec %s, by %s", i+1, x.Name, p.wan)
		}
	}
}

// smallest is the MTU of the narrowest path.
func (b *builder) smallest(x *conn, bytes int) int {
	if x.copies == nil {
		return bytes
	}
	for _, p := range x.copies.paths {
		if p.usable() {
			bytes = min(bytes, b.pathOf(p.wan, p.remote))
		}
	}
	return bytes
}

// RedundancyPlan is how the packets of a pseudowire are duplicated.
type RedundancyPlan struct {
	Copies string  // all small dscp
	DSCP   []uint8 // of dscp
	Rate   int     // kbit/s, 0: no limit
	Window int     // packets
	Paths  []PathPlan
}

// ArrivalEvery is the time between two readings of the counters of paths, Readings how many are kept.
const (
	ArrivalEvery = 250 * time.Millisecond
	Readings     = 40
)

// Arrivals are what a counter of packets grew by from one reading to the next, the newest last.
type Arrivals []uint64

// Last is the sum of the last n readings.
func (a Arrivals) Last(n int) (sum uint64) {
	for _, grown := range a[max(0, len(a)-n):] {
		sum += grown
	}
	return sum
}

// talks is how many packets must have come by the best path for the silence of another to mean something, hush the least number of
// readings: one that has just begun, or a path that is slower, proves nothing.
const (
	talks = 6
	hush  = 2
)

// Silent says by which paths nothing comes while another delivers: half a second to three quarters after the last packet where there
// is traffic. Where not everything is copied, samples of the rest are.
func (r *RedundancyPlan) Silent(arrived func(counter string) Arrivals) []bool {
	out := make([]bool, len(r.Paths))
	for i, p := range r.Paths {
		if p.State != PathFirst && p.State != PathCopies {
			continue
		}
		n := hush
		if i > 0 && r.Rate > 0 {
			n += sparse / r.Rate
		}
		for ; n <= Readings && arrived(p.Received).Last(n) == 0 && !out[i]; n++ {
			out[i] = order.Any(len(r.Paths), func(i int) bool { return arrived(r.Paths[i].Received).Last(n) >= talks })
		}
	}
	return out
}

// sparse is what copies with a limit are allowed for: the readings in which 1 kbit/s lets four packets of 1500 bytes pass.
const sparse = 4 * 12 * int(time.Second/ArrivalEvery)

// PathPlan is one path.
type PathPlan struct {
	_ order.Incomparable

	WAN, Device   string
	Local, Remote netip.Addr
	State, Reason string
	// Sent and Received name the counters of copies sent and of packets received by the path.
	Sent, Received string
}

// reportCopies lists the paths of a pseudowire.
func (b *builder) reportCopies(w *wire) *RedundancyPlan {
	if w.sec == nil || w.sec.copies == nil {
		return nil
	}
	r := w.sec.copies
	out := &RedundancyPlan{Copies: r.Copies, DSCP: r.DSCP, Rate: r.Rate, Window: ReplayWindow}
	for i, p := range r.paths {
		out.Paths = append(out.Paths, PathPlan{WAN: p.wan, Device: p.line.Device, Local: p.local, Remote: p.remote, State: p.state, Reason: p.reason,
			Sent: counterOf("out", w.sec, i), Received: counterOf("in", w.sec, i)})
	}
	return out
}

// counterOf names the counter of a path in one direction.
func counterOf(direction string, x *conn, i int) string {
	return fmt.Sprintf("overlay_%s_%s_%d", direction, x.Name, i+1)
}
