package daemon

import (
	"context"
	"maps"
	"os"
	"sync"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/config"
	"multiwan/src/core/order"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
)

// forced are the WANs that the user took down.
type forced struct {
	mu   sync.Mutex
	wans map[string]status.Forced
}

// set takes a WAN down. One that is down already stays so since then, be it for longer or shorter.
func (f *forced) set(wan string, now, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if was, ok := f.wans[wan]; ok && (was.Until.IsZero() || was.Until.After(now)) {
		now = was.Since
	}
	if f.wans == nil {
		f.wans = map[string]status.Forced{}
	}
	f.wans[wan] = status.Forced{Since: now, Until: until}
}

func (f *forced) clear(wan string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.wans, wan)
}

// now returns those that are in force.
func (f *forced) now(t time.Time) map[string]status.Forced {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.wans, func(_ string, hand status.Forced) bool { return !hand.Until.IsZero() && !hand.Until.After(t) })
	return maps.Clone(f.wans)
}

// methods returns what users can ask of the daemon.
func (d *daemon) methods() []control.Method {
	wan := control.Param{Name: "interface", Type: control.String}
	text := control.Param{Name: "text", Type: control.String}
	return []control.Method{
		{Name: "status", Help: "the whole status", Call: func(context.Context, control.Args) (any, error) { return d.status(), nil }},
		{Name: "metrics", Help: "the numbers of the status", Call: func(context.Context, control.Args) (any, error) {
			return status.MetricsOf(d.status()), nil
		}},
		{Name: "history", Help: "changes of state with evidence", Params: []control.Param{wan, {Name: "last", Type: control.Int}}, Call: d.callHistory},
		{Name: "series", Help: "samples of the WANs for graphs", Params: []control.Param{wan, {Name: "seconds", Type: control.Int}}, Call: d.callSeries},
		{Name: "rules", Help: "the rules with their counters", Call: func(context.Context, control.Args) (any, error) { return d.status().Rules, nil }},
		{Name: "explain", Help: "where a connection goes and why", Call: d.callExplain, Params: []control.Param{
			{Name: "source", Type: control.String}, {Name: "destination", Type: control.String}, {Name: "protocol", Type: control.String},
			{Name: "port", Type: control.Int}, {Name: "sport", Type: control.Int}, {Name: "dscp", Type: control.Int},
			{Name: "device", Type: control.String}}},
		{Name: "plan", Help: "what loading the file, or a text in its place, would change", Params: []control.Param{text}, Call: d.callPlan},
		{Name: "check", Help: "the findings in the file, or in a text in its place", Params: []control.Param{text}, Call: d.callCheck},
		{Name: "probe", Help: "probes by one WAN now", Params: []control.Param{wan, {Name: "target", Type: control.String},
			{Name: "count", Type: control.Int}}, Call: d.callProbe},
		{Name: "down", Help: "take a WAN out of use", Params: []control.Param{wan, {Name: "seconds", Type: control.Int}}, Call: d.callDown},
		{Name: "up", Help: "put it back", Params: []control.Param{wan}, Call: d.callUp},
		{Name: "reload", Help: "read the configuration again", Call: func(context.Context, control.Args) (any, error) { return d.reload(), nil }},
		{Name: "pseudowire_up", Help: "netifd has raised an interface with proto l2tpv3", Params: []control.Param{wan}, Call: d.callPseudowire(true)},
		{Name: "pseudowire_down", Help: "netifd has lowered one", Params: []control.Param{wan}, Call: d.callPseudowire(false)},
		{Name: "stop", Help: "remove everything of ours and end", Call: func(ctx context.Context, _ control.Args) (any, error) {
			// The work is finished even where the caller goes away.
			return true, d.loop.Stop(context.WithoutCancel(ctx))
		}},
	}
}

// status makes the document.
func (d *daemon) status() *status.Document {
	now := time.Now()
	s := status.Source{Version: d.opt.Version, Now: now, Started: d.started, Health: d.lines.snapshots(), Forced: d.forced.now(now),
		Warnings: append(d.record.warnings(), d.hooks.Warnings()...)}
	s.Counters, s.Timings = d.record.count()
	s.Counters.Hooks = uint64(d.hooks.Ran())
	d.file.fill(&s)
	if last, ok := d.record.snapshot(); ok {
		s.Plan, s.Facts, s.Repairs = last.Plan, last.Facts, repairsOf(last.Drifts, now)
		s.Hits, s.HitBytes = d.hits(last.Plan, last.Overlay)
		s.Counters.Clamped = s.Hits["clamped"]
		s.Sites = d.sitesOf(&last)
	}
	return status.Build(s)
}

// hits reads what the rules counted. Counters that cannot be read are left out: the rest of the status is worth more.
func (d *daemon) hits(p *plan.Plan, o *overlay.Plan) (hits, bytes map[string]uint64) {
	tables := p.Want.Tables
	if o != nil {
		tables = order.Join(tables, o.Tables)
	}
	if !order.Any(len(tables), func(i int) bool { return len(tables[i].Counters) > 0 }) {
		return nil, nil
	}
	counters, err := d.kernel.nft.Counters(context.Background())
	if err != nil {
		return nil, nil
	}
	hits, bytes = make(map[string]uint64, len(counters)), make(map[string]uint64, len(counters))
	for name, c := range counters {
		hits[name], bytes[name] = c.Packets, c.Bytes
	}
	return hits, bytes
}

func (d *daemon) callHistory(_ context.Context, a control.Args) (any, error) {
	if name := a.String("interface"); name != "" && !named(d.file.running(), name) {
		return nil, control.Refuse(control.NotFound, "no WAN, pseudowire, ipsec, bond or tunnel %q in the configuration", name)
	}
	if a.Int("last") < 0 {
		return nil, control.Refuse(control.Usage, "last: want 0 or more")
	}
	return d.record.history(a.Int("last"), a.String("interface")), nil
}

// named says whether the history may have something of that name.
func named(c *config.Config, name string) bool {
	return order.Any(len(c.Interfaces), func(i int) bool { return c.Interfaces[i].Name == name }) ||
		order.Any(len(c.Pseudowires), func(i int) bool { return c.Pseudowires[i].Name == name }) ||
		order.Any(len(c.IPsec), func(i int) bool { return c.IPsec[i].Name == name }) ||
		order.Any(len(c.Tunnels), func(i int) bool { return c.Tunnels[i].Name == name }) ||
		order.Any(len(c.Bonds), func(i int) bool {
			x := &c.Bonds[i]
			return x.Name == name || order.Any(len(x.Members), func(i int) bool { return x.Members[i].Name == name })
		})
}

// wan returns a WAN of the configuration in force.
func (d *daemon) wan(name string) (config.Interface, error) {
	all := d.file.running().Interfaces
	i := order.First(len(all), func(k int) bool { return all[k].Name == name })
	if i < 0 {
		return config.Interface{}, control.Refuse(control.NotFound, "no WAN %q in the configuration", name)
	}
	return all[i], nil
}

func (d *daemon) callDown(_ context.Context, a control.Args) (any, error) {
	w, err := d.wan(a.String("interface"))
	if err != nil {
		return nil, err
	}
	var until time.Time
	if n := a.Int("seconds"); n > 0 {
		until = time.Now().Add(time.Duration(n) * time.Second)
	} else if n < 0 {
		return nil, control.Refuse(control.Usage, "seconds: want 0 (for good) or more")
	}
	d.forced.set(w.Name, time.Now(), until)
	d.loop.SetAdmin(w.Name, true, until)
	d.log.WithField("wan", w.Name).Info("taken down by hand")
	return true, nil
}

func (d *daemon) callUp(_ context.Context, a control.Args) (any, error) {
	w, err := d.wan(a.String("interface"))
	if err != nil {
		return nil, err
	}
	d.forced.clear(w.Name)
	d.loop.SetAdmin(w.Name, false, time.Time{})
	d.log.WithField("wan", w.Name).Info("put back by hand")
	return true, nil
}

// given returns the configuration of a text, or of the file where there is none.
func (d *daemon) given(a control.Args) (*config.Config, config.Diagnostics, error) {
	text := []byte(a.String("text"))
	if len(text) == 0 {
		var err error
		if text, err = os.ReadFile(d.file.path); err != nil {
			return nil, nil, err
		}
	}
	c, found := config.Load(d.file.path, text)
	if names := d.netifd.Raised(); len(names) > 0 {
		c, _ = config.Load(d.file.path, extended(d.file.path, text, names).text)
	}
	return c, found, nil
}

func (d *daemon) callCheck(_ context.Context, a control.Args) (any, error) {
	_, found, err := d.given(a)
	if err != nil {
		return nil, err
	}
	errs, warnings := status.Diagnose(found, d.file.path)
	return map[string]any{"errors": errs, "warnings": warnings}, nil
}
