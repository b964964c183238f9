package netifd

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// WAN asks for what netifd knows of a WAN: Name is that of its interface in netifd, Interface6 of the one that carries its IPv6, empty
// where that is to be found. Others are the names of all WANs, which are nobody's IPv6 side.
type WAN struct {
	Name, Interface6 string
	Others           []string
}

// Joined is what netifd knows of a WAN, of both its interfaces together. What it does not know is empty.
type Joined struct {
	Interface6         string // the interface that carries its IPv6, where that is not its own
	Device             string
	Addrs              []netip.Prefix
	Gateway4, Gateway6 netip.Addr
	Prefixes           []netip.Prefix // delegated
	DNS                []netip.Addr
}

// state is netifd's interfaces.
type state struct {
	networks map[string]network
	devices  map[string]string // that they were on when they were last up: an interface that is down has none
}

func newState() *state { return &state{networks: map[string]network{}, devices: map[string]string{}} }

// replace takes a whole dump and returns the names of those that changed, came or went.
func (s *state) replace(all []network) (changed []string) {
	there := map[string]bool{}
	for _, n := range all {
		there[n.Name] = true
		if s.apply(n) {
			changed = append(changed, n.Name)
		}
	}
	for name := range s.networks {
		if !there[name] {
			delete(s.networks, name)
			delete(s.devices, name)
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

// apply takes one interface and says whether it is news. netifd repeats itself.
func (s *state) apply(n network) bool {
	if n.Name == "" {
		return false
	}
	if n.L3 != "" {
		s.devices[n.Name] = n.L3
	}
	old, known := s.networks[n.Name]
	s.networks[n.Name] = n
	return !known || !reflect.DeepEqual(old, n)
}

// device returns what an interface is on. One that is down is on what it was on, or will be on the device of its configuration: not so
// protocols that make a device of their own, since their configuration names the one below.
func (s *state) device(n network) string {
	switch {
	case n.L3 != "":
		return n.L3
	case s.devices[n.Name] != "":
		return s.devices[n.Name]
	case strings.HasPrefix(n.Device, "@"):
		if below, ok := s.networks[n.Device[1:]]; ok && !strings.HasPrefix(below.Device, "@") {
			return s.device(below)
		}
	case n.Proto == "static" || n.Proto == "dhcp" || n.Proto == "dhcpv6" || n.Proto == "none":
		return n.Device
	}
	return ""
}

// join returns what is known of a WAN; false where netifd has no interface of its name.
func (s *state) join(w WAN) (Joined, bool) {
	own, ok := s.networks[w.Name]
	if !ok {
		return Joined{}, false
	}
	j := Joined{Device: s.device(own), Gateway4: own.Gateway4, Gateway6: own.Gateway6, Addrs: own.Addrs, Prefixes: own.Delegated, DNS: own.DNS}
	six, ok := s.six(w, own, j.Device)
	if !ok {
		return j, true
	}
	j.Interface6 = six.Name
	if j.Device == "" {
		j.Device = s.device(six)
	}
	if six.Default6 {
		j.Gateway6 = six.Gateway6
	}
	j.Addrs = order.Join(j.Addrs, six.Addrs)
	j.Prefixes = order.Join(j.Prefixes, six.Delegated)
	j.DNS = order.Join(j.DNS, six.DNS)
	return j, true
}

// six returns the interface that carries a WAN's IPv6 beside its own: the one that is named, or one on the same device that is no WAN and
// has IPv6, if need be by its name.
func (s *state) six(w WAN, own network, device string) (network, bool) {
	if w.Interface6 != "" {
		n, ok := s.networks[w.Interface6]
		return n, ok
	}
	if device == "" {
		return network{}, false
	}
	var fits []string
	for name, n := range s.networks {
		if name != w.Name && !slices.Contains(w.Others, name) && s.device(n) == device && (n.Proto == "dhcpv6" || n.Up && n.has(kstate.IPv6)) {
			fits = append(fits, name)
		}
	}
	if len(fits) == 0 {
		return network{}, false
	}
	slices.Sort(fits)
	for _, usual := range []string{w.Name + "6", w.Name + "_6"} {
		if slices.Contains(fits, usual) {
			return s.networks[usual], true
		}
	}
	return s.networks[fits[0]], true
}
