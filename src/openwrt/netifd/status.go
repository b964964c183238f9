package netifd

import (
	"net/netip"
	"strings"

	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
)

// network is one interface of netifd, as far as it matters. Two that are equal are no news.
type network struct {
	Name string
	Up   bool
	// Raised is from ifup to ifdown, whatever came of it, of interfaces with our own protocol: when we say that a device is gone, its interface
	// is neither up nor pending for a moment.
	Raised bool
	Proto  string
	Device string // of its configuration; may be "@other"
	L3     string // that its addresses are on, empty while it is down
	Addrs  []netip.Prefix
	// Gateways are the next hops of its default routes; invalid: none, or one without a next hop.
	Gateway4, Gateway6 netip.Addr
	Default4, Default6 bool // it has a default route of the family, in force or not
	Delegated          []netip.Prefix
	DNS                []netip.Addr
	metric4, metric6   int
}

// wire is an interface as `network.interface dump` and the notifications have it. An interface that is down has few of the members.
type wire struct {
	Name     string        `json:"interface"`
	Up       bool          `json:"up"`
	Pending  bool          `json:"pending"`
	Auto     bool          `json:"autostart"`
	Proto    string        `json:"proto"`
	Device   string        `json:"device"`
	L3       string        `json:"l3_device"`
	IPv4     []wireAddress `json:"ipv4-address"`
	IPv6     []wireAddress `json:"ipv6-address"`
	Prefixes []wireAddress `json:"ipv6-prefix"`
	Routes   []wireRoute   `json:"route"`
	DNS      []string      `json:"dns-server"`
	// Inactive is what netifd got and does not use, a default route with defaultroute '0' for example.
	Inactive struct {
		Routes []wireRoute `json:"route"`
		DNS    []string    `json:"dns-server"`
	} `json:"inactive"`
}

type wireAddress struct {
	Address string `json:"address"`
	Mask    int    `json:"mask"`
}

type wireRoute struct {
	Target  string `json:"target"`
	Mask    int    `json:"mask"`
	Nexthop string `json:"nexthop"`
	Type    string `json:"type"`
	Table   int    `json:"table"`
	Metric  int    `json:"metric"`
}

// parseDump reads the answer of `network.interface dump`.
func parseDump(text []byte) ([]network, error) {
	var dump struct {
		Interfaces []wire `json:"interface"`
	}
	if err := json.Unmarshal(text, &dump); err != nil {
		return nil, err
	}
	out := make([]network, len(dump.Interfaces))
	for i := range dump.Interfaces {
		out[i] = dump.Interfaces[i].network()
	}
	return out, nil
}

// parseNotice reads what interface.update and interface.down carry.
func parseNotice(text []byte) (network, error) {
	var w wire
	err := json.Unmarshal(text, &w)
	return w.network(), err
}

func (w *wire) network() network {
	n := network{Name: w.Name, Up: w.Up, Raised: w.Proto == Proto && (w.Up || w.Pending || w.Auto), Proto: w.Proto, Device: w.Device, L3: w.L3}
	n.Addrs = append(prefixes(w.IPv4), prefixes(w.IPv6)...)
	n.Delegated = prefixes(w.Prefixes)
	for _, r := range w.Routes {
		n.route(r)
	}
	have4, have6 := n.Default4, n.Default6
	for _, r := range w.Inactive.Routes {
		if four := !strings.Contains(r.Target, ":"); four && !have4 || !four && !have6 {
			n.route(r)
		}
	}
	for _, list := range [][]string{w.DNS, w.Inactive.DNS} {
		for _, s := range list {
			if a, err := netip.ParseAddr(s); err == nil {
				n.DNS = append(n.DNS, a)
			}
		}
	}
	return n
}

// route takes the next hop of a default route, of several that of the lowest metric. There is one for each delegated prefix, all with the
// same next hop as a rule. A route of a given table serves a purpose of the user's own.
func (n *network) route(r wireRoute) {
	target, err := netip.ParseAddr(r.Target)
	if err != nil || !target.IsUnspecified() || r.Mask != 0 || r.Table != 0 || r.Type != "" && r.Type != "unicast" && r.Type != "1" {
		return
	}
	hop, err := netip.ParseAddr(r.Nexthop)
	if err != nil || hop.IsUnspecified() {
		hop = netip.Addr{}
	}
	gateway, known, metric := &n.Gateway4, &n.Default4, &n.metric4
	if kstate.FamilyOf(target) == kstate.IPv6 {
		gateway, known, metric = &n.Gateway6, &n.Default6, &n.metric6
	}
	if !*known || r.Metric < *metric {
		*gateway, *known, *metric = hop, true, r.Metric
	}
}

// prefixes reads addresses with their masks; what is none is left out.
func prefixes(list []wireAddress) (out []netip.Prefix) {
	for _, w := range list {
		a, err := netip.ParseAddr(w.Address)
		if err != nil {
			continue
		}
		if p := netip.PrefixFrom(a, w.Mask); p.IsValid() {
			out = append(out, p)
		}
	}
	return out
}

// has says whether an interface carries a family, or would if it were up.
func (n *network) has(f kstate.Family) bool {
	if f == kstate.IPv6 && (n.Default6 || len(n.Delegated) > 0) || f == kstate.IPv4 && n.Default4 {
		return true
	}
	for _, a := range n.Addrs {
		if kstate.FamilyOf(a.Addr()) == f && !a.Addr().IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}
