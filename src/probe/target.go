package probe

import (
	"net/netip"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// Target is what a probe is sent to.
type Target struct {
	Addr netip.Addr // an address, or
	Host string     // a name to resolve by the WAN; neither is the gateway
	Port int        // of dns, http and tcp
	Path string     // of http
}

// Probe is one probe configuration for one family.
type Probe struct {
	health.Params // Params.Targets has the same indices as To
	To            []Target
	Size          int    // payload of a ping in bytes
	Query         string // name asked by dns
}

// FromConfig takes a probe section for one family. Without any target in that
// family the probe has none, and the WAN is up while its link is there.
func FromConfig(p config.Probe, f kstate.Family) Probe {
	counted, evidence := p.For(f)
	out := Probe{
		Params: health.Params{
			Name: p.Name, Method: p.Method, Reliability: p.Needed(f),
			Interval: p.Interval, DownInterval: p.DownInterval, Timeout: p.Timeout,
			Down: p.Down, Up: p.Up, Window: p.Window,
			LossDown: p.LossDown, LossUp: p.LossUp, LatencyDown: p.LatencyDown, LatencyUp: p.LatencyUp,
		},
		Size: p.Size, Query: p.Query,
	}
	add := func(targets []config.Target, evidenceOnly bool) {
		for _, t := range targets {
			out.Targets = append(out.Targets, health.Target{Text: t.Text, Gateway: t.Gateway, EvidenceOnly: evidenceOnly})
			out.To = append(out.To, Target{Addr: t.Addr, Host: t.Host, Port: t.Port, Path: t.Path})
		}
	}
	add(counted, false)
	add(evidence, true)
	return out
}
