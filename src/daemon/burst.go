package daemon

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/probe"
)

const (
	burstDefault  = 10
	burstMost     = 100
	burstInterval = 100 * time.Millisecond
	burstPatience = 2 * time.Second // for the answers to the last probes
)

// callProbe sends bursts by one WAN, to one target or to those of its probes, all of them at once.
func (d *daemon) callProbe(ctx context.Context, a control.Args) (any, error) {
	w, err := d.wan(a.String("interface"))
	if err != nil {
		return nil, err
	}
	count := a.Int("count")
	if count == 0 {
		count = burstDefault
	}
	if count < 0 || count > burstMost {
		return nil, control.Refuse(control.Usage, "count: want 1 to %d", burstMost)
	}
	last, ok := d.record.snapshot()
	if !ok {
		return nil, errNoSnapshot
	}
	net := last.Facts.WANs[w.Name]
	usable := families(w, net)
	if len(usable) == 0 {
		return nil, control.Refuse(control.Failed, "%s can send nothing: %s", w.Name, net.Missing(w.Families[0]))
	}
	own := plan.WANPlan{Name: w.Name}
	for _, p := range last.Plan.WANs {
		if p.Name == w.Name {
			own = p
		}
	}
	var bursts []status.Burst
	var paths []probe.Path
	for _, f := range usable {
		targets, err := burstTargets(d.file.running(), w, net, f, a.String("target"))
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			b := status.Burst{Interface: w.Name, Family: f.String(), Device: net.Device, Source: net.Side(f).Addrs[0].Addr().String(), Target: t.String()}
			if gw := net.Side(f).Gateway; gw.IsValid() {
				b.Gateway = gw.String()
			}
			bursts, paths = append(bursts, b), append(paths, pathOf(own, net, f))
		}
	}
	if len(bursts) == 0 {
		return nil, control.Refuse(control.Usage, "no target of a family that %s has an address of", w.Name)
	}
	var running sync.WaitGroup
	for i := range bursts {
		running.Go(func() { sendBurst(ctx, paths[i], &bursts[i], count) })
	}
	running.Wait()
	return bursts, nil
}

// burstTargets returns the addresses to probe: the one that was asked for, where it is of the family, or all literal ones of the WAN's
// probes and its gateway.
func burstTargets(c *config.Config, w config.Interface, net plan.WAN, f kstate.Family, asked string) ([]netip.Addr, error) {
	gw := net.Side(f).Gateway
	if asked != "" && asked != "gateway" {
		t, err := netip.ParseAddr(asked)
		if err != nil {
			return nil, control.Refuse(control.Usage, "target %q: want an address or the word gateway", asked)
		}
		if kstate.FamilyOf(t) != f {
			return nil, nil
		}
		if t.IsLinkLocalUnicast() && t.Is6() && t.Zone() == "" {
			t = t.WithZone(net.Device)
		}
		return []netip.Addr{t}, nil
	}
	var out []netip.Addr
	seen := make(map[netip.Addr]bool)
	add := func(a netip.Addr) {
		if a.IsLinkLocalUnicast() && a.Is6() {
			a = a.WithZone(net.Device)
		}
		if a.IsValid() && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	if asked == "" {
		for _, p := range probesOf(c, w, f) {
			for _, t := range p.To {
				add(t.Addr)
			}
		}
	}
	add(gw)
	return out, nil
}

func sendBurst(ctx context.Context, path probe.Path, b *status.Burst, count int) {
	r, err := probe.Burst{
		Path: path, Target: netip.MustParseAddr(b.Target), Count: count, Interval: burstInterval,
		Timeout: time.Duration(count)*burstInterval + burstPatience,
	}.Run(ctx)
	if err != nil {
		b.Error = err.Error()
	}
	b.Sent, b.Received, b.Loss = r.Sent, r.Received, r.Loss
	if r.Received > 0 {
		ms := func(d time.Duration) *float64 { v := float64(d.Microseconds()) / 1000; return &v }
		b.Min, b.Mean, b.Max, b.Deviation = ms(r.Min), ms(r.Avg), ms(r.Max), ms(r.StdDev)
	}
}
