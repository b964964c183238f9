package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"multiwan/src/core/config"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
	"multiwan/src/core/uci"
)

// firewallFile is the configuration of OpenWrt's firewall, which lies beside ours; without sections where there is none, or one that the
// firewall itself refuses.
func firewallFile(path string) *uci.File {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "firewall"))
	if err == nil {
		if f, err := uci.Parse("firewall", text); err == nil {
			return f
		}
	}
	return &uci.File{}
}

// firewall knows what OpenWrt's firewall does with the sources of what leaves by a WAN.
type firewall struct {
	stands func(context.Context) bool

	mu    sync.Mutex
	zones map[string]plan.Firewall // by network, and by device with a slash before it
}

// read takes the zones of its configuration.
func (w *firewall) read(f *uci.File) {
	zones := map[string]plan.Firewall{}
	for _, s := range f.Sections {
		if s.Type != "zone" {
			continue
		}
		does := plan.LeavesAlone
		family := text(s, "family")
		if on(s, "masq") && len(s.List("masq_src")) == 0 && len(s.List("masq_dest")) == 0 && !strings.HasSuffix(family, "6") {
			does = plan.Masquerades
		}
		if is, ok := uci.Bool(text(s, "enabled")); ok && !is {
			continue
		}
		for _, v := range s.List("network") {
			for _, name := range strings.Fields(v.Text) {
				zones[name] = does
			}
		}
		for _, v := range s.List("device") {
			zones["/"+v.Text] = does
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zones = zones
}

// fill says for each WAN what the firewall does, if it stands.
func (w *firewall) fill(ctx context.Context, wans map[string]plan.WAN) {
	w.mu.Lock()
	zones := w.zones
	w.mu.Unlock()
	if len(zones) == 0 || !w.stands(ctx) {
		return
	}
	for name, is := range wans {
		if is.Firewall = zones[name]; is.Firewall == plan.NoFirewall {
			is.Firewall = zones["/"+is.Device]
		}
		wans[name] = is
	}
}

// errOffload is what hardware offloading means here. Without it, evicting a connection ends its offloaded flow.
var errOffload = errors.New("/etc/config/firewall has flow_offloading_hw: connections in hardware may stay on a WAN that fails; switch it off, software offloading may stay")

// offloaded says whether the firewall hands flows to hardware although there are several WANs to choose from.
func offloaded(c *config.Config, f *uci.File) error {
	wans := order.Without(c.Interfaces, func(i config.Interface) bool { return !i.Enabled })
	if !c.Globals.Enabled || len(wans) < 2 {
		return nil
	}
	for _, s := range f.Sections {
		if s.Type == "defaults" && on(s, "flow_offloading") && on(s, "flow_offloading_hw") {
			return errOffload
		}
	}
	return nil
}

func on(s *uci.Section, option string) bool {
	is, _ := uci.Bool(text(s, option))
	return is
}

func text(s *uci.Section, option string) string {
	v, _ := s.Get(option)
	return v.Text
}
