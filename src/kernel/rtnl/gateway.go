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

// DefaultGateways returns the default routes of table main by one device, of whatever protocol, the lowest metric first. The
// kernel filters by table and device; because it walks the whole of main for that, the answer is kept until a link, an address or a
// default route changed.
func (c *Conn) DefaultGateways(ctx context.Context, f kstate.Family, index int) ([]Gateway, error) {
	return c.gateways.get(question{f, index}, func() ([]Gateway, error) { return c.dumpGateways(ctx, f, index) })
}

func (c *Conn) dumpGateways(ctx context.Context, f kstate.Family, index int) ([]Gateway, error) {
	var gws []Gateway
	d := c.devices()
	filter := routeFilter{family: f, table: kstate.TableMain, index: index}
	err := c.dumpRoutes(ctx, filter, d, func() { gws = gws[:0] }, func(r routeInfo) {
		if r.Dst.Bits() != 0 || r.Type != kstate.Unicast {
			return
		}
		if len(r.Hops) == 0 && int(r.index) == index {
			gws = append(gws, Gateway{r.Gateway, r.Metric, r.Src})
		}
		for _, h := range r.Hops {
			if h.Device == d.name(uint32(index)) {
				gws = append(gws, Gateway{h.Gateway, r.Metric, r.Src})
			}
		}
	})
	order.By(gws, func(i, j int) int { return cmp.Compare(gws[i].Metric, gws[j].Metric) })
	return gws, err
}
