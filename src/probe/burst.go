package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	//lint:ignore SA1019 it serves here, for a burst on request, and nowhere else: see the README
	goping "github.com/go-ping/ping"
)

// Burst is a series of pings on request (`multiwan probe`).
type Burst struct {
	Source   netip.Addr // the WAN's address; the rules by source choose its table
	Target   netip.Addr
	Count    int
	Interval time.Duration
	Timeout  time.Duration                    // of the whole burst
	OnReply  func(seq int, rtt time.Duration) `json:"-"` // of every answer; may be nil
}

// BurstResult is the statistics of a burst.
type BurstResult struct {
	Sent, Received, Duplicates int
	Loss                       float64 // per cent
	Min, Avg, Max, StdDev      time.Duration
}

// Run sends the burst and waits for its end. go-ping can bind a socket to an
// address only, neither to a device nor to a mark: the burst leaves by the WAN
// because the rule for its source address says so, and does not where two WANs
// share an address or where the rules are not in place. A link-local target
// needs its device as zone, which decides for it. The continuous probes have no
// such gap.
func (b Burst) Run(ctx context.Context) (BurstResult, error) {
	if !b.Source.IsValid() || b.Source.Is4() != b.Target.Is4() {
		return BurstResult{}, fmt.Errorf("ping %s: no source address of that family", b.Target)
	}
	if b.Target.IsLinkLocalUnicast() && b.Target.Is6() && b.Target.Zone() == "" {
		return BurstResult{}, fmt.Errorf("ping %s: a link-local target needs a device as zone", b.Target)
	}
	p := goping.New(b.Target.String())
	p.SetIPAddr(&net.IPAddr{IP: b.Target.AsSlice(), Zone: b.Target.Zone()})
	p.SetPrivileged(true)
	p.SetLogger(goping.NoopLogger{}) // the default one writes to the terminal
	p.Source, p.Count, p.Interval, p.Timeout = b.Source.String(), b.Count, b.Interval, b.Timeout
	p.RecordRtts = false
	p.OnRecv = func(r *goping.Packet) {
		if b.OnReply != nil {
			b.OnReply(r.Seq, r.Rtt)
		}
	}
	defer context.AfterFunc(ctx, p.Stop)()
	if err := p.Run(); err != nil {
		return BurstResult{}, fmt.Errorf("ping %s from %s: %w", b.Target, b.Source, err)
	}
	s := p.Statistics()
	return BurstResult{
		Sent: s.PacketsSent, Received: s.PacketsRecv, Duplicates: s.PacketsRecvDuplicates, Loss: s.PacketLoss,
		Min: s.MinRtt, Avg: s.AvgRtt, Max: s.MaxRtt, StdDev: s.StdDevRtt,
	}, nil
}
