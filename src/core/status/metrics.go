package status

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"multiwan/src/core/order"
)

// Metric is one number of the status.
type Metric struct {
	Name   string            `json:"name"`
	Help   string            `json:"help"`
	Type   string            `json:"type"` // gauge or counter
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

// MetricsOf returns the numbers of a document, those of one name together, in a fixed order.
func MetricsOf(d *Document) []Metric {
	var all []Metric
	add := func(name, typ, help string, v float64, labels ...string) {
		m := Metric{Name: "multiwan_" + name, Help: help, Type: typ, Labels: map[string]string{}, Value: v}
		for i := 0; i+1 < len(labels); i += 2 {
			m.Labels[labels[i]] = labels[i+1]
		}
		all = append(all, m)
	}
	add("start_time_seconds", "gauge", "When the daemon started, in seconds since the epoch.", float64(d.Started))
	add("config_ok", "gauge", "1 if the configuration file has no errors.", oneIf(d.Config.State == ConfigOK))
	add("warnings", "gauge", "Warnings in the status.", float64(len(d.Warnings)))
	wanMetrics(d, add)
	for _, name := range order.Keys(d.Policies) {
		p := d.Policies[name]
		for _, f := range []struct {
			family string
			*PolicyFamily
		}{{"ipv4", p.IPv4}, {"ipv6", p.IPv6}} {
			if f.PolicyFamily == nil {
				continue
			}
			for _, s := range f.Active {
				add("policy_share_ratio", "gauge", "Part of a policy's new connections of a family that a WAN carries, 0 to 1.", s.Percent/100,
					"policy", name, "family", f.family, "interface", s.Interface)
			}
		}
	}
	siteMetrics(d, add)
	for _, r := range d.Rules {
		if r.Hits != nil {
			add("rule_hits_total", "counter", "Forwarded connections that a rule took.", float64(*r.Hits), "rule", r.Name)
		}
	}
	counterMetrics(d, add)
	order.By(all, func(i, j int) int { return strings.Compare(all[i].Name, all[j].Name) })
	return all
}

// adder adds a metric: its name without the prefix of all, gauge or counter, and labels as names and values in turn.
type adder func(name, typ, help string, v float64, labels ...string)

// wanMetrics adds the numbers of each family of each WAN.
func wanMetrics(d *Document, add adder) {
	for _, name := range order.Keys(d.Interfaces) {
		i := d.Interfaces[name]
		for _, s := range []struct {
			family string
			*Side
		}{{"ipv4", i.IPv4}, {"ipv6", i.IPv6}} {
			if s.Side == nil {
				continue
			}
			labels := []string{"interface", name, "family", s.family}
			add("interface_up", "gauge", "1 while the WAN is up, suspect or degraded.",
				oneIf(s.State == "up" || s.State == "suspect" || s.State == "degraded"), labels...)
			add("interface_carries", "gauge", "1 while new connections may use the WAN.", oneIf(s.Carries), labels...)
			for n, v := range map[string]*float64{"rtt": s.RTT, "loss": s.Loss} {
				switch {
				case v == nil:
				case n == "rtt":
					add("interface_rtt_seconds", "gauge", "Mean round-trip time of the probes.", *v/1000, labels...)
				default:
					add("interface_loss_ratio", "gauge", "Lost part of the probes, 0 to 1.", *v/100, labels...)
				}
			}
		}
	}
}

// counterMetrics adds what has been counted since the start.
func counterMetrics(d *Document, add adder) {
	for _, c := range []struct {
		name, help string
		value      uint64
	}{
		{"passes", "Passes of the loop.", d.Counters.Passes}, {"writes", "Operations that changed the kernel.", d.Counters.Writes},
		{"failures", "Operations that failed.", d.Counters.Failed}, {"repairs", "Changes by others that were undone.", d.Counters.Repairs},
		{"evictions", "Tracked connections deleted.", d.Counters.Evicted}, {"transitions", "Changes of state of WANs.", d.Counters.Transitions},
		{"reloads", "Configurations put in force.", d.Counters.Reloads}, {"hooks", "Hooks started.", d.Counters.Hooks},
		{"clamped", "TCP handshakes whose MSS was lowered.", d.Counters.Clamped},
	} {
		add(c.name+"_total", "counter", c.help, float64(c.value))
	}
}

// siteMetrics adds the numbers of what joins sites.
func siteMetrics(d *Document, add adder) {
	for _, name := range order.Keys(d.Pseudowires) {
		w := d.Pseudowires[name]
		add("pseudowire_up", "gauge", "1 while the far end of the pseudowire answers.", oneIf(w.State == "up" || w.State == "degraded"), "pseudowire", name)
		add("pseudowire_mtu_bytes", "gauge", "MTU of the pseudowire's device.", float64(w.MTU), "pseudowire", name)
		if t := w.Traffic; t != nil {
			add("pseudowire_receive_bytes_total", "counter", "Bytes of frames received.", float64(t.RxBytes), "pseudowire", name)
			add("pseudowire_transmit_bytes_total", "counter", "Bytes of frames sent.", float64(t.TxBytes), "pseudowire", name)
		}
		w.Redundancy.metrics(name, add)
	}
	for _, name := range order.Keys(d.IPsec) {
		add("ipsec_up", "gauge", "1 while an SA carries packets.", oneIf(d.IPsec[name].State == "up"), "ipsec", name)
	}
	for _, name := range order.Keys(d.Bonds) {
		b := d.Bonds[name]
		for _, m := range b.Members {
			add("bond_active", "gauge", "1 while the member carries.", oneIf(slices.Contains(b.Active, m.Name)), "bond", name, "member", m.Name)
		}
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// WriteMetrics writes metrics in the text format of Prometheus, version 0.0.4.
func WriteMetrics(w io.Writer, metrics []Metric) error {
	var b bytes.Buffer
	last := ""
	for _, m := range metrics {
		if m.Name != last {
			fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", m.Name, m.Help, m.Name, m.Type)
			last = m.Name
		}
		var labels []string
		for _, k := range order.Keys(m.Labels) {
			labels = append(labels, fmt.Sprintf("%s=%q", k, m.Labels[k]))
		}
		text := ""
		if len(labels) > 0 {
			text = "{" + strings.Join(labels, ",") + "}"
		}
		fmt.Fprintf(&b, "%s%s %g\n", m.Name, text, m.Value)
	}
	_, err := w.Write(b.Bytes())
	return err
}
