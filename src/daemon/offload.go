package daemon

import (
	"errors"
	"os"
	"path/filepath"

	"multiwan/src/core/config"
	"multiwan/src/core/order"
	"multiwan/src/core/uci"
)

// errOffload is what hardware offloading means here. Without it, evicting a connection ends its offloaded flow.
var errOffload = errors.New("/etc/config/firewall has flow_offloading_hw: connections in hardware may stay on a WAN that fails; switch it off, software offloading may stay")

// offloaded says whether OpenWrt's firewall, whose configuration lies beside ours, hands flows to hardware although there are several
// WANs to choose from.
func offloaded(c *config.Config, path string) error {
	wans := order.Without(c.Interfaces, func(i config.Interface) bool { return !i.Enabled })
	if !c.Globals.Enabled || len(wans) < 2 {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "firewall"))
	if err != nil {
		return nil // no OpenWrt
	}
	f, err := uci.Parse("firewall", text)
	if err != nil {
		return nil // the firewall says so itself
	}
	for _, s := range f.Sections {
		if s.Type == "defaults" && on(s, "flow_offloading") && on(s, "flow_offloading_hw") {
			return errOffload
		}
	}
	return nil
}

func on(s *uci.Section, option string) bool {
	v, _ := s.Get(option)
	is, _ := uci.Bool(v.Text)
	return is
}
