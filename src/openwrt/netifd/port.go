package netifd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"multiwan/src/openwrt/ubus"
)

// On returns the interface whose device is a bridge, or with a VLAN else the one whose device is that VLAN of the bridge; "" where netifd
// has none. whole says that it is the first.
func (s *Source) On(bridge string, vlan int) (name string, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, device := range []string{bridge, bridge + "." + strconv.Itoa(vlan)} {
		for _, n := range s.state.networks {
			if n.Device == device && (name == "" || n.Name < name) {
				name, whole = n.Name, device == bridge
			}
		}
		if name != "" {
			break
		}
	}
	return name, whole
}

// Over returns the interfaces whose device is a bridge or a VLAN of it, sorted.
func (s *Source) Over(bridge string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, n := range s.state.networks {
		if n.Device == bridge || strings.HasPrefix(n.Device, bridge+".") {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// AddDevice hands a device to netifd, which makes it a port of the bridge that an interface is on, in a VLAN where that is not 0. The device
// stays ours: netifd neither makes nor configures it.
func (s *Source) AddDevice(ctx context.Context, name, device string, vlan int) error {
	return s.port(ctx, "add_device", name, device, vlan)
}

// RemoveDevice takes it back.
func (s *Source) RemoveDevice(ctx context.Context, name, device string) error {
	return s.port(ctx, "remove_device", name, device, 0)
}

func (s *Source) port(ctx context.Context, method, name, device string, vlan int) error {
	var w ubus.Writer
	w.String("name", device)
	w.Bool("link-ext", true)
	if vlan != 0 {
		w.Open("vlan", ubus.List)
		w.String("", strconv.Itoa(vlan)+":u*")
		w.Close()
	}
	if err := s.call(ctx, object+"."+name, method, w.Table()); err != nil {
		return fmt.Errorf("%s of %s at netifd's interface %s: %w", method, device, name, err)
	}
	return nil
}
