package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"multiwan/src/control"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/reconcile"
)

// protocols are the names that rules and people use (IANA's numbers).
var protocols = map[string]uint8{"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132, "udplite": 136}

func (d *daemon) callExplain(ctx context.Context, a control.Args) (any, error) {
	s, ok := d.record.snapshot()
	if !ok {
		return nil, errNoSnapshot
	}
	flow, err := d.flow(ctx, a)
	if err != nil {
		return nil, err
	}
	e := &status.Explanation{Source: a.String("source"), Destination: flow.Dst.String(), Protocol: a.String("protocol"), Port: int(flow.Dport),
		Origin: "forwarded", Ways: []status.Way{}, Notes: []string{}}
	if flow.Router {
		e.Origin = "router"
	}
	if direct, is := d.direct(ctx, s, flow); is {
		e.Policy, e.State, e.Kernel, e.Agrees = "main", "main", &direct, true
		e.Notes = append(e.Notes, "a route of the main table other than a default wins over rules and policies")
		e.Notes = append(e.Notes, siteNotes(&s, flow, e)...)
		return e, nil
	}
	answer := plan.Explain(s.Config, s.Facts, flow)
	e.Rule, e.Policy, e.State, e.Notes = answer.Rule, answer.Policy, answer.State, append(e.Notes, answer.Notes...)
	if i := order.First(len(s.Config.Rules), func(i int) bool { return s.Config.Rules[i].Name == answer.Rule }); i >= 0 {
		e.Match = status.MatchText(s.Config.Rules[i])
	}
	d.compare(ctx, e, answer, flow)
	e.Notes = append(e.Notes, siteNotes(&s, flow, e)...)
	return e, nil
}

// flow reads the arguments. Whether the source is the router's own, and by which device its packets come in, the kernel says.
func (d *daemon) flow(ctx context.Context, a control.Args) (plan.Flow, error) {
	f := plan.Flow{Device: a.String("device"), Sport: uint16(a.Int("sport")), Dport: uint16(a.Int("port")), DSCP: uint8(a.Int("dscp"))}
	for name, most := range map[string]int{"sport": 65535, "port": 65535, "dscp": 63} {
		if n := a.Int(name); n < 0 || n > most {
			return f, control.Refuse(control.Usage, "%s %d: want 0 to %d", name, n, most)
		}
	}
	var err error
	if f.Dst, err = netip.ParseAddr(a.String("destination")); err != nil {
		return f, control.Refuse(control.Usage, "destination %q: want an address", a.String("destination"))
	}
	if f.Proto, err = protocol(a.String("protocol")); err != nil {
		return f, err
	}
	src := a.String("source")
	if src == "router" {
		f.Router = true
		return f, nil
	}
	if f.Src, err = netip.ParseAddr(src); err != nil || kstate.FamilyOf(f.Src) != kstate.FamilyOf(f.Dst) {
		return f, control.Refuse(control.Usage, "source %q: want an address of the destination's family, or the word router", src)
	}
	towards, err := d.kernel.rtnl.RouteGet(ctx, rtnl.RouteQuery{Dst: f.Src})
	if err == nil && towards.Type == "local" {
		f.Router, f.Bound = true, true
	} else if f.Device == "" && err == nil {
		f.Device = towards.Device
	}
	return f, nil
}

func protocol(name string) (uint8, error) {
	if n, ok := protocols[name]; ok || name == "" {
		return n, nil
	}
	n, err := strconv.ParseUint(name, 10, 8)
	if err != nil {
		return 0, control.Refuse(control.Usage, "protocol %q: want a name such as tcp, or a number", name)
	}
	return uint8(n), nil
}

// query returns the flow's first packet as the routing sees it.
func query(f plan.Flow, mark uint32) rtnl.RouteQuery {
	q := rtnl.RouteQuery{Dst: f.Dst, Mark: mark, Proto: f.Proto, Sport: f.Sport, Dport: f.Dport}
	if !f.Router || f.Bound {
		q.Src = f.Src
	}
	if !f.Router {
		q.IIF = f.Device
	}
	return q
}

func (d *daemon) ask(ctx context.Context, q rtnl.RouteQuery) status.KernelAnswer {
	r, err := d.kernel.rtnl.RouteGet(ctx, q)
	if err != nil {
		return status.KernelAnswer{Error: err.Error()}
	}
	a := status.KernelAnswer{Type: string(r.Type), Table: r.Table, Device: r.Device}
	if r.Gateway.IsValid() {
		a.Gateway = r.Gateway.String()
	}
	if r.Src.IsValid() {
		a.Source = r.Src.String()
	}
	return a
}

// direct says whether the destination is the router's own, or has a route of the main table or of somebody else's that is no default:
// those win over rules and policies for every mark.
func (d *daemon) direct(ctx context.Context, s reconcile.Snapshot, f plan.Flow) (status.KernelAnswer, bool) {
	mark := uint32(0)
	if len(s.Plan.WANs) > 0 && !f.Router {
		mark = s.Plan.WANs[0].Mark
	}
	a := d.ask(ctx, query(f, mark))
	ours := order.Any(len(s.Plan.Want.Routes), func(i int) bool { return s.Plan.Want.Routes[i].Table == a.Table })
	return a, a.Type == "local" || a.Type == string(kstate.Unicast) && a.Table != 0 && !ours && (f.Router || mark != 0)
}

// agrees says whether the kernel does with a packet what the plan says: it leaves by the way, or is refused while that is down.
func agrees(y status.Way, state string) bool {
	if state == string(kstate.Prohibit) {
		return y.Kernel.Type == string(kstate.Prohibit) || y.Kernel.Type == string(kstate.Unreachable)
	}
	return y.Kernel.Type == string(kstate.Unicast) && y.Kernel.Device == y.Device && (y.Kernel.Gateway == y.Gateway || y.Kernel.Gateway == "")
}

// compare asks the kernel for each way of the answer.
func (d *daemon) compare(ctx context.Context, e *status.Explanation, answer plan.Answer, f plan.Flow) {
	any := false
	for _, w := range answer.Ways {
		y := status.Way{Interface: w.WAN, Percent: w.Percent, Mark: fmt.Sprintf("%#x", w.Mark), Table: w.Table, Device: w.Device, SNAT: w.SNAT}
		if w.Gateway.IsValid() {
			y.Gateway = w.Gateway.String()
		}
		mark := w.Mark
		if f.Router {
			mark = 0 // its own traffic is steered by rules alone
		}
		y.Kernel = d.ask(ctx, query(f, mark))
		state := answer.State
		if f.Router && f.Dst.Is6() && y.Kernel.Type == string(kstate.Unicast) {
			state = "up" // what is lost on a dead line leaves by it, see plan.Explain's note
		}
		y.Agrees = agrees(y, state)
		any = any || y.Agrees
		e.Ways = append(e.Ways, y)
	}
	spread := f.Router || len(answer.Ways) > 0 && answer.Ways[0].Mark == 0
	e.Agrees = any && (spread || !order.Any(len(e.Ways), func(i int) bool { return !e.Ways[i].Agrees }))
	if len(answer.Ways) > 0 {
		if spread && len(e.Ways) > 1 {
			e.Notes = append(e.Notes, "the kernel balances: it names one of the ways")
		}
		return
	}
	k := d.ask(ctx, query(f, 0))
	e.Kernel, e.Agrees = &k, true
	switch {
	case answer.State == "main":
	case !f.Router:
		e.Kernel = nil
		e.Notes = append(e.Notes, "refused by the mark that nftables gives the connection; the routing alone does not know it")
	default:
		e.Agrees = k.Type == answer.State || k.Type == string(kstate.Unreachable) || k.Type == string(kstate.Prohibit)
	}
}
