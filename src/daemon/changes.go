package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/openwrt/netifd"
	"multiwan/src/reconcile"
)

// read loads a configuration file without putting it in force.
func read(path string) (*config.Config, config.Diagnostics, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	c, found := config.Load(path, text)
	return c, found, nil
}

func (d *daemon) callPlan(ctx context.Context, a control.Args) (any, error) {
	c, found, err := d.given(a)
	if err != nil {
		return nil, err
	}
	ops, p, err := d.loop.Preview(ctx, c)
	if err != nil {
		return nil, err
	}
	out := changes(ops, p, found, d.file.path)
	if last, ok := d.record.snapshot(); ok {
		was := diff.ViewOf(last.Plan, last.Config, last.Facts, last.Why)
		for _, e := range diff.Effects(was, diff.ViewOf(p, c, last.Facts, last.Why)) {
			out.Effects = append(out.Effects, e.String())
		}
	}
	return out, nil
}

// Plan says what a daemon would change if it were started now, each WAN that can send taken as up. It changes nothing.
func Plan(ctx context.Context, o Options) (*status.Changes, error) {
	c, found, err := read(o.Config)
	if err != nil {
		return nil, err
	}
	k, err := openKernel()
	if err != nil {
		return nil, err
	}
	defer k.close()
	n := netifd.New(func([]string) {}, func(error) {})
	if path, wanted := o.wanted(); wanted {
		look(ctx, n, path)
	}
	f := &firewall{stands: k.nft.Firewall}
	f.read(firewallFile(o.Config))
	loop := reconcile.New(k.ports(statePath(o.Socket), n, f))
	for _, i := range c.Interfaces {
		for _, f := range i.Families {
			loop.SetVerdict(i.Name, f, plan.Verdict{State: "up"}, "assumed", time.Now())
		}
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }() // without SetConfig it makes no pass
	ops, p, err := loop.Preview(ctx, c)
	stop()
	<-ended
	if err != nil {
		return nil, err
	}
	out := changes(ops, p, found, o.Config)
	out.Assumed = true
	return out, nil
}

func changes(ops []diff.Op, p *plan.Plan, found config.Diagnostics, file string) *status.Changes {
	out := &status.Changes{Operations: []status.Operation{}, Effects: []string{}, Warnings: append([]string{}, p.Warnings...)}
	out.Errors, _ = status.Diagnose(found, file)
	for _, op := range ops {
		if op.Kind == diff.Netfilter && len(op.Lines) > 0 {
			for _, l := range op.Lines {
				out.Operations = append(out.Operations, status.Operation{Command: "nft " + l, Why: p.Why[l]})
			}
			continue
		}
		why := p.Why[objectKey(op)]
		if why == "" && op.Verb == diff.Delete {
			why = "nobody needs it any more"
		}
		out.Operations = append(out.Operations, status.Operation{Command: op.String(), Why: why})
	}
	return out
}

// objectKey returns the key that the plan's reasons go by.
func objectKey(op diff.Op) string {
	if op.Kind == diff.Sysctl {
		return op.Sysctl.Key()
	}
	return op.Key()
}

// families returns those of a WAN that have an address now.
func families(c config.Interface, w plan.WAN) (out []kstate.Family) {
	for _, f := range c.Families {
		if w.Usable(f) {
			out = append(out, f)
		}
	}
	return out
}

// errNoSnapshot is the answer in the first moments.
var errNoSnapshot = fmt.Errorf("the daemon has just been started and has not looked around yet")
