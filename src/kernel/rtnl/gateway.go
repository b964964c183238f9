package rtnl

import (
	"cmp"
	"context"
	"net/netip"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Gateway is a default route of table main by a device.
type Gateway struct {
	Addr   netip.Addr // invalid where the route names the device alone
	Metric uint32
	Src    netip.Addr // the route's preferred source, invalid where it names none
}

// DefaultGateways returns the default routes of table main by one device, of whatever protocol, the lowest metric first. The answer is
// kept until a link, an address or a default route changed: the kernel walks the whole of main for it.
func (c *Conn) DefaultGateways(ctx context.Context, f kstate.Family, index int) ([]Gateway, error) {
	return c.gateways.get(question{f, index}, func(index int) (map[int][]Gateway, int, error) { return c.dumpGateways(ctx, f, index) })
}

// dumpGateways returns the default routes by device, of all devices where the index is 0, and how many routes it saw for that.
func (c *Conn) dumpGateways(ctx context.Context, f kstate.Family, index int) (gateways map[int][]Gateway, routes int, err error) {
	d := c.devices()
	filter := routeFilter{family: f, table: kstate.TableMain, index: index}
	err = c.dumpRoutes(ctx, filter, d, func() { gateways, routes = map[int][]Gateway{}, 0 }, func(r routeInfo) {
		routes++
		if r.Dst.Bits() != 0 || r.Type != kstate.Unicast {
			return
		}
		if len(r.Hops) == 0 {
			gateways[int(r.index)] = append(gateways[int(r.index)], Gateway{r.Gateway, r.Metric, r.Src})
		}
		for _, h := range r.Hops {
			if i, err := d.index(h.Device); err == nil { // else it is gone, and an event says so
				gateways[int(i)] = append(gateways[int(i)], Gateway{h.Gateway, r.Metric, r.Src})
			}
		}
	})
	for _, gws := range gateways {
		order.By(gws, func(i, j int) int { return cmp.Compare(gws[i].Metric, gws[j].Metric) })
	}
	return gateways, routes, err
}
