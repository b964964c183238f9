package daemon

import (
	"context"
	"errors"
	"time"

	"multiwan/src/kernel/nft"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/kernel/xfrm"
)

// rewatch is the pause before a broken subscription is made anew.
const rewatch = time.Second

// watchRouting tells the loop of changes that others made to links, addresses, routes and rules.
func (d *daemon) watchRouting(ctx context.Context) error {
	return forever(ctx, rtnl.Watch, func() { d.loop.Kick("watching the routing") }, d.routingEvent,
		func(err error) { d.record.fault("watch the routing", err) })
}

// routingEvent passes on what can concern us. Our own changes are known by their netlink port.
func (d *daemon) routingEvent(e rtnl.Event) {
	d.log.WithField("event", e.Kind).Trace("kernel")
	switch e.Kind {
	case rtnl.Lost:
		d.loop.Kick("events were lost")
	case rtnl.LinkChanged:
		switch {
		case d.lines.carries(e.Index, e.Device):
			d.loop.KickNetwork("link of "+e.Device, e.Lost)
		case e.Own, d.lines.concerns(e.Index, e.Device), e.Master != 0 && d.lines.concerns(e.Master, ""):
			d.loop.Kick("link of " + e.Device)
		default:
			return
		}
		d.lines.linkEvent(e.Index)
	case rtnl.AddrChanged:
		switch {
		case d.lines.carries(e.Index, ""):
			d.loop.KickNetwork("address", false)
		case d.lines.concerns(e.Index, ""):
			d.loop.Kick("address")
		}
	default:
		if e.Port == d.kernel.rtnl.Port() {
			return
		}
		if e.Own || e.Kind == rtnl.RouteChanged && (e.Index == 0 || d.lines.concerns(e.Index, "")) {
			d.loop.Kick(string(e.Kind))
		}
	}
}

// watchNetfilter tells the loop of foreign transactions that touched our tables.
func (d *daemon) watchNetfilter(ctx context.Context) error {
	return forever(ctx, d.kernel.nft.Watch, func() { d.loop.Kick("watching nftables") }, d.netfilterEvent,
		func(err error) { d.record.fault("watch nftables", err) })
}

func (d *daemon) netfilterEvent(e nft.Event) {
	if e.Lost {
		d.loop.Kick("events of nftables were lost")
		return
	}
	d.loop.Kick("nftables changed by " + e.Process)
}

// watchPolicies tells the loop of what others do to the blocks around protected pseudowires. Associations are charon's to tell of.
func (d *daemon) watchPolicies(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.kernel.joining.protects: // the module may be installed later
	}
	return forever(ctx, xfrm.Watch, func() { d.loop.Kick("watching xfrm policies") }, func(e xfrm.Event) {
		if e.Own && e.Port != d.kernel.joining.xfrm.Port() {
			d.loop.Kick("xfrm policies")
		}
	}, func(err error) { d.record.fault("watch xfrm policies", err) })
}

// errEnded is the fault of a subscription that ended by itself.
var errEnded = errors.New("the subscription ended")

// forever subscribes again whenever a subscription fails or ends, until ctx does. begun is called at each beginning, since events may
// have been missed before it; fault is told what is wrong, and nil once there is a subscription.
func forever[E any](ctx context.Context, subscribe func(context.Context) (<-chan E, error), begun func(), take func(E), fault func(error)) error {
	for {
		events, err := subscribe(ctx)
		if err == nil {
			fault(nil)
			begun()
			for e := range events {
				take(e)
			}
			err = errEnded
		}
		if ctx.Err() != nil {
			return nil
		}
		fault(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rewatch):
		}
	}
}
