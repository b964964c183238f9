package kstate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"multiwan/src/core/order"
)

// Hop is one way out of a multipath route.
type Hop struct {
	Gateway netip.Addr // invalid on a point-to-point device
	Device  string
	OnLink  bool // the gateway is reached on the device though no connected route says so (RTNH_F_ONLINK)
	Weight  int  // 1 - 256
}

// Route is a route of protocol 77 in a table of ours (ip-route(8)).
type Route struct {
	Family  Family
	Table   uint32
	Type    RuleAction // Unicast, Prohibit, Unreachable or Blackhole
	Dst     netip.Prefix
	Metric  uint32 // the kernel reads 0 as 1024 for IPv6: always set there
	Gateway netip.Addr
	Device  string
	OnLink  bool
	Src     netip.Addr // preferred source address (RTA_PREFSRC)
	Hops    []Hop      // multipath, then Gateway, Device and OnLink are empty; order is kept by weight, then device, then gateway
	Nexthop uint32     // nexthop object (RTA_NH_ID), then all of the above are empty
}

// Key identifies the route as the kernel does for `ip route replace`: family, table, destination, metric.
func (r Route) Key() string {
	return r.Family.flag() + " route " + dstText(r.Dst) + " table " + tableName(r.Table) + " metric " + strconv.FormatUint(uint64(r.Metric), 10)
}

// Equal says whether the kernel's route o is what r wants.
func (r Route) Equal(o Route) bool {
	h, oh := r.Hops, o.Hops
	r.Hops, o.Hops = nil, nil
	return r.comparable() == o.comparable() && slices.Equal(h, oh)
}

type routeScalar struct {
	Family            Family
	Table, Metric, NH uint32
	Type              RuleAction
	Dst               netip.Prefix
	Gateway, Src      netip.Addr
	Device            string
	OnLink            bool
}

func (r Route) comparable() routeScalar {
	return routeScalar{r.Family, r.Table, r.Metric, r.Nexthop, r.Type, r.Dst, r.Gateway, r.Src, r.Device, r.OnLink}
}

// String returns the route as arguments of `ip`, for example
// "-4 route default via 192.0.2.254 dev eth0 src 192.0.2.1 table 19713 metric 1".
func (r Route) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s route ", r.Family.flag())
	if r.Type != Unicast {
		fmt.Fprintf(&b, "%s ", r.Type)
	}
	b.WriteString(dstText(r.Dst))
	if r.Nexthop != 0 {
		fmt.Fprintf(&b, " nhid %d", r.Nexthop)
	}
	b.WriteString(hopText(r.Gateway, r.Device, r.OnLink))
	if r.Src.IsValid() {
		fmt.Fprintf(&b, " src %s", r.Src)
	}
	fmt.Fprintf(&b, " table %s metric %d", tableName(r.Table), r.Metric)
	for _, h := range r.Hops {
		fmt.Fprintf(&b, " nexthop%s weight %d", hopText(h.Gateway, h.Device, h.OnLink), h.Weight)
	}
	return b.String()
}

func hopText(gw netip.Addr, dev string, onlink bool) string {
	s := ""
	if gw.IsValid() {
		s += " via " + gw.String()
	}
	if dev != "" {
		s += " dev " + dev
	}
	if onlink {
		s += " onlink"
	}
	return s
}

func dstText(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "default"
	}
	return p.String()
}

// Nexthop is a nexthop object of protocol 77 (ip-nexthop(8), linux/nexthop.h): a single way out, or a resilient group of such. Used by
// `option steering 'route'`.
type Nexthop struct {
	ID      uint32
	Family  Family // 0 for a group
	Gateway netip.Addr
	Device  string
	OnLink  bool
	Group   []NexthopMember // sorted by ID
	// Resilient groups only: Buckets is the size of the hash table, IdleTimer seconds after which an unused bucket may move.
	Buckets   uint16
	IdleTimer uint32
}

// NexthopMember is one member of a group; Weight is 1 - 256.
type NexthopMember struct {
	ID     uint32
	Weight int
}

// Key identifies the nexthop: its id.
func (n Nexthop) Key() string { return fmt.Sprintf("nexthop id %d", n.ID) }

// Equal says whether the kernel's nexthop o is what n wants.
func (n Nexthop) Equal(o Nexthop) bool {
	return n.ID == o.ID && n.Family == o.Family && n.Gateway == o.Gateway && n.Device == o.Device && n.OnLink == o.OnLink &&
		n.Buckets == o.Buckets && n.IdleTimer == o.IdleTimer && slices.Equal(n.Group, o.Group)
}

// String returns the nexthop as arguments of `ip`, for example "nexthop id 77101 group 77001,2/77002,1 type resilient buckets 128 idle_timer 60".
func (n Nexthop) String() string {
	s := n.Key()
	if len(n.Group) == 0 {
		return s + hopText(n.Gateway, n.Device, n.OnLink)
	}
	for i, m := range n.Group {
		sep := "/"
		if i == 0 {
			sep = " group "
		}
		s += fmt.Sprintf("%s%d,%d", sep, m.ID, m.Weight)
	}
	return s + fmt.Sprintf(" type resilient buckets %d idle_timer %d", n.Buckets, n.IdleTimer)
}

// Sysctl is one kernel setting, named as below /proc/sys, for example "net/ipv4/conf/eth0/rp_filter".
type Sysctl struct{ Name, Value string }

// Key identifies the setting.
func (s Sysctl) Key() string { return s.Name }

// String returns the setting as an argument of sysctl(8).
func (s Sysctl) String() string { return strings.ReplaceAll(s.Name, "/", ".") + "=" + s.Value }

// SortHops puts hops into the order in which routes are compared.
func SortHops(hops []Hop) {
	order.By(hops, func(i, j int) int {
		x, y := hops[i], hops[j]
		return cmp.Or(cmp.Compare(x.Weight, y.Weight), cmp.Compare(x.Device, y.Device), x.Gateway.Compare(y.Gateway))
	})
}
